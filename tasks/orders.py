"""Processing of orders: claim, settle, publish; as many at once as there are.

Orders are claimed by compare-and-set with a lease; whoever holds the lease settles them, a batch in one
transaction. Nothing is taken for an order unless everything can be. Running the same task twice, or two
workers at once, is harmless: the second finds nothing to claim.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import cast

from taskiq import Context, TaskiqDepends, async_shared_broker
from taskiq.message import TaskiqMessage
from tortoise.transactions import in_transaction

from core.resources import Resources
from engine.batching import Batcher
from engine.postgres import fetch
from engine.redis import JOIN, StreamBroker
from models import OrderStatus
from tasks.events import events_of_users, publish_order, publish_orders
from tasks.settlement import Claim, settle

logger = logging.getLogger("tandem.orders")

#: Most orders settled in one transaction. More gain little, and keep subscribers waiting.
MAX_BATCH = 50
#: Most batches at once in one process: while one waits for the disk, the other works.
MAX_IN_FLIGHT = 2
#: Most orders of one message: more than are ever accepted within a round trip, unless Redis takes its time.
MAX_WAKE_UPS = 500
#: For how long a batch waits for each row that another transaction has locked, before its orders are settled
#: one by one.
LOCK_TIMEOUT_SECONDS = 0.5

#: The first claim is a step of the history; a claim after an expired lease is not. What another transaction
#: is changing at this moment is left to it: to a worker that claims it, to a cancellation, or to the sweep.
CLAIM = """
WITH free AS (
    SELECT id FROM orders
    WHERE id = ANY ($1::int[]) AND (status = 'pending' OR (status = 'processing' AND due_at < now()))
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    UPDATE orders
    SET status = 'processing', attempts = attempts + 1, version = version + 1, updated_at = now(),
        due_at = now() + make_interval(secs => $2)
    FROM free WHERE orders.id = free.id
    RETURNING orders.id, user_id, attempts
), noted AS (
    INSERT INTO order_events (order_id, user_id, status)
    SELECT id, user_id, 'processing' FROM claimed WHERE attempts = 1 ORDER BY id
)
SELECT id, user_id, attempts FROM claimed
"""
#: Doubles with every attempt, so that a fault of some seconds does not use all of them up; up to ten minutes.
RETRY_LATER = """
UPDATE orders SET due_at = now() + make_interval(secs => least(2 ^ attempts, 600))
WHERE id = $1 AND status = 'processing' AND attempts = $2
"""

#: What became of an order, or the claim on one that has to be settled by itself.
Settled = OrderStatus | Claim | None
#: The batches of a worker process, kept in its broker's state.
OrderBatches = Batcher[int, Settled]


@async_shared_broker.task(task_name="process_orders", **{JOIN: MAX_BATCH})
async def process_orders(order_ids: list[int], context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Process these orders, if they are still there to be processed, together with what else has come in."""
    state = context.state
    await _settle_rest(state.resources, await asyncio.gather(*map(state.orders.submit, order_ids)))


def order_batches(resources: Resources) -> OrderBatches:
    """Return what joins the orders of concurrent tasks of one process into batches."""

    async def work(order_ids: Sequence[int]) -> list[Settled]:
        return await _process_batch(resources, order_ids)

    return Batcher(work, max_size=MAX_BATCH, max_in_flight=MAX_IN_FLIGHT, sends_cancelled=True)


async def enqueue_orders(order_ids: Sequence[int], events: Iterable[tuple[str, str]] = ()) -> None:
    """Wake a worker up for these orders, oldest first. Call it after the commit.

    While the broker is unavailable the orders wait in the database, and the sweep sends them later.

    Args:
        events: what to publish in the same round trip, each a channel and a payload.
    """
    # What process_orders.kiq() does, but for the events.
    broker = cast("StreamBroker", process_orders.kicker().broker)
    message = TaskiqMessage(
        task_id=broker.id_generator(),
        task_name=process_orders.task_name,
        labels={},
        args=[list(order_ids)],
        kwargs={},
    )
    try:
        await broker.kick_and_publish(broker.formatter.dumps(message), *events)
    except Exception as error:  # whatever the broker raises, the orders are safe
        logger.warning("Orders %s wait for the sweep: %s", order_ids, error)


async def wake_worker(order_id: int, user_id: int) -> None:
    """Wake a worker up for a new order, and publish it. Call it after the commit; it never fails.

    The wake-up of an order that comes alone is sent at once. Those that come while others are in flight share one
    message, which a worker then processes as a batch, and one round trip.
    """
    await _wake_ups.submit((order_id, user_id))


async def _send_wake_ups(orders: Sequence[tuple[int, int]]) -> list[None]:
    await enqueue_orders([order_id for order_id, _ in orders], events_of_users(orders))
    return [None] * len(orders)


_wake_ups: Batcher[tuple[int, int], None] = Batcher(
    _send_wake_ups, max_size=MAX_WAKE_UPS, sends_cancelled=True
)


async def process(resources: Resources, order_id: int) -> OrderStatus | None:
    """Claim and settle one order.

    Returns:
        The status reached, or None when there was nothing to claim, when the claim was lost (a cancellation,
        or a lease that ran out), or when it will be tried again.
    """
    return (await process_all(resources, [order_id]))[0]


async def process_all(resources: Resources, order_ids: Sequence[int]) -> list[OrderStatus | None]:
    """Claim and settle orders, together where that works and one by one where it does not.

    Returns:
        For each what :func:`process` returns.
    """
    return await _settle_rest(resources, await _process_batch(resources, order_ids))


async def _process_batch(resources: Resources, order_ids: Sequence[int]) -> list[Settled]:
    claims = await _claim(resources, order_ids)
    if not claims:
        return [None] * len(order_ids)
    await publish_orders(resources, [(claim.order_id, claim.user_id) for claim in claims])
    try:
        async with in_transaction():
            statuses = await settle(claims, lock_timeout=LOCK_TIMEOUT_SECONDS)
    except Exception as error:
        # One bad order must not fail the others, and a locked product not hold them up.
        logger.info("%d orders are settled one by one: %s", len(claims), error)
        claimed = {claim.order_id: claim for claim in claims}
        return [claimed.get(order_id) for order_id in order_ids]
    settled = [(claim.order_id, claim.user_id) for claim in claims if claim.order_id in statuses]
    await publish_orders(resources, settled)
    return [statuses.get(order_id) for order_id in order_ids]


async def _claim(resources: Resources, order_ids: Sequence[int]) -> list[Claim]:
    """Claim the orders that are free, and return the claims in the order of *order_ids*."""
    settings = resources.settings
    rows = await fetch(CLAIM, [order_ids, settings.order_lease_seconds])
    position = {order_id: number for number, order_id in enumerate(order_ids)}
    rows.sort(key=lambda row: position[row["id"]])
    return [
        Claim(row["id"], row["user_id"], row["attempts"], row["attempts"] > settings.order_max_attempts)
        for row in rows
    ]


async def _settle_rest(resources: Resources, settled: Sequence[Settled]) -> list[OrderStatus | None]:
    """Settle one by one, concurrently, the orders that their batch could not settle."""

    async def settle_one(outcome: Settled) -> OrderStatus | None:
        return await _settle_alone(resources, outcome) if isinstance(outcome, Claim) else outcome

    if any(isinstance(outcome, Claim) for outcome in settled):
        return await asyncio.gather(*map(settle_one, settled))
    return [outcome for outcome in settled if not isinstance(outcome, Claim)]


async def _settle_alone(resources: Resources, claim: Claim) -> OrderStatus | None:
    try:
        async with in_transaction():
            status = (await settle([claim])).get(claim.order_id)
    except Exception:
        logger.exception("Order %d failed in attempt %d", claim.order_id, claim.attempt)
        await fetch(RETRY_LATER, [claim.order_id, claim.attempt])
        return None
    if status is not None:
        await publish_order(resources, claim.order_id, claim.user_id)
    return status
