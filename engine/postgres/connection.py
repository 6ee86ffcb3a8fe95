"""A connection of the pool: handed back without a reset query, and quick with a statement that is prepared."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import asyncpg
from asyncpg.exceptions import (
    ConnectionDoesNotExistError,
    InterfaceError,
    InternalClientError,
    InvalidCachedStatementError,
    OutdatedSchemaCacheError,
)

#: What asyncpg refuses to begin with, among others.
REFUSALS = (InternalClientError, InterfaceError)
#: What is said of it wherever that is noticed.
LOST = "the server has ended the connection"
#: Seconds that a connection has for becoming fit for use again, or for ending in an orderly way.
RESET_SECONDS = 1.0


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
        except REFUSALS as error:
            self._failed = True
            if not self.is_refused(error):
                raise
            raise self.lost() from error
        except BaseException:
            self._failed = True
            raise

    def is_refused(self, error: Exception) -> bool:
        """Tell whether asyncpg has refused to begin because the connection has ended; *error* is one of ``REFUSALS``.

        It says so in other words when the server's closing error has been read and the end of the stream has not; and
        its other errors of use, as of an argument that cannot be encoded, are of the same class.
        """
        return isinstance(error, InternalClientError) or self.is_closed()

    def lost(self) -> ConnectionDoesNotExistError:
        """Give the connection up, and return the error for whoever asked it something. Nothing was sent then."""
        self.terminate()
        return ConnectionDoesNotExistError(LOST)

    async def run(
        self, sql: str, args: Sequence[Any], record_class: type[asyncpg.Record] | None
    ) -> list[Any]:
        """Run a statement that may be prepared already, without the four coroutines that ``fetch`` goes through."""
        connection: Any = self
        statement = self._prepared(sql, record_class)
        if statement is None:
            return cast("list[Any]", await connection.fetch(sql, *args, record_class=record_class))
        try:
            rows: list[Any] = await connection._protocol.bind_execute(statement, args, "", 0, False, None)
        except InvalidCachedStatementError:
            # A migration has changed the table. It was not run; asyncpg forgets the statement and prepares it anew.
            rows = await connection.fetch(sql, *args, record_class=record_class)
        except OutdatedSchemaCacheError:
            await self.reload_schema_state()
            raise
        except REFUSALS as error:
            if not self.is_refused(error):
                raise
            raise self.lost() from error
        return rows

    async def run_many(
        self, sql: str, runs: Sequence[Sequence[Any]], record_class: type[asyncpg.Record] | None
    ) -> list[Any]:
        """Run a statement that may be prepared already for each list of arguments in *runs*."""
        connection: Any = self
        if statement := self._prepared(sql, record_class):
            try:
                rows: list[Any] = await connection._protocol.bind_execute_many(
                    statement, runs, "", None, True
                )
            except InvalidCachedStatementError:
                pass  # as above
            except REFUSALS as error:
                if not self.is_refused(error):
                    raise
                raise self.lost() from error
            else:
                return rows
        return cast("list[Any]", await connection.fetchmany(sql, runs, record_class=record_class))

    def _prepared(self, sql: str, record_class: type[asyncpg.Record] | None) -> Any:
        """Return the statement if it is prepared, and nobody wants to be told of it."""
        connection: Any = self
        if connection._query_loggers:
            return None
        return connection._stmt_cache.get((sql, record_class or asyncpg.Record, False))

    def get_reset_query(self) -> str:
        """Return nothing, for no code here leaves session state behind, or the shortest query after a failure."""
        return "SELECT" if self._failed else ""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's signature
        """Make the connection fit for whoever acquires it next; *timeout* is in seconds.

        A transaction that was given up is rolled back, which asyncpg would take for a mistake and report.
        """
        connection: Any = self
        async with asyncio.timeout(RESET_SECONDS if timeout is None else timeout):
            if connection._protocol.is_in_transaction():
                connection._top_xact = None
                await self.execute("ROLLBACK")
            await super().reset()
        self._failed = False

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's signature
        """End the connection; *timeout* is in seconds, and a second if not given: the server may hang."""
        await super().close(timeout=RESET_SECONDS if timeout is None else timeout)

    def is_cancelling(self) -> bool:
        """True from the cancellation of a query until the server has answered that."""
        connection: Any = self
        return not self.is_closed() and bool(connection._protocol._is_cancelling())

    def is_clean(self) -> bool:
        """True when there is nothing to undo or to wait for before somebody else may use the connection."""
        connection: Any = self
        protocol = connection._protocol
        return not (
            self._failed
            or self.is_closed()
            or protocol.is_in_transaction()
            or protocol._is_cancelling()
            or connection._top_xact is not None
            or connection._listeners
            or connection._log_listeners
        )
