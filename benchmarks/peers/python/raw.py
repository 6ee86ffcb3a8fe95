"""The floor: what somebody would write by hand for exactly these answers, with FastAPI, asyncpg and orjson.

With ``BENCH_DUTIES=1`` it has those of a server in production, too (see ``duties.py``).
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import orjson
from duties import LIVE_USER, Duties
from fastapi import Depends, FastAPI, Header, Request, Response
from signed_in import DATABASE_URL, POOL, amount, database_id, global_id, viewer_id

Row = Mapping[str, Any]
_DUTIES = bool(os.environ.get("BENCH_DUTIES"))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(DATABASE_URL, min_size=1, max_size=POOL) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan, openapi_url=None)


def _viewer(authorization: Annotated[str, Header()]) -> int:
    return viewer_id(authorization)


def _session_viewer(request: Request) -> int:
    return request.state.user["id"]


Viewer = Annotated[int, Depends(_session_viewer if _DUTIES else _viewer)]


def _answer(data: dict[str, Any]) -> Response:
    return Response(orjson.dumps({"data": data}, option=orjson.OPT_UTC_Z), media_type="application/json")


def _money(minor: int) -> dict[str, str]:
    return {"amount": amount(minor), "currency": "USD"}


async def _orders(viewer: int, size: int, *, with_user: bool) -> Response:
    async with app.state.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT id, status, created_at, total FROM orders WHERE user_id = $1"
            " ORDER BY created_at DESC, id DESC LIMIT $2",
            viewer,
            size + 1,
        )
        orders = rows[:size]
        lines = await connection.fetch(
            "SELECT order_id, quantity, product_id FROM order_items WHERE order_id = ANY($1) ORDER BY id",
            [row["id"] for row in orders],
        )
        products = await connection.fetch(
            "SELECT id, name, price FROM products WHERE id = ANY($1)",
            list({row["product_id"] for row in lines}),
        )
        if with_user:
            name = await connection.fetchval("SELECT full_name FROM users WHERE id = $1", viewer)
    found = {
        row["id"]: {
            "id": global_id("Product", row["id"]),
            "name": row["name"],
            "price": {"amount": amount(row["price"])},
        }
        for row in products
    }
    items: dict[int, list[Any]] = {row["id"]: [] for row in orders}
    for line in lines:
        items[line["order_id"]].append({"quantity": line["quantity"], "product": found[line["product_id"]]})
    nodes = [
        {
            "id": global_id("Order", row["id"]),
            "status": row["status"].upper(),
            "createdAt": row["created_at"],
            "total": _money(row["total"]),
            "items": items[row["id"]],
        }
        for row in orders
    ]
    if with_user:
        for node in nodes:
            node["user"] = {"fullName": name}
    return _answer({"orders": {"nodes": nodes, "pageInfo": {"hasNextPage": len(rows) > size}}})


@app.get("/nested-order-list")
async def nested_order_list(viewer: Viewer) -> Response:
    """20 orders, lines, products."""
    return await _orders(viewer, 20, with_user=False)


@app.get("/deep-100")
async def deep(viewer: Viewer) -> Response:
    """100 orders, lines, products, user."""
    return await _orders(viewer, 100, with_user=True)


@app.get("/order-by-id")
async def order_by_id(viewer: Viewer, id: str) -> Response:
    """One order with its lines."""
    key = database_id(id)
    async with app.state.pool.acquire() as connection:
        order = await connection.fetchrow(
            "SELECT status, shipping_address, created_at, total FROM orders WHERE id = $1 AND user_id = $2",
            key,
            viewer,
        )
        lines = await connection.fetch(
            "SELECT quantity, product_name, unit_price FROM order_items WHERE order_id = $1 ORDER BY id", key
        )
    return _answer(
        {
            "order": {
                "id": id,
                "status": order["status"].upper(),
                "shippingAddress": order["shipping_address"],
                "createdAt": order["created_at"],
                "total": _money(order["total"]),
                "items": [
                    {
                        "quantity": line["quantity"],
                        "productName": line["product_name"],
                        "unitPrice": _money(line["unit_price"]),
                    }
                    for line in lines
                ],
            }
        }
    )


async def _user(id: int) -> Row:
    return await app.state.pool.fetchrow(
        "SELECT email, full_name, is_admin, created_at FROM users WHERE id = $1 AND deleted_at IS NULL", id
    )


@app.get("/me")
async def me(viewer: Viewer, request: Request) -> Response:
    """The viewer; where the session is looked up, the user has come with it."""
    row = request.state.user if _DUTIES else await _user(viewer)
    created_at: datetime = row["created_at"]
    user = {
        "id": global_id("User", viewer),
        "email": row["email"],
        "fullName": row["full_name"],
        "isAdmin": row["is_admin"],
        "createdAt": created_at,
    }
    return _answer({"me": user})


@app.get("/product-search")
async def product_search(search: str) -> Response:
    """20 products with all words of the search."""
    words = [f"%{word.upper()}%" for word in search.split()]
    conditions = [
        f"AND (upper(name::varchar) LIKE ${n} OR upper(description::varchar) LIKE ${n})"
        for n in range(1, len(words) + 1)
    ]
    rows = await app.state.pool.fetch(
        "SELECT id, name, description, on_hand, price FROM products WHERE archived_at IS NULL"
        f" {' '.join(conditions)} ORDER BY created_at DESC, id DESC LIMIT 21",
        *words,
    )
    nodes = [
        {
            "id": global_id("Product", row["id"]),
            "name": row["name"],
            "description": row["description"],
            "onHand": row["on_hand"],
            "price": _money(row["price"]),
        }
        for row in rows[:20]
    ]
    return _answer({"products": {"nodes": nodes, "pageInfo": {"hasNextPage": len(rows) > 20}}})


_FLAT = {
    name: "SELECT id, name, description, on_hand, version, created_at, updated_at FROM products"
    f" WHERE archived_at IS NULL ORDER BY {order} LIMIT 100"
    for name, order in {
        "a": "created_at DESC, id DESC",
        "b": "price, id",
        "c": "price DESC, id DESC",
        "d": "name, id",
        "e": "name DESC, id DESC",
    }.items()
}


@app.get("/flat-500")
async def flat(viewer: Viewer) -> Response:  # noqa: ARG001 - every request is signed in
    """500 products in five lists."""
    data = {}
    async with app.state.pool.acquire() as connection:
        for name, statement in _FLAT.items():
            data[name] = {"nodes": [_leaves(row) for row in await connection.fetch(statement)]}
    return _answer(data)


def _leaves(row: Row) -> dict[str, Any]:
    return {
        "databaseId": row["id"],
        "name": row["name"],
        "description": row["description"],
        "onHand": row["on_hand"],
        "version": row["version"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


if _DUTIES:
    app.add_middleware(Duties, find_user=lambda session: app.state.pool.fetchrow(LIVE_USER, session))
