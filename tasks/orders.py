"""Processing of orders: claim, settle, tell.

An order is claimed by compare-and-set with a lease; whoever holds the lease settles the order in one
transaction. Nothing is taken unless everything can be. Running the same task twice, or two workers at once,
is harmless: the second finds nothing to claim.
"""

import logging
from typing import Any

from taskiq import Context, TaskiqDepends, async_shared_broker
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connections
from tortoise.transactions import in_transaction

from core.resources import Resources
from models import FailureCode, OrderStatus
from tasks.events import announce_order

logger = logging.getLogger("tandem.orders")

#: The first claim is a step of the history; a claim after an expired lease is not.
CLAIM = """
WITH claimed AS (
    UPDATE orders
    SET status = 'processing', attempts = attempts + 1, version = version + 1, updated_at = now(),
        due_at = now() + make_interval(secs => $2)
    WHERE id = $1 AND (status = 'pending' OR (status = 'processing' AND due_at < now()))
    RETURNING id, attempts, user_id
), noted AS (
    INSERT INTO order_events (order_id, status) SELECT id, 'processing' FROM claimed WHERE attempts = 1
)
SELECT attempts, user_id FROM claimed
"""
HOLD = "SELECT id FROM orders WHERE id = $1 AND status = 'processing' AND attempts = $2 FOR UPDATE"
#: Locked in the order of their ids, so that two orders of the same products never deadlock. NO KEY: placing
#: an order only needs the product's key to stay, and must not wait for a worker.
LOCK_PRODUCTS = """
SELECT id, on_hand, archived_at FROM products
WHERE id IN (SELECT product_id FROM order_items WHERE order_id = $1)
ORDER BY id FOR NO KEY UPDATE
"""
NEEDED = "SELECT product_id, sum(quantity)::int8 AS quantity FROM order_items WHERE order_id = $1 GROUP BY 1"
#: The condition repeats what was just checked: the statement alone must never sell what is not there.
TAKE_STOCK = """
WITH needed AS (
    SELECT product_id, sum(quantity)::int AS quantity FROM order_items WHERE order_id = $1 GROUP BY 1
), taken AS (
    UPDATE products SET on_hand = on_hand - needed.quantity FROM needed
    WHERE products.id = needed.product_id AND on_hand >= needed.quantity AND archived_at IS NULL
    RETURNING products.id, needed.quantity
), noted AS (
    INSERT INTO stock_movements (product_id, delta, reason, order_id)
    SELECT id, -quantity, 'sale', $1 FROM taken
)
SELECT (SELECT count(*) FROM taken) AS taken, (SELECT count(*) FROM needed) AS needed
"""
COMPLETE = """
WITH published AS (
    UPDATE order_items SET unit_price = accepted_price WHERE order_id = $1
    RETURNING quantity * accepted_price AS amount
), completed AS (
    UPDATE orders
    SET status = 'completed', total = (SELECT sum(amount) FROM published), due_at = NULL,
        version = version + 1, updated_at = now()
    WHERE id = $1
)
INSERT INTO order_events (order_id, status) VALUES ($1, 'completed')
"""
FAIL = """
WITH failed AS (
    UPDATE orders
    SET status = 'failed', failure_code = $2, due_at = NULL, version = version + 1, updated_at = now()
    WHERE id = $1
)
INSERT INTO order_events (order_id, status, failure_code) VALUES ($1, 'failed', $2)
"""
#: Doubles with every attempt, so that a fault of some seconds does not use all of them up.
RETRY_LATER = """
UPDATE orders SET due_at = now() + make_interval(secs => 2 ^ attempts)
WHERE id = $1 AND status = 'processing' AND attempts = $2
"""


@async_shared_broker.task(task_name="process_order")
async def process_order(order_id: int, context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Process one order, if it is still there to be processed."""
    await process(context.state.resources, order_id)


async def enqueue_order(order_id: int) -> None:
    """Wake a worker up. Call it after the commit.

    While the broker is away the order waits in the database, and the sweep sends it later.
    """
    try:
        await process_order.kiq(order_id)
    except Exception as error:  # whatever the broker raises, the order is safe
        logger.warning("Order %d waits for the sweep: %s", order_id, error)


async def process(resources: Resources, order_id: int) -> OrderStatus | None:
    """Claim and settle one order.

    Returns:
        The status reached, or None when there was nothing to claim or the claim was lost (a cancellation,
        or a lease that ran out).
    """
    settings = resources.settings
    rows = (
        await get_connections()
        .get("default")
        .execute_query_dict(CLAIM, [order_id, settings.order_lease_seconds])
    )
    if not rows:
        return None
    attempt, user_id = rows[0]["attempts"], rows[0]["user_id"]
    await announce_order(resources, order_id, user_id)
    try:
        async with in_transaction() as connection:
            status = await _settle(connection, order_id, attempt, last=attempt > settings.order_max_attempts)
    except Exception:
        logger.exception("Order %d failed in attempt %d", order_id, attempt)
        await get_connections().get("default").execute_query(RETRY_LATER, [order_id, attempt])
        return None
    if status is not None:
        await announce_order(resources, order_id, user_id)
    return status


async def _settle(
    connection: BaseDBAsyncClient, order_id: int, attempt: int, *, last: bool
) -> OrderStatus | None:
    if not await connection.execute_query_dict(HOLD, [order_id, attempt]):
        return None
    failure = FailureCode.PROCESSING_ERROR if last else await _obstacle(connection, order_id)
    if failure is not None:
        await connection.execute_query(FAIL, [order_id, failure.value])
        return OrderStatus.FAILED
    (stock,) = await connection.execute_query_dict(TAKE_STOCK, [order_id])
    if stock["taken"] != stock["needed"]:
        raise RuntimeError(f"stock of order {order_id} moved under its lock")
    await connection.execute_query(COMPLETE, [order_id])
    return OrderStatus.COMPLETED


async def _obstacle(connection: BaseDBAsyncClient, order_id: int) -> FailureCode | None:
    """Lock the products of an order and say why it cannot be completed, if it cannot."""
    products = await connection.execute_query_dict(LOCK_PRODUCTS, [order_id])
    stock: dict[int, Any] = {product["id"]: product for product in products}
    for need in await connection.execute_query_dict(NEEDED, [order_id]):
        product = stock[need["product_id"]]
        if product["archived_at"] is not None:
            return FailureCode.PRODUCT_UNAVAILABLE
        if product["on_hand"] < need["quantity"]:
            return FailureCode.OUT_OF_STOCK
    return None
