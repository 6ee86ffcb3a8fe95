"""Pages of a list: by key for GraphQL (steady at any depth), by offset for REST v1 (as documented)."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson
from tortoise.exceptions import ValidationError
from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from core.errors import Problem, ValidationFailed
from models import MAX_ID

MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 20
#: Further words are ignored: each costs a look at the index.
MAX_SEARCH_WORDS = 8
#: PostgreSQL's largest bigint, and so the largest offset that it accepts.
MAX_BIGINT = 2**63 - 1

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Ordering:
    """A column to sort by; ties are broken by ``id`` in the same direction."""

    column: str
    descending: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms for ``order_by``, both turned around when descending."""
        columns = (self.column,) if self.column == "id" else (self.column, "id")
        return tuple(f"-{column}" if self.descending else column for column in columns)

    def reversed(self) -> "Ordering":
        """The same, from the other end."""
        return Ordering(self.column, not self.descending)


NEWEST_FIRST = Ordering("created_at", descending=True)


@dataclass(frozen=True, slots=True)
class Keyset:
    """A window by cursor (Relay's cursor connections): *first* rows after a cursor, or *last* before one."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Offset:
    """A window by page number, counted from 1."""

    page: int = 1
    page_size: int = DEFAULT_PAGE_SIZE


Window = Keyset | Offset


@dataclass(slots=True)
class Page(Generic[M]):
    """Some rows of a list, in the list's order. ``count`` asks for the length of the whole list."""

    rows: list[M]
    has_next: bool
    has_previous: bool
    ordering: Ordering
    count: Callable[[], Awaitable[int]]

    def cursor(self, row: M) -> str:
        """Return the opaque cursor of one of the rows."""
        return encode_cursor(self.ordering, row)


def encode_cursor(ordering: Ordering, row: Model) -> str:
    """Return where *row* stands in *ordering*."""
    value = getattr(row, ordering.column)
    if isinstance(value, datetime):
        value = value.isoformat()
    return base64.urlsafe_b64encode(orjson.dumps([ordering.column, value, row.pk])).decode().rstrip("=")


def decode_cursor(model: type[Model], ordering: Ordering, cursor: str, *, argument: str) -> tuple[Any, int]:
    """Return the sort value and id that *cursor* stands for.

    Raises:
        ValidationFailed: it is not one of ours, or of a list sorted otherwise.
    """
    field = model._meta.fields_map[ordering.column]
    kind = field.field_type
    try:
        column, value, id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if kind is datetime:
            value = datetime.fromisoformat(value).astimezone(UTC)
        whole = type(id) is int and 0 <= id <= MAX_ID
        if column != ordering.column or type(value) is not kind or not whole or "\0" in str(value):
            raise ValueError(cursor)
        if kind is int and not 0 <= value <= MAX_BIGINT:
            raise ValueError(cursor)
        field.validate(value)
    except (ValueError, TypeError, OverflowError, ValidationError):
        problem = Problem((argument,), f"{argument} is not a cursor of this list in this order")
        raise ValidationFailed(problem) from None
    return value, id


def _size(value: int, argument: str) -> int:
    if not 0 <= value <= MAX_PAGE_SIZE:
        raise ValidationFailed(Problem((argument,), f"{argument} must be between 0 and {MAX_PAGE_SIZE}"))
    return value


def _beyond(ordering: Ordering, value: Any, id: int) -> Q:
    """Rows that come after the given place. The redundant first term is the one that an index can use."""
    way = "lt" if ordering.descending else "gt"
    column = ordering.column
    beyond: dict[str, Any] = {f"{column}__{way}": value}
    tied: dict[str, Any] = {f"id__{way}": id}
    at_least: dict[str, Any] = {f"{column}__{way}e": value}
    return Q(**at_least) & (Q(**beyond) | Q(**tied))


def matching(queryset: QuerySet[M], search: str, *columns: str) -> QuerySet[M]:
    """Keep the rows in which every word of *search* is part of one of the columns, whatever its case."""
    if "\0" in search:
        raise ValidationFailed(Problem(("search",), "search contains characters that cannot be stored"))
    for word in search.split()[:MAX_SEARCH_WORDS]:
        anywhere = [Q(**{f"{column}__icontains": word}) for column in columns]
        queryset = queryset.filter(Q(*anywhere, join_type=Q.OR))
    return queryset


async def paginate(queryset: QuerySet[M], ordering: Ordering, window: Window) -> Page[M]:
    """Read one page of *queryset*.

    Raises:
        ValidationFailed: a size, page or cursor is out of bounds or malformed.
    """
    if isinstance(window, Offset):
        return await _by_offset(queryset, ordering, window)
    return await _by_key(queryset, ordering, window)


async def _by_offset(queryset: QuerySet[M], ordering: Ordering, window: Offset) -> Page[M]:
    if window.page < 1:
        raise ValidationFailed(Problem(("page",), "page must be at least 1"))
    if not 1 <= window.page_size <= MAX_PAGE_SIZE:
        raise ValidationFailed(Problem(("page_size",), f"page_size must be between 1 and {MAX_PAGE_SIZE}"))
    skip = min((window.page - 1) * window.page_size, MAX_BIGINT)
    rows = await queryset.order_by(*ordering.terms).offset(skip).limit(window.page_size + 1)
    more = len(rows) > window.page_size
    return Page(rows[: window.page_size], more, window.page > 1, ordering, lambda: queryset.count())


async def _by_key(queryset: QuerySet[M], ordering: Ordering, window: Keyset) -> Page[M]:
    if window.first is not None and window.last is not None:
        raise ValidationFailed(Problem(("last",), "first and last cannot be used together"))
    backwards = window.last is not None
    if backwards:
        size = _size(window.last or 0, "last")
    else:
        size = _size(DEFAULT_PAGE_SIZE if window.first is None else window.first, "first")
    rows_query = queryset
    if window.after is not None:
        rows_query = rows_query.filter(
            _beyond(ordering, *decode_cursor(queryset.model, ordering, window.after, argument="after"))
        )
    if window.before is not None:
        place = decode_cursor(queryset.model, ordering, window.before, argument="before")
        rows_query = rows_query.filter(_beyond(ordering.reversed(), *place))
    direction = ordering.reversed() if backwards else ordering
    rows = await rows_query.order_by(*direction.terms).limit(size + 1) if size else []
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
        has_next, has_previous = window.before is not None, more
    else:
        has_next, has_previous = more, window.after is not None
    return Page(rows, has_next, has_previous, ordering, lambda: queryset.count())
