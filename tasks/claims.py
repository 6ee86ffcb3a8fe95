"""Claims on orders: by compare-and-set, with a lease, and what becomes of them when an attempt fails.

A new order is claimed with whatever else has come in, and so is one that was put off, later each time. One whose
worker was gone before it could say what came of it is claimed by itself. What ended a worker that had a whole batch may
be any order of it, so a first attempt counts only if its worker lives to end it; a later one counts.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from core.masked_errors import masked_error
from core.metrics import ATTEMPTS
from core.settings import Settings
from engine.postgres import describe_lock, fetch, milliseconds

logger = logging.getLogger("tandem.orders")

#: Seconds until the next attempt, after so many: twice as long each time, up to ten minutes. With 30 attempts a
#: fault may last for three hours and three quarters.
_PAUSE = "make_interval(secs => least(2 ^ least({attempts}, 10), 600))"
#: An attempt that ends with its worker says nothing, so the lease of a later one is at least as long as the pause after
#: it would be.
_LEASE = f"greatest(make_interval(secs => $2), {_PAUSE.format(attempts='orders.attempts + 1')})"
#: The time limit for locks is set where it is in force before the first one: of the order itself there is none, because
#: what another transaction is changing at this moment is left to it, to a worker that claims it, to a cancellation, or
#: to the sweep; but of the user's log and row there is.
CLAIM = f"""
WITH timeout AS MATERIALIZED (SELECT set_config('lock_timeout', $3, TRUE)
), free AS (
    SELECT id, status = 'pending' AS is_new FROM timeout, orders
    WHERE id = ANY ($1::int[]) AND (status = 'pending' OR status = 'processing' AND worker IS NULL AND due_at < now())
    ORDER BY id FOR NO KEY UPDATE OF orders SKIP LOCKED
), claimed AS (
    UPDATE orders
    SET status = 'processing', version = version + 1, updated_at = now(), worker = $4::text,
        attempts = CASE WHEN is_new THEN attempts ELSE attempts + 1 END,
        due_at = now() + CASE WHEN is_new THEN make_interval(secs => $2) ELSE {_LEASE} END
    FROM free WHERE orders.id = free.id
    RETURNING
        orders.id, user_id, attempts, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age, is_new
), noted AS (
    INSERT INTO order_events (order_id, user_id, status, worker, attempt)
    SELECT id, user_id, 'processing', $4::text, greatest(attempts, 1) FROM claimed WHERE is_new ORDER BY id
)
SELECT id, user_id, attempts, age FROM claimed
"""  # noqa: S608 - an expression
#: After an expired lease. That is no step of the history. That the attempt before has failed is noted here, by who
#: finds its worker's name.
RECLAIM = f"""
WITH free AS (
    SELECT id, attempts, worker FROM orders WHERE id = $1 AND status = 'processing' AND due_at < now()
    FOR NO KEY UPDATE SKIP LOCKED
), lost AS (
    INSERT INTO order_failures (order_id, attempt, worker, request_id, error, message)
    SELECT id, greatest(attempts, 1), worker, $4::text, $5::text, $6::text FROM free WHERE worker IS NOT NULL
)
UPDATE orders
SET attempts = orders.attempts + 1, version = version + 1, updated_at = now(), worker = $3::text,
    due_at = now() + {_LEASE}
FROM free WHERE orders.id = free.id
RETURNING orders.id, user_id, orders.attempts, extract(epoch FROM clock_timestamp() - created_at)::float8 AS age
"""  # noqa: S608 - an expression
#: Of these orders those whose worker was gone before it could say what came of them.
LOST = """
SELECT id FROM orders WHERE id = ANY ($1::int[]) AND status = 'processing' AND worker IS NOT NULL AND due_at < now()
"""
PUT_OFF = f"""
WITH free AS (
    SELECT orders.id, token, worker_name, request_id
    FROM orders JOIN unnest($1::int[], $2::int2[], $3::text[], $4::text[])
        AS claim (id, token, worker_name, request_id) ON claim.id = orders.id
    WHERE status = 'processing' AND attempts = token ORDER BY id FOR NO KEY UPDATE OF orders SKIP LOCKED
), failed AS (
    INSERT INTO order_failures (order_id, attempt, worker, request_id, error, message)
    SELECT id, greatest(token, 1), worker_name, request_id, $5::text, $6::text FROM free ORDER BY id
)
UPDATE orders
SET attempts = greatest(attempts, 1), worker = NULL,
    due_at = now() + {_PAUSE.format(attempts="greatest(attempts, 1)")}
FROM free WHERE orders.id = free.id
"""  # noqa: S608 - an expression
#: What is noted of an attempt whose worker has said nothing.
LEASE_EXPIRED = (
    "LeaseExpired",
    "The worker ended, hung, or could not reach the database until its lease was over.",
)
#: An attempt from which on an order that waits for a lock has waited for over five seconds.
_SLOW_ATTEMPT = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """The lease of this worker on an order; *token* is its fencing token: ``orders.attempts`` as it was claimed."""

    order_id: int
    user_id: int
    token: int
    #: True when it was tried too often: it is not tried again, but fails.
    is_last: bool
    #: When it was placed, on this process's monotonic clock; by the database's, so no clocks are compared.
    placed_at: float
    worker: str | None = None
    #: The request that the attempt is for, where it is known.
    request_id: str | None = None

    @property
    def fields(self) -> dict[str, object]:
        """What a line in the log has as ``extra``; what is not known is left out."""
        known = {"worker": self.worker, "request_id": self.request_id}
        fields = {"order_id": self.order_id, "attempt": self.attempt}
        return fields | {name: value for name, value in known.items() if value is not None}

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return max(self.token, 1)


async def claim_new(
    settings: Settings,
    order_ids: Sequence[int],
    *,
    lock_timeout: float,
    worker: str | None = None,
    request_ids: Mapping[int, str | None] | None = None,
) -> list[Claim]:
    """Claim the orders that are pending, or were put off until now, and free; return the claims in this order.

    Args:
        lock_timeout: seconds to wait for each lock of a user.
        worker: the name of who gets the lease.
        request_ids: the ids of the requests that the orders came by, by the orders' ids.

    Raises:
        asyncpg.LockNotAvailableError: that was too short; nothing is claimed.
    """
    rows = await fetch(CLAIM, [order_ids, settings.order_lease_seconds, milliseconds(lock_timeout), worker])
    position = {order_id: number for number, order_id in enumerate(order_ids)}
    rows.sort(key=lambda row: position[row["id"]])
    requests = request_ids or {}
    return [_claim(settings, row, worker, requests.get(row["id"])) for row in rows]


async def claim_again(
    settings: Settings, order_id: int, *, worker: str | None = None, request_id: str | None = None
) -> Claim | None:
    """Claim an order whose lease is over, if it is free, and note that the attempt before has failed if that did not.

    Args:
        worker: the name of who gets the lease.
        request_id: the id of the request that the order came by.
    """
    rows = await fetch(RECLAIM, [order_id, settings.order_lease_seconds, worker, request_id, *LEASE_EXPIRED])
    return _claim(settings, rows[0], worker, request_id) if rows else None


async def find_lost(order_ids: Sequence[int]) -> set[int]:
    """Return which of these orders have a lease that is over, of a worker that has not said what came of them."""
    return {row["id"] for row in await fetch(LOST, [order_ids])}


def _claim(settings: Settings, row: Any, worker: str | None, request_id: str | None) -> Claim:
    attempt, placed_at = row["attempts"], time.monotonic() - row["age"]
    is_last = attempt > settings.order_max_attempts
    return Claim(row["id"], row["user_id"], attempt, is_last, placed_at, worker, request_id)


async def put_off(claims: Sequence[Claim], error: Exception) -> None:
    """Give claims back, and note why: the sweep sends the orders again when the pause after *error* is over."""
    if not claims:
        return
    is_locked = isinstance(error, asyncpg.LockNotAvailableError)
    ATTEMPTS.labels("locked" if is_locked else "failed").inc(len(claims))
    for claim in claims:
        order_id, attempt, request_id = claim.order_id, claim.attempt, claim.request_id
        if is_locked:
            level, reason = logging.INFO if attempt < _SLOW_ATTEMPT else logging.WARNING, describe_lock(error)
            text = "Order %d is put off after attempt %d (request %s): %s"
            logger.log(level, text, order_id, attempt, request_id, reason, extra=claim.fields)
        else:
            text = "Order %d failed in attempt %d (request %s)"
            logger.error(text, order_id, attempt, request_id, exc_info=error, extra=claim.fields)
    columns = zip(
        *((claim.order_id, claim.token, claim.worker, claim.request_id) for claim in claims), strict=True
    )
    await fetch(PUT_OFF, [*map(list, columns), *masked_error(error)])
