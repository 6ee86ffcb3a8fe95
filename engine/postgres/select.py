"""Reads whose SQL is built once, by Tortoise's querysets, and run again and again with other values.

Building the SQL of a queryset costs more than running it. A :class:`Selection` says which rows are meant, in
Tortoise's own words (``user_id=7``, ``created_at__gt=…``); a :class:`Read` says which columns, in what order and
how many. The two without their values are the *shape* of a statement: the first of a shape lets Tortoise build
the SQL with placeholders, every later one only fills in its values. So querysets stay the one place where
conditions are worded, and each shape stays prepared on every connection.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, NamedTuple, Self, TypeVar, cast

from pypika_tortoise.context import SqlContext
from pypika_tortoise.enums import Equality
from pypika_tortoise.terms import BasicCriterion, Term, Tuple, ValueWrapper
from tortoise.expressions import Q, RawSQL, ResolveContext, Subquery
from tortoise.filters import escape_like
from tortoise.models import Model
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet

from engine.postgres.prepared_statements import Statement
from engine.postgres.rows import row_class

M = TypeVar("M", bound=Model)

#: Shapes kept. Clients steer them by what they select and filter, so there must be an end to them.
MAX_SHAPES = 512

#: Stands in SQL for the parameter behind all others, until it is known how many those are.
_LAST = "$LAST"

#: A condition without its value: a lookup; one that is (not) null; the columns in which a word is searched.
Condition = str | tuple[str, bool] | tuple[str, ...]


class Read(NamedTuple):
    """What to read of a selection. Values that it asks for follow those of the conditions, in this order."""

    #: Names, the primary key first (``engine.postgres.rows.row_columns``).
    columns: tuple[str, ...]
    #: Terms for ``order_by``. If there are two, the second is ``id`` in the same direction.
    order: tuple[str, ...] = ()
    #: Only rows that come after a place in the order: a value for each of its terms.
    beyond: bool = False
    #: Only rows that come before a place in the order: a value for each of its terms.
    until: bool = False
    #: At most so many rows.
    limited: bool = False
    #: Leave out so many rows at the beginning.
    skipping: bool = False
    #: Find the keys of the rows first, in the index alone, and then the rows: what is skipped is not read.
    late: bool = False
    #: End each record with the number of all rows of the selection.
    counted: bool = False
    #: Others may run the same statement along (:meth:`Selection.fetch_together`): end each record with a number.
    shared: bool = False


class Selection(Generic[M]):
    """Some rows of a model, by conditions that all must hold.

    Args:
        model: whose rows.
        among: makes a queryset to choose from, such as ``User.live``. It is part of the shape, so it must be
            the same function each time and return the same each time.
    """

    __slots__ = ("among", "conditions", "model", "values")

    def __init__(self, model: type[M], among: Callable[[], QuerySet[M]] | None = None) -> None:
        self.model = model
        self.among = among
        self.conditions: tuple[Condition, ...] = ()
        self.values: tuple[Any, ...] = ()

    def where(self, **lookups: Any) -> Self:
        """Add conditions, in Tortoise's words: ``column``, ``column__in``, ``column__gt``, ``column__isnull``, ….

        A list is sent as one array, so that a statement serves any number of values. Whether something is null
        is part of the statement: only so can PostgreSQL tell that a partial index holds the rows.
        """
        for lookup, value in lookups.items():
            if lookup.endswith("__isnull"):
                self.conditions += ((lookup, bool(value)),)
            else:
                self.conditions += (lookup,)
                self.values += (tuple(value) if isinstance(value, list) else value,)
        return self

    def containing(self, words: Sequence[str], *columns: str) -> Self:
        """Keep the rows in which every word is part of one of the columns, whatever its case."""
        self.conditions += (columns,) * len(words)
        self.values += tuple([f"%{escape_like(word)}%" for word in words])
        return self

    @property
    def key(self) -> Hashable:
        """What two selections of the same rows have in common."""
        return self.model, self.among, self.conditions, self.values

    async def fetch(self, read: Read, *values: Any) -> list[M]:
        """Return the rows as *read* says, with the *values* that it asks for."""
        statement = prepare(self.model, self.among, self.conditions, read)
        return cast("list[M]", await statement.fetch(self.values + values))

    async def fetch_together(self, read: Read, *values: Any) -> list[M]:
        """Like :meth:`fetch`; whoever runs the same statement at about the same time shares the round trip.

        For statements that take next to no time, because those who share wait for each other.
        """
        statement = prepare(self.model, self.among, self.conditions, read._replace(shared=True))
        return cast("list[M]", await statement.fetch_together(self.values + values))

    async def first(self, columns: tuple[str, ...]) -> M | None:
        """Return one of the rows, if there is any."""
        rows = await self.fetch(Read(columns, limited=True), 1)
        return rows[0] if rows else None

    async def count(self) -> int:
        """Count the rows."""
        records = await prepare_count(self.model, self.among, self.conditions).fetch(self.values)
        return int(records[0][0])


class _Number(int):
    """The number of a value that is not known yet. PyPika hands it through to the list of the parameters."""


class _Slot(ValueWrapper):
    """The place of a value; Tortoise takes terms as they are, without encoding them."""

    def __init__(self, number: int) -> None:
        super().__init__(_Number(number))


class _AnyOf(Term):
    """``ANY(array)``, which is one parameter, where ``IN`` has one for each value."""

    def __init__(self, slot: _Slot) -> None:
        super().__init__()
        self.slot = slot

    def get_sql(self, ctx: SqlContext) -> str:
        return f"ANY({self.slot.get_sql(ctx)})"


class _Compared(Q):
    """A comparison that Tortoise has no lookup for."""

    __slots__ = ("columns", "comparator", "right")

    def __init__(self, columns: Sequence[str], comparator: Equality, right: Term) -> None:
        super().__init__()
        self.columns = columns
        self.comparator = comparator
        self.right = right

    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        fields = [resolve_context.table[column] for column in self.columns]
        left = Tuple(*fields) if len(fields) > 1 else fields[0]
        return QueryModifier(where_criterion=BasicCriterion(self.comparator, left, self.right))


@lru_cache(maxsize=MAX_SHAPES)
def prepare(
    model: type[M],
    among: Callable[[], QuerySet[M]] | None,
    conditions: tuple[Condition, ...],
    read: Read,
) -> Statement:
    """Return the statement of a shape."""
    queryset, number = _chosen(model, among, conditions)
    if read.beyond:
        queryset, number = _past(queryset, read.order, number, after=True)
    if read.until:
        queryset, number = _past(queryset, read.order, number, after=False)
    queryset = queryset.order_by(*read.order)
    if read.limited:
        queryset, number = queryset.limit(_Number(number)), number + 1
    if read.skipping:
        queryset, number = queryset.offset(_Number(number)), number + 1
    if read.late:
        keys = Subquery(queryset.only(model._meta.pk_attr))
        queryset = model.filter(**{f"{model._meta.pk_attr}__in": keys}).order_by(*read.order)
    shared = {"selection_number": RawSQL(f"{_LAST}::int")} if read.shared else {}
    if read.counted:
        # The conditions come first in both, so the same parameters stand in both.
        total = prepare_count(model, among, conditions)
        queryset = queryset.annotate(selection_count=RawSQL(f"({total.sql})"), **shared)
        return _statement(
            queryset.only(*read.columns, "selection_count", *shared), row_class(model, read.columns)
        )
    return _statement(
        queryset.annotate(**shared).only(*read.columns, *shared), row_class(model, read.columns)
    )


@lru_cache(maxsize=MAX_SHAPES)
def prepare_count(
    model: type[M], among: Callable[[], QuerySet[M]] | None, conditions: tuple[Condition, ...]
) -> Statement:
    """Return the statement that counts the rows of a shape."""
    return _statement(_chosen(model, among, conditions)[0].count(), None)


def _chosen(
    model: type[M], among: Callable[[], QuerySet[M]] | None, conditions: tuple[Condition, ...]
) -> tuple[QuerySet[M], int]:
    """Return the queryset of a selection, and how many values it asks for."""
    queryset, number = model.all() if among is None else among(), 0
    for condition in conditions:
        if isinstance(condition, tuple) and isinstance(condition[-1], bool):
            queryset = queryset.filter(**{condition[0]: condition[1]})
            continue
        queryset = queryset.filter(_worded(condition, number))
        number += 1
    return queryset, number


def _worded(condition: Condition, number: int) -> Q:
    if isinstance(condition, tuple):
        # Tortoise makes a pattern of the text: "%" before and behind it, UPPER() around it.
        anywhere = [Q(**{f"{column}__icontains": f"\0{number}\0"}) for column in condition]
        return Q(*anywhere, join_type=Q.OR)
    if condition.endswith("__in"):
        return _Compared([condition.removesuffix("__in")], Equality.eq, _AnyOf(_Slot(number)))
    lookup: dict[str, Any] = {condition: _Slot(number)}
    return Q(**lookup)


def _past(
    queryset: QuerySet[M], order: tuple[str, ...], number: int, *, after: bool
) -> tuple[QuerySet[M], int]:
    """Keep the rows on one side of a place. Compared as a whole, ``(a, b) < (x, y)`` is one range of the index."""
    columns = [term.removeprefix("-") for term in order]
    slots = [_Slot(number + index) for index in range(len(columns))]
    smaller = order[0].startswith("-") == after
    place = Tuple(*slots) if len(slots) > 1 else slots[0]
    compared = _Compared(columns, Equality.lt if smaller else Equality.gt, place)
    return queryset.filter(compared), number + len(slots)


def _statement(queryset: Any, record_class: type[Any] | None) -> Statement:
    queryset.sql()
    sql, parameters = queryset.query.get_parameterized_sql()
    sql = sql.replace(_LAST, f"${len(parameters) + 1}")
    numbers: list[int] = []
    constants: list[Any] = []
    for parameter in parameters:
        number = _number(parameter)
        if number is None:
            constants.append(parameter)
        numbers.append(-len(constants) if number is None else number)
    # Constants stand behind the values, the last one first, so that they are counted from the end.
    if numbers == list(range(len(numbers))):
        return Statement(sql, record_class, None, ())
    first, *others = numbers
    pick = itemgetter(first, *others) if others else lambda given: (given[first],)
    return Statement(sql, record_class, pick, tuple(reversed(constants)))


def _number(parameter: Any) -> int | None:
    if isinstance(parameter, _Number):
        return int(parameter)
    if isinstance(parameter, str) and "\0" in parameter:
        return int(parameter.strip("%\0"))
    return None
