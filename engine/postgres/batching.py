"""Statements that serve several callers at once, by :class:`engine.batching.Batcher`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Generic, TypeVar

import asyncpg
from tortoise.exceptions import IntegrityError, OperationalError

from engine.batching import Batcher
from engine.postgres.client import fetch, fetch_many, is_in_transaction
from engine.postgres.recording import Recorders, record_for, recorders

Item = TypeVar("Item")
Result = TypeVar("Result")
R = TypeVar("R", bound=asyncpg.Record)

#: Seconds after which nobody waits any longer for a batch of runs in flight.
MAX_WAIT = 0.01
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
        send, max_wait: as in :class:`Batcher`.
    """

    def __init__(self, send: Callable[[list[Item]], Awaitable[Sequence[Any]]], *, max_wait: float) -> None:
        self._send = send
        self._batcher: Batcher[tuple[Item, Recorders], Result] = Batcher(self._send_all, max_wait=max_wait)

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

    For statements that take next to no time, because those who share wait for each other.

    Args:
        sql: its last parameter, of type int, is the number of the run, and so is its last column: the server
            returns the rows of all runs as one list.
        record_class: what each row is made as.
    """

    def __init__(self, sql: str, record_class: type[R]) -> None:
        self.sql = sql
        self.record_class = record_class
        self._batcher: QueryBatcher[tuple[Any, ...], list[R]] = QueryBatcher(self._run, max_wait=MAX_WAIT)

    def fetch(self, args: tuple[Any, ...]) -> Awaitable[list[R]]:
        """Run it with *args*, all but the number of the run, and return the rows; raises as :func:`fetch` does."""
        return self._batcher.submit(args)

    async def _run(self, batch: list[tuple[Any, ...]]) -> Sequence[Any]:
        if len(batch) == 1:
            return [await fetch(self.sql, (*batch[0], 0), self.record_class)]
        runs = [(*args, number) for number, args in enumerate(batch)]
        try:
            rows = await fetch_many(self.sql, runs, self.record_class)
        except _REFUSED:
            # Nothing of it has happened. Whose values were at fault is found out by running them one by one; an
            # error of any other kind may have come after the commit, and no write may happen twice.
            return [await self._try(run) for run in runs]
        answers: list[list[R]] = [[] for _ in batch]
        for number, group in groupby(rows, _run_of):
            answers[number] = list(group)
        return answers

    async def _try(self, run: tuple[Any, ...]) -> list[R] | Exception:
        try:
            return await fetch(self.sql, run, self.record_class)
        except Exception as error:
            return error
