"""Batches what nested fields ask for: each loader sends one statement for all keys of a level.

Loaders live as long as one request, so they never show one viewer what another has loaded. What they hand out are
rows (``models.rows``) with the columns that the operation reads.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from tortoise.models import Model

from graph.execution import BatchLoader
from models import Order, OrderEvent, OrderItem, Product, User
from models.rows import row_columns
from models.statements import Read, Selection

M = TypeVar("M", bound=Model)

#: What an operation reads: attributes by the name of their GraphQL type; None (for a type, or at all) if nobody
#: knows.
Reads = Mapping[str, frozenset[str] | None] | None

_NOTHING: frozenset[str] = frozenset()
#: The primary key is the first column of every row.
_key_of: Callable[[Any], Any] = itemgetter(0)


def read_of(reads: Reads, type_name: str) -> frozenset[str] | None:
    """Return the attributes that an operation reads of a type; None stands for all."""
    return None if reads is None else reads.get(type_name, _NOTHING)


class Loaders:
    """One request's loaders, made when first used.

    Args:
        reads: what the request reads of the rows that are loaded; everything if not given.
    """

    def __init__(self, reads: Reads = None) -> None:
        self.reads = reads

    @cached_property
    def users(self) -> BatchLoader[int, User | None]:
        """Users by id, deleted ones too: an order keeps its user."""
        return BatchLoader(self._by_id(User), None)

    @cached_property
    def products(self) -> BatchLoader[int, Product | None]:
        """Products by id."""
        return BatchLoader(self._by_id(Product), None)

    @cached_property
    def orders(self) -> BatchLoader[int, Order | None]:
        """Orders by id; the caller checks who may see them."""
        return BatchLoader(self._by_id(Order), None)

    @cached_property
    def items(self) -> BatchLoader[int, list[OrderItem]]:
        """Lines by order, in the order they were given."""
        return BatchLoader(self._by_order(OrderItem), [])

    @cached_property
    def events(self) -> BatchLoader[int, list[OrderEvent]]:
        """History by order, oldest first."""
        return BatchLoader(self._by_order(OrderEvent), [])

    def _columns(self, model: type[Model]) -> tuple[str, ...]:
        return row_columns(model, read_of(self.reads, model.__name__))

    def _by_id(self, model: type[M]) -> Callable[[list[int]], Awaitable[Mapping[int, M | None]]]:
        read = Read(self._columns(model))

        async def fetch(ids: list[int]) -> Mapping[int, M | None]:
            rows = await Selection(model).where(id__in=ids).fetch(read)
            return dict(zip(map(_key_of, rows), rows, strict=True))

        return fetch

    def _by_order(self, model: type[M]) -> Callable[[list[int]], Awaitable[Mapping[int, list[M]]]]:
        columns = self._columns(model)
        # By order first: so the rows come as the index has them, unsorted, and those of an order together.
        read = Read(columns, ("order_id", "id"))
        order_of: Callable[[Any], int] = itemgetter(columns.index("order_id"))

        async def fetch(order_ids: list[int]) -> Mapping[int, list[M]]:
            rows = await Selection(model).where(order_id__in=order_ids).fetch(read)
            return {order_id: list(group) for order_id, group in groupby(rows, order_of)}

        return fetch
