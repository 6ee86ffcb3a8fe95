"""Recording the statements that are sent, for tests and for ``extensions.sqlQueries`` in development."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from asyncpg.connection import LoggedQuery

from engine.postgres.connection import PooledConnection

#: The lists of everybody who records, the outermost first.
Recorders = tuple[list[str], ...]
_recorders: ContextVar[Recorders] = ContextVar("statement_recorders", default=())


class ObservedConnection(PooledConnection):
    """A connection whose statements can be recorded.

    asyncpg tells its query loggers only in the loop's next round, when whoever counts may have counted already.
    """

    @contextmanager
    def _time_and_log(self, query: str, args: Any, timeout: float | None) -> Iterator[None]:  # noqa: ARG002
        for statements in _recorders.get():
            statements.append(query)
        yield


def observe(connection: Any) -> None:
    """Have *connection*, an :class:`ObservedConnection`, record what it sends."""
    # Without a logger asyncpg would not come to _time_and_log.
    connection.add_query_logger(_ignore)


def _ignore(_: LoggedQuery) -> None:
    """Take no note."""


@contextmanager
def record_statements() -> Iterator[list[str]]:
    """Collect the SQL that this task and its children send; empty where the connections are not ``observed``."""
    statements: list[str] = []
    token = _recorders.set((*_recorders.get(), statements))
    try:
        yield statements
    finally:
        _recorders.reset(token)


def recorders() -> Recorders:
    """Return who records what this task sends."""
    return _recorders.get()


@contextmanager
def record_for(recording: Iterable[list[str]]) -> Iterator[None]:
    """Let *recording* have the statements of this block, each list once: one statement may serve several tasks."""
    token = _recorders.set(tuple({id(statements): statements for statements in recording}.values()))
    try:
        yield
    finally:
        _recorders.reset(token)
