"""What is given up gives its connection and its locks back, and reads run where they should."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from contextvars import copy_context
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.backends.base.client import TransactionContext, TransactionContextPooled
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError
from tortoise.transactions import in_transaction

from engine.postgres import DATABASE_ERRORS, fetch, is_unavailable, record_statements, tortoise_config
from engine.postgres.client import PostgresClient
from engine.postgres.connection import PooledConnection
from models import Product, User
from tests.client import Client
from tests.factories import make_user
from tests.servers import until

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


async def test_some_connections_open_with_the_first_and_never_more_than_the_pool_has(
    database_url: str,
) -> None:
    for wanted, expected in ((1, 1), (2, 2), (POOL + 5, POOL)):
        config = tortoise_config(
            database_url, models=[], application_name="test", pool_size=POOL, kept_open=wanted
        )
        client = PostgresClient(
            **config["connections"]["default"]["credentials"], connection_name="default", port=0
        )
        await client.fetch("SELECT 1", [], None)
        pool: Any = client._pool
        assert pool.get_size() == expected
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


class Unanswered(PooledConnection):
    """A connection whose server never answers the request to cancel a query."""

    async def _cancel(self, *_: Any) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("inside", [False, True])
async def test_whoever_gives_a_query_up_does_not_wait_for_the_server(
    app: FastAPI, database_url: str, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    monkeypatch.setattr(PostgresClient, "connection_class", Unanswered)
    async with opened(PostgresClient, database_url) as client, opened(PostgresClient, database_url) as other:
        pool: Any = client._pool
        sleeping = f"SELECT pg_sleep(600), '{inside}'"

        async def query() -> None:
            async with client._in_transaction() if inside else nullcontext(client) as used:
                await used.execute_query(sleeping)

        async def is_sleeping() -> bool:
            # Not while it is only parsed, which ends by itself.
            found = "SELECT FROM pg_stat_activity WHERE query = $1 AND wait_event = 'PgSleep'"
            return bool((await other.execute_query(found, [sleeping]))[0])

        task = asyncio.create_task(query())
        await until(is_sleeping)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Its connection is ended, as soon as the server has had its time.
        assert pool.get_idle_size() < pool.get_size()
        await until(lambda: pool.get_idle_size() == pool.get_size())
        assert await answers(client)
        await other.execute_query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1", [sleeping]
        )


async def table_locks(client: PostgresClient) -> int:
    """Count the locks on the table of users, whoever holds them."""
    count = (
        "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    ((found,),) = (await client.execute_query(count))[1]
    return int(found)


class Interrupted(PooledConnection):
    """A connection that never gets beyond the preparation of a statement about users."""

    prepared = asyncio.Event()

    async def _get_statement(self, query: str, *args: Any, **options: Any) -> Any:
        statement = await super()._get_statement(query, *args, **options)  # type: ignore[misc]
        if "FROM users" in query:
            self.prepared.set()
            await asyncio.Event().wait()
        return statement


async def test_a_query_given_up_between_its_preparation_and_its_execution_leaves_no_lock(
    app: FastAPI, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresClient, "connection_class", Interrupted)
    monkeypatch.setattr(Interrupted, "prepared", asyncio.Event())
    async with opened(PostgresClient, database_url) as client, opened(PostgresClient, database_url) as other:
        task = asyncio.create_task(client.execute_query("SELECT id FROM users"))
        async with asyncio.timeout(5):
            await Interrupted.prepared.wait()
        assert await table_locks(other) > 0  # preparing took one, and only a Sync message gives it back
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await table_locks(other) == 0


async def test_a_query_whose_argument_cannot_be_sent_leaves_no_lock(app: FastAPI, database_url: str) -> None:
    async with opened(PostgresClient, database_url) as client, opened(PostgresClient, database_url) as other:
        with pytest.raises(OperationalError, match="invalid input for query argument"):
            await client.execute_query("SELECT id FROM users WHERE id = $1", ["no number"])
        assert await table_locks(other) == 0


async def test_only_a_query_that_failed_costs_its_connection_a_reset(app: FastAPI, database_url: str) -> None:
    async with opened(PostgresClient, database_url) as client:
        pool: Any = client._pool
        async with pool.acquire() as connection:
            await connection.fetchval("SELECT $1::int", 1)
            assert connection.get_reset_query() == ""
            with pytest.raises(asyncpg.DataError):
                await connection.fetchval("SELECT $1::int", "no number")
            assert connection.get_reset_query()
        async with pool.acquire() as connection:
            assert connection.get_reset_query() == ""


async def test_statements_are_recorded_for_this_task_and_its_children_only(client: Client) -> None:
    user = await make_user()

    async def elsewhere() -> None:
        await User.get(id=user.id)

    outside = asyncio.create_task(elsewhere())
    with record_statements() as statements:
        await asyncio.gather(elsewhere(), outside)
    await User.get(id=user.id)
    assert len(statements) == 1


# Reads by their SQL


async def test_a_read_inside_a_transaction_sees_what_was_written_there_and_nobody_else_does(
    client: Client,
) -> None:
    sql = "SELECT full_name FROM users WHERE id = ANY($1)"
    user = await make_user()
    before = user.full_name

    async def names() -> list[str]:
        return [row["full_name"] for row in await fetch(sql, ([user.id],))]

    elsewhere = copy_context()
    async with in_transaction():
        await User.filter(id=user.id).update(full_name="Somebody Else")
        assert await names() == ["Somebody Else"]
        async with in_transaction():
            assert list(await asyncio.gather(names(), names())) == [["Somebody Else"]] * 2
        assert await asyncio.create_task(names(), context=elsewhere) == [before]
    assert await names() == ["Somebody Else"]


class Row(asyncpg.Record):
    """A kind of row."""


async def test_a_read_makes_the_rows_that_were_asked_for(client: Client) -> None:
    async with in_transaction():
        assert [type(row) for row in await fetch("SELECT 1", (), Row)] == [Row]
    assert [type(row) for row in await fetch("SELECT 1", (), Row)] == [Row]
    assert [type(row) for row in await fetch("SELECT 1")] == [asyncpg.Record]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("sql", "args"),
    [
        ("SELEC 1", []),
        ("SELECT no_such_column FROM users", []),
        ("SELECT 1 WHERE $1::int = 1", ["no number"]),
        ("SELECT 1 / $1::int", [0]),
        ("INSERT INTO sessions (id) VALUES (NULL) RETURNING id", []),
        ("SELECT pg_advisory_lock('x'::regclass)", []),
        ("SELECT pg_cancel_backend(pg_backend_pid())", []),
    ],
)
async def test_a_failed_read_raises_what_tortoise_would(
    client: Client, sql: str, args: list[Any], inside: bool
) -> None:
    async def failure(send: Callable[[], Awaitable[object]]) -> BaseException:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - which one is the question
            async with in_transaction() if inside else nullcontext():
                await send()
        return raised.value

    ours = await failure(lambda: fetch(sql, args))
    theirs = await failure(lambda: get_connections().get("default").execute_query_dict(sql, args))
    assert type(ours) is type(theirs)
    assert type(ours.__cause__) is type(theirs.__cause__)
    assert str(ours)[:40] == str(theirs)[:40]


async def test_a_read_is_recorded_like_any_statement(client: Client) -> None:
    for _ in range(2):
        with record_statements() as statements:
            await fetch("SELECT 1 AS recorded")
        assert statements == ["SELECT 1 AS recorded"]


@pytest.mark.parametrize("is_noticed", [False, True])
@pytest.mark.parametrize("then", ["a statement", "a model", "the commit", "an error of ours"])
async def test_a_connection_that_ends_within_a_transaction_is_unavailable(
    client: Client, superuser: asyncpg.Connection, then: str, is_noticed: bool
) -> None:
    async def lose_the_connection() -> None:
        async with in_transaction() as transaction:
            ((pid,),) = await fetch("SELECT pg_backend_pid()")
            await superuser.execute("SELECT pg_terminate_backend($1)", pid)
            if is_noticed:
                await until(lambda: transaction._connection._con is None)
            if then == "a statement":
                await fetch("SELECT 1")
            elif then == "a model":
                await Product.all().first()
            elif then == "an error of ours":
                raise KeyError

    with pytest.raises(KeyError if then == "an error of ours" else DATABASE_ERRORS) as raised:
        await lose_the_connection()
    assert then == "an error of ours" or is_unavailable(raised.value)
    assert await fetch("SELECT 1")


async def test_what_is_recorded_has_its_rows_and_its_time(client: Client) -> None:
    with record_statements() as statements:
        await fetch("SELECT generate_series(1, 3) AS recorded")
        async with in_transaction():
            await Product.create(name="Mug", price=1)
            await Product.all().update(price=2)
            await fetch("UPDATE products SET price = 3 RETURNING id")
        with pytest.raises(OperationalError):
            await fetch("SELECT 1 / 0")
    by_verb = [(statement.split()[0].strip(";"), statement.rows) for statement in statements]
    assert by_verb[:7] == [  # the last one is followed by the reset of its connection
        ("SELECT", 3),
        ("BEGIN", None),
        ("INSERT", 1),
        ("UPDATE", 1),
        ("UPDATE", 1),
        ("COMMIT", None),
        ("SELECT", None),
    ]
    assert all(statement.seconds for statement in statements)
