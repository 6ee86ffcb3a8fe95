"""Pages of a list: by key for GraphQL (steady at any depth), by offset for REST v1 (as documented)."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

import orjson
from tortoise.exceptions import ValidationError
from tortoise.models import Model

from core.errors import Problem, ValidationFailed
from engine.postgres.rows import model_of, row_columns
from engine.postgres.select import Read, Selection
from graph.resolvers import total_counts as counts
from models import MAX_ID

MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 20
#: Further words are ignored: each costs a look at the index.
MAX_SEARCH_WORDS = 8
#: PostgreSQL's largest bigint, and so the largest offset that it accepts.
MAX_BIGINT = 2**63 - 1
#: So many rows to be skipped are skipped in the index alone. Below, looking up the rows afterwards costs more.
LATE = 1_000

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Ordering:
    """A column to sort by; ties are broken by ``id`` in the same direction."""

    column: str
    descending: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms for ``order_by``, both turned around when descending."""
        return _terms(self)

    def reversed(self) -> "Ordering":
        """The same, from the other end."""
        return Ordering(self.column, not self.descending)


@lru_cache
def _terms(ordering: Ordering) -> tuple[str, ...]:
    columns = ("id",) if ordering.column == "id" else (ordering.column, "id")
    return tuple(f"-{column}" if ordering.descending else column for column in columns)


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
    model: type[Model] = model_of(type(row))
    place = orjson.dumps([_list(model, ordering), value, row.pk])
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


@lru_cache
def _list(model: type[Model], ordering: Ordering) -> str:
    """Return what a cursor says of the list that it came from, so that no other list takes it for one of its own."""
    return f"{model.__name__}.{ordering.terms[0]}"


def decode_cursor(model: type[Model], ordering: Ordering, cursor: str, *, argument: str) -> tuple[Any, int]:
    """Return the sort value and id that *cursor* stands for.

    Raises:
        ValidationFailed: it is not one of ours, or of a list sorted otherwise.
    """
    field = model._meta.fields_map[ordering.column]
    kind = field.field_type
    try:
        origin, value, id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if kind is datetime:
            value = datetime.fromisoformat(value).astimezone(UTC)
        whole = type(id) is int and 0 <= id <= MAX_ID
        if origin != _list(model, ordering) or type(value) is not kind or not whole or "\0" in str(value):
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


def matching(selection: Selection[M], search: str, *columns: str) -> Selection[M]:
    """Keep the rows in which every word of *search* is part of one of the columns, whatever its case."""
    if "\0" in search:
        raise ValidationFailed(Problem(("search",), "search contains characters that cannot be stored"))
    return selection.containing(search.split()[:MAX_SEARCH_WORDS], *columns)


async def paginate(
    selection: Selection[M],
    ordering: Ordering,
    window: Window,
    *,
    reads: frozenset[str] | None = None,
    quick: bool = False,
) -> Page[M]:
    """Read one page of a list.

    Args:
        selection: the whole list.
        ordering: how the list is sorted.
        window: which page.
        reads: the attributes of the rows that will be looked at; all if not given.
        quick: an index has the rows as the page wants them, so that requests may wait for each other's pages.

    Raises:
        ValidationFailed: a size, page or cursor is out of bounds or malformed.
    """
    columns = row_columns(selection.model, reads, ordering.column)
    if isinstance(window, Offset):
        return await _by_offset(selection, columns, ordering, window, quick=quick)
    return await _by_key(selection, columns, ordering, window, quick=quick)


async def _by_offset(
    selection: Selection[M], columns: tuple[str, ...], ordering: Ordering, window: Offset, *, quick: bool
) -> Page[M]:
    if window.page < 1:
        raise ValidationFailed(Problem(("page",), "page must be at least 1"))
    if not 1 <= window.page_size <= MAX_PAGE_SIZE:
        raise ValidationFailed(Problem(("page_size",), f"page_size must be between 1 and {MAX_PAGE_SIZE}"))
    size, skip = window.page_size, min((window.page - 1) * window.page_size, MAX_BIGINT)
    # A page by number comes with the length of its list, in the same statement if that is cheap.
    counted = not counts.is_known_to_be_long(selection)
    read = Read(columns, ordering.terms, limited=True, skipping=skip > 0, late=skip >= LATE, counted=counted)
    fetch = selection.fetch_together if quick and not skip else selection.fetch
    rows = await fetch(read, size + 1, *((skip,) if skip else ()))
    more, length = len(rows) > size, None
    if rows and not more:
        length = skip + len(rows)
    elif rows and counted:
        length = counts.note(selection, cast("Any", rows[0])[len(columns)])
    return Page(rows[:size], more, window.page > 1, ordering, _counter(selection, length))


async def _by_key(
    selection: Selection[M], columns: tuple[str, ...], ordering: Ordering, window: Keyset, *, quick: bool
) -> Page[M]:
    if window.first is not None and window.last is not None:
        raise ValidationFailed(Problem(("last",), "first and last cannot be used together"))
    backwards = window.last is not None
    if backwards:
        size = _size(window.last or 0, "last")
    else:
        size = _size(DEFAULT_PAGE_SIZE if window.first is None else window.first, "first")
    after, before = (
        _place(selection.model, ordering, window.after, "after"),
        _place(selection.model, ordering, window.before, "before"),
    )
    # Read from the end, the list begins behind its last place.
    direction, beyond, until = (
        (ordering.reversed(), before, after) if backwards else (ordering, after, before)
    )
    read = Read(columns, direction.terms, beyond=bool(beyond), until=bool(until), limited=True)
    fetch = selection.fetch_together if quick else selection.fetch
    rows = await fetch(read, *beyond, *until, size + 1) if size else []
    more, rows = len(rows) > size, rows[:size]
    length = len(rows) if size and not (more or beyond or until) else None
    if backwards:
        rows.reverse()
        has_next, has_previous = window.before is not None, more
    else:
        has_next, has_previous = more, window.after is not None
    return Page(rows, has_next, has_previous, ordering, _counter(selection, length))


def _place(model: type[Model], ordering: Ordering, cursor: str | None, argument: str) -> tuple[Any, ...]:
    """Return a value for each term of *ordering*; none without a cursor."""
    if cursor is None:
        return ()
    place = decode_cursor(model, ordering, cursor, argument=argument)
    return place[-len(ordering.terms) :]


def _counter(selection: Selection[Any], length: int | None) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return await counts.count(selection) if length is None else length

    return count
