"""The rows of orders and stock: as they are stored, and as the model (``order_model.py``) has them."""

from typing import Any

from engine.postgres import fetch
from tests.tasks.order_model import Shop

ORDERS = "SELECT id, status, failure_code, attempts, total, worker FROM orders ORDER BY id"
ITEMS = "SELECT order_id, unit_price, failure_code, available FROM order_items ORDER BY id"
EVENTS = "SELECT order_id, status, failure_code, actor_id, worker, attempt FROM order_events ORDER BY id"
FAILURES = "SELECT order_id, attempt, worker, error FROM order_failures ORDER BY id"
PRODUCTS = "SELECT id, price, on_hand, archived_at IS NOT NULL FROM products ORDER BY id"
LEDGER = """
SELECT product_id, delta, on_hand_after, reason, order_id, actor_id FROM stock_movements ORDER BY id
"""
Rows = dict[str, dict[int, Any]]


def rows_of(shop: Shop) -> Rows:
    """What the model says is stored."""
    orders = sorted(shop.orders.items())
    return {
        "orders": {
            number: (order.status, order.code, order.attempts, order.total, order.worker)
            for number, order in orders
        },
        "items": {
            number: [(item.billed, item.code, item.available) for item in order.items]
            for number, order in orders
        },
        "events": {number: order.events for number, order in orders},
        "failures": {number: order.failures for number, order in orders if order.failures},
        "products": {
            number: (product.price, product.on_hand, product.archived)
            for number, product in sorted(shop.products.items())
        },
        "ledger": {number: product.ledger for number, product in shop.products.items() if product.ledger},
    }


async def stored_rows() -> Rows:
    """What is stored."""
    return {
        "orders": await _singles(ORDERS),
        "items": await _lists(ITEMS),
        "events": await _lists(EVENTS),
        "failures": await _lists(FAILURES),
        "products": await _singles(PRODUCTS),
        "ledger": await _lists(LEDGER),
    }


async def _singles(statement: str) -> dict[int, Any]:
    return {row[0]: tuple(row)[1:] for row in await fetch(statement)}


async def _lists(statement: str) -> dict[int, Any]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in await fetch(statement):
        found.setdefault(row[0], []).append(tuple(row)[1:])
    return found
