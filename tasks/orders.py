"""What reaches workers: the task that processes orders, and the messages that wake them up for it."""

import logging
from collections.abc import Iterable, Sequence
from math import inf
from typing import cast

from taskiq import Context, TaskiqDepends, async_shared_broker
from taskiq.message import TaskiqMessage

from core.metrics import ORDERS
from core.resources import Resources
from engine.batching import Batcher
from engine.redis import ALONG, JOIN, MAX_AGE, StreamBroker, along
from tasks.events import events_of_users
from tasks.order_batches import MAX_BATCH, OrderBatches, Outcome

logger = logging.getLogger("tandem.orders")

#: Most orders of one message: more than are ever accepted within a round trip, unless Redis takes its time.
MAX_WAKE_UPS = 500
#: Seconds after which a wake-up does not wait for those in flight any longer.
MAX_WAKE_UP_WAIT = 0.1


# Good for ever: to be woken up twice does nothing, and an order may have waited for days.
@async_shared_broker.task(task_name="process_orders", **{JOIN: MAX_BATCH, MAX_AGE: inf})
async def process_orders(order_ids: list[int], context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Process these orders, if they are still there to be processed, together with what else has come in."""
    await context.state.orders.process(order_ids, along(context.message))


def order_broker() -> StreamBroker:
    """Return the broker through which this process sends orders."""
    return cast("StreamBroker", process_orders.kicker().broker)


async def enqueue_orders(
    order_ids: Sequence[int],
    events: Iterable[tuple[str, str]] = (),
    request_ids: Sequence[str | None] = (),
) -> bool:
    """Wake a worker up for these orders, oldest first. Call it after the commit.

    While the broker is unavailable the orders wait in the database, and the sweep sends them later.

    Args:
        events: what to publish in the same round trip, each a channel and a payload.
        request_ids: the ids of the requests that the orders came by; none are known if not given.

    Returns:
        Whether the broker has taken them.
    """
    # What process_orders.kiq() does, but for the events.
    broker = order_broker()
    message = TaskiqMessage(
        task_id=broker.id_generator(),
        task_name=process_orders.task_name,
        labels={ALONG: list(request_ids)} if request_ids else {},
        args=[list(order_ids)],
        kwargs={},
    )
    try:
        await broker.kick_and_publish(broker.formatter.dumps(message), *events)
    except Exception as error:  # whatever the broker raises, the orders are safe
        logger.warning("Orders %s wait for the sweep: %s", order_ids, error)
        return False
    return True


async def wake_worker(order_id: int, user_id: int, request_id: str | None = None) -> None:
    """Wake a worker up for a new order, and publish it. Call it after the commit; it never fails.

    The wake-up of an order that comes alone is sent at once. Those that come while others are in flight share one
    message, which a worker then processes as a batch, and one round trip.
    """
    ORDERS.labels("pending").inc()
    await _wake_ups.submit((order_id, user_id, request_id))


async def _send_wake_ups(orders: Sequence[tuple[int, int, str | None]]) -> list[None]:
    events = events_of_users([(order_id, user_id) for order_id, user_id, _ in orders])
    await enqueue_orders([order[0] for order in orders], events, [order[2] for order in orders])
    return [None] * len(orders)


_wake_ups: Batcher[tuple[int, int, str | None], None] = Batcher(
    _send_wake_ups,
    max_size=MAX_WAKE_UPS,
    max_wait=MAX_WAKE_UP_WAIT,
    sends_cancelled=True,
    name="Wake-ups of workers",
)


async def process(resources: Resources, order_id: int) -> Outcome:
    """Claim and settle one order.

    Returns:
        The status reached, or None when there was nothing to claim, when the claim was lost (a cancellation,
        or a lease that ran out), or when it will be tried again.
    """
    return (await process_all(resources, [order_id]))[0]


async def process_all(resources: Resources, order_ids: Sequence[int]) -> list[Outcome]:
    """Claim and settle orders, together where that works and one by one where it does not.

    Returns:
        For each what :func:`process` returns.
    """
    return await OrderBatches(resources).process(order_ids)
