"""What a connection has from its beginning: limits, and signs of life."""

import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import asyncpg
import pytest

from engine.postgres import is_stopped
from engine.postgres.opening import prepare_connection
from engine.postgres.pool import LeanPool

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[LeanPool]:
    """A pool of one connection, whose statements may take a second."""
    init = partial(prepare_connection, statement_timeout=1.0, observed=False)
    opened = LeanPool(dsn=database_url, min_size=1, max_size=1, init=init)
    await opened
    yield opened
    opened.terminate()


async def test_the_server_stops_a_statement_that_takes_too_long(pool: LeanPool) -> None:
    with pytest.raises(asyncpg.QueryCanceledError) as raised:
        await pool.run("SELECT pg_sleep(600)", ())
    assert is_stopped(raised.value)
    assert await pool.run("SELECT 1", ())


async def test_a_silent_socket_is_asked_for_signs_of_life(pool: LeanPool) -> None:
    async with pool.acquire() as connection:
        proxy: Any = connection
        opened = proxy._con._transport.get_extra_info("socket")
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
