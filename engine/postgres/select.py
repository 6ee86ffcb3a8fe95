"""One select: projected rows of a table by conditions, order and place, as a prepared statement.

The *shape* of a select (which conditions, which columns, whether there is a limit, …) makes the SQL; the values
are its arguments. So there are few texts, each built once and prepared once on every connection.
"""
# ruff: noqa: S608 - the names come from models and row types, the values are parameters

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import count
from typing import Any, Generic, NamedTuple, Self, TypeVar

from tortoise.filters import escape_like

from engine.postgres.batching import BatchedStatement
from engine.postgres.client import fetch
from engine.postgres.rows import Columns, Row, row_class, row_columns

R = TypeVar("R", bound=Row)

#: Shapes kept. Clients steer them by what they select and filter, so there must be an end to them.
MAX_SHAPES = 512


class _Contained(NamedTuple):
    """The columns of which one contains a word in one of so many spellings."""

    columns: tuple[str, ...]
    spellings: int


class _Referenced(NamedTuple):
    """A column of another table that refers to the key, and one that is compared."""

    table: str
    column: str
    compared: str
    collected: bool


#: A column and what it is held to (``created_at__gt``), a word that some columns are searched for, or a row elsewhere.
Condition = str | _Contained | _Referenced

_OPERATORS = {
    "": "{} = {}",
    "in": "{} = ANY({})",
    "gt": "{} > {}",
    "lt": "{} < {}",
    "isnull": "{} IS NULL",
    "notnull": "{} IS NOT NULL",
}
#: As the trigram index of a searched column has it (``upper(CAST(… AS VARCHAR)) gin_trgm_ops``).
_CONTAINS = "upper(CAST({} AS VARCHAR)) LIKE upper({})"


class Selected(NamedTuple, Generic[R]):
    """The rows of a select. ``total`` is the number of all rows without limit and offset, if it was asked for.

    It is None as well where there is no row to tell it: beyond the end of the list.
    """

    rows: list[R]
    total: int | None = None


class _Shape(NamedTuple):
    """What the SQL of a select depends on; see :meth:`Select.fetch`."""

    row: type[Any]
    conditions: tuple[Condition, ...]
    columns: Columns
    order: tuple[str, ...]
    after: bool
    before: bool
    including: bool
    limit: bool
    offset: bool
    deferred_join: bool
    with_total: bool
    shared: bool


class Select(Generic[R]):
    """Rows of one table, by conditions that all must hold.

    Args:
        row: the row type, which tells the table.
    """

    __slots__ = ("conditions", "row", "values")

    def __init__(self, row: type[R]) -> None:
        self.row = row
        self.conditions: tuple[Condition, ...] = ()
        self.values: tuple[Any, ...] = ()

    def where(self, **lookups: Any) -> Self:
        """Add conditions, in Django's and Tortoise's words.

        ``column=…`` compares, ``column__gt`` and ``column__lt`` too, ``column__in`` takes a list, which is sent as
        one array, ``column__isnull`` takes a bool, which is part of the SQL: only so can PostgreSQL tell that a partial
        index holds the rows.
        """
        for lookup, value in lookups.items():
            if lookup.endswith("__isnull"):
                self.conditions += (lookup if value else lookup.replace("__isnull", "__notnull"),)
            else:
                self.conditions += (lookup,)
                self.values += (value,)
        return self

    def containing(self, words: Sequence[tuple[str, ...]], *columns: str) -> Self:
        """Keep the rows in which every word, in one of its spellings, is part of one of the columns, in any case."""
        self.conditions += tuple([_Contained(columns, len(spellings)) for spellings in words])
        self.values += tuple([f"%{escape_like(spelling)}%" for word in words for spelling in word])
        return self

    def referenced(
        self, row: type[Row], column: str, compared: str, value: Any, *, collected: bool = False
    ) -> Self:
        """Keep the rows whose key stands in *column* of a row of another table that has *value* in *compared*.

        Args:
            collected: read the keys first, and then their rows, rather than as PostgreSQL sees fit. It takes rows that
                are referenced to be spread evenly over a list, and goes through all of it where they are at its end.
        """
        self.conditions += (_Referenced(row.row_model._meta.db_table, column, compared, collected),)
        self.values += (value,)
        return self

    @property
    def key(self) -> tuple[Any, ...]:
        """What two selects of the same rows have in common."""
        values = [tuple(value) if isinstance(value, list) else value for value in self.values]
        return self.row, self.conditions, *values

    async def fetch(
        self,
        columns: Columns = None,
        order: tuple[str, ...] = (),
        *,
        after: tuple[Any, ...] = (),
        before: tuple[Any, ...] = (),
        including: bool = False,
        limit: int | None = None,
        offset: int = 0,
        deferred_join: bool = False,
        with_total: bool = False,
        shared: bool = False,
    ) -> Selected[R]:
        """Return the rows; raises as :func:`engine.postgres.fetch` does.

        Args:
            columns: the attributes that will be looked at. Those of *order* are read, too.
            order: columns to sort by, all with a minus sign in front or none.
            after, before: only rows on this side of a place in the order: a value for each of its columns. Compared
                as a whole, ``(a, b) < (x, y)`` is one range of the index.
            including: the row at such a place, too.
            limit: at most so many rows.
            offset: leave out so many rows at the beginning.
            deferred_join: find the keys in the index alone, then the rows: what is skipped is not read.
            with_total: count all rows in the same statement.
            shared: let concurrent runs of the same statement share a round trip (:class:`BatchedStatement`).
        """
        run = _prepare(
            _Shape(
                self.row,
                self.conditions,
                columns,
                order,
                bool(after),
                bool(before),
                including,
                limit is not None,
                offset > 0,
                deferred_join,
                with_total,
                shared,
            )
        )
        args = self.values + after + before
        if limit is not None:
            args += (limit,)
        if offset:
            args += (offset,)
        rows = await run(args)
        if with_total and rows:
            return Selected(rows, rows[0][-2 if shared else -1])
        return Selected(rows)

    async def first(self, columns: Columns = None) -> R | None:
        """Return one of the rows, if there is any."""
        rows = (await self.fetch(columns, limit=1)).rows
        return rows[0] if rows else None

    async def count(self) -> int:
        """Return the number of rows."""
        where = _where(_conditions(self.conditions, count(1)))
        ((total,),) = await fetch(f"SELECT COUNT(*) FROM {_table(self.row)}{where}", self.values)
        return int(total)


@lru_cache(maxsize=MAX_SHAPES)
def _prepare(shape: _Shape) -> Callable[[tuple[Any, ...]], Awaitable[list[Any]]]:
    """Return what runs the statement of a shape with its arguments."""
    columns = row_columns(shape.row, shape.columns, *_names(shape.order))
    record_class: type[Any] = row_class(shape.row, columns)  # type: ignore[arg-type]  # a class is hashable
    sql = _sql(shape, columns)
    if shape.shared:
        return BatchedStatement(sql, record_class, name=f"Selects of {shape.row.__name__}").fetch
    return partial(fetch, sql, record_class=record_class)


def _sql(shape: _Shape, columns: Iterable[str]) -> str:
    table, numbers = _table(shape.row), count(1)
    where = _conditions(shape.conditions, numbers)
    selected = [_quoted(column) for column in columns]
    if shape.with_total:
        # The conditions come first in both, so the same arguments stand in both.
        selected.append(f"(SELECT COUNT(*) FROM {table}{_where(where)})")
    if shape.after:
        where.append(_past(shape, numbers, after=True))
    if shape.before:
        where.append(_past(shape, numbers, after=False))
    order = _order_by(shape.order)
    rows = _where(where) + order
    rows += f" LIMIT ${next(numbers)}" if shape.limit else ""
    rows += f" OFFSET ${next(numbers)}" if shape.offset else ""
    if shape.deferred_join:
        rows = f' WHERE "id" IN (SELECT "id" FROM {table}{rows}){order}'
    if shape.shared:
        selected.append(f"${next(numbers)}::int")
    return f"SELECT {', '.join(selected)} FROM {table}{rows}"


def _table(row: type[Row]) -> str:
    return _quoted(row.row_model._meta.db_table)


def _conditions(conditions: Iterable[Condition], numbers: "count[int]") -> list[str]:
    return [_condition(condition, numbers) for condition in conditions]


def _condition(condition: Condition, numbers: "count[int]") -> str:
    if isinstance(condition, _Contained):
        spellings = [f"${next(numbers)}" for _ in range(condition.spellings)]
        found = [_CONTAINS.format(_quoted(column), one) for one in spellings for column in condition.columns]
        return f"({' OR '.join(found)})"
    if isinstance(condition, _Referenced):
        table, column, compared = map(_quoted, condition[:3])
        keys = f"SELECT {column} FROM {table} WHERE {compared} = ${next(numbers)}"
        return f'"id" = ANY(ARRAY({keys}))' if condition.collected else f'"id" IN ({keys})'
    column, _, operator = condition.partition("__")
    value = "" if operator in ("isnull", "notnull") else f"${next(numbers)}"
    return _OPERATORS[operator].format(_quoted(column), value)


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _past(shape: _Shape, numbers: "count[int]", *, after: bool) -> str:
    """Keep the rows on one side of a place in the order."""
    columns = ", ".join(map(_quoted, _names(shape.order)))
    values = ", ".join(f"${next(numbers)}" for _ in shape.order)
    side = "<" if shape.order[0].startswith("-") == after else ">"
    return f"({columns}) {side}{'=' if shape.including else ''} ({values})"


def _order_by(order: tuple[str, ...]) -> str:
    terms = [f"{_quoted(term.lstrip('-'))}{' DESC' if term.startswith('-') else ''}" for term in order]
    return f" ORDER BY {', '.join(terms)}" if terms else ""


def _names(order: tuple[str, ...]) -> list[str]:
    return [term.removeprefix("-") for term in order]


def _quoted(name: str) -> str:
    return f'"{name}"'
