"""Pages of a list: by key for GraphQL (steady at any depth), by offset for REST v1 (as documented)."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar
from unicodedata import normalize

import orjson

from core.errors import Problem, ValidationFailed
from engine.postgres import Columns, Row, Select, TotalCounts, check_value, column_type
from graph.resolvers.validation import refuse

MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 20
#: Characters of a search, and of each word of it: PostgreSQL may fold the pattern anew for every row.
MAX_SEARCH = 200
MAX_SEARCH_WORD = 60
#: Further words are ignored: each costs a look at the index.
MAX_SEARCH_WORDS = 8
SEARCH_BOUNDS = f"at most {MAX_SEARCH} characters, and {MAX_SEARCH_WORD} in a word"
#: PostgreSQL's largest bigint, and so the largest offset that it accepts.
MAX_BIGINT = 2**63 - 1
#: Of rows that are only looked for: the columns of their keys and rules are enough.
NO_COLUMNS: frozenset[str] = frozenset()
#: From this offset on, rows are skipped in the index alone. Below, looking up the rows afterwards costs more.
MIN_OFFSET_FOR_DEFERRED_JOIN = 1_000

R = TypeVar("R", bound=Row)


class Ordering(NamedTuple):
    """A column to sort by; ties are broken by ``id`` in the same direction."""

    column: str
    descending: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms for ``order_by``, both turned around when descending."""
        sign = "-" if self.descending else ""
        return (f"{sign}id",) if self.column == "id" else (f"{sign}{self.column}", f"{sign}id")

    def reversed(self) -> "Ordering":
        """The same, from the other end."""
        return Ordering(self.column, not self.descending)


NEWEST_FIRST = Ordering("created_at", descending=True)


@dataclass(frozen=True, slots=True)
class Keyset:
    """A window by cursor (Relay's cursor connections): *first* rows after a cursor, or *last* before one.

    Args:
        reads_rows: whether anybody will look at the page; else it is empty, and only its count is worth something.
    """

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    reads_rows: bool = True


@dataclass(frozen=True, slots=True)
class Offset:
    """A window by page number, counted from 1."""

    page: int = 1
    page_size: int = DEFAULT_PAGE_SIZE


Window = Keyset | Offset


#: Looks whether there is a row on one side of a page.
Look = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Page(Generic[R]):
    """Some rows of a list, in the list's order. ``count`` asks for the length of the whole list.

    ``has_next`` and ``has_previous`` tell of rows that reading the page has shown. Where it has shown none because it
    began or ended at a cursor, ``look_next`` and ``look_previous`` find out, at the cost of a statement.
    """

    rows: list[R]
    has_next: bool
    has_previous: bool
    ordering: Ordering
    count: Callable[[], Awaitable[int]]
    look_next: Look | None = None
    look_previous: Look | None = None

    def turned(self) -> "Page[R]":
        """Return the page as it is when it was read from the other end."""
        return Page(
            self.rows[::-1],
            self.has_previous,
            self.has_next,
            self.ordering,
            self.count,
            self.look_previous,
            self.look_next,
        )

    def cursor(self, row: R) -> str:
        """Return the opaque cursor of one of the rows."""
        return encode_cursor(self.ordering, row)


def encode_cursor(ordering: Ordering, row: Row) -> str:
    """Return where *row* stands in *ordering*."""
    value = getattr(row, ordering.column)
    if isinstance(value, datetime):
        value = value.isoformat()
    place = orjson.dumps([_list(row, ordering), value, row.id])
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def _list(row: Row | type[Row], ordering: Ordering) -> str:
    """Return what a cursor says of the list that it came from, so that no other list takes it for one of its own."""
    return f"{row.row_model.__name__}.{'-' if ordering.descending else ''}{ordering.column}"


def decode_cursor(row: type[Row], ordering: Ordering, cursor: str, *, argument: str) -> tuple[Any, int]:
    """Return the sort value and id that *cursor* stands for in a list of rows of a type.

    Raises:
        ValidationFailed: it is not one of ours, or of a list sorted otherwise.
    """
    try:
        origin, value, id = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if column_type(row, ordering.column) is datetime:
            value = datetime.fromisoformat(value).astimezone(UTC)
        if origin != _list(row, ordering) or "\0" in str(value):
            raise ValueError(cursor)
        check_value(row, ordering.column, value)
        check_value(row, "id", id)
        if id < 0 or (type(value) is int and value < 0):
            raise ValueError(cursor)
    except (ValueError, TypeError, OverflowError):
        problem = Problem((argument,), f"{argument} is not a cursor of this list in this order")
        raise ValidationFailed(problem) from None
    return value, id


def _size(value: int, argument: str) -> int:
    if not 0 <= value <= MAX_PAGE_SIZE:
        refuse(argument, f"{argument} must be between 0 and {MAX_PAGE_SIZE}")
    return value


def search_words(search: str) -> list[str]:
    """Return the words of a search that count.

    Raises:
        ValidationFailed: it is too long, or holds what cannot be stored.
    """
    if "\0" in search:
        refuse("search", "search contains characters that cannot be stored")
    words = search.split()[:MAX_SEARCH_WORDS] if len(search) <= MAX_SEARCH else None
    if words is None or any(len(word) > MAX_SEARCH_WORD for word in words):
        refuse("search", f"search must have {SEARCH_BOUNDS}")
    return words


def matching(select: Select[R], words: Sequence[str], *columns: str) -> Select[R]:
    """Keep the rows in which every one of *words* is part of one of the columns, whatever its case.

    A letter with an accent is found whether it is stored as one character (NFC) or as two (NFD).
    """
    spellings = [tuple({normalize("NFC", word): None, normalize("NFD", word): None}) for word in words]
    # In an order of their own, so that there are few different statements.
    return select.containing(sorted(spellings, key=len), *columns)


async def paginate(
    select: Select[R],
    ordering: Ordering,
    window: Window,
    *,
    counts: TotalCounts,
    columns: Columns = None,
    shared: bool = False,
) -> Page[R]:
    """Read one page of a list.

    Args:
        select: the whole list.
        ordering: how the list is sorted.
        window: which page.
        counts: the total counts of this process.
        columns: the attributes of the rows that will be looked at; all if not given.
        shared: an index has the rows as the page wants them, so that requests may wait for each other's pages.

    Raises:
        ValidationFailed: a size, page or cursor is out of bounds or malformed.
    """
    if isinstance(window, Offset):
        return await _by_offset(select, columns, ordering, window, counts, shared=shared)
    return await _by_key(select, columns, ordering, window, counts, shared=shared)


async def _by_offset(
    select: Select[R],
    columns: Columns,
    ordering: Ordering,
    window: Offset,
    counts: TotalCounts,
    *,
    shared: bool,
) -> Page[R]:
    if window.page < 1:
        refuse("page", "page must be at least 1")
    if not 1 <= window.page_size <= MAX_PAGE_SIZE:
        refuse("page_size", f"page_size must be between 1 and {MAX_PAGE_SIZE}")
    size, offset = window.page_size, min((window.page - 1) * window.page_size, MAX_BIGINT)
    # A page by number comes with the length of its list, in the same statement if that is cheap.
    rows, total = await select.fetch(
        columns,
        ordering.terms,
        limit=size + 1,
        offset=offset,
        deferred_join=offset >= MIN_OFFSET_FOR_DEFERRED_JOIN,
        with_total=not counts.is_known_to_be_long(select),
        shared=shared and not offset,
    )
    has_next = len(rows) > size
    if rows and not has_next:
        total = offset + len(rows)
    elif total is not None:
        counts.note(select, total)
    return Page(rows[:size], has_next, window.page > 1, ordering, _counter(select, total, counts))


async def _by_key(
    select: Select[R],
    columns: Columns,
    ordering: Ordering,
    window: Keyset,
    counts: TotalCounts,
    *,
    shared: bool,
) -> Page[R]:
    if window.first is not None and window.last is not None:
        refuse("last", "first and last cannot be used together")
    backwards = window.last is not None
    if backwards:
        size = _size(window.last or 0, "last")
    else:
        size = _size(DEFAULT_PAGE_SIZE if window.first is None else window.first, "first")
    after, before = (
        _place(select.row, ordering, window.after, "after"),
        _place(select.row, ordering, window.before, "before"),
    )
    if not window.reads_rows:
        return Page([], False, False, ordering, _counter(select, None, counts))
    if backwards:
        # Read from its end, the list begins at its last place.
        ordering_read, after, before = ordering.reversed(), before, after
    else:
        ordering_read = ordering
    terms = ordering_read.terms
    rows = (
        await select.fetch(columns, terms, after=after, before=before, limit=size + 1, shared=shared)
    ).rows
    more, rows = len(rows) > size, rows[:size]
    total = None if more or after or before else len(rows)
    # Beyond the end that was read towards nobody has looked if the page ended at a cursor before it was full.
    look_on = None if more or not before else _look(select, ordering_read, before)
    look_back = _look(select, ordering_read.reversed(), after) if after else None
    page = Page(rows, more, False, ordering, _counter(select, total, counts), look_on, look_back)
    return page.turned() if backwards else page


def _look(select: Select[R], ordering: Ordering, place: tuple[Any, ...]) -> Look:
    """Return what tells whether there is a row at *place* or after it."""

    async def look() -> bool:
        found = await select.fetch(NO_COLUMNS, ordering.terms, after=place, including=True, limit=1)
        return bool(found.rows)

    return look


def _place(row: type[Row], ordering: Ordering, cursor: str | None, argument: str) -> tuple[Any, ...]:
    """Return a value for each term of *ordering*; none without a cursor, for which Apollo sends an empty one."""
    if not cursor:
        return ()
    place = decode_cursor(row, ordering, cursor, argument=argument)
    return place[-len(ordering.terms) :]


def _counter(select: Select[Any], total: int | None, counts: TotalCounts) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return await counts.count(select) if total is None else total

    return count
