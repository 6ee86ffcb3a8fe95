"""The PostgreSQL client under Tortoise, and :func:`fetch`, the one way to send SQL that is written by hand.

* A task cancelled while it enters a transaction gives its connection back (Tortoise 1.1.9 leaks it: five
  impatient clients would exhaust a pool of five). See :class:`Transaction`.
* Connections are lent by :class:`engine.postgres.pool.LeanPool`, handed back without a reset query, and a query
  that is cancelled half-way leaves no lock behind.
* :func:`fetch` costs about a third of what the same statement costs through a queryset.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, overload

import asyncpg
from tortoise import Tortoise
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.backends.base_postgres.client import translate_exceptions
from tortoise.connection import get_connections
from tortoise.context import require_context

from engine.postgres.connection import LOST, PooledConnection
from engine.postgres.errors import DATABASE_ERRORS
from engine.postgres.opening import GRACE_SECONDS, prepare_connection, single_connection
from engine.postgres.pool import LeanPool
from engine.postgres.recording import ObservedConnection

#: Statements that a connection keeps prepared: a statement is made for each set of columns that somebody reads,
#: and preparing one costs a round trip and its planning.
CACHED_STATEMENTS = 300

R = TypeVar("R", bound=asyncpg.Record)

_is_in_transaction: ContextVar[bool] = ContextVar("is_in_transaction", default=False)


class Transaction(TransactionContextPooled):
    """Tortoise's transaction block, safe against cancellation while it is entered."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        client: Any = self.client
        pool = client._parent._pool
        connection = await pool.acquire()
        client._connection = connection
        try:
            await self.client.begin()
        except BaseException:
            await asyncio.shield(pool.release(connection))
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        self._outside = _is_in_transaction.set(True)
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        get_connections().reset(self.token)
        _is_in_transaction.reset(self._outside)
        client: Any = self.client
        if exc_type is asyncio.CancelledError and client._parent._pool:
            # Rolled back by the pool: whoever has given up does not wait for a server that may hang.
            client._parent._pool.give_up(client._connection)
            return
        try:
            if not client._finalized:
                await self._end(exc_val)
        finally:
            if client._parent._pool:
                await asyncio.shield(client._parent._pool.release(client._connection))

    async def _end(self, error: BaseException | None) -> None:
        """Commit, or roll back after *error*.

        Raises:
            asyncpg.ConnectionDoesNotExistError: the server has ended the connection, and so has rolled back, or has
                not told whether it has committed. asyncpg says of that only that it was used wrongly.
        """
        client: Any = self.client
        connection = client._connection
        try:
            if error is None:
                await client.commit()
            elif not _is_lost(connection):
                await client.rollback()
        except (asyncpg.InterfaceError, asyncpg.InternalClientError, *DATABASE_ERRORS) as problem:
            if error is None and isinstance(problem, DATABASE_ERRORS):
                raise
            # What cannot be rolled back ends with its connection.
            if not _is_lost(connection):
                connection.terminate()
            if error is None:
                raise asyncpg.ConnectionDoesNotExistError(LOST) from problem
        if isinstance(error, asyncpg.InterfaceError) and _is_lost(connection):
            raise asyncpg.ConnectionDoesNotExistError(LOST) from error


def _is_lost(connection: Any) -> bool:
    """Tell whether a connection that the pool has lent has ended; the pool has taken it back then."""
    return connection._con is None or bool(connection.is_closed())


class PostgresTransaction(TransactionWrapper):
    """Tortoise's client inside a transaction, with :meth:`fetch`."""

    @translate_exceptions
    async def fetch(self, sql: str, args: Sequence[Any], record_class: type[asyncpg.Record] | None) -> Any:
        """Run :func:`fetch` on the transaction's own connection, after whoever uses it just now."""
        async with self.acquire_connection() as connection:
            return await connection.fetch(sql, *args, record_class=record_class)


class PostgresClient(AsyncpgDBClient):
    """Tortoise's asyncpg client with :class:`LeanPool`, :class:`Transaction` and :meth:`fetch`."""

    connection_class: Any = PooledConnection

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        """Open the pool."""
        if "dsn" in kwargs:
            del kwargs["port"]  # Tortoise's default, which would win over that of the address
        return await LeanPool(**kwargs)

    async def fetch(self, sql: str, args: Sequence[Any], record_class: type[asyncpg.Record] | None) -> Any:
        """Run :func:`fetch` on a connection of the pool."""
        pool: Any = self._pool or await self._open()
        try:
            return await pool.run(sql, args, record_class)
        except asyncpg.PostgresError as error:
            return await self._translate_exceptions(_raise, error)

    async def _open(self) -> Any:
        await self.acquire_connection().ensure_connection()
        return self._pool

    @translate_exceptions
    async def fetch_many(
        self, sql: str, runs: Sequence[Sequence[Any]], record_class: type[asyncpg.Record] | None
    ) -> Any:
        """Run :func:`fetch_many` on a connection of the pool."""
        pool: Any = self._pool or await self._open()
        return await pool.run_many(sql, runs, record_class)

    def _in_transaction(self) -> TransactionContext:
        return Transaction(PostgresTransaction(self), self._pool_init_lock)


async def _raise(_: PostgresClient, error: asyncpg.PostgresError) -> None:
    raise error


#: What Tortoise looks for in the module that a connection names as its engine.
client_class = PostgresClient


def tortoise_config(
    url: str,
    *,
    models: Sequence[str],
    application_name: str,
    pool_size: int = 5,
    kept_open: int = 1,
    observed: bool = False,
    statement_timeout: float | None = None,
) -> dict[str, Any]:
    """Return Tortoise's (and aerich's) configuration for the database at *url*.

    Args:
        models: the modules in which Tortoise finds the models.
        application_name: what PostgreSQL calls the connections in ``pg_stat_activity``.
        pool_size: most connections of this process.
        kept_open: so many of them are opened together with the first, and stay open.
        observed: whether statements can be recorded (:func:`record_statements`).
        statement_timeout: seconds after which the server stops a statement; some seconds later the client gives up
            a server that does not, and a transaction in which nothing happens. A connection attempt may take as long.
            No limit if not given, as migrations need it.
    """
    credentials: dict[str, Any] = {
        # Read by asyncpg alone: Tortoise's reader takes neither sslmode nor encoded names.
        "dsn": url,
        "minsize": min(kept_open, pool_size),
        "maxsize": pool_size,
        "application_name": application_name,
        "connection_class": ObservedConnection if observed else PooledConnection,
        "statement_cache_size": CACHED_STATEMENTS,
        "init": partial(prepare_connection, statement_timeout=statement_timeout, observed=observed),
    }
    if statement_timeout is not None:
        credentials |= {"max_silence": statement_timeout + GRACE_SECONDS, "timeout": statement_timeout}
    return {
        "connections": {"default": {"engine": "engine.postgres.client", "credentials": credentials}},
        "apps": {"models": {"models": list(models), "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }


async def connect(config: dict[str, Any]) -> None:
    """Set Tortoise up for this process by a :func:`tortoise_config`; connections open at first use."""
    # Without the fallback only the task that called this could query: Tortoise's context is a ContextVar.
    await Tortoise.init(config=config, _enable_global_fallback=True)


@dataclass(frozen=True, slots=True)
class PoolState:
    """The connections of this process: how many are open, how many of them are lent, how many there may be.

    Args:
        waiting: how many tasks wait for one at this moment.
        waits: how many have had to, so far.
    """

    opened: int
    lent: int
    most: int
    waiting: int
    waits: int


def pool_state() -> PoolState | None:
    """Return the state of the pool; None if it is not open."""
    client: Any = require_context().connections.get("default")
    pool: LeanPool | None = client._pool
    if pool is None:
        return None
    opened = pool.get_size()
    return PoolState(opened, opened - pool.get_idle_size(), pool.get_max_size(), pool.waiting, pool.waits)


async def disconnect() -> None:
    """Close the pool."""
    await Tortoise.close_connections()


@overload
async def fetch(sql: str, args: Sequence[Any] = ...) -> list[asyncpg.Record]: ...
@overload
async def fetch(sql: str, args: Sequence[Any], record_class: type[R]) -> list[R]: ...
async def fetch(sql: str, args: Sequence[Any] = (), record_class: type[asyncpg.Record] | None = None) -> Any:
    """Run one statement and return its rows.

    Inside ``in_transaction()`` it runs on the transaction's connection and sees what was written there; else on
    any connection of the pool. The statement stays prepared on its connection, by its text and *record_class*:
    keep the text the same and put what varies into the arguments (``= ANY($1)`` for a set of keys).

    Args:
        sql: with ``$1``, ``$2``…, as PostgreSQL numbers them.
        args: their values, as asyncpg takes them.
        record_class: what each row is made as; :class:`asyncpg.Record` if not given.

    Raises:
        tortoise.exceptions.OperationalError: the statement or a value is wrong.
        tortoise.exceptions.IntegrityError: a constraint was violated.
        asyncpg.PostgresError, OSError: anything else, as with Tortoise's own client.
    """
    client: Any = require_context().connections.get("default")
    return await client.fetch(sql, args, record_class)


async def fetch_many(sql: str, runs: Sequence[Sequence[Any]], record_class: type[R]) -> list[R]:
    """Run one statement for each list of arguments in *runs*, in one round trip, and return the rows of all.

    The runs are one transaction: if one fails, all do. Not for use inside ``in_transaction()``.

    Args:
        sql, record_class: as in :func:`fetch`.

    Raises:
        Exception: whatever :func:`fetch` raises.
    """
    client: Any = require_context().connections.get("default")
    rows: list[R] = await client.fetch_many(sql, runs, record_class)
    return rows


def is_in_transaction() -> bool:
    """Tell whether :func:`fetch` would run on the connection of a transaction."""
    return _is_in_transaction.get()


@asynccontextmanager
async def advisory_lock(url: str, key: int) -> AsyncIterator[None]:
    """Hold an advisory lock, waiting for it if need be, on a connection and in a transaction of its own.

    A lock of the session would outlive the block where a pooler lends the session to somebody else.

    Raises:
        asyncpg.PostgresError, OSError: the database does not answer, or refuses.
    """
    async with single_connection(url) as connection, connection.transaction():
        # However long the block takes.
        for name in ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout"):
            await connection.execute(f"SET LOCAL {name} = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", key)
        yield
