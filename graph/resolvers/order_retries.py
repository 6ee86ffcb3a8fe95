"""Retrying orders that failed for a fault of the server.

What failed because a product was sold out or off sale is not retried: that was an answer, and its user has got it. Who
still wants it places another order, at the prices of now.
"""

from collections.abc import Sequence

from core.errors import OrderNotFound, OrderNotRetryable
from core.settings import Settings
from engine.postgres import fetch, row_class, row_columns
from graph.resolvers.context import Context, current_request
from models import MAX_ID, FailureCode, Order, OrderRow, OrderStatus
from models.orders import MAX_RETRIES
from tasks.events import events_of_orders
from tasks.orders import enqueue_orders

TOO_OFTEN = f"Order cannot be retried more than {MAX_RETRIES} times"
_COLUMNS = row_columns(OrderRow)
#: Orders in the order of their ids, as everywhere. Where the address has been erased there is nowhere to send it to.
RETRY = f"""
WITH free AS (
    SELECT id FROM orders
    WHERE id = ANY ($1::int[]) AND failure_code = 'PROCESSING_ERROR' AND shipping_address <> '' AND (
        SELECT count(*) FROM order_events WHERE order_id = orders.id AND order_events.status = 'pending'
    ) <= {MAX_RETRIES}
    ORDER BY id FOR NO KEY UPDATE
), retried AS (
    UPDATE orders
    SET status = 'pending', failure_code = NULL, attempts = 0, version = version + 1, updated_at = now(),
        due_at = now() + make_interval(secs => $2)
    FROM free WHERE orders.id = free.id
    RETURNING orders.*
), noted AS (
    INSERT INTO order_events (order_id, user_id, status, actor_id, request_id)
    SELECT id, user_id, status, $3::int, $4::text FROM retried ORDER BY id
)
SELECT {", ".join(_COLUMNS)} FROM retried ORDER BY id
"""  # noqa: S608 - names of columns, and a number
_ORDER = row_class(OrderRow, _COLUMNS)


async def retry_order(ctx: Context, order_id: int) -> OrderRow:
    """Make an order pending again that failed with ``PROCESSING_ERROR``, and wake a worker up for it.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        OrderNotFound: there is none.
        OrderNotRetryable: it did not fail so, has no address any more, or was retried too often.
    """
    admin = ctx.require_admin()
    for retried in await retry_orders(ctx.resources.settings, [order_id], actor_id=admin.id):
        return retried
    order = await Order.get_or_none(id=order_id) if 0 < order_id <= MAX_ID else None
    if order is None:
        raise OrderNotFound
    raise OrderNotRetryable(why_not_retry(order) or TOO_OFTEN)


async def retry_orders(
    settings: Settings, order_ids: Sequence[int], *, actor_id: int | None
) -> list[OrderRow]:
    """Retry those of the orders that can be, and return them as they are now, in the order of their ids.

    Args:
        actor_id: the administrator; none at the terminal.
    """
    request_id = current_request()
    ids = [order_id for order_id in order_ids if 0 < order_id <= MAX_ID]
    orders = await fetch(RETRY, [ids, settings.order_resend_seconds, actor_id, request_id], _ORDER)
    if orders:
        changed = events_of_orders([(order.id, order.user_id) for order in orders])
        await enqueue_orders([order.id for order in orders], changed, [request_id] * len(orders))
    return orders


def why_not_retry(order: Order | OrderRow) -> str | None:
    """Return why an order cannot be retried, but for the number of times; None if it can."""
    if order.status is not OrderStatus.FAILED:
        return f"Order cannot be retried: it is {order.status.value}"
    if order.failure_code is not FailureCode.PROCESSING_ERROR:
        return (
            f"Order cannot be retried: it failed with {order.failure_code}, which is no fault of the server"
        )
    return None if order.shipping_address else "Order cannot be retried: its shipping address has been erased"
