"""Claims on orders: by compare-and-set, with a lease, and what becomes of them when an attempt fails.

A new order is claimed with whatever else has come in. One whose attempt came to nothing, because something failed or
because its worker was gone before it could say so, is claimed by itself, and later each time.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from core.metrics import ATTEMPTS
from core.settings import Settings
from engine.postgres import describe_lock, fetch, milliseconds

logger = logging.getLogger("tandem.orders")

#: Seconds until the next attempt, after so many: twice as long each time, up to ten minutes. With 30 attempts a
#: fault may last for three hours and three quarters.
_PAUSE = "make_interval(secs => least(2 ^ least({attempts}, 10), 600))"
#: The time limit for locks is set where it is in force before the first one: of the order itself there is none, because
#: what another transaction is changing at this moment is left to it, to a worker that claims it, to a cancellation, or
#: to the sweep; but of the user's log and row there is.
CLAIM = """
WITH timeout AS MATERIALIZED (SELECT set_config('lock_timeout', $3, TRUE)
), free AS (
    SELECT id FROM timeout, orders WHERE id = ANY ($1::int[]) AND status = 'pending'
    ORDER BY id FOR NO KEY UPDATE OF orders SKIP LOCKED
), claimed AS (
    UPDATE orders
    SET status = 'processing', attempts = attempts + 1, version = version + 1, updated_at = now(),
        due_at = now() + make_interval(secs => $2)
    FROM free WHERE orders.id = free.id
    RETURNING orders.id, user_id, attempts
), noted AS (
    INSERT INTO order_events (order_id, user_id, status) SELECT id, user_id, 'processing' FROM claimed ORDER BY id
)
SELECT id, user_id, attempts FROM claimed
"""
#: After an expired lease. That is no step of the history. An attempt that ends with its worker says nothing, so the
#: lease is at least as long as the pause would be.
RECLAIM = f"""
WITH free AS (
    SELECT id FROM orders WHERE id = $1 AND status = 'processing' AND due_at < now()
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE orders
SET attempts = attempts + 1, version = version + 1, updated_at = now(),
    due_at = now() + greatest(make_interval(secs => $2), {_PAUSE.format(attempts="attempts + 1")})
FROM free WHERE orders.id = free.id
RETURNING orders.id, user_id, attempts
"""  # noqa: S608 - an expression
PUT_OFF = f"""
WITH free AS (
    SELECT id FROM orders WHERE id = $1 AND status = 'processing' AND attempts = $2
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE orders SET due_at = now() + {_PAUSE.format(attempts="attempts")} FROM free WHERE orders.id = free.id
"""  # noqa: S608 - an expression
#: An attempt from which on an order that waits for a lock has waited for over five seconds.
_SLOW_ATTEMPT = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """The lease of this worker on an order; *attempt* is its fencing token."""

    order_id: int
    user_id: int
    attempt: int
    #: True when it was tried too often: it is not tried again, but fails.
    is_last: bool


async def claim_new(settings: Settings, order_ids: Sequence[int], *, lock_timeout: float) -> list[Claim]:
    """Claim the orders that are pending and free, and return the claims in the order of *order_ids*.

    Args:
        lock_timeout: seconds to wait for each lock of a user.

    Raises:
        asyncpg.LockNotAvailableError: that was too short; nothing is claimed.
    """
    rows = await fetch(CLAIM, [order_ids, settings.order_lease_seconds, milliseconds(lock_timeout)])
    position = {order_id: number for number, order_id in enumerate(order_ids)}
    rows.sort(key=lambda row: position[row["id"]])
    return [_claim(settings, row) for row in rows]


async def claim_again(settings: Settings, order_id: int) -> Claim | None:
    """Claim an order whose lease is over, if it is free."""
    rows = await fetch(RECLAIM, [order_id, settings.order_lease_seconds])
    return _claim(settings, rows[0]) if rows else None


def _claim(settings: Settings, row: Any) -> Claim:
    return Claim(row["id"], row["user_id"], row["attempts"], row["attempts"] > settings.order_max_attempts)


async def put_off(claim: Claim, error: Exception) -> None:
    """Give a claim back: the sweep sends the order again when the pause after *error* is over."""
    is_locked = isinstance(error, asyncpg.LockNotAvailableError)
    ATTEMPTS.labels("locked" if is_locked else "failed").inc()
    if is_locked:
        level = logging.INFO if claim.attempt < _SLOW_ATTEMPT else logging.WARNING
        reason = describe_lock(error)
        logger.log(level, "Order %d is put off after attempt %d: %s", claim.order_id, claim.attempt, reason)
    else:
        logger.error("Order %d failed in attempt %d", claim.order_id, claim.attempt, exc_info=error)
    await fetch(PUT_OFF, [claim.order_id, claim.attempt])
