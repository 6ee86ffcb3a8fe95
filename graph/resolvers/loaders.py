"""Dataloaders: each loads all keys of a level at once.

Loaders live as long as one request, so they never show one viewer what another has loaded. What they hand out are
projected rows (:class:`engine.postgres.Row`) with the columns that the operation reads.

Requests that load at about the same time share the statement (:class:`engine.postgres.QueryBatcher`), and nothing
else: it is sent after all of them have asked, and each takes out of its rows what it asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby, repeat
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar
from uuid import UUID

from engine.postgres import MAX_SHAPES, Columns, QueryBatcher, Row, Select
from models import MAX_ID, OrderEventRow, OrderItemRow, OrderRow, ProductRow, UserRow

V = TypeVar("V")
R = TypeVar("R", bound=Row)

#: What an operation reads: columns by the name of their GraphQL type, none of a type that is missing; None if
#: nobody knows, which stands for all of every type.
Reads = Mapping[str, Columns] | None

_NOTHING: frozenset[str] = frozenset()
#: The primary key is the first column of every row.
_key_of: Callable[[Any], Any] = itemgetter(0)
_order_of: Callable[[Any], int] = attrgetter("order_id")
#: Seconds after which requests do not wait any longer for a batch in flight.
MAX_WAIT = 0.01

#: A primary key, or the part of one that rows are grouped by.
Key = int | UUID
#: Returns what there is by key.
Fetch = Callable[[Sequence[Any]], Awaitable[Mapping[Any, Any]]]


@dataclass(slots=True, eq=False)
class _Load:
    """Keys in flight; as long as they are not sent, others of the same request can come along."""

    keys: dict[Key, None]
    sent: bool = False


class Source:
    """Rows by some key, fetched for all requests that load at about the same time.

    Args:
        fetch: gets distinct keys.
        name: what the rows are, for the log.
    """

    def __init__(self, fetch: Fetch, name: str) -> None:
        self._fetch = fetch
        self._batcher: QueryBatcher[_Load, Mapping[Any, Any]] = QueryBatcher(
            self._send, max_wait=MAX_WAIT, name=f"Loads of {name}"
        )

    def submit(self, load: _Load) -> "asyncio.Future[Mapping[Any, Any]]":
        """Return what will have all there is of the keys, beside what others have asked for."""
        return self._batcher.submit(load)

    async def _send(self, loads: list[_Load]) -> list[Mapping[Any, Any]]:
        keys = loads[0].keys
        for load in loads:
            load.sent = True
        if len(loads) > 1:
            keys = dict.fromkeys(chain.from_iterable([load.keys for load in loads]))
        return [await self._fetch(list(keys))] * len(loads)


@lru_cache(maxsize=MAX_SHAPES)
def _by_id(row: type[Row], columns: Columns) -> Source:
    async def fetch(ids: Sequence[Key]) -> Mapping[Key, Any]:
        rows = (await Select(row).where(id__in=ids).fetch(columns)).rows
        return dict(zip(map(_key_of, rows), rows, strict=True))

    return Source(fetch, row.__name__)


@lru_cache(maxsize=MAX_SHAPES)
def _by_order(row: type[Row], columns: Columns) -> Source:
    async def fetch(order_ids: Sequence[int]) -> Mapping[int, Any]:
        # By order first: so the rows come as the index has them, unsorted, and those of an order together.
        rows = (await Select(row).where(order_id__in=order_ids).fetch(columns, ("order_id", "id"))).rows
        return {order_id: list(group) for order_id, group in groupby(rows, _order_of)}

    return Source(fetch, row.__name__)


class Loader(Generic[V]):
    """One request's rows of a source.

    Args:
        source: fetches them.
        default: stands for what is not there.
    """

    def __init__(self, source: Source, default: V) -> None:
        self._source = source
        self._default = default
        self._values: dict[Key, V] = {}
        self._in_flight: list[tuple[_Load, asyncio.Future[Mapping[Any, Any]]]] = []

    async def load(self, key: Key) -> V:
        """Return the value of one key. Raises whatever the database raises."""
        return (await self.load_many((key,)))[0]

    async def load_many(self, keys: Sequence[Key]) -> list[V]:
        """Return the values of *keys*, in their order. Raises whatever the database raises."""
        values = self._values
        missing = [key for key in keys if key not in values] if values else keys
        if missing:
            await (self._fetch_rest(missing) if self._in_flight else self._fetch(missing))
        return list(map(values.__getitem__, keys))

    async def _fetch_rest(self, keys: Sequence[Key]) -> None:
        """Fetch those of *keys* that are not in flight, and await the others."""
        rest, answers = keys, []
        for load, answer in self._in_flight:
            left = [key for key in rest if key not in load.keys]
            if left and not load.sent:
                load.keys.update(dict.fromkeys(left))
                left = []
            if len(left) < len(rest):
                rest = left
                answers.append(answer)
        if rest:
            await self._fetch(rest)
        # Not awaited themselves: whoever is cancelled here would cancel them for the one who has asked.
        if answers:
            await asyncio.wait(answers)
        if rest := [key for key in keys if key not in self._values]:
            await self._fetch(rest)  # who had asked was cancelled, or has got an error

    async def _fetch(self, keys: Sequence[Key]) -> None:
        load = _Load(dict.fromkeys(keys))
        answer = self._source.submit(load)
        self._in_flight.append((load, answer))
        try:
            found = (await answer).get
        finally:
            self._in_flight.remove((load, answer))
        self._values.update(zip(load.keys, map(found, load.keys, repeat(self._default)), strict=True))


class Loaders:
    """One request's loaders, made when first used: the part of a context that changes.

    Args:
        reads: what the operation reads of rows; everything if not given.
    """

    def __init__(self, reads: Reads = None) -> None:
        self._reads = reads
        self._loaders: dict[Source, Loader[Any]] = {}

    def columns_of(self, type_name: str) -> Columns:
        """Return what the operation reads of a GraphQL type; None stands for all."""
        return None if self._reads is None else self._reads.get(type_name, _NOTHING)

    def clear(self) -> None:
        """Forget what has been loaded, as after a change."""
        self._loaders.clear()

    def by_id(self, row: type[R], columns: Columns) -> Loader[R | None]:
        """Return the loader of rows by primary key; the caller checks who may see them."""
        return self._loader(_by_id(row, columns), None)  # type: ignore[arg-type]

    async def find(self, row: type[R], key: int, columns: Columns, *, largest: int = MAX_ID) -> R | None:
        """Return the row with a primary key, or None if there is none; the caller checks who may see it.

        Args:
            key: any number: one that no row can have is not asked for.
            largest: the key that the column can hold at most.
        """
        return await self.by_id(row, columns).load(key) if 0 < key <= largest else None

    def by_order(self, row: type[R], columns: Columns) -> Loader[list[R]]:
        """Return the loader of lists of rows by ``order_id``, sorted by id."""
        return self._loader(_by_order(row, columns), [])  # type: ignore[arg-type]

    def _loader(self, source: Source, default: Any) -> Loader[Any]:
        loader = self._loaders.get(source)
        if loader is None:
            loader = self._loaders[source] = Loader(source, default)
        return loader

    @property
    def users(self) -> Loader[UserRow | None]:
        """Users by id, deleted ones too: an order keeps its user."""
        return self.by_id(UserRow, self.columns_of("User"))

    @property
    def products(self) -> Loader[ProductRow | None]:
        """Products by id."""
        return self.by_id(ProductRow, self.columns_of("Product"))

    @property
    def orders(self) -> Loader[OrderRow | None]:
        """Orders by id; the caller checks who may see them."""
        return self.by_id(OrderRow, self.columns_of("Order"))

    @property
    def items(self) -> Loader[list[OrderItemRow]]:
        """Items by order, in the order they were given."""
        return self.by_order(OrderItemRow, self.columns_of("OrderItem"))

    @property
    def events(self) -> Loader[list[OrderEventRow]]:
        """History by order, oldest first; the statuses are always read."""
        columns = self.columns_of("OrderEvent")
        return self.by_order(OrderEventRow, columns if columns is None else columns | {"status"})
