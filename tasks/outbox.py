"""Tells of new orders: workers, who are to process them, and those who follow their user's orders."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from core.resources import Resources
from tasks.batches import Batches
from tasks.events import announce_new_orders
from tasks.orders import BATCH, enqueue_orders


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that has just been committed."""

    resources: Resources
    order_id: int
    user_id: int


#: One for each application. The entries know of their resources, the batches do not, or they would keep them alive.
_outboxes: WeakKeyDictionary[Resources, Batches[Placed, None]] = WeakKeyDictionary()


async def tell_of_new_order(resources: Resources, order_id: int, user_id: int) -> None:
    """Wake a worker up and announce the order. Call it after the commit; it fails never.

    An order that comes alone is told of at once. Those that come while others are being told of share one
    message, which a worker then processes as a batch, and one announcement.
    """
    outbox = _outboxes.get(resources)
    if outbox is None:
        outbox = _outboxes[resources] = Batches(_tell, limit=BATCH)
    await outbox.do(Placed(resources, order_id, user_id))


async def _tell(placed: Sequence[Placed]) -> list[None]:
    orders = [(order.order_id, order.user_id) for order in placed]
    await asyncio.gather(
        enqueue_orders([order_id for order_id, _ in orders]), announce_new_orders(placed[0].resources, orders)
    )
    return [None] * len(placed)
