"""Statements that serve several callers at once, by :class:`engine.batching.Batcher`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Generic, TypeVar

import asyncpg
from tortoise.exceptions import IntegrityError, OperationalError

from engine.batching import Alone, Batcher
from engine.postgres.client import fetch, fetch_many, is_in_transaction
from engine.postgres.recording import Recorders, record_for, recorders

Item = TypeVar("Item")
Result = TypeVar("Result")
R = TypeVar("R", bound=asyncpg.Record)

#: Seconds after which nobody waits any longer for a batch of runs in flight.
MAX_WAIT = 0.01
#: Seconds for which a run waits for each lock while it runs alone: many may want what somebody else has locked, and
#: each of them has a connection meanwhile.
ALONE_LOCK_TIMEOUT = 0.02
#: Seconds between two attempts of such a run: twice as long each time, up to the longest.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
#: PostgreSQL's own word that a transaction has failed, or the driver's that it was not begun.
_REFUSED = (OperationalError, IntegrityError, asyncpg.TransactionRollbackError)
#: The number of its run is the last column of each record.
_run_of: Callable[[Any], int] = itemgetter(-1)


class QueryBatcher(Generic[Item, Result]):
    """A :class:`Batcher` for what is read from the database.

    What a batch sends is recorded for all who have submitted to it (:func:`record_statements`). An item that is
    submitted inside a transaction is sent alone, on the transaction's connection: only there is seen what was
    written in it, and another connection might wait for its end.

    Args:
        send, max_wait, name: as in :class:`Batcher`.
    """

    def __init__(
        self, send: Callable[[list[Item]], Awaitable[Sequence[Any]]], *, max_wait: float, name: str
    ) -> None:
        self._send = send
        self._batcher: Batcher[tuple[Item, Recorders], Result] = Batcher(
            self._send_all, max_wait=max_wait, name=name
        )

    def submit(self, item: Item) -> "asyncio.Future[Result]":
        """Return what will have the result of *item*, or the exception that *send* raised for it."""
        if is_in_transaction():
            return asyncio.ensure_future(self._send_alone(item))
        return self._batcher.submit((item, recorders()))

    async def _send_alone(self, item: Item) -> Result:
        (result,) = await self._send([item])
        if isinstance(result, Exception):
            raise result
        done: Result = result
        return done

    async def _send_all(self, submitted: list[tuple[Item, Recorders]]) -> Sequence[Any]:
        items = [item for item, _ in submitted]
        recording = [recorder for _, recorders in submitted for recorder in recorders]
        if not recording:
            return await self._send(items)
        with record_for(recording):
            return await self._send(items)


class BatchedStatement(Generic[R]):
    """A statement whose concurrent runs share a round trip and a transaction (group commit).

    For statements that take next to no time, because those who share wait for each other. With a *lock_timeout*
    they do so no longer than that where one of them wants what somebody has locked: nothing of such a batch has
    happened then, each of its runs goes alone, and those that find the lock again are tried until their caller
    gives up. None of them keeps a connection for long.

    Args:
        sql: its last parameter, of type int, is the number of the run, and so is its last column: the server
            returns the rows of all runs as one list.
        record_class: what each row is made as.
        lock_timeout: seconds for which a batch waits for each lock; as long as it takes if not given. The statement
            has then a parameter of type text in front of the number of the run, for
            ``set_config('lock_timeout', …, TRUE)``, which it has to run before it locks anything.
        name: what the runs are, for the log.
    """

    def __init__(
        self, sql: str, record_class: type[R], *, lock_timeout: float = 0.0, name: str = "statements"
    ) -> None:
        self.sql = sql
        self.record_class = record_class
        has_timeout = lock_timeout > 0
        self._in_batch, self._by_itself, self._without_limit = (
            (milliseconds(seconds),) if has_timeout else ()
            for seconds in (lock_timeout, ALONE_LOCK_TIMEOUT, 0)
        )
        self._batcher: QueryBatcher[tuple[Any, ...], list[R]] = QueryBatcher(
            self._run, max_wait=MAX_WAIT, name=name
        )

    def fetch(self, args: tuple[Any, ...]) -> Awaitable[list[R]]:
        """Run it with *args*, all that come before the lock timeout, and return the rows; raises as :func:`fetch`."""
        return self._batcher.submit(args)

    async def _run(self, batch: list[tuple[Any, ...]]) -> Sequence[Any]:
        if is_in_transaction():
            return [await self._fetch(args, self._without_limit) for args in batch]
        try:
            if len(batch) == 1:
                return [await self._fetch(batch[0], self._in_batch)]
            runs = [(*args, *self._in_batch, number) for number, args in enumerate(batch)]
            rows = await fetch_many(self.sql, runs, self.record_class)
        except asyncpg.LockNotAvailableError as error:
            pause = SHORTEST_PAUSE if len(batch) == 1 else 0.0
            return [self._alone(args, pause, error) for args in batch]
        except _REFUSED as error:
            # Nothing of it has happened. Whose values were at fault is found out by running them one by one; an
            # error of any other kind may have come after the commit, and no write may happen twice.
            if len(batch) == 1:
                raise
            return [self._alone(args, 0.0, error) for args in batch]
        answers: list[list[R]] = [[] for _ in batch]
        for number, group in groupby(rows, _run_of):
            answers[number] = list(group)
        return answers

    def _alone(self, args: tuple[Any, ...], pause: float, reason: Exception) -> Alone[list[R]]:
        """Return what runs it by itself, and again later where it finds a lock."""

        async def run() -> list[R] | Alone[list[R]]:
            try:
                return await self._fetch(args, self._by_itself)
            except asyncpg.LockNotAvailableError as error:
                return self._alone(args, min(max(2 * pause, SHORTEST_PAUSE), LONGEST_PAUSE), error)

        return Alone(run, pause, describe_lock(reason))

    async def _fetch(self, args: tuple[Any, ...], lock_timeout: tuple[str, ...]) -> list[R]:
        return await fetch(self.sql, (*args, *lock_timeout, 0), self.record_class)


def milliseconds(seconds: float) -> str:
    """Return a time limit as ``set_config`` takes it."""
    return f"{int(seconds * 1000)}ms"


def describe_lock(error: Exception) -> str:
    """Return what an error says, and of a lock that was not to be had which one it is."""
    context = (getattr(error, "context", None) or "").split("\n")[0]
    return f"{error} ({context})" if context else str(error)
