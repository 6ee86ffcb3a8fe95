"""What a connection has from its beginning: limits, and signs of life."""

import asyncio
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import asyncpg
import pytest

from engine.postgres import is_stopped, is_unavailable
from engine.postgres.opening import prepare_connection, single_connection
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


async def test_a_process_that_is_frozen_in_a_transaction_keeps_no_locks(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.postgres.opening.GRACE_SECONDS", 0.1)
    lock = "SELECT pg_advisory_xact_lock(1)"

    async def take_lock() -> None:
        async with single_connection(database_url) as connection:
            await connection.execute(lock, timeout=60)

    async with single_connection(database_url) as frozen:
        await prepare_connection(frozen, statement_timeout=0.1, observed=False)
        await frozen.execute("BEGIN")
        await frozen.execute(lock)
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(asyncio.run, take_lock()).result()  # while nothing runs here
        with pytest.raises(asyncpg.ConnectionDoesNotExistError) as raised:
            await frozen.fetch("SELECT 1")
    assert is_unavailable(raised.value)


async def test_a_silent_socket_is_asked_for_signs_of_life(pool: LeanPool) -> None:
    async with pool.acquire() as connection:
        proxy: Any = connection
        opened = proxy._con._transport.get_extra_info("socket")
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
