"""A transaction that is given up gives its connection back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from fastapi import FastAPI
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.backends.base.client import TransactionContext, TransactionContextPooled
from tortoise.backends.base.config_generator import expand_db_url

from core.database import PostgresClient, record_statements
from models import User
from tests.client import Client
from tests.factories import make_user

pytestmark = pytest.mark.anyio

POOL = 3


class Upstream(PostgresClient):
    """A client with Tortoise's own transaction block."""

    def _in_transaction(self) -> TransactionContext:
        return TransactionContextPooled(TransactionWrapper(self), self._pool_init_lock)


@asynccontextmanager
async def opened(kind: type[PostgresClient], url: str) -> AsyncIterator[PostgresClient]:
    credentials = expand_db_url(url)["credentials"] | {"minsize": 1, "maxsize": POOL}
    client = kind(**credentials, connection_name="default")
    await client.create_connection(with_db=True)
    try:
        yield client
    finally:
        pool: Any = client._pool
        pool.terminate()


async def cancel_while_entering(client: PostgresClient, times: int) -> None:
    """Begin *times* transactions and cancel each in the moment in which it sends BEGIN."""
    for _ in range(times):
        sending = asyncio.Event()
        block: Any = client._in_transaction()

        async def stuck(sending: asyncio.Event = sending) -> None:
            sending.set()
            await asyncio.Event().wait()

        block.client.begin = stuck
        task = asyncio.create_task(_enter(block))
        async with asyncio.timeout(5):
            await sending.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _enter(block: TransactionContext) -> None:
    async with block:
        pass


async def answers(client: PostgresClient) -> bool:
    """Tell whether the pool still has a connection to give."""
    try:
        async with asyncio.timeout(0.5):
            await client.execute_query("SELECT 1")
    except TimeoutError:
        return False
    return True


async def test_transactions_cancelled_while_they_begin_leave_the_pool_whole(
    app: FastAPI, database_url: str
) -> None:
    async with opened(PostgresClient, database_url) as client:
        await cancel_while_entering(client, 2 * POOL)
        assert await answers(client)


async def test_tortoises_own_block_would_lose_a_connection_each_time(app: FastAPI, database_url: str) -> None:
    async with opened(Upstream, database_url) as client:
        await cancel_while_entering(client, POOL)
        assert not await answers(client)


async def test_statements_are_recorded_for_this_task_and_its_children_only(client: Client) -> None:
    user = await make_user()

    async def elsewhere() -> None:
        await User.get(id=user.id)

    outside = asyncio.create_task(elsewhere())
    with record_statements() as statements:
        await asyncio.gather(elsewhere(), outside)
    await User.get(id=user.id)
    assert len(statements) == 1
