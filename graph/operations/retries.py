"""``tandem retry``: orders that failed for a fault of the server, once more."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from taskiq import async_shared_broker

from core.request_id import current_request_id, new_request_id
from core.settings import Settings
from engine.postgres import Select
from graph.resolvers.order_retries import TOO_OFTEN, retry_orders, why_not_retry
from models import FailureCode, OrderRow
from tasks.broker import broker_for

#: Orders that are retried by one statement, and told to the workers by one message.
BATCH = 50
NO_ORDER = "Order not found"
_RULE = frozenset(("status", "failure_code", "shipping_address"))


@dataclass(slots=True)
class Retried:
    """What became of the orders: those that are pending again, and why the others are not.

    Args:
        request_id: by which the log and the orders' events know this run.
    """

    request_id: str
    retried: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the same for programs: JSON has no numbers for names."""
        return asdict(self) | {"refused": [{"id": id, "reason": why} for id, why in self.refused.items()]}


async def retry(settings: Settings, order_ids: Sequence[int] | None) -> Retried:
    """Retry orders, in batches, each with its own commit and wake-up.

    Args:
        order_ids: which; all that failed with ``PROCESSING_ERROR`` if None.
    """
    outcome = Retried(f"retry-{new_request_id()}")
    current_request_id.set(outcome.request_id)
    broker = broker_for(settings)
    async_shared_broker.default_broker(broker)
    try:
        async for batch in _given(order_ids) if order_ids is not None else _all():
            retried = [order.id for order in await retry_orders(settings, batch, actor_id=None)]
            outcome.retried += retried
            rest = [order_id for order_id in batch if order_id not in retried]
            outcome.refused |= await _why_not(rest) if rest else {}
    finally:
        await broker.shutdown()
    return outcome


async def _given(order_ids: Sequence[int]) -> AsyncIterator[list[int]]:
    distinct = list(dict.fromkeys(order_ids))
    for start in range(0, len(distinct), BATCH):
        yield distinct[start : start + BATCH]


async def _all() -> AsyncIterator[list[int]]:
    """Yield ids of all that failed so, the oldest first, as their index has them."""
    place: tuple[Any, ...] = ()
    failed = Select(OrderRow).where(failure_code__isnull=False, failure_code=FailureCode.PROCESSING_ERROR)
    while rows := (
        await failed.fetch(frozenset(("created_at",)), ("created_at", "id"), after=place, limit=BATCH)
    ).rows:
        yield [order.id for order in rows]
        place = (rows[-1].created_at, rows[-1].id)


async def _why_not(order_ids: Sequence[int]) -> dict[int, str]:
    found = {row.id: row for row in (await Select(OrderRow).where(id__in=order_ids).fetch(_RULE)).rows}
    return {
        order_id: (why_not_retry(found[order_id]) or TOO_OFTEN) if order_id in found else NO_ORDER
        for order_id in order_ids
    }
