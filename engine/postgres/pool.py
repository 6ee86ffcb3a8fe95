"""A pool of PostgreSQL connections whose lending costs next to nothing.

asyncpg 0.32 hands a connection back in a task of its own, under ``asyncio.shield``, through a time limit and a
reset, and arms a timer for its idleness: more work for the interpreter than a short query is. Nearly always
there is nothing to wait for, because the connection is idle and clean, and then all of that comes down to
putting it back on the stack.

Connections are handed back without a reset query, which costs as much as a short query. Nothing may therefore
use ``SET``, session-level advisory locks, ``LISTEN``, cursors or ``prepare()`` on a pooled connection; an open
transaction is still rolled back by asyncpg.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from engine.postgres.connection import RESET_SECONDS, PooledConnection

#: Runs a statement on a connection: gets that, the SQL, the arguments and the class of the rows.
_Runner = Callable[[Any, str, Sequence[Any], type[asyncpg.Record] | None], Awaitable[list[Any]]]

#: asyncpg's own defaults, which :func:`asyncpg.create_pool` would fill in.
_DEFAULTS: dict[str, Any] = {
    "min_size": 10,
    "max_size": 10,
    "max_queries": 50_000,
    "loop": None,
    "record_class": asyncpg.Record,
}


class LeanPool(asyncpg.Pool):
    """asyncpg's pool, except that taking back an idle, clean connection involves no task and no timer.

    Whatever is out of the ordinary (a closed, expired or worn-out connection, an open transaction, a query that
    is being cancelled) goes asyncpg's way.

    Args:
        max_inactive_connection_lifetime: seconds, as in asyncpg, but a connection beyond the pool's minimum may
            also live for up to twice as long without work; 0 keeps all.
        max_silence: seconds after which a connection that is lent and sends nothing new is ended, for its server
            hangs; 0 waits for ever. asyncpg's ``command_timeout`` would arm a timer for each query.
        options: those of :func:`asyncpg.create_pool`; ``connection_class`` must be :class:`PooledConnection`.
    """

    def __init__(
        self,
        *,
        max_inactive_connection_lifetime: float = 300.0,
        max_silence: float = 0.0,
        connection_class: type[PooledConnection] = PooledConnection,
        **options: Any,
    ) -> None:
        super().__init__(
            **_DEFAULTS | options,
            connection_class=connection_class,
            # No timer for each connection: _tidy looks at all of them from time to time.
            max_inactive_connection_lifetime=0.0,
        )
        self._idle_seconds = max_inactive_connection_lifetime
        self._tidying: asyncio.TimerHandle | None = None
        #: How many queries each connection had sent when it was last looked at.
        self._seen: dict[Any, int] = {}
        self._max_silence = max_silence
        self._watching: asyncio.TimerHandle | None = None
        #: Since when each lent connection has sent no further query, by how many it had sent.
        self._silent: dict[tuple[Any, int], float] = {}
        #: How many wait for a connection, be it for one to be opened; how many have had to.
        self.waiting = self.waits = 0
        #: asyncio keeps no task alive by itself.
        self._winding_up: set[asyncio.Future[None]] = set()

    async def run(
        self, sql: str, args: Sequence[Any], record_class: type[asyncpg.Record] | None = None
    ) -> list[Any]:
        """Run one statement on a free connection and return its rows.

        The same as ``acquire()``, ``fetch()`` and ``release()`` in about half of the time.

        Raises:
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError: whatever asyncpg raises.
        """
        return await self._use(PooledConnection.run, sql, args, record_class)

    async def run_many(
        self, sql: str, runs: Sequence[Sequence[Any]], record_class: type[asyncpg.Record] | None = None
    ) -> list[Any]:
        """Run one statement for each list of arguments in *runs*, in one round trip and one transaction.

        The same as ``fetchmany()``: the rows of all runs, one after another.

        Raises:
            asyncpg.PostgresError, asyncpg.InterfaceError, OSError: whatever asyncpg raises.
        """
        return await self._use(PooledConnection.run_many, sql, runs, record_class)

    async def _use(
        self, run: _Runner, sql: str, args: Sequence[Any], record_class: type[asyncpg.Record] | None
    ) -> list[Any]:
        proxy = self._lend() or await self._wait(None)
        try:
            return await run(proxy._con, sql, args, record_class)
        finally:
            if not self._take_back(proxy):
                await self._release(proxy)

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109 - asyncpg's signature
        return self._lend() or await self._wait(timeout)

    async def _wait(self, timeout: float | None) -> Any:  # noqa: ASYNC109
        self.waiting += 1
        self.waits += 1
        try:
            return await super()._acquire(timeout)  # type: ignore[misc]
        finally:
            self.waiting -= 1

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Take *connection* back; *timeout* is in seconds, for one that is not clean."""
        if not self._take_back(connection):
            await self._release(connection, RESET_SECONDS if timeout is None else timeout)

    async def _release(self, lent: Any, seconds: float = RESET_SECONDS) -> None:
        if lent._con is not None and lent._con.is_cancelling():
            self.give_up(lent)
        else:
            await super().release(lent, timeout=seconds)

    def give_up(self, lent: Any) -> None:
        """Take a connection back on which something was given up half-way, and keep nobody waiting for it.

        The server is asked to cancel the query, and a transaction is rolled back. A server that does not answer
        that within ``RESET_SECONDS`` may hang for good: the connection is aborted then.
        """
        # In an empty context: it outlives the request that has given up.
        task = Context().run(asyncio.ensure_future, self._wind_up(lent))
        self._winding_up.add(task)
        task.add_done_callback(self._winding_up.discard)

    async def _wind_up(self, lent: Any) -> None:
        with suppress(Exception):  # whatever is wrong with it, the connection is ended by that
            await super().release(lent, timeout=RESET_SECONDS)

    def _lend(self) -> Any:
        """Return a connected connection that is free, or None if that takes waiting; whatever is lent is watched."""
        pool = cast("Any", self)
        if self._watching is None and self._max_silence:
            self._watch()
        if not pool._initialized or pool._closing or pool._closed or pool._setup is not None:
            return None
        queue = pool._queue
        if queue.empty():
            return None
        holder = queue.get_nowait()
        if not holder.is_connected() or holder._generation != pool._generation:
            queue.put_nowait(holder)
            return None
        holder._proxy = proxy = PoolConnectionProxy(holder, holder._con)
        holder._in_use = pool._loop.create_future()
        return proxy

    def _take_back(self, lent: Any) -> bool:
        """Take a clean connection back; do nothing and return False if it is not."""
        if type(lent) is not PoolConnectionProxy:
            return False
        pool, proxy = cast("Any", self), cast("Any", lent)
        connection, holder = proxy._con, proxy._holder
        if (
            connection is None
            or holder._pool is not pool
            or holder._in_use is None
            or holder._generation != pool._generation
            or pool._reset is not None
            or pool._closed
            or not connection.is_clean()
            or connection._protocol.queries_count >= holder._max_queries
        ):
            return False
        # Whatever was made on the connection, such as a prepared statement, knows by this that it is over.
        connection._pool_release_ctr += 1
        holder._timeout = None
        holder._release()
        if self._tidying is None and self._idle_seconds:
            self._tidying = pool._loop.call_later(self._idle_seconds, self._tidy)
        return True

    def _watch(self) -> None:
        loop = cast("Any", self)._loop
        self._watching = loop.call_later(min(1.0, self._max_silence), self._end_silent)

    def _end_silent(self) -> None:
        """End the connections that have been in the middle of one thing for too long; whoever waits gets an error."""
        pool = cast("Any", self)
        self._watching = None
        now = pool._loop.time()
        before, self._silent = self._silent, {}
        for holder in pool._holders:
            if holder.is_idle() or not holder.is_connected():
                continue
            connection = holder._con
            lent = connection, connection._protocol.queries_count
            since = self._silent[lent] = before.get(lent, now)
            if now - since > self._max_silence:
                connection.terminate()
        # Whoever waits for one to be opened gets it without another look of _lend's.
        if self._silent or self.waiting:
            self._watch()

    def _tidy(self) -> None:
        """End the connections beyond the minimum that have done nothing since the last look."""
        pool = cast("Any", self)
        self._tidying = None
        if self.is_closing():
            return
        seen, self._seen = self._seen, {}
        for holder in pool._holders:
            if not (holder.is_connected() and holder.is_idle()):
                continue
            connection = holder._con
            count = connection._protocol.queries_count
            if seen.get(connection) == count:
                holder._deactivate_inactive_connection()
            else:
                self._seen[connection] = count
        if self.get_size() > self.get_min_size():
            self._tidying = pool._loop.call_later(self._idle_seconds, self._tidy)

    def terminate(self) -> None:
        """End every connection at once."""
        self._stop_timers()
        super().terminate()

    async def close(self) -> None:
        """Wait until every connection is back, and end it."""
        self._stop_timers()
        await super().close()

    def _stop_timers(self) -> None:
        for timer in (self._tidying, self._watching):
            if timer is not None:
                timer.cancel()
        self._tidying = self._watching = None
