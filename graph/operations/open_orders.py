"""What the database tells of its orders, and of who waits for whom, at a price that does not grow with the tables."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.postgres import fetch, row_class, row_columns
from graph.resolvers.order_traces import STUCK_SECONDS
from models import OrderFailureRow, OrderStatus

#: Most open orders, and most final ones, of one status that are counted one by one. Of more there is an estimate from
#: the planner's statistics.
MAX_COUNTED, MAX_COUNTED_FINAL = 10_000, 1_000
MAX_LOCK_WAITS = 20
MAX_IDLE_TRANSACTIONS = 5
MAX_FAILURES = 10
#: How long an order that was given up is a matter for an operator.
GIVEN_UP_DAYS = 1

#: Everything by the index of statuses (``orders_by_status``: status, then the newest first), without the rows. Sorted
#: like it, lest the planner scan the table for the few that there are. ``reltuples`` is as of the last VACUUM or
#: ANALYZE, so it is scaled to the present size, as the planner does.
COUNT = """
WITH estimated AS (
    SELECT value AS status, frequency * (
        SELECT reltuples / greatest(relpages, 1) * (pg_relation_size(oid) / current_setting('block_size')::int)
        FROM pg_class WHERE oid = 'orders'::regclass AND reltuples > 0
    ) AS orders
    FROM pg_stats, unnest(most_common_vals::text::text[], most_common_freqs) AS common (value, frequency)
    WHERE schemaname = current_schema() AND tablename = 'orders' AND attname = 'status'
)
SELECT status, most, counted.orders AS counted, coalesce(estimated.orders, 0)::int8 AS estimated, oldest.created_at
FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS every (status, most, number)
CROSS JOIN LATERAL (SELECT count(*) AS orders FROM (
    SELECT FROM orders WHERE orders.status = every.status ORDER BY created_at DESC, id DESC LIMIT every.most
) AS newest) AS counted
LEFT JOIN LATERAL (
    SELECT created_at FROM orders WHERE orders.status = every.status ORDER BY created_at, id LIMIT 1
) AS oldest ON TRUE
LEFT JOIN estimated USING (status)
ORDER BY number
"""
COUNT_ARGUMENTS = (
    list(OrderStatus),
    [MAX_COUNTED_FINAL if status.is_final else MAX_COUNTED for status in OrderStatus],
)
#: Open orders have a due time, and an index of their own (``orders_open``). Of those in processing only the ones that
#: are tried again have had more than one attempt, which no index tells: they are looked for among the oldest.
COUNT_TROUBLE = f"""
SELECT (SELECT count(*) FROM (
    SELECT FROM orders WHERE due_at IS NOT NULL AND created_at < now() - make_interval(secs => $1)
    ORDER BY created_at, id LIMIT {MAX_COUNTED}
) AS old) AS stuck, (SELECT count(*) FILTER (WHERE attempts > 1) FROM (
    SELECT attempts FROM orders WHERE status = 'processing' ORDER BY created_at, id LIMIT {MAX_COUNTED}
) AS oldest) AS retrying, (SELECT count(*) FROM (
    SELECT FROM orders
    WHERE failure_code = 'PROCESSING_ERROR' AND created_at > now() - make_interval(days => {GIVEN_UP_DAYS})
    LIMIT {MAX_COUNTED}
) AS lost) AS given_up, (
    SELECT id FROM orders WHERE due_at IS NOT NULL ORDER BY created_at, id LIMIT 1
) AS oldest_open, (
    SELECT id FROM orders WHERE failure_code = 'PROCESSING_ERROR' ORDER BY created_at DESC, id DESC LIMIT 1
) AS newest_given_up
"""  # noqa: S608 - numbers
#: A row's lock is waited for as the transaction that holds it; which table it is in tells the lock on the row's version
#: that whoever waits first has meanwhile.
LOCK_WAITS = f"""
WITH waiting AS (
    SELECT locks.pid, locktype, relation, coalesce(waitstart, now()) AS since, pg_blocking_pids(locks.pid) AS pids
    FROM pg_locks AS locks JOIN pg_stat_activity AS activity USING (pid)
    WHERE NOT granted AND datname = current_database() ORDER BY waitstart NULLS LAST LIMIT {MAX_LOCK_WAITS}
)
SELECT waiting.pid, locktype, since, pids, coalesce(relation, (
        SELECT relation FROM pg_locks WHERE pg_locks.pid = waiting.pid AND locktype = 'tuple' LIMIT 1
    ))::regclass::text AS table_name,
    holder.pid AS holder, holder.usename, nullif(holder.application_name, '') AS program, holder.state,
    holder.xact_start
FROM waiting LEFT JOIN pg_stat_activity AS holder ON holder.pid = pids[1]
ORDER BY since
"""  # noqa: S608 - a number
#: Those that read alone hold up nobody. Orders wait for a lock for a moment at a time, so that no look at who waits
#: finds them. Of other roles' processes only a superuser, or a member of pg_read_all_stats, sees this.
IDLE_TRANSACTIONS = f"""
SELECT pid, usename, nullif(application_name, '') AS program, state_change AS since FROM pg_stat_activity AS activity
WHERE datname = current_database() AND state LIKE 'idle in transaction%'
    AND state_change < now() - make_interval(secs => $1) AND EXISTS (
        SELECT FROM pg_locks WHERE pg_locks.pid = activity.pid AND locktype = 'relation' AND mode <> 'AccessShareLock'
    )
ORDER BY state_change LIMIT {MAX_IDLE_TRANSACTIONS}
"""  # noqa: S608 - a number

_COLUMNS = row_columns(OrderFailureRow)
NEWEST_FAILURES = f"SELECT {', '.join(_COLUMNS)} FROM order_failures ORDER BY id DESC LIMIT {MAX_FAILURES}"  # noqa: S608
_FAILURE = row_class(OrderFailureRow, _COLUMNS)


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many orders have a status; *is_estimate* if they are too many to be counted."""

    status: OrderStatus
    count: int
    is_estimate: bool
    oldest_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done for them."""
        return not self.status.is_final


@dataclass(frozen=True, slots=True)
class OrderCounts:
    """The orders by status, in the order of their way, and those that an operator may have to look after."""

    by_status: list[StatusCount]
    stuck: int
    retrying: int
    given_up: int
    #: The id of the open order that was placed first, and of the order that was given up and placed last.
    oldest_open: int | None
    newest_given_up: int | None


@dataclass(frozen=True, slots=True)
class LockWait:
    """A process of PostgreSQL that waits for a lock.

    Args:
        kind: PostgreSQL's name for what is locked, such as ``transactionid``, which is a row.
        table: where it is, as far as that is known.
        blocked_by: the processes that stand before it.
        holder: the first of them, in words.
    """

    pid: int
    since: datetime
    kind: str
    table: str | None
    blocked_by: list[int]
    holder: str | None


@dataclass(frozen=True, slots=True)
class IdleTransaction:
    """A process of PostgreSQL that keeps locks in a transaction in which nothing happens any more.

    Args:
        program: what has the process, in words.
        since: when it did something last.
    """

    pid: int
    program: str
    since: datetime


async def count_orders() -> OrderCounts:
    """Count the orders of each status as far as the bounds allow, and estimate where there are more."""
    rows = await fetch(COUNT, list(COUNT_ARGUMENTS))
    (trouble,) = await fetch(COUNT_TROUBLE, [STUCK_SECONDS])
    return OrderCounts([_count(row) for row in rows], **trouble)


def _count(row: Any) -> StatusCount:
    is_estimate = row["counted"] >= row["most"]
    count = max(row["counted"], row["estimated"]) if is_estimate else row["counted"]
    return StatusCount(OrderStatus(row["status"]), count, is_estimate, row["created_at"])


async def newest_failures() -> list[OrderFailureRow]:
    """Return the newest failed attempts at any order: ``MAX_FAILURES`` at most."""
    return await fetch(NEWEST_FAILURES, [], _FAILURE)


async def find_lock_waits() -> list[LockWait]:
    """Return who waits for a lock in this database, longest first: ``MAX_LOCK_WAITS`` at most."""
    return [
        LockWait(row["pid"], row["since"], row["locktype"], row["table_name"], row["pids"], _holder(row))
        for row in await fetch(LOCK_WAITS)
    ]


async def find_idle_transactions(seconds: float) -> list[IdleTransaction]:
    """Return who has kept locks for so long without doing anything, the oldest first."""
    rows = await fetch(IDLE_TRANSACTIONS, [seconds])
    return [IdleTransaction(row["pid"], _program(row), row["since"]) for row in rows]


def _program(row: Any) -> str:
    return f"{row['program'] or 'a program'} of {row['usename']}"


def _holder(row: Any) -> str | None:
    if row["holder"] is None:
        return None
    parts = [f"process {row['holder']} ({_program(row)})"]
    # Of another role's processes only a superuser sees what they do.
    if row["state"]:
        parts.append(f"{row['state']}")
    if row["xact_start"]:
        parts.append(f"in a transaction since {row['xact_start']:%H:%M:%S} UTC")
    return ", ".join(parts)
