"""A statement that is built already: run by itself, or together with the same one of others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

import asyncpg
from tortoise.exceptions import IntegrityError, OperationalError

from engine.batching import Batcher
from engine.postgres.client import Recorders, fetch, fetch_many, in_a_transaction, record_for, recorders

#: PostgreSQL's own word that a transaction has failed, or the driver's that it was not begun.
_REFUSED = (OperationalError, IntegrityError, asyncpg.TransactionRollbackError)

#: The number of its run is the last column of each record.
_number_of: Callable[[Any], int] = itemgetter(-1)

#: The values of one run of a statement, and who records that it is sent.
_Asked = tuple[tuple[Any, ...], Recorders]
#: Seconds after which nobody waits any longer for others' runs of a shared statement.
MAX_WAIT = 0.01


@dataclass(slots=True, eq=False)
class Statement:
    """SQL, and how to find the values of its parameters."""

    sql: str
    record_class: type[Any] | None = None
    #: Picks the parameters from the values and the constants behind them; None if they are the values.
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None
    constants: tuple[Any, ...] = ()
    _together: Batcher[_Asked, list[Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Let those who ask at about the same time share the round trip."""
        self._together = Batcher(self._run_all, max_wait=MAX_WAIT)

    async def fetch(self, values: tuple[Any, ...]) -> list[Any]:
        """Run it."""
        if self.pick is not None:
            values = self.pick(values + self.constants)
        return await fetch(self.sql, values, self.record_class)

    async def fetch_together(self, values: tuple[Any, ...]) -> list[Any]:
        """Run it beside others, in one transaction: its last parameter, and last column, is the number of the run."""
        if self.pick is not None:
            values = self.pick(values + self.constants)
        if in_a_transaction():
            return await fetch(self.sql, (*values, 0), self.record_class)
        return await self._together.submit((values, recorders()))

    async def _run_all(self, asked: list[_Asked]) -> Sequence[Any]:
        with record_for(recorder for _, recorders in asked for recorder in recorders):
            if len(asked) == 1:
                return [await fetch(self.sql, (*asked[0][0], 0), self.record_class)]
            runs = [(*values, number) for number, (values, _) in enumerate(asked)]
            try:
                rows = await fetch_many(self.sql, runs, cast("type[Any]", self.record_class))
            except _REFUSED:
                # Nothing of it has happened. Whose values were at fault is found out by running them one by one; an
                # error of any other kind may have come after the commit, and no write may happen twice.
                return [await self._try(run) for run in runs]
        answers: list[list[Any]] = [[] for _ in asked]
        for number, group in groupby(rows, _number_of):
            answers[number] = list(group)
        return answers

    async def _try(self, values: tuple[Any, ...]) -> Any:
        try:
            return await fetch(self.sql, values, self.record_class)
        except Exception as error:
            return error
