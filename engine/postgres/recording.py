"""Recording the statements that are sent, for tests and for ``extensions.sqlQueries`` in development."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from asyncpg.connection import LoggedQuery

from engine.postgres.connection import PooledConnection


class RecordedStatement(str):
    """The text of a statement that was sent, without its values, and what became of it."""

    #: How many rows came back, or were changed where nothing was to come back; None until then, and where it failed.
    rows: int | None = None
    #: From sending it to the end of its answer; None until then.
    seconds: float | None = None


#: The lists of everybody who records, the outermost first.
Recorders = tuple[list[RecordedStatement], ...]
_recorders: ContextVar[Recorders] = ContextVar("statement_recorders", default=())


class ObservedConnection(PooledConnection):
    """A connection whose statements can be recorded.

    asyncpg tells its query loggers only in the loop's next round, when whoever counts may have counted already.
    """

    _recorded = RecordedStatement()

    @contextmanager
    def _time_and_log(self, query: str, args: Any, timeout: float | None) -> Iterator[None]:  # noqa: ARG002
        outer, recorded = self._recorded, RecordedStatement(query)
        self._recorded = recorded  # asyncpg may ask the catalogue meanwhile
        for statements in _recorders.get():
            statements.append(recorded)
        started = time.perf_counter()
        try:
            yield
        finally:
            recorded.seconds = time.perf_counter() - started
            self._recorded = outer

    async def _do_execute(self, *args: Any, **options: Any) -> Any:
        done = await super()._do_execute(*args, **options)
        self._recorded.rows = _count(done[0])
        return done


def _count(result: Any) -> int | None:
    """Return the number of rows of a result: of a list, or of one with a status, such as ``UPDATE 3``, behind it."""
    if result is None:  # of many runs at once
        return None
    if isinstance(result, list):
        return len(result)
    rows, status, _ = result
    changed = (status or b"").split()[-1:]
    return len(rows) or int(changed[0]) if changed and changed[0].isdigit() else len(rows)


def observe(connection: Any) -> None:
    """Have *connection*, an :class:`ObservedConnection`, record what it sends."""
    # Without a logger asyncpg would not come to _time_and_log.
    connection.add_query_logger(_ignore)


def _ignore(_: LoggedQuery) -> None:
    """Take no note."""


@contextmanager
def record_statements() -> Iterator[list[RecordedStatement]]:
    """Collect the SQL that this task and its children send; empty where the connections are not ``observed``."""
    statements: list[RecordedStatement] = []
    token = _recorders.set((*_recorders.get(), statements))
    try:
        yield statements
    finally:
        _recorders.reset(token)


def recorders() -> Recorders:
    """Return who records what this task sends."""
    return _recorders.get()


@contextmanager
def record_for(recording: Iterable[list[RecordedStatement]]) -> Iterator[None]:
    """Let *recording* have the statements of this block, each list once: one statement may serve several tasks."""
    token = _recorders.set(tuple({id(statements): statements for statements in recording}.values()))
    try:
        yield
    finally:
        _recorders.reset(token)
