"""What the database refuses, whoever asks: each named constraint, by a row that is good but for one value."""

from datetime import date
from typing import Any

import asyncpg
import pytest
from tortoise import timezone
from tortoise.connection import get_connections
from tortoise.exceptions import IntegrityError

from core.resources import Resources
from models import OrderStatus, User
from tests.factories import make_order, make_product, make_user

pytestmark = pytest.mark.anyio

ROWS: dict[str, dict[str, Any]] = {
    "users": {"email": "new@example.com", "full_name": "New", "full_name_key": "new", "password_hash": "x"},
    "products": {"name": "Mug", "name_key": "mug", "price": 100, "on_hand": 0},
    "orders": {"user_id": 1, "shipping_address": "1 Test Street", "due_at": timezone.now()},
    "order_items": {
        "order_id": 1,
        "product_id": 1,
        "product_name": "Mug",
        "quantity": 1,
        "accepted_price": 5,
    },
    "order_events": {"order_id": 1, "status": "pending"},
    "order_failures": {"order_id": 1, "attempt": 1, "error": "LeaseExpired"},
    "stock_movements": {"product_id": 1, "delta": 1, "on_hand_after": 1, "reason": "adjustment"},
    "idempotency_keys": {
        "user_id": 1,
        "key": "new",
        "request_hash": "x",
        "order_id": 1,
        "expires_at": timezone.now(),
    },
    "api_usage": {"day": date(2026, 1, 1), "client": "shop", "operation": "listOrders", "calls": 1},
    "one_time_tokens": {
        "token_hash": "new",
        "user_id": 1,
        "purpose": "password_reset",
        "expires_at": timezone.now(),
    },
}

BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("users", "users_full_name_check", {"full_name": "  "}),
    ("users", "users_email_live", {"email": "taken@example.com"}),
    ("users", "users_email_check", {"email": "New@example.com"}),
    ("products", "products_name_check", {"name": " "}),
    ("products", "products_price_check", {"price": -1}),
    ("products", "products_on_hand_check", {"on_hand": -1}),
    ("orders", "orders_status_check", {"status": "shipped", "due_at": None}),
    ("orders", "orders_total_check", {"total": -1}),
    (
        "orders",
        "orders_failure_code_check",
        {"status": "failed", "failure_code": "BAD_LUCK", "due_at": None},
    ),
    ("orders", "orders_failed_has_reason", {"status": "failed", "due_at": None}),
    ("orders", "orders_failed_has_reason", {"failure_code": "OUT_OF_STOCK"}),
    ("orders", "orders_open_is_due", {"due_at": None}),
    ("orders", "orders_open_is_due", {"status": "completed"}),
    ("orders", "orders_user_id_fkey", {"user_id": 999}),
    ("orders", "orders_reference_check", {"reference": " "}),
    ("orders", "orders_reference", {"reference": "taken"}),
    ("order_items", "order_items_quantity_check", {"quantity": 0}),
    ("order_items", "order_items_accepted_price_check", {"accepted_price": -1}),
    ("order_items", "order_items_unit_price_check", {"unit_price": 4}),
    ("order_items", "order_items_failure_code_check", {"failure_code": "PROCESSING_ERROR"}),
    ("order_items", "order_items_available_check", {"failure_code": "OUT_OF_STOCK", "available": -1}),
    ("order_items", "order_items_short_has_available", {"failure_code": "OUT_OF_STOCK"}),
    ("order_items", "order_items_short_has_available", {"available": 0}),
    ("order_items", "order_items_product_id_fkey", {"product_id": 999}),
    ("order_events", "order_events_status_check", {"status": "shipped"}),
    ("order_failures", "order_failures_attempt_check", {"attempt": 0}),
    ("stock_movements", "stock_movements_delta_check", {"delta": 0}),
    ("stock_movements", "stock_movements_reason_check", {"reason": "theft"}),
    ("stock_movements", "stock_movements_idempotency", {"actor_id": 1, "idempotency_key": "used"}),
    ("idempotency_keys", "idempotency_keys_of_user", {"key": "used"}),
    ("api_usage", "api_usage_of_client", {"operation": "used"}),
    ("api_usage", "api_usage_calls_check", {"calls": -1}),
    ("one_time_tokens", "one_time_tokens_purpose_check", {"purpose": "magic_link"}),
    ("one_time_tokens", "one_time_tokens_email_check", {"email": "new@example.com"}),
    ("one_time_tokens", "one_time_tokens_email_check", {"purpose": "email_change"}),
    (
        "one_time_tokens",
        "one_time_tokens_of_user",
        {"purpose": "email_change", "email": "new@example.com"},
    ),
]


@pytest.fixture
async def rows(resources: Resources) -> None:
    """One row of everything, under the key 1."""
    user = await make_user(email="taken@example.com")
    order = await make_order(user, (await make_product(), 1), reference="taken")
    await insert("idempotency_keys", ROWS["idempotency_keys"] | {"key": "used"})
    await insert("stock_movements", ROWS["stock_movements"] | {"actor_id": 1, "idempotency_key": "used"})
    used = {"token_hash": "used", "purpose": "email_change", "email": "other@example.com"}
    await insert("one_time_tokens", ROWS["one_time_tokens"] | used)
    await insert("api_usage", ROWS["api_usage"] | {"operation": "used"})
    assert (user.id, order.id) == (1, 1)


async def insert(table: str, values: dict[str, Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
    await get_connections().get("default").execute_query(statement, [*values.values()])


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("table", ROWS)
async def test_a_good_row_is_stored(table: str) -> None:
    await insert(table, ROWS[table])


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("table", "constraint", "values"), BAD)
async def test_a_bad_row_is_refused(table: str, constraint: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError) as refusal:
        await insert(table, ROWS[table] | values)
    cause = refusal.value.__cause__
    assert isinstance(cause, asyncpg.IntegrityConstraintViolationError)
    assert cause.as_dict()["constraint_name"] == constraint


@pytest.mark.usefixtures("rows")
async def test_every_check_has_a_row_here_that_breaks_it() -> None:
    query = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    found = await get_connections().get("default").execute_query_dict(query)
    assert {row["conname"] for row in found} <= {constraint for _, constraint, _ in BAD}


async def test_the_email_of_a_deleted_user_is_free(resources: Resources) -> None:
    first = await make_user(email="ada@example.com")
    await User.filter(id=first.id).update(deleted_at=timezone.now())
    second = await make_user(email="ada@example.com")
    await User.filter(id=second.id).update(deleted_at=timezone.now())
    await make_user(email="ada@example.com")
    with pytest.raises(IntegrityError):
        await User.filter(id=first.id).update(deleted_at=None, email="ada@example.com")


async def test_users_and_products_of_orders_cannot_be_removed(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    await make_order(user, (product, 1), status=OrderStatus.CANCELLED)
    with pytest.raises(IntegrityError):
        await user.delete()
    with pytest.raises(IntegrityError):
        await product.delete()
