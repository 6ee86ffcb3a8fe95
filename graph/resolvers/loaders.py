"""Batches what nested fields ask for: each loader asks once for all keys of a level.

Loaders live as long as one request, so they never show one viewer what another has loaded. What they hand out are
rows (``engine.postgres.rows``) with the columns that the operation reads.

Requests that ask at about the same time share the statement (:class:`engine.batching.Batcher`), and nothing
else: it is sent after all of them have asked, and each takes out of its rows what it asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, groupby, repeat
from operator import itemgetter
from typing import Any, Generic, TypeVar

from tortoise.models import Model

from engine.batching import Batcher
from engine.postgres.client import Recorders, in_a_transaction, record_for, recorders
from engine.postgres.rows import row_columns
from engine.postgres.select import MAX_SHAPES, Read, Selection
from models import Order, OrderEvent, OrderItem, Product, User

V = TypeVar("V")

#: What an operation reads: attributes by the name of their GraphQL type; None (for a type, or at all) if nobody
#: knows.
Reads = Mapping[str, frozenset[str] | None] | None

_NOTHING: frozenset[str] = frozenset()
#: The primary key is the first column of every row.
_key_of: Callable[[Any], Any] = itemgetter(0)
#: Seconds after which requests do not wait any longer for a statement on its way.
MAX_WAIT = 0.01

Fetch = Callable[[Sequence[int]], Awaitable[Mapping[int, Any]]]


def read_of(reads: Reads, type_name: str) -> frozenset[str] | None:
    """Return the attributes that an operation reads of a type; None stands for all."""
    return None if reads is None else reads.get(type_name, _NOTHING)


@dataclass(slots=True, eq=False)
class _Asked:
    """Keys on their way; as long as they are not sent, others of the same request can come along."""

    keys: dict[int, None]
    recorders: Recorders
    sent: bool = False


class Source:
    """Rows of one model by some key, fetched for all requests that ask at about the same time."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._together: Batcher[_Asked, Mapping[int, Any]] = Batcher(self._send, max_wait=MAX_WAIT)

    def ask_soon(self, asked: _Asked) -> "asyncio.Future[Mapping[int, Any]]":
        """Return what will have all there is of the keys, beside what others have asked for."""
        if in_a_transaction():
            # It has a connection of its own, and sees what only it can see.
            asked.sent = True
            return asyncio.ensure_future(self._fetch(list(asked.keys)))
        return self._together.submit(asked)

    async def _send(self, several: list[_Asked]) -> list[Mapping[int, Any]]:
        keys = several[0].keys
        for asked in several:
            asked.sent = True
        if len(several) > 1:
            keys = dict.fromkeys(chain.from_iterable([asked.keys for asked in several]))
        with record_for(recorder for asked in several for recorder in asked.recorders):
            found = await self._fetch(list(keys))
        return [found] * len(several)


@lru_cache(maxsize=MAX_SHAPES)
def _by_id(model: type[Model], columns: tuple[str, ...]) -> Source:
    read = Read(columns)

    async def fetch(ids: Sequence[int]) -> Mapping[int, Any]:
        rows = await Selection(model).where(id__in=ids).fetch(read)
        return dict(zip(map(_key_of, rows), rows, strict=True))

    return Source(fetch)


@lru_cache(maxsize=MAX_SHAPES)
def _by_order(model: type[Model], columns: tuple[str, ...]) -> Source:
    # By order first: so the rows come as the index has them, unsorted, and those of an order together.
    read = Read(columns, ("order_id", "id"))
    order_of: Callable[[Any], int] = itemgetter(columns.index("order_id"))

    async def fetch(order_ids: Sequence[int]) -> Mapping[int, Any]:
        rows = await Selection(model).where(order_id__in=order_ids).fetch(read)
        return {order_id: list(group) for order_id, group in groupby(rows, order_of)}

    return Source(fetch)


class Loader(Generic[V]):
    """One request's rows of a source.

    Args:
        source: fetches them.
        default: stands for what is not there.
    """

    def __init__(self, source: Source, default: V) -> None:
        self._source = source
        self._default = default
        self._values: dict[int, V] = {}
        #: What is being fetched, and what ends then.
        self._on_the_way: list[tuple[_Asked, asyncio.Future[Mapping[int, Any]]]] = []

    async def load(self, key: int) -> V:
        """Return the value of one key. Raises whatever the database raises."""
        return (await self.load_many((key,)))[0]

    async def load_many(self, keys: Sequence[int]) -> list[V]:
        """Return the values of *keys*, in their order. Raises whatever the database raises."""
        values = self._values
        missing = [key for key in keys if key not in values] if values else keys
        if missing:
            await (self._fetch_rest(missing) if self._on_the_way else self._fetch(missing))
        return list(map(values.__getitem__, keys))

    async def _fetch_rest(self, keys: Sequence[int]) -> None:
        """Fetch those of *keys* that are not on their way, and await the others."""
        rest, answers = keys, []
        for asked, answer in self._on_the_way:
            left = [key for key in rest if key not in asked.keys]
            if left and not asked.sent:
                asked.keys.update(dict.fromkeys(left))
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

    async def _fetch(self, keys: Sequence[int]) -> None:
        asked = _Asked(dict.fromkeys(keys), recorders())
        answer = self._source.ask_soon(asked)
        self._on_the_way.append((asked, answer))
        try:
            found = (await answer).get
        finally:
            self._on_the_way.remove((asked, answer))
        self._values.update(zip(asked.keys, map(found, asked.keys, repeat(self._default)), strict=True))


class Loaders:
    """One request's loaders, made when first used.

    Args:
        reads: what the request reads of the rows that are loaded; everything if not given.
    """

    def __init__(self, reads: Reads = None) -> None:
        self.reads = reads

    @cached_property
    def users(self) -> Loader[User | None]:
        """Users by id, deleted ones too: an order keeps its user."""
        return Loader(_by_id(User, self._columns(User)), None)

    @cached_property
    def products(self) -> Loader[Product | None]:
        """Products by id."""
        return Loader(_by_id(Product, self._columns(Product)), None)

    @cached_property
    def orders(self) -> Loader[Order | None]:
        """Orders by id; the caller checks who may see them."""
        return Loader(_by_id(Order, self._columns(Order)), None)

    @cached_property
    def items(self) -> Loader[list[OrderItem]]:
        """Lines by order, in the order they were given."""
        return Loader(_by_order(OrderItem, self._columns(OrderItem)), [])

    @cached_property
    def events(self) -> Loader[list[OrderEvent]]:
        """History by order, oldest first."""
        return Loader(_by_order(OrderEvent, self._columns(OrderEvent)), [])

    def _columns(self, model: type[Model]) -> tuple[str, ...]:
        return row_columns(model, read_of(self.reads, model.__name__))
