"""Tells of new orders: workers, who are to process them, and those who follow their user's orders."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from core.resources import Resources
from tasks.batches import Batches
from tasks.events import events_of_users
from tasks.orders import enqueue_orders

#: Orders of one message: more than are ever accepted within a round trip, unless Redis takes its time.
MOST = 500

#: One for each application of the process.
_outboxes: WeakKeyDictionary[Resources, Batches[tuple[int, int], None]] = WeakKeyDictionary()


async def tell_of_new_order(resources: Resources, order_id: int, user_id: int) -> None:
    """Wake a worker up and announce the order. Call it after the commit; it fails never.

    An order that comes alone is told of at once. Those that come while others are being told of share one
    message, which a worker then processes as a batch, and one round trip.
    """
    outbox = _outboxes.get(resources)
    if outbox is None:
        outbox = _outboxes[resources] = Batches(_tell, limit=MOST)
    await outbox.do((order_id, user_id))


async def _tell(orders: Sequence[tuple[int, int]]) -> list[None]:
    await enqueue_orders([order_id for order_id, _ in orders], events_of_users(orders))
    return [None] * len(orders)
