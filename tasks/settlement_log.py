"""What a worker says of the orders that it has settled: counts for the metrics, and lines in its log."""

import logging
import time
from collections.abc import Mapping, Sequence

from core.log_events import log_event
from core.metrics import ATTEMPTS, ORDERS
from models import OrderStatus
from tasks.claims import Claim

logger = logging.getLogger("tandem.orders")


def note_settled(claims: Sequence[Claim], statuses: Mapping[int, OrderStatus]) -> None:
    """Count the orders that were settled, and log a line for each. Call it after the commit.

    Args:
        statuses: that were reached, by order id; what is not among them was not settled.
    """
    now = time.monotonic()
    for claim in claims:
        if (status := statuses.get(claim.order_id)) is not None:
            ORDERS.labels(status.value).inc()
            ATTEMPTS.labels("given up" if claim.is_last else "settled").inc()
            milliseconds = round((now - claim.placed_at) * 1000, 1)
            fields = claim.fields | {"outcome": status.value, "milliseconds": milliseconds}
            log_event(logger, "Order settled", fields)
