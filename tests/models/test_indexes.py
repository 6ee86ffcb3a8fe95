"""The lists run on the indexes that were made for them."""

import re
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from engine.postgres import record_statements
from graph.types.nodes import encode_id
from tasks.schedule import sweep
from tests.client import Client
from tests.conftest import rewrite
from tests.factories import PASSWORD, make_admin, make_token

pytestmark = pytest.mark.anyio


def query(field: str, closing: str = "") -> dict[str, Any]:
    text = f"{{ {field} {{ nodes {{ id }} }} }} {closing}"
    return {"method": "POST", "url": "/graphql", "json": {"query": text}}


def of_order(field: str) -> dict[str, Any]:
    text = f'{{ order(id: "{encode_id("Order", 1)}") {{ trace {{ {field} }} }} }}'
    return {"method": "POST", "url": "/graphql", "json": {"query": text}}


def get(url: str) -> dict[str, Any]:
    return {"method": "GET", "url": f"/api/v1{url}"}


REQUESTS = [
    (get("/orders"), "orders_of_user"),
    (get("/orders?status=completed"), "orders_of_user_by_status"),
    (query("orders(first: 5)"), "orders_of_user"),
    (get("/orders?reference=4711"), "orders_reference"),
    (query("allOrders(first: 5)"), "orders_list"),
    (query('allOrders(first: 5, filter: {reference: "4711"})'), "orders_reference"),
    (query("allOrders(first: 5, filter: {status: [PENDING]})"), "orders_by_status"),
    (query("stuckOrders(first: 5)"), "orders_open"),
    (of_order("lastFailure { error }"), "order_failures_of_order"),
    (of_order("failures(first: 5) { nodes { error } }"), "order_failures_of_order"),
    (of_order("stockMovements { id }"), "stock_movements_of_order"),
    (query("allOrders(first: 5, filter: {failureCode: PROCESSING_ERROR})"), "orders_by_failure"),
    (query('allOrders(first: 5, filter: {productId: "UHJvZHVjdDox"})'), "order_items_of_product"),
    # Its orders first: the list of all could be long before the first of them.
    (query('allOrders(first: 5, filter: {productId: "UHJvZHVjdDox"})'), "InitPlan"),
    (query('allOrders(first: 5, filter: {userId: "VXNlcjo5"})'), "orders_of_user"),
    (query('orders(first: 5, filter: {productId: "UHJvZHVjdDox"})'), "orders_of_user"),
    (get("/users"), "users_list"),
    (get("/products"), "products_list"),
    (query('products(first: 5, filter: {search: "coffee"})'), "products_search"),
    (query("products(first: 5, orderBy: {field: NAME, direction: ASC})"), "products_by_name"),
    (query("users(first: 5, orderBy: {field: FULL_NAME, direction: ASC})"), "users_by_name"),
    (query("products(first: 5, orderBy: {field: PRICE, direction: ASC})"), "products_by_price"),
    (
        query(
            f'node(id: "{encode_id("Product", 1)}") {{ ... on Product {{ stockMovements(first: 5)',
            closing="} }",
        ),
        "stock_movements_of_product",
    ),
    (
        {
            "method": "POST",
            "url": "/api/v1/auth/login",
            "json": {"username": "a@b.org", "password": PASSWORD},
        },
        "users_email_live",
    ),
    (get("/orders/1"), "order_items_of_order"),
]


#: A shop in which reading a whole table is not the fastest way to anything.
FILL = """
INSERT INTO users (email, full_name, full_name_key, password_hash)
SELECT 'user' || n || '@example.net', 'User ' || n, 'user ' || n, 'x' FROM generate_series(1, 2000) AS n;
INSERT INTO products (name, name_key, description, price, on_hand, created_at)
SELECT 'Product ' || md5(n::text), 'product ' || md5(n::text), md5((-n)::text), n, 5, now() - n * interval '1 minute'
FROM generate_series(1, 2000) AS n;
INSERT INTO orders (user_id, shipping_address, reference, status, due_at, created_at)
SELECT CASE WHEN n % 4 = 0 THEN 1 ELSE 1 + n % 2000 END, '1 Test Street', CASE WHEN n % 2 = 0 THEN n::text END,
    CASE WHEN n % 100 = 0 THEN 'pending' ELSE 'completed' END,
    CASE WHEN n % 100 = 0 THEN now() + interval '1 minute' END, now() - n * interval '1 minute'
FROM generate_series(1, 8000) AS n;
INSERT INTO order_items (order_id, product_id, product_name, quantity, accepted_price)
SELECT id, 1 + id % 2000, 'Mug', 1, 100 FROM orders;
INSERT INTO stock_movements (product_id, delta, on_hand_after, reason)
SELECT 1 + n % 200, 1, 1, 'adjustment' FROM generate_series(1, 20000) AS n;
INSERT INTO order_failures (order_id, attempt, error)
SELECT 1 + n % 8000, 1, 'LeaseExpired' FROM generate_series(1, 16000) AS n;
INSERT INTO sessions (id, user_id, token_hash, expires_at)
SELECT gen_random_uuid(), 1 + n % 2000, 'x', now() + interval '1 day' FROM generate_series(1, 3000) AS n;
INSERT INTO idempotency_keys (user_id, key, request_hash, order_id, expires_at)
SELECT 1, n::text, 'x', 1, now() + interval '1 day' FROM generate_series(1, 3000) AS n;
INSERT INTO one_time_tokens (token_hash, user_id, purpose, expires_at)
SELECT n::text, n, 'password_reset', now() + interval '1 day' FROM generate_series(1, 2000) AS n;
INSERT INTO api_usage (day, client, operation, calls)
SELECT current_date - n % 100, n::text, 'listOrders', 1 FROM generate_series(1, 5000) AS n;
ANALYZE users, products, orders, order_items, order_failures, stock_movements, sessions, idempotency_keys,
    one_time_tokens, api_usage;
"""


#: Columns that an index holds beside those it sorts by tempt to read that one, and to sort.
SELECTIONS = {
    "orders": ("id", "id status", "id status createdAt", "id total { amount }", "shippingAddress"),
    "allOrders": ("id", "id status", "id status createdAt", "id total { amount }", "shippingAddress"),
    "users": ("id", "fullName", "email createdAt"),
    "products": ("id", "name", "description price { amount }"),
}
#: A hundred users of two hundred orders each: enough that reading them all and sorting them seems worth a thought.
MANY_ORDERS = """
DELETE FROM orders WHERE user_id > 100;
INSERT INTO orders (user_id, shipping_address, status, created_at)
SELECT 1 + n % 100, '1 Test Street', 'completed', now() - n * interval '1 second' FROM generate_series(1, 20000) AS n
"""
SWEEP_INDEXES = (
    "orders_due",
    "idempotency_keys_expiry",
    "sessions_expiry",
    "one_time_tokens_expiry",
    "orders_with_address",
    "users_to_erase",
    "api_usage_of_client",
)


async def plans(connection: asyncpg.Connection, statements: Sequence[str]) -> str:
    """Return how these statements would be run, whatever their parameters."""
    found = [await _explain(connection, number, text) for number, text in enumerate(statements)]
    return "\n".join(found)


async def _explain(connection: asyncpg.Connection, number: int, statement: str) -> str:
    if not statement.lstrip().upper().startswith(("SELECT", "WITH", "DELETE")):
        return ""
    await connection.execute(f"PREPARE p{number} AS {statement}")
    nulls = ", ".join("NULL" for _ in set(re.findall(r"\$\d+", statement)))
    rows = await connection.fetch(f"EXPLAIN EXECUTE p{number}{f'({nulls})' if nulls else ''}")
    await connection.execute(f"DEALLOCATE p{number}")
    return "\n".join(row["QUERY PLAN"] for row in rows)


@pytest.mark.slow
async def test_no_page_is_sorted_whatever_is_selected(client: Client, database_url: str) -> None:
    token = await make_token(client.resources, await make_admin())
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(FILL)
        await rewrite(connection, MANY_ORDERS)
        await connection.execute("VACUUM ANALYZE orders")
        await connection.execute(
            "SET plan_cache_mode = force_generic_plan; SET max_parallel_workers_per_gather = 0"
        )
        for field, selections in SELECTIONS.items():
            for selection in selections:
                await _require_ordered(client, connection, token, field, selection)
    finally:
        await connection.close()


async def _require_ordered(
    client: Client, connection: asyncpg.Connection, token: str, field: str, selection: str
) -> None:
    document = (
        f"query($after: String, $before: String, $last: Int) {{ {field}(after: $after, before: $before,"
    )
    document += f" last: $last) {{ nodes {{ {selection} }} pageInfo {{ endCursor }} }} }}"
    variables: dict[str, Any] = {}
    for _ in range(3):
        with record_statements() as statements:
            answer = await client.graphql(document, variables, token=token)
        pages = [text for text in statements if "ORDER BY" in text]
        assert len(pages) == 1
        plan = await plans(connection, pages)
        assert "Sort" not in plan, f"{selection} of {field} {variables}:\n{plan}"
        cursor = answer.data[field]["pageInfo"]["endCursor"]
        variables = {"before": cursor, "last": 5} if "after" in variables else {"after": cursor}


@pytest.mark.slow
async def test_the_lists_run_on_their_indexes(client: Client, database_url: str) -> None:
    headers = await client.headers(await make_admin())
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(FILL)
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        for request, index in REQUESTS:
            with record_statements() as statements:
                answer = await client.rest.request(**request, headers=headers)
            assert "errors" not in answer.json()
            # How rare the words of a search are is unknown here: that the index fits is what can be shown.
            switch = "off" if index == "products_search" else "on"
            await connection.execute(f"SET enable_indexscan = {switch}; SET enable_seqscan = {switch}")
            plan = await plans(connection, statements)
            assert f" {index} " in plan, f"{request} does not run on {index}:\n{plan}"

        with record_statements() as statements:
            await sweep(client.resources.settings.model_copy(update={"address_days": 1}))
        plan = await plans(connection, statements)
        assert not [index for index in SWEEP_INDEXES if f" {index} " not in plan], plan
    finally:
        await connection.close()
