"""The sweep: finds overdue orders that no worker has, rows that have expired, and addresses to be erased.

It runs in every worker; a lock in the database lets one at a time do the work.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from redis.exceptions import RedisError
from tortoise.transactions import in_transaction

from core.counted import counted
from core.metrics import LAST_SWEEP, RESENT, SWEEPS
from core.settings import Settings
from engine.postgres import DATABASE_ERRORS, fetch
from models.advisory_locks import AdvisoryLock
from tasks.order_batches import MAX_BATCH
from tasks.orders import enqueue_orders, order_broker

logger = logging.getLogger("tandem.sweep")

#: How many orders the queue may hold after a sweep, and how many overdue ones it sends again in any case. Where Redis
#: comes back without its messages, workers have enough to do until the next look; those that only wait do not multiply.
MAX_OVERDUE, MIN_OVERDUE = 10_000, 500

TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1)"
#: A pending order is put off, so that a long queue is not sent again at every look. An expired lease is left
#: as it is, for that is what lets the next worker claim the order. The status is asked of the rows that are locked,
#: lest the planner read all pending orders for the few.
OVERDUE = """
WITH overdue AS (
    SELECT id, status FROM orders WHERE due_at < now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
), put_off AS (
    UPDATE orders SET due_at = now() + make_interval(secs => $2)
    FROM overdue WHERE orders.id = overdue.id AND overdue.status = 'pending'
)
SELECT id, (
    SELECT request_id FROM order_events WHERE order_id = overdue.id AND request_id IS NOT NULL
    ORDER BY order_events.id DESC LIMIT 1
) AS request_id FROM overdue
"""
#: What somebody else has locked is left to a later sweep.
FORGET_KEYS = """
DELETE FROM idempotency_keys WHERE id IN
    (SELECT id FROM idempotency_keys WHERE expires_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""
#: An ended session stays for a day: a reused refresh token is then still known as such in the log.
FORGET_SESSIONS = """
DELETE FROM sessions WHERE id IN
    (SELECT id FROM sessions WHERE expires_at < now() - interval '1 day' LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""
FORGET_TOKENS = """
DELETE FROM one_time_tokens WHERE token_hash IN
    (SELECT token_hash FROM one_time_tokens WHERE expires_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""
#: One day at a time, the oldest.
FORGET_USAGE = """
DELETE FROM api_usage WHERE day =
    (SELECT min(day) FROM api_usage WHERE day < (now() AT TIME ZONE 'UTC')::date - $1::int)
"""
_ERASE = "UPDATE orders SET shipping_address = '', version = version + 1, updated_at = now()"
_ENDED = "WHERE id IN (SELECT id FROM ended)"
#: Only final orders, which have no ``due_at``: where an open one goes to has to be known.
ERASE_OLD_ADDRESSES = f"""
WITH ended AS (
    SELECT id FROM orders
    WHERE due_at IS NULL AND shipping_address <> '' AND updated_at < now() - make_interval(days => $1)
    ORDER BY updated_at LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED
) {_ERASE} {_ENDED}
"""  # noqa: S608 - a statement
_TO_ERASE = "erased_at IS NULL AND deleted_at < now() - make_interval(days => $1)"
#: The reference of an order is its owner's as long as there is one.
_PERSONAL = "(shipping_address <> '' OR reference IS NOT NULL)"
ERASE_DELETED_ADDRESSES = f"""
WITH gone AS (
    SELECT id FROM users WHERE {_TO_ERASE} ORDER BY deleted_at LIMIT 100
), ended AS (
    SELECT orders.id FROM gone JOIN orders ON user_id = gone.id
    WHERE due_at IS NULL AND {_PERSONAL} LIMIT 1000 FOR NO KEY UPDATE OF orders SKIP LOCKED
) {_ERASE}, reference = NULL {_ENDED}
"""  # noqa: S608 - a statement and conditions
#: So that the next sweep need not look through the orders of everybody who was ever deleted.
NOTE_ERASED = f"""
UPDATE users SET erased_at = now() WHERE id IN (
    SELECT id FROM users
    WHERE {_TO_ERASE} AND NOT EXISTS (SELECT FROM orders WHERE user_id = users.id AND {_PERSONAL})
    ORDER BY deleted_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
)
"""  # noqa: S608 - conditions


async def sweep(settings: Settings) -> list[int] | None:
    """Send overdue orders to the workers again, the longest overdue first, and delete what has expired.

    Whatever there is more of than one statement takes, or the queue has room for, is left to the next sweeps.

    Returns:
        The ids of the orders that were sent; None if another process is sweeping.
    """
    room = await _find_room()
    async with in_transaction():
        ((locked,),) = await fetch(TRY_LOCK, [AdvisoryLock.SWEEP])
        if not locked:
            return None
        rows = await fetch(OVERDUE, [room, settings.order_resend_seconds])
    sent = await _send([(row["id"], row["request_id"]) for row in rows])
    await fetch(FORGET_KEYS)
    await fetch(FORGET_SESSIONS)
    await fetch(FORGET_TOKENS)
    await fetch(FORGET_USAGE, [settings.usage_days])
    await _erase_addresses(settings)
    return sent


async def _find_room() -> int:
    """Return how many orders to send: as if each message that waits already were a full batch."""
    try:
        messages = await order_broker().length()
    except (RedisError, OSError):  # what is sent will tell
        return MIN_OVERDUE
    return max(MIN_OVERDUE, MAX_OVERDUE - messages * MAX_BATCH)


async def _erase_addresses(settings: Settings) -> None:
    if days := settings.address_days:
        await fetch(ERASE_OLD_ADDRESSES, [days])
    if days := settings.deleted_address_days:
        await fetch(ERASE_DELETED_ADDRESSES, [days])
        await fetch(NOTE_ERASED, [days])


async def _send(orders: Sequence[tuple[int, str | None]]) -> list[int]:
    """Send orders to the workers until the broker takes none, and return those that it has taken."""
    sent: list[int] = []
    for start in range(0, len(orders), MAX_BATCH):
        batch = orders[start : start + MAX_BATCH]
        order_ids = [order_id for order_id, _ in batch]
        if not await enqueue_orders(order_ids, request_ids=[request_id for _, request_id in batch]):
            break
        sent += order_ids
    RESENT.inc(len(sent))
    if sent:
        logger.info("Sent %s to the workers again", counted(len(sent), "overdue order"))
    if rest := len(orders) - len(sent):
        logger.warning("Not sent, and left to a later sweep: %s", counted(rest, "overdue order"))
    return sent


async def run_sweep(settings: Settings, sweep: Callable[[Settings], Awaitable[object]] = sweep) -> None:
    """Sweep every ``sweep_seconds``, until cancelled; after a failure, too."""
    failed = False
    while True:
        try:
            done = await sweep(settings)
        except DATABASE_ERRORS as error:
            failed = True
            SWEEPS.labels("failed").inc()
            logger.warning("The sweep failed and will be tried again: %s", error)
        except Exception:
            failed = True
            SWEEPS.labels("failed").inc()
            logger.exception("The sweep failed and will be tried again")
        else:
            if failed:
                logger.warning("The sweep works again")
            failed = False
            SWEEPS.labels("left" if done is None else "done").inc()
            LAST_SWEEP.set_to_current_time()
        await asyncio.sleep(settings.sweep_seconds)
