"""``tandem trace``: what became of an order, and where a product's stock went."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from core.errors import OrderNotFound, Problem, ProductNotFound, ValidationFailed
from core.logging import escape_controls
from engine.postgres import Columns, Row, Select
from graph.resolvers.order_traces import wait_of
from graph.types.nodes import database_id, encode_id
from models import MAX_ID, FailureCode, OrderEventRow, OrderFailureRow, OrderRow, ProductRow, StockMovementRow

#: Most rows of a kind that are read: more than an order can have of most, and of failures those of years.
MAX_ROWS = 1_000
#: What is told of each row. No address of a person is among it.
EVENT = ("status", "failure_code", "actor_id", "request_id", "worker", "attempt", "created_at")
FAILURE = ("attempt", "worker", "request_id", "error", "message", "created_at")
MOVEMENT = ("product_id", "order_id", "delta", "on_hand_after", "reason", "actor_id", "note", "created_at")
ORDER = ("id", "user_id", "status", "failure_code", "attempts", "worker", "created_at", "updated_at")
PRODUCT = ("id", "name", "on_hand", "archived_at")

#: As JSON has it.
Trace = dict[str, Any]


class _Step(NamedTuple):
    """A line of an order's way."""

    at: datetime
    what: str
    text: str


def row_number(text: str, type_name: str) -> int:
    """Return the number of a row that is given by it, or by its global id.

    Raises:
        ValidationFailed: it is neither.
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_ID))
    with suppress(ValidationFailed):
        number = int(text) if is_number else database_id(text, type_name)
        if 0 < number <= MAX_ID:
            return number
    problem = f"{text[:100]!r} is neither a number nor a global id of type {type_name}"
    raise ValidationFailed(Problem(("id",), problem))


async def trace_order(order_id: int) -> Trace:
    """Return an order with its events, failed attempts and stock movements, the oldest first.

    Raises:
        OrderNotFound: there is none.
    """
    order = await Select(OrderRow).where(id=order_id).first(frozenset((*ORDER, "due_at")))
    if order is None:
        raise OrderNotFound
    wait = wait_of(order)
    return {
        "order": {
            "global_id": encode_id("Order", order.id),
            **_values(order, ORDER),
            "waits_for": wait and wait.value,
            "next_try_at": order.due_at,
        },
        "events": [_values(row, EVENT) for row in await _of_order(OrderEventRow, order_id, EVENT)],
        "failures": [_values(row, FAILURE) for row in await _of_order(OrderFailureRow, order_id, FAILURE)],
        "stock_movements": [
            _values(row, MOVEMENT) for row in await _of_order(StockMovementRow, order_id, MOVEMENT)
        ],
    }


async def trace_product(product_id: int, *, limit: int) -> Trace:
    """Return a product with its newest stock movements, the newest first.

    Args:
        limit: of the movements.

    Raises:
        ProductNotFound: there is none.
    """
    product = await Select(ProductRow).where(id=product_id).first(frozenset(PRODUCT))
    if product is None:
        raise ProductNotFound
    movements = Select(StockMovementRow).where(product_id=product_id)
    rows = (await movements.fetch(frozenset(MOVEMENT), ("-id",), limit=limit)).rows
    return {
        "product": {"global_id": encode_id("Product", product.id), **_values(product, PRODUCT)},
        "stock_movements": [_values(row, MOVEMENT) for row in rows],
    }


async def _of_order(row: type[Row], order_id: int, columns: Sequence[str]) -> list[Any]:
    # The newest, should there be more than one would read.
    selected: Columns = frozenset(columns)
    found = await Select(row).where(order_id=order_id).fetch(selected, ("-id",), limit=MAX_ROWS)
    return found.rows[::-1]


def _values(row: Row, names: Sequence[str]) -> Trace:
    return {name: getattr(row, name) for name in names}


def describe(trace: Trace) -> str:
    """Return what a person is told of a trace; texts of others cannot move the cursor (CWE-150)."""
    lines = describe_order(trace) if "order" in trace else describe_product(trace)
    return "\n".join(map(escape_controls, lines))


def describe_order(trace: Trace) -> Iterator[str]:
    """Yield the lines that tell a person of an order's trace."""
    order = trace["order"]
    status = order["status"] + (f" ({order['failure_code']})" if order["failure_code"] else "")
    yield f"Order {order['id']} ({order['global_id']}) of user {order['user_id']} is {status}."
    if order["waits_for"]:
        worker = f", by {order['worker']}" if order["worker"] else ""
        yield f"Attempts: {order['attempts']}{worker}. It waits for: {_WAITS[order['waits_for']]}."
        yield f"Next try: {_time(order['next_try_at'])}"
    yield from (f"{_time(step.at)}  {step.what:<11} {step.text}" for step in sorted(_steps(trace)))
    if order["failure_code"] == FailureCode.PROCESSING_ERROR:
        yield f"Once what it failed for is mended: tandem retry {order['id']}"


_WAITS = {
    "WORKER": "a worker to claim it",
    "ATTEMPT": "the worker that has it",
    "NEXT_ATTEMPT": "the next try, for an attempt has failed",
    "SWEEP": "a worker to take it over; if none does, none is running",
}


def _steps(trace: Trace) -> Iterator[_Step]:
    for event in trace["events"]:
        yield _Step(event["created_at"], event["status"], _doer(event))
    for failure in trace["failures"]:
        what = f"{failure['error']}: {failure['message']}" if failure["message"] else failure["error"]
        yield _Step(failure["created_at"], "FAILURE", f"{_doer(failure)}: {what}")
    for movement in trace["stock_movements"]:
        yield _Step(movement["created_at"], "stock", describe_movement(movement, of_product=True))


def _doer(row: Trace) -> str:
    parts = [f"attempt {row['attempt']}"] if row["attempt"] else []
    parts += [f"by {row['worker']}"] if row["worker"] else []
    parts += [f"by user {row['actor_id']}"] if row.get("actor_id") else []
    parts += [f"(request {row['request_id']})"] if row["request_id"] else []
    return " ".join(parts)


def describe_product(trace: Trace) -> Iterator[str]:
    """Yield the lines that tell a person where a product's stock went."""
    product = trace["product"]
    archived = ", and is off sale" if product["archived_at"] else ""
    name = f"Product {product['id']} ({product['global_id']}), {product['name']}"
    yield f"{name}: {product['on_hand']} on hand{archived}."
    for movement in trace["stock_movements"]:
        yield f"{_time(movement['created_at'])}  {describe_movement(movement, of_product=False)}"


def describe_movement(movement: Trace, *, of_product: bool) -> str:
    """Return a stock movement in words.

    Args:
        of_product: whether to name the product, rather than the order.
    """
    product = f" of product {movement['product_id']}" if of_product else ""
    order = "" if of_product or not movement["order_id"] else f" to order {movement['order_id']}"
    actor = f" by user {movement['actor_id']}" if movement["actor_id"] else ""
    note = f": {movement['note']}" if movement["note"] else ""
    moved = f"{movement['delta']:+d}{product}, {movement['on_hand_after']} left"
    return f"{moved} ({movement['reason']}{order}{actor}{note})"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"
