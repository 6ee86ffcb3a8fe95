"""What waits to be done: open orders in the database, messages in Redis. For ``/metrics`` and ``/health/ready``.

Of completed orders there may be millions, so that counting them is left to the counters of the processes that complete
them; open ones have an index to themselves, and however many there are, looking at them takes a twentieth of the time
of one connection at most (:class:`engine.shared_reading.SharedReading`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from redis.exceptions import RedisError

from core.resources import Resources
from engine.postgres import DATABASE_ERRORS, fetch
from engine.redis import StreamState, stream_state
from engine.shared_reading import SharedReading
from models.orders import OPEN_STATUSES
from tasks.broker import QUEUE
from tasks.mail import MAIL_QUEUE

logger = logging.getLogger("tandem.metrics")

#: Seconds that a scrape waits for either server: Prometheus waits for ten.
TIMEOUT_SECONDS = 3.0
#: Seconds for which an order may be due: the sweep should have sent it again, and a worker claimed it.
OVERDUE_SECONDS = 60
OPEN_ORDERS = """
SELECT status, count(*) AS orders, extract(epoch FROM now() - min(created_at))::float8 AS oldest,
    count(*) FILTER (WHERE due_at < now() - make_interval(secs => $1)) AS overdue,
    count(*) FILTER (WHERE attempts > 1) AS retried
FROM orders WHERE due_at IS NOT NULL GROUP BY status
"""
_ERRORS = (*DATABASE_ERRORS, RedisError, OSError, TimeoutError)


class Backlog:
    """The backlog of the whole system, as one process reads it for all who ask."""

    def __init__(self, resources: Resources) -> None:
        async def read_queues() -> dict[str, StreamState]:
            return {queue: await stream_state(resources.redis, queue) for queue in (QUEUE, MAIL_QUEUE)}

        self._orders = SharedReading(_read_orders)
        self._queues = SharedReading(read_queues)

    async def oldest_seconds(self) -> float:
        """Return the age of the oldest open order; 0 if there is none.

        Raises:
            Exception: the database cannot be asked.
        """
        return round(max((row["oldest"] for row in await self._orders.get()), default=0.0), 1)

    async def metrics(self) -> list[Metric]:
        """Return the backlog for Prometheus; what cannot be read is missing, and said to be so."""
        orders, queues = await asyncio.gather(_known(self._orders.get), _known(self._queues.get))
        readable = GaugeMetricFamily(
            "tandem_backlog_readable", "Whether the server answered: 1 or 0.", labels=["server"]
        )
        readable.add_metric(["postgresql"], orders is not None)
        readable.add_metric(["redis"], queues is not None)
        return [
            readable,
            *(_order_metrics(orders) if orders is not None else ()),
            *_queue_metrics(queues or {}),
        ]


async def _read_orders() -> list[Any]:
    return await fetch(OPEN_ORDERS, [OVERDUE_SECONDS])


async def _known(read: Callable[[], Awaitable[Any]]) -> Any:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await read()
    except _ERRORS as error:
        logger.warning("The backlog cannot be read: %r", error)
        return None


def _order_metrics(rows: list[Any]) -> list[Metric]:
    status = ["status"]
    number = GaugeMetricFamily("tandem_orders_open", "Orders that are not final.", labels=status)
    oldest = GaugeMetricFamily(
        "tandem_orders_oldest_seconds", "Age of the oldest of them; 0 for none.", labels=status
    )
    overdue = GaugeMetricFamily(
        "tandem_orders_overdue", f"Orders that have been due for over {OVERDUE_SECONDS} s.", labels=status
    )
    retried = GaugeMetricFamily("tandem_orders_retried", "Open orders that were tried before.", labels=status)
    found = {row["status"]: row for row in rows}
    for value in sorted(OPEN_STATUSES):
        row = found.get(value, {"orders": 0, "oldest": 0, "overdue": 0, "retried": 0})
        number.add_metric([value], row["orders"])
        oldest.add_metric([value], row["oldest"])
        overdue.add_metric([value], row["overdue"])
        retried.add_metric([value], row["retried"])
    return [number, oldest, overdue, retried]


def _queue_metrics(queues: dict[str, StreamState]) -> list[Metric]:
    queue = ["queue"]
    length = GaugeMetricFamily("tandem_queue_messages", "Messages that are not done.", labels=queue)
    pending = GaugeMetricFamily("tandem_queue_pending", "Those that a worker has, or had.", labels=queue)
    dead = GaugeMetricFamily("tandem_dead_letters", "Dead letters.", labels=queue)
    workers = GaugeMetricFamily("tandem_workers", "Worker processes that listen to the queue.", labels=queue)
    for name, state in queues.items():
        length.add_metric([name], state.length)
        pending.add_metric([name], state.pending)
        dead.add_metric([name], state.dead)
        workers.add_metric([name], state.consumers)
    return [length, pending, dead, workers]
