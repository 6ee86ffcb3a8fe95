"""The PostgreSQL connection pool under Tortoise, with three mends and a statement recorder.

* A task cancelled while it enters a transaction gives its connection back (Tortoise 1.1.9 leaks it: five
  impatient clients would exhaust a pool of five). See :class:`Transaction`.
* Connections are handed back without a reset query, which costs as much as a short query. Nothing here may
  therefore use ``SET``, session-level advisory locks, ``LISTEN``, cursors or ``prepare()`` on a pooled
  connection; an open transaction is still rolled back by asyncpg.
* A query that is given up half-way leaves no lock behind. See :class:`PooledConnection`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import asyncpg
from asyncpg.connection import LoggedQuery
from tortoise import Tortoise
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.connection import get_connections

from core.settings import Settings

MODEL_MODULES = ["models", "aerich.models"]
APPLICATION_NAME = "tandem"

#: The lists of everybody who records, the outermost first.
_recorded: ContextVar[tuple[list[str], ...]] = ContextVar("recorded_statements", default=())


class PooledConnection(asyncpg.Connection):
    """A connection that goes back to the pool without a reset query, unless a query failed on it.

    asyncpg prepares a statement with Parse, Describe and Flush, and sends Sync only with its execution. Where
    that never comes (the task was cancelled in between, an argument cannot be encoded), PostgreSQL keeps the
    locks that parsing took, here until the idle connection is closed after 300 seconds: a migration would wait
    for that long, and every reader behind it. Any next query ends it (PostgreSQL documentation, "Message Flow",
    "Extended Query"), as asyncpg's own reset query would.
    """

    _failed = False

    async def _do_execute(self, *args: Any, **options: Any) -> Any:
        try:
            return await super()._do_execute(*args, **options)  # type: ignore[misc]
        except BaseException:
            self._failed = True
            raise

    def get_reset_query(self) -> str:
        """Return nothing, for no code here leaves session state behind, or the shortest query after a failure."""
        return "SELECT" if self._failed else ""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's signature
        """Make the connection fit for its next user; *timeout* is in seconds."""
        await super().reset(timeout=timeout)
        self._failed = False


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
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        get_connections().reset(self.token)
        client: Any = self.client
        try:
            if not client._finalized:
                await (client.rollback() if exc_type else client.commit())
        finally:
            if client._parent._pool:
                await asyncio.shield(client._parent._pool.release(client._connection))


class PostgresClient(AsyncpgDBClient):
    """Tortoise's asyncpg client with :class:`PooledConnection` and :class:`Transaction`."""

    connection_class: Any = PooledConnection

    def _in_transaction(self) -> TransactionContext:
        return Transaction(TransactionWrapper(self), self._pool_init_lock)


#: What Tortoise looks for in the module that a connection names as its engine.
client_class = PostgresClient


async def _learn_arrays(connection: Any) -> None:
    # asyncpg asks the catalogue about an array type when it first meets it, which no request should wait for.
    await connection.fetch("SELECT $1::int4[], $2::text[]", [], [])


async def _observe(connection: Any) -> None:
    await _learn_arrays(connection)
    connection.add_query_logger(_note_statement)


def _note_statement(query: LoggedQuery) -> None:
    for statements in _recorded.get():
        statements.append(query.query)


@contextmanager
def record_statements() -> Iterator[list[str]]:
    """Collect the SQL that this task and its children send; empty where ``observe`` was off."""
    statements: list[str] = []
    token = _recorded.set((*_recorded.get(), statements))
    try:
        yield statements
    finally:
        _recorded.reset(token)


def tortoise_config(url: str, *, pool_size: int = 5, observe: bool = False) -> dict[str, Any]:
    """Return Tortoise's (and aerich's) configuration for the database at *url*."""
    expanded = expand_db_url(url)
    credentials = expanded["credentials"] | {
        "minsize": 1,
        "maxsize": pool_size,
        "application_name": APPLICATION_NAME,
        "init": _observe if observe else _learn_arrays,
    }
    return {
        "connections": {"default": {"engine": "core.database", "credentials": credentials}},
        "apps": {"models": {"models": MODEL_MODULES, "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }


async def connect(settings: Settings) -> None:
    """Set Tortoise up for this process; connections open at first use."""
    config = tortoise_config(
        settings.database_url, pool_size=settings.database_pool_size, observe=not settings.is_production
    )
    # Without the fallback only the task that called this could query: Tortoise's context is a ContextVar.
    await Tortoise.init(config=config, _enable_global_fallback=True)


async def disconnect() -> None:
    """Close the pool."""
    await Tortoise.close_connections()


async def ping() -> None:
    """Ask the database for a sign of life; raises whatever the driver raises."""
    await get_connections().get("default").execute_query("SELECT 1")
