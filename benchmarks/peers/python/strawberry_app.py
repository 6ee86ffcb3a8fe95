"""Stock Strawberry on FastAPI's router, with Tortoise models and its own DataLoader: the usual way, caches on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import Enum
from typing import Any

import shop_models as models
import strawberry
from fastapi import FastAPI, Header
from signed_in import DATABASE_URL, POOL, amount, database_id, global_id, viewer_id
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.fastapi import GraphQLRouter
from tortoise.contrib.fastapi import RegisterTortoise
from tortoise.expressions import Q

Info = strawberry.Info[Any, None]
OrderStatus = strawberry.enum(models.OrderStatus)


@strawberry.type
class Money:
    """An amount."""

    amount: str
    currency: str


def _money(minor: int) -> Money:
    return Money(amount=amount(minor), currency="USD")


@strawberry.type
class User:
    """Somebody."""

    email: str
    full_name: str
    is_admin: bool
    created_at: datetime

    @strawberry.field
    def id(root: strawberry.Parent[models.User]) -> strawberry.ID:
        """Return the global id."""
        return strawberry.ID(global_id("User", root.id))


@strawberry.type
class Product:
    """Something to sell."""

    name: str
    description: str
    on_hand: int
    version: int
    created_at: datetime
    updated_at: datetime

    @strawberry.field
    def id(root: strawberry.Parent[models.Product]) -> strawberry.ID:
        """Return the global id."""
        return strawberry.ID(global_id("Product", root.id))

    @strawberry.field
    def database_id(root: strawberry.Parent[models.Product]) -> int:
        """Return the key."""
        return root.id

    @strawberry.field
    def price(root: strawberry.Parent[models.Product]) -> Money:
        """Return the price."""
        return _money(root.price)


@strawberry.type
class OrderItem:
    """A line."""

    quantity: int
    product_name: str

    @strawberry.field
    def unit_price(root: strawberry.Parent[models.OrderItem]) -> Money:
        """Return the price of one."""
        return _money(root.unit_price)

    @strawberry.field(graphql_type=Product)
    async def product(root: strawberry.Parent[models.OrderItem], info: Info) -> Any:
        """Load the product."""
        return await info.context["products"].load(root.product_id)


@strawberry.type
class Order:
    """An order."""

    status: OrderStatus
    shipping_address: str
    created_at: datetime

    @strawberry.field
    def id(root: strawberry.Parent[models.Order]) -> strawberry.ID:
        """Return the global id."""
        return strawberry.ID(global_id("Order", root.id))

    @strawberry.field
    def total(root: strawberry.Parent[models.Order]) -> Money:
        """Return the total."""
        return _money(root.total)

    @strawberry.field(graphql_type=list[OrderItem])
    async def items(root: strawberry.Parent[models.Order], info: Info) -> Any:
        """Load the lines."""
        return await info.context["items"].load(root.id)

    @strawberry.field(graphql_type=User | None)
    async def user(root: strawberry.Parent[models.Order], info: Info) -> Any:
        """Load the user."""
        return await info.context["users"].load(root.user_id)


@strawberry.type
class PageInfo:
    """Whether there is more."""

    has_next_page: bool


@strawberry.type
class OrderConnection:
    """A page of orders."""

    nodes: list[Order]
    page_info: PageInfo


@strawberry.type
class ProductConnection:
    """A page of products."""

    nodes: list[Product]
    page_info: PageInfo


@strawberry.enum
class ProductSortField(Enum):
    """What to sort by."""

    CREATED_AT = "created_at"
    NAME = "name"
    PRICE = "price"


@strawberry.enum
class SortDirection(Enum):
    """Which way."""

    ASC = ""
    DESC = "-"


@strawberry.input
class ProductSort:
    """How to sort products."""

    field: ProductSortField
    direction: SortDirection


@strawberry.input
class ProductFilter:
    """Which products."""

    search: str | None = None


async def _page(kind: Any, rows: Any, first: int) -> Any:
    size = min(first, 100)
    found = await rows.limit(size + 1)
    return kind(nodes=found[:size], page_info=PageInfo(has_next_page=len(found) > size))


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field(graphql_type=User | None)
    async def me(self, info: Info) -> Any:
        """Return the viewer."""
        return await models.User.get_or_none(id=info.context["viewer"], deleted_at__isnull=True)

    @strawberry.field(graphql_type=Order | None)
    async def order(self, info: Info, id: strawberry.ID) -> Any:
        """Return one of the viewer's orders."""
        return await models.Order.get_or_none(id=database_id(id), user_id=info.context["viewer"])

    @strawberry.field(graphql_type=OrderConnection | None)
    async def orders(self, info: Info, first: int = 20) -> Any:
        """Return the viewer's newest orders."""
        rows = models.Order.filter(user_id=info.context["viewer"]).order_by("-created_at", "-id")
        return await _page(OrderConnection, rows, first)

    @strawberry.field(graphql_type=ProductConnection | None)
    async def products(
        self, first: int = 20, filter: ProductFilter | None = None, order_by: ProductSort | None = None
    ) -> Any:
        """Return products on sale."""
        rows = models.Product.filter(archived_at__isnull=True)
        for word in ((filter and filter.search) or "").split():
            rows = rows.filter(Q(name__icontains=word) | Q(description__icontains=word))
        way = order_by.direction.value if order_by else "-"
        column = order_by.field.value if order_by else "created_at"
        return await _page(ProductConnection, rows.order_by(f"{way}{column}", f"{way}id"), first)


def _items() -> DataLoader[int, list[models.OrderItem]]:
    async def load(order_ids: list[int]) -> list[list[models.OrderItem]]:
        groups: dict[int, list[models.OrderItem]] = {id: [] for id in order_ids}
        for row in await models.OrderItem.filter(order_id__in=order_ids).order_by("id"):
            groups[row.order_id].append(row)
        return [groups[id] for id in order_ids]

    return DataLoader(load_fn=load)


def _by_id(model: Any) -> DataLoader[int, Any]:
    async def load(ids: list[int]) -> list[Any]:
        found = {row.id: row for row in await model.filter(id__in=ids)}
        return [found.get(id) for id in ids]

    return DataLoader(load_fn=load)


async def get_context(authorization: str = Header()) -> dict[str, Any]:
    """Return who asks, and fresh loaders."""
    return {
        "viewer": viewer_id(authorization),
        "items": _items(),
        "products": _by_id(models.Product),
        "users": _by_id(models.User),
    }


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # Tortoise's own default are 5 connections; every server here gets the same number.
    url = f"{DATABASE_URL.replace('postgres://', 'asyncpg://')}?minsize=1&maxsize={POOL}"
    async with RegisterTortoise(app, db_url=url, modules={"models": ["shop_models"]}, use_tz=True):
        yield


schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
app = FastAPI(lifespan=_lifespan, openapi_url=None)
app.include_router(GraphQLRouter(schema, context_getter=get_context, graphql_ide=None), prefix="/graphql")
