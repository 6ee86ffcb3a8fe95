"""Batches what nested fields ask for: each loader sends one statement for all keys of a level.

Loaders live as long as one request, so they never show one viewer what another has loaded.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader
from tortoise.models import Model

from models import Order, OrderEvent, OrderItem, Product, User

M = TypeVar("M", bound=Model)


def _by_id(model: type[M]) -> Callable[[list[int]], Awaitable[Sequence[M | None]]]:
    async def load(ids: list[int]) -> Sequence[M | None]:
        rows = await model.filter(pk__in=ids)
        found = {row.pk: row for row in rows}
        return [found.get(id) for id in ids]

    return load


def _by_order(model: type[M]) -> Callable[[list[int]], Awaitable[Sequence[list[M]]]]:
    async def load(order_ids: list[int]) -> Sequence[list[M]]:
        groups: dict[int, list[M]] = {id: [] for id in order_ids}
        row: Any
        for row in await model.filter(order_id__in=order_ids).order_by("id"):
            groups[row.order_id].append(row)
        return [groups[id] for id in order_ids]

    return load


class Loaders:
    """One request's loaders, made when first used."""

    @cached_property
    def users(self) -> DataLoader[int, User | None]:
        """Users by id, deleted ones too: an order keeps its user."""
        return DataLoader(load_fn=_by_id(User))

    @cached_property
    def products(self) -> DataLoader[int, Product | None]:
        """Products by id."""
        return DataLoader(load_fn=_by_id(Product))

    @cached_property
    def orders(self) -> DataLoader[int, Order | None]:
        """Orders by id; the caller checks who may see them."""
        return DataLoader(load_fn=_by_id(Order))

    @cached_property
    def items(self) -> DataLoader[int, list[OrderItem]]:
        """Lines by order, in the order they were given."""
        return DataLoader(load_fn=_by_order(OrderItem))

    @cached_property
    def events(self) -> DataLoader[int, list[OrderEvent]]:
        """History by order, oldest first."""
        return DataLoader(load_fn=_by_order(OrderEvent))
