"""Ariadne with asyncpg and aiodataloader, on our schema."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg
from aiodataloader import DataLoader
from ariadne import ObjectType, QueryType, ScalarType, make_executable_schema
from ariadne.asgi import GraphQL
from graphql import DocumentNode, GraphQLError, parse, validate
from signed_in import DATABASE_URL, POOL, amount, database_id, global_id, viewer_id
from starlette.applications import Starlette
from starlette.routing import Route

Load = Callable[[list[int]], Awaitable[Sequence[Any]]]

USER = "id, email, full_name, is_admin, created_at"
ORDER = "id, user_id, status, total, shipping_address, failure_code, version, created_at, updated_at"
ITEM = "order_id, product_id, quantity, product_name, unit_price"
PRODUCT = "id, name, description, price, on_hand, version, archived_at, created_at, updated_at"

query = QueryType()
order_type, item_type, product_type, user_type = (
    ObjectType(name) for name in ("Order", "OrderItem", "Product", "User")
)
date_time = ScalarType("DateTime", serializer=lambda value: value.isoformat().replace("+00:00", "Z"))


def _by_id(pool: asyncpg.Pool, statement: str) -> Load:
    async def load(ids: list[int]) -> Sequence[Any]:
        found = {row["id"]: dict(row) for row in await pool.fetch(statement, ids)}
        return [found.get(id) for id in ids]

    return load


def _items(pool: asyncpg.Pool) -> Load:
    async def load(order_ids: list[int]) -> Sequence[Any]:
        groups: dict[int, list[Any]] = {id: [] for id in order_ids}
        for row in await pool.fetch(
            f"SELECT {ITEM} FROM order_items WHERE order_id = ANY($1) ORDER BY id", order_ids
        ):
            groups[row["order_id"]].append(dict(row))
        return [groups[id] for id in order_ids]

    return load


async def context(request: Any, _data: Any) -> dict[str, Any]:
    """Return what resolvers share: who asks, the pool, fresh loaders."""
    pool = request.app.state.pool
    return {
        "viewer": viewer_id(request.headers.get("authorization", "")),
        "pool": pool,
        "items": DataLoader(_items(pool)),
        "products": DataLoader(_by_id(pool, f"SELECT {PRODUCT} FROM products WHERE id = ANY($1)")),
        "users": DataLoader(
            _by_id(pool, f"SELECT {USER} FROM users WHERE id = ANY($1) AND deleted_at IS NULL")
        ),
    }


def _page(rows: Sequence[Any], size: int) -> dict[str, Any]:
    return {"nodes": [dict(row) for row in rows[:size]], "page_info": {"has_next_page": len(rows) > size}}


@query.field("me")
async def resolve_me(_root: Any, info: Any) -> Any:
    """Return the viewer."""
    context = info.context
    row = await context["pool"].fetchrow(
        f"SELECT {USER} FROM users WHERE id = $1 AND deleted_at IS NULL", context["viewer"]
    )
    return row and dict(row)


@query.field("order")
async def resolve_order(_root: Any, info: Any, id: str) -> Any:
    """Return one order of the viewer."""
    context = info.context
    row = await context["pool"].fetchrow(
        f"SELECT {ORDER} FROM orders WHERE id = $1 AND user_id = $2", database_id(id), context["viewer"]
    )
    return row and dict(row)


@query.field("orders")
async def resolve_orders(_root: Any, info: Any, first: int | None = None, **_: Any) -> Any:
    """Return the viewer's newest orders."""
    size = min(20 if first is None else first, 100)
    rows = await info.context["pool"].fetch(
        f"SELECT {ORDER} FROM orders WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        info.context["viewer"],
        size + 1,
    )
    return _page(rows, size)


@query.field("products")
async def resolve_products(
    _root: Any,
    info: Any,
    first: int | None = None,
    filter: dict[str, Any] | None = None,
    order_by: dict[str, str] | None = None,
    **_: Any,
) -> Any:
    """Return products on sale."""
    size = min(20 if first is None else first, 100)
    words = [f"%{word.upper()}%" for word in ((filter or {}).get("search") or "").split()]
    conditions = "".join(
        f" AND (upper(name::varchar) LIKE ${n} OR upper(description::varchar) LIKE ${n})"
        for n in range(2, len(words) + 2)
    )
    column, way = (order_by["field"].lower(), order_by["direction"]) if order_by else ("created_at", "DESC")
    rows = await info.context["pool"].fetch(
        f"SELECT {PRODUCT} FROM products WHERE archived_at IS NULL{conditions}"
        f" ORDER BY {column} {way}, id {way} LIMIT $1",
        size + 1,
        *words,
    )
    return _page(rows, size)


def _money(minor: int) -> dict[str, str]:
    return {"amount": amount(minor), "currency": "USD"}


for _type, _name in ((order_type, "Order"), (product_type, "Product"), (user_type, "User")):
    _type.set_field("id", lambda row, _info, name=_name: global_id(name, row["id"]))
    _type.set_field("databaseId", lambda row, _info: row["id"])
order_type.set_field("status", lambda row, _info: row["status"].upper())
order_type.set_field("total", lambda row, _info: _money(row["total"]))
order_type.set_field("items", lambda row, info: info.context["items"].load(row["id"]))
order_type.set_field("user", lambda row, info: info.context["users"].load(row["user_id"]))
item_type.set_field("unitPrice", lambda row, _info: _money(row["unit_price"]))
item_type.set_field("product", lambda row, info: info.context["products"].load(row["product_id"]))
product_type.set_field("price", lambda row, _info: _money(row["price"]))
product_type.set_field("inStock", lambda row, _info: row["on_hand"] > 0)

schema = make_executable_schema(
    Path(os.environ["BENCH_SCHEMA"]).read_text(),
    query,
    order_type,
    item_type,
    product_type,
    user_type,
    date_time,
    convert_names_case=True,
)


@lru_cache(maxsize=1000)
def _parsed(text: str) -> DocumentNode:
    return parse(text)


@lru_cache(maxsize=1000)
def _valid(text: str) -> list[GraphQLError]:
    return validate(schema, _parsed(text))


def _validate(_schema: Any, document: DocumentNode, *_: Any, **__: Any) -> list[GraphQLError]:
    return _valid(document.loc.source.body) if document.loc else validate(schema, document)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(DATABASE_URL, min_size=1, max_size=POOL) as pool:
        app.state.pool = pool
        yield


app = Starlette(
    routes=[
        Route(
            "/graphql",
            GraphQL(
                schema,
                context_value=context,
                introspection=True,
                query_parser=lambda _context, data: _parsed(data["query"]),
                query_validator=_validate,
            ),
        )
    ],
    lifespan=_lifespan,
)
