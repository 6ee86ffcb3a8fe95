"""The pool lends what is free at once, and leaves everything unusual to asyncpg."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from engine.postgres.connection import PooledConnection
from engine.postgres.pool import LeanPool
from tests.servers import SECONDS, HeldOpen, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[LeanPool]:
    """A pool of at most two connections."""
    opened = LeanPool(dsn=database_url, min_size=1, max_size=2)
    await opened
    yield opened
    opened.terminate()


async def test_rows_are_what_fetch_returns(pool: LeanPool) -> None:
    class Row(asyncpg.Record):
        pass

    sql = "SELECT n, n::text AS t FROM generate_series($1::int, 3) n"
    for _ in range(2):  # prepared, and prepared already
        assert await pool.run(sql, (2,)) == await pool.fetch(sql, 2)
        assert [(type(row), row["t"]) for row in await pool.run(sql, (3,), Row)] == [(Row, "3")]


async def test_many_runs_of_a_statement_are_what_fetchmany_returns(pool: LeanPool) -> None:
    sql, several = "SELECT n, $1::text AS t FROM generate_series(1, length($1)) n", [("ab",), ("",), ("c",)]
    for _ in range(2):  # prepared, and prepared already
        rows = await pool.run_many(sql, several)
        assert rows == await pool.fetchmany(sql, several)
        assert [tuple(row) for row in rows] == [(1, "ab"), (2, "ab"), (1, "c")]
    with pytest.raises(asyncpg.DataError):
        await pool.run_many(sql, [("ab",), (1,)])
    assert len(await pool.run_many(sql, several)) == 3


async def test_more_callers_than_connections_are_all_served(pool: LeanPool) -> None:
    rows = await asyncio.gather(*(pool.run("SELECT $1::int AS n", (n,)) for n in range(50)))
    assert [row[0]["n"] for row in rows] == list(range(50))
    assert (pool.get_size(), pool.get_idle_size()) == (2, 2)


async def test_a_connection_is_lent_to_one_at_a_time(pool: LeanPool) -> None:
    async with pool.acquire() as one, pool.acquire() as other:
        assert one.get_server_pid() != other.get_server_pid()
        waiting = asyncio.create_task(pool.run("SELECT 1", ()))
        await asyncio.sleep(0)
        assert not waiting.done()
        await pool.release(one)
        assert len(await waiting) == 1


async def test_a_proxy_is_of_no_use_once_it_is_given_back(pool: LeanPool) -> None:
    connection = await pool.acquire()
    statement = await connection.prepare("SELECT 1")
    await pool.release(connection)
    with pytest.raises(asyncpg.InterfaceError):
        await connection.fetch("SELECT 1")
    with pytest.raises(asyncpg.InterfaceError):
        await statement.fetch()
    await pool.release(connection)  # a second time does nothing
    assert pool.get_idle_size() == 1


async def test_an_open_transaction_ends_when_its_connection_is_given_back(pool: LeanPool) -> None:
    async with pool.acquire() as connection:
        pid = connection.get_server_pid()
        await connection.execute("BEGIN")
    async with pool.acquire() as connection:
        assert connection.get_server_pid() == pid
        assert not connection.is_in_transaction()


async def test_a_cancelled_query_costs_no_connection(pool: LeanPool, database_url: str) -> None:
    watcher = await asyncpg.connect(database_url)

    async def is_running() -> bool:
        return bool(
            await watcher.fetch(
                "SELECT FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active' AND pid <> $2",
                "%AS to_cancel",
                watcher.get_server_pid(),
            )
        )

    for _ in range(4):
        task = asyncio.create_task(pool.run("SELECT pg_sleep(60) AS to_cancel", ()))
        await until(is_running)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await watcher.close()
    async with asyncio.timeout(10):
        rows = await asyncio.gather(*(pool.run("SELECT $1::int AS n", (n,)) for n in range(4)))
    assert [row[0]["n"] for row in rows] == [0, 1, 2, 3]


async def test_a_caller_cancelled_while_it_waits_takes_no_connection_along(pool: LeanPool) -> None:
    async with pool.acquire(), pool.acquire():
        tasks = [asyncio.create_task(pool.run("SELECT 1", ())) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert pool.get_idle_size() == 2


async def test_a_connection_that_the_server_has_ended_is_replaced(pool: LeanPool, database_url: str) -> None:
    async with pool.acquire() as connection:
        pid = connection.get_server_pid()
        held: Any = connection
    watcher = await asyncpg.connect(database_url)
    await watcher.execute("SELECT pg_terminate_backend($1)", pid)
    await watcher.close()
    # Until the end of the connection is noticed, a query on it fails, as it would with any pool.
    for _ in range(50):
        try:
            (row,) = await pool.run("SELECT pg_backend_pid() AS pid", ())
            break
        except (asyncpg.PostgresError, OSError):
            continue
    assert row["pid"] != pid
    assert held._con is None


@pytest.mark.parametrize("way", ["run", "run_many", "fetch"])
async def test_a_connection_that_is_being_closed_is_an_ended_one(pool: LeanPool, way: str) -> None:
    sql = "SELECT 1 AS one"
    async with pool.acquire() as lent:
        connection: Any = lent._con  # type: ignore[attr-defined]
        await connection.run(sql, (), None)
        connection._protocol.abort()  # as where the end of the server's stream comes while it is lent
        ask = {
            "run": partial(connection.run, sql, (), None),
            "run_many": partial(connection.run_many, sql, [(), ()], None),
            "fetch": partial(connection._do_execute, "SELECT 2", lambda *_: None, None),
        }
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await ask[way]()


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("many", [True, False])
async def test_a_closing_error_without_an_end_of_the_stream_is_an_ended_connection(
    database_url: str, prepared: bool, many: bool
) -> None:
    sql = "SELECT pg_backend_pid() AS pid"
    way = HeldOpen(urlsplit(database_url).port or 5432)
    async with way.open() as port:
        address = urlsplit(database_url)
        host = address.netloc.rpartition(":")[0]
        pool = LeanPool(dsn=address._replace(netloc=f"{host}:{port}").geturl(), min_size=1, max_size=1)
        await pool
        (before,) = await pool.run(sql, ())
        watcher = await asyncpg.connect(database_url)
        await watcher.execute("SELECT pg_terminate_backend($1)", before["pid"])
        await watcher.close()
        await way.ended.wait()
        # asyncpg has read the closing error when a query is refused before anything of it is sent.
        asked = sql if prepared else f"{sql}, 1 AS other"
        with pytest.raises((asyncpg.ConnectionDoesNotExistError, asyncpg.AdminShutdownError)):
            await (pool.run_many(asked, [(), ()]) if many else pool.run(asked, ()))
        (after,) = await pool.run(sql, ())
        assert after["pid"] != before["pid"]
        pool.terminate()


async def test_expired_connections_are_replaced(pool: LeanPool) -> None:
    (before,) = await pool.run("SELECT pg_backend_pid() AS pid", ())
    await pool.expire_connections()
    (after,) = await pool.run("SELECT pg_backend_pid() AS pid", ())
    assert before["pid"] != after["pid"]


async def test_a_table_that_a_migration_changes_goes_on_being_read(pool: LeanPool) -> None:
    await pool.execute(
        "DROP TABLE IF EXISTS changing; CREATE TABLE changing (a int); INSERT INTO changing VALUES (1)"
    )
    try:
        for rows in (
            await pool.run("SELECT * FROM changing", ()),
            await pool.run_many("SELECT * FROM changing", [()]),
        ):
            assert [tuple(row) for row in rows] == [(1,)]
        await pool.execute("ALTER TABLE changing ADD COLUMN b text DEFAULT 'new'")
        for _ in range(2):
            assert [tuple(row) for row in await pool.run("SELECT * FROM changing", ())] == [(1, "new")]
            assert [tuple(row) for row in await pool.run_many("SELECT * FROM changing", [()])] == [(1, "new")]
    finally:
        await pool.execute("DROP TABLE changing")


async def test_connections_without_work_end_but_for_the_minimum(pool: LeanPool) -> None:
    async with pool.acquire(), pool.acquire():
        pass
    pool._tidy()
    await pool.run("SELECT 1", ())
    pool._tidy()  # one has worked since the last look, the other not
    assert pool.get_size() == 1
    for _ in range(3):
        pool._tidy()
    assert pool.get_size() == 1
    assert len(await asyncio.gather(*(pool.run("SELECT 1", ()) for _ in range(2)))) == 2


async def test_a_wrong_statement_leaves_the_connection_fit_for_use(pool: LeanPool) -> None:
    for _ in range(5):
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await pool.run("SELEC 1", ())
        with pytest.raises(asyncpg.DivisionByZeroError):
            await pool.run("SELECT 1 / $1::int", (0,))
        with pytest.raises(asyncpg.DataError):
            await pool.run("SELECT 1 / $1::int", ("no number",))
    assert pool.get_idle_size() == pool.get_size() == 1
    assert isinstance(pool._holders[-1]._con, PooledConnection)  # type: ignore[attr-defined]


async def test_a_connection_that_takes_long_to_be_opened_is_ended_for_its_silence_too(
    database_url: str,
) -> None:
    looked = asyncio.Event()

    class Watched(LeanPool):
        def _end_silent(self) -> None:
            super()._end_silent()
            looked.set()

    async def connect(*args: Any, **options: Any) -> Any:
        await looked.wait()
        return await asyncpg.connect(*args, **options)

    async with Watched(dsn=database_url, min_size=0, max_size=1, max_silence=0.2, connect=connect) as watched:
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await asyncio.wait_for(watched.run("SELECT pg_sleep(600)", ()), SECONDS)


async def test_a_connection_on_which_nothing_happens_any_more_is_ended_for_whoever_waits(
    database_url: str,
) -> None:
    watched = LeanPool(dsn=database_url, min_size=1, max_size=2, max_silence=2.0)
    async with watched:
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await watched.run("SELECT pg_sleep(600)", ())
        # One after the other they are no silence, however long it takes in all.
        async with watched.acquire() as connection:
            for _ in range(9):
                await connection.fetch("SELECT pg_sleep(0.25)")
        # The pool opens one anew for its minimum: its size tells nothing of those two.
        ended: list[Any] = []
        async with watched.acquire() as one, watched.acquire() as other:
            for connection in (one, other):
                connection.add_termination_listener(ended.append)
            await until(lambda: len(ended) == 2)
        assert len(await asyncio.gather(*(watched.run("SELECT 1", ()) for _ in range(4)))) == 4
