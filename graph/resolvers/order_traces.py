"""What became of orders, and what they wait for: for administrators."""

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum

from tortoise import timezone

from engine.postgres import Columns, Select, fetch, row_class, row_columns
from graph.resolvers.context import Context
from graph.resolvers.pagination import Ordering, Page, Window, paginate
from graph.resolvers.stock_movements import NEWEST_ID_FIRST
from graph.resolvers.validation import refuse
from models import Order, OrderEventRow, OrderFailureRow, OrderRow, OrderStatus

#: Seconds after which an open order counts as stuck where nobody says otherwise, and at most.
STUCK_SECONDS = 60
MAX_STUCK_SECONDS = 365 * 24 * 3600
OLDEST_FIRST = Ordering("created_at")

_COLUMNS = row_columns(OrderFailureRow)
LAST_FAILURES = f"""
SELECT failure.* FROM unnest($1::int[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT {", ".join(_COLUMNS)} FROM order_failures WHERE order_id = wanted.id ORDER BY id DESC LIMIT 1
) AS failure
"""  # noqa: S608 - names of columns
_FAILURE = row_class(OrderFailureRow, _COLUMNS)


class OrderWait(Enum):
    """What an open order waits for."""

    WORKER = "WORKER"
    ATTEMPT = "ATTEMPT"
    NEXT_ATTEMPT = "NEXT_ATTEMPT"
    SWEEP = "SWEEP"


def wait_of(order: Order | OrderRow) -> OrderWait | None:
    """Return what an order waits for; None if it is final."""
    if order.due_at is None:
        return None
    if order.status is OrderStatus.PENDING:
        return OrderWait.WORKER
    if order.due_at < timezone.now():
        return OrderWait.SWEEP
    return OrderWait.ATTEMPT if order.worker else OrderWait.NEXT_ATTEMPT


def trace_of(ctx: Context, order: Order | OrderRow) -> Order | OrderRow:
    """Return an order as what its trace is told from.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
    """
    ctx.require_admin()
    return order


def worker_of(ctx: Context, row: Order | OrderRow | OrderEventRow) -> str | None:
    """Return the name of the worker that has an order, or that caused an event.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
    """
    ctx.require_admin()
    return row.worker


def attempt_of(ctx: Context, event: OrderEventRow) -> int | None:
    """Return the number of the attempt that caused an event.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
    """
    ctx.require_admin()
    return event.attempt


async def list_stuck_orders(
    ctx: Context, *, window: Window, open_for_seconds: int = STUCK_SECONDS, columns: Columns = None
) -> Page[OrderRow]:
    """Return the orders that are open although they were placed some time ago, the oldest first.

    Args:
        open_for_seconds: how long ago at least; an order that was retried counts from when it was placed.
        columns: what will be read of them; all if not given.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: the window or the time is out of bounds.
    """
    ctx.require_admin()
    if not 0 <= open_for_seconds <= MAX_STUCK_SECONDS:
        refuse("open_for_seconds", f"openForSeconds must be between 0 and {MAX_STUCK_SECONDS}")
    # Open orders have a due time, and the index orders_open has them alone.
    placed_before = timezone.now() - timedelta(seconds=open_for_seconds)
    orders = Select(OrderRow).where(due_at__isnull=False, created_at__lt=placed_before)
    return await paginate(orders, OLDEST_FIRST, window, columns=columns, counts=ctx.resources.total_counts)


async def list_order_failures(
    ctx: Context, order_id: int, *, window: Window, columns: Columns = None
) -> Page[OrderFailureRow]:
    """Return the attempts at an order that failed, the newest first.

    Args:
        columns: what will be read of them; all if not given.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: the window is out of bounds.
    """
    ctx.require_admin()
    failures = Select(OrderFailureRow).where(order_id=order_id)
    counts = ctx.resources.total_counts
    return await paginate(failures, NEWEST_ID_FIRST, window, columns=columns, counts=counts)


async def last_failures(ctx: Context, order_ids: Sequence[int]) -> list[OrderFailureRow | None]:
    """Return the newest failed attempt of each order; None where none has failed.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
    """
    ctx.require_admin()
    found = await newest_failures_of(order_ids)
    return [found.get(order_id) for order_id in order_ids]


async def newest_failures_of(order_ids: Sequence[int]) -> dict[int, OrderFailureRow]:
    """Return the newest failed attempt of each order that has one, by the order's id."""
    return {row.order_id: row for row in await fetch(LAST_FAILURES, [order_ids], _FAILURE)}
