"""``tandem trace`` and ``tandem retry``, run as an operator would, without Redis."""

import json
import re
from typing import Any

import pytest

from graph.types.nodes import encode_id
from tests.test_cli import assert_one_sentence
from tests.test_cli_data import Terminal, terminal

pytestmark = pytest.mark.slow

__all__ = ["terminal"]

SHOP = """
INSERT INTO users (email, full_name, full_name_key, password_hash) VALUES ('a@example.com', 'A', 'a', 'x');
INSERT INTO products (name, name_key, price, on_hand) VALUES ('Mug' || chr(27) || '[2J', 'mug', 100, 3);
INSERT INTO orders (user_id, shipping_address, status, failure_code, attempts)
SELECT 1, CASE WHEN n < 4 THEN '1 Test Street' ELSE '' END, 'failed',
    CASE n WHEN 3 THEN 'OUT_OF_STOCK' ELSE 'PROCESSING_ERROR' END, 31 FROM generate_series(1, 4) AS n;
INSERT INTO order_items (order_id, product_id, product_name, quantity, accepted_price)
SELECT id, 1, 'Mug', 2, 100 FROM orders;
INSERT INTO order_events (order_id, status, actor_id, request_id, worker, attempt)
SELECT id, 'pending', 1, 'request-' || id, NULL, NULL FROM orders;
INSERT INTO order_events (order_id, status, failure_code, worker, attempt)
SELECT id, 'failed', failure_code, 'host:1', 31 FROM orders;
INSERT INTO order_failures (order_id, attempt, worker, request_id, error, message)
VALUES (1, 30, 'host:1', 'request-1', 'RuntimeError', 'no luck');
INSERT INTO stock_movements (product_id, delta, on_hand_after, reason) VALUES (1, 5, 5, 'initial');
INSERT INTO stock_movements (product_id, delta, on_hand_after, reason, order_id) VALUES (1, -2, 3, 'sale', 2);
"""


@pytest.fixture
def shop(terminal: Terminal) -> Terminal:
    assert terminal.run("migrate").returncode == 0
    for statement in SHOP.strip().split(";\n"):
        terminal.fetch(statement)
    return terminal


def from_json(terminal: Terminal, *arguments: str, code: int = 0) -> Any:
    done = terminal.run(*arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_an_order_is_traced_by_number_and_by_global_id(shop: Terminal) -> None:
    text = shop.start("trace", "1")
    assert text.returncode == 0
    first, *steps, last = text.stdout.splitlines()
    assert first == f"Order 1 ({encode_id('Order', 1)}) of user 1 is failed (PROCESSING_ERROR)."
    assert [re.sub(r"^\S+ \S+Z +", "", step) for step in steps] == [
        "pending     by user 1 (request request-1)",
        "failed      attempt 31 by host:1",
        "FAILURE     attempt 30 by host:1 (request request-1): RuntimeError: no luck",
    ]
    assert last == "Once what it failed for is mended: tandem retry 1"
    found = from_json(shop, "trace", encode_id("Order", 1))
    assert found["order"]["status"] == "failed"
    assert [event["request_id"] for event in found["events"]] == ["request-1", None]
    assert [failure["error"] for failure in found["failures"]] == ["RuntimeError"]
    assert "Test Street" not in json.dumps(found)
    assert [entry["delta"] for entry in from_json(shop, "trace", "2")["stock_movements"]] == [-2]


def test_the_stock_of_a_product_is_traced(shop: Terminal) -> None:
    text = shop.run("trace", "--product", "1")
    assert "\x1b" not in text.stdout
    assert [line.partition("Z  ")[2] for line in text.stdout.splitlines()[1:]] == [
        "-2, 3 left (sale to order 2)",
        "+5, 5 left (initial)",
    ]
    found = from_json(shop, "trace", "--product", encode_id("Product", 1), "--limit", "1")
    assert [entry["order_id"] for entry in found["stock_movements"]] == [2]
    assert found["product"]["on_hand"] == 3


def test_what_is_not_there_is_one_sentence(shop: Terminal) -> None:
    assert_one_sentence(shop.run("trace", "99"), "Order not found")
    assert_one_sentence(shop.run("trace", "--product", "99"), "Product not found")
    for wrong in ("0", "99999999999999", "x", encode_id("Product", 1)):
        assert_one_sentence(shop.run("trace", wrong), "neither a number nor a global id of type Order")
        assert_one_sentence(shop.run("retry", "1", wrong), "neither a number nor a global id of type Order")
    assert shop.fetch("SELECT count(*) FROM orders WHERE status = 'failed'") == [(4,)]
    for arguments in (["trace"], ["trace", "1", "--product", "1"], ["retry"], ["retry", "1", "--all"]):
        assert shop.run(*arguments).returncode == 2


def test_named_orders_are_retried_and_the_status_says_whether_all_were(shop: Terminal) -> None:
    done = shop.start("retry", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Retried 1 order (request retry-")
    found = from_json(shop, "retry", "2", "3", "4", "77", code=1)
    assert found["retried"] == [2]
    assert {entry["id"]: entry["reason"] for entry in found["refused"]} == {
        3: "Order cannot be retried: it failed with OUT_OF_STOCK, which is no fault of the server",
        4: "Order cannot be retried: its shipping address has been erased",
        77: "Order not found",
    }
    events = shop.fetch(
        "SELECT request_id, actor_id FROM order_events WHERE order_id = 2 ORDER BY id DESC LIMIT 1"
    )
    assert events == [(found["request_id"], None)]


def test_all_that_can_be_are_retried(shop: Terminal) -> None:
    found = from_json(shop, "retry", "--all")
    assert found["retried"] == [1, 2]
    assert [entry["id"] for entry in found["refused"]] == [4]
    rows = shop.fetch(
        "SELECT id, status, attempts, due_at IS NOT NULL FROM orders WHERE status = 'pending' ORDER BY id"
    )
    assert rows == [(1, "pending", 0, True), (2, "pending", 0, True)]
    assert from_json(shop, "retry", "--all")["retried"] == []
