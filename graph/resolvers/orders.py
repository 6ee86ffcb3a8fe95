"""Orders: found, listed, watched, cancelled. ``order_placement`` accepts new ones."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, TypeVar

from tortoise import timezone
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from core.errors import (
    AppError,
    NotOwner,
    OrderItemNotFound,
    OrderNotCancellable,
    OrderNotFound,
)
from core.metrics import ORDERS
from engine.postgres import Columns, Select
from graph.resolvers.context import Context, current_request
from graph.resolvers.notifications import while_signed_in
from graph.resolvers.pagination import NEWEST_FIRST, Ordering, Page, Window, paginate
from graph.resolvers.validation import Checks
from models import MAX_ID, FailureCode, Order, OrderEvent, OrderItemRow, OrderRow, OrderStatus, UserRow
from models.orders import OPEN_STATUSES, OrderRules, may_read_orders_of
from tasks.events import order_channel, publish_order

AnyOrder = TypeVar("AnyOrder", bound=OrderRules)

#: The wording, apostrophe included, is the documentation's of API v1.
FOREIGN_ORDER = "Cannot view other user\N{RIGHT SINGLE QUOTATION MARK}s orders"


async def get_order(ctx: Context, order_id: int, *, columns: Columns = None) -> OrderRow:
    """Return one order of the viewer's, or anybody's to an administrator.

    Args:
        columns: what will be read of it; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        OrderNotFound: there is none.
        NotOwner: it is somebody else's.
    """
    user = ctx.require_user()
    return _shown_to(user, await ctx.loaders.find(OrderRow, order_id, columns))


async def get_order_item(ctx: Context, item_id: int, *, columns: Columns = None) -> OrderItemRow:
    """Return one item of an order of the viewer's, or of anybody's to an administrator.

    Args:
        columns: what will be read of it; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        OrderItemNotFound: there is none.
        NotOwner: its order is somebody else's.
    """
    ctx.require_user()
    item = await ctx.loaders.find(OrderItemRow, item_id, columns)
    if item is None:
        raise OrderItemNotFound
    await get_order(ctx, item.order_id, columns=ctx.loaders.columns_of("Order"))
    return item


def _shown_to(user: UserRow, order: AnyOrder | None) -> AnyOrder:
    if order is None:
        raise OrderNotFound
    if not order.is_visible_to(user):
        raise NotOwner(FOREIGN_ORDER)
    return order


async def _find(ctx: Context, order_id: int) -> Order:
    # Not through the loader: it would hand out a row read before a change made in the same request.
    user = ctx.require_user()
    return _shown_to(user, await Order.get_or_none(id=order_id) if 0 < order_id <= MAX_ID else None)


async def list_orders(
    ctx: Context,
    *,
    window: Window,
    user_id: int | None = None,
    everybodys: bool = False,
    statuses: Sequence[OrderStatus] | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    failure_codes: Sequence[FailureCode] | None = None,
    product_id: int | None = None,
    placed_by: int | None = None,
    reference: str | None = None,
    ordering: Ordering = NEWEST_FIRST,
    columns: Columns = None,
) -> Page[OrderRow]:
    """Return orders: the viewer's own unless told otherwise, for administrators too.

    Args:
        user_id: those of this user instead; another's only for an administrator.
        everybodys: those of all users instead; only for an administrator.
        created_after, created_before: bounds of the time of creation, both exclusive.
        failure_codes: only those that failed for one of these reasons.
        product_id: only those that have an item of this product.
        placed_by: only those of this user, of the ones that are listed.
        reference: only the user's one that has it; of everybody's, all that do.
        columns: what will be read of them; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        AdminRequired: everybody's are asked for.
        NotOwner: somebody else's are asked for.
        ValidationFailed: the window is out of bounds, or the reference cannot be one.
    """
    user = ctx.require_user()
    orders = Select(OrderRow)
    if everybodys:
        ctx.require_admin()
    else:
        owner_id = user.id if user_id is None else user_id
        if not may_read_orders_of(user, owner_id):
            raise NotOwner(FOREIGN_ORDER)
        orders.where(user_id=owner_id)
    if placed_by is not None:
        orders.where(user_id=placed_by)
    _keep_any(orders, "status", statuses)
    if failure_codes is not None:
        # The index of these has no others, which PostgreSQL must be able to tell.
        _keep_any(orders.where(failure_code__isnull=False), "failure_code", failure_codes)
    if product_id is not None:
        # One user's orders are few enough to look through; for all, a product that is sold no more would take seconds.
        collected = everybodys and placed_by is None
        orders.referenced(OrderItemRow, "order_id", "product_id", product_id, collected=collected)
    if created_after is not None:
        orders = orders.where(created_at__gt=created_after)
    if created_before is not None:
        orders = orders.where(created_at__lt=created_before)
    if reference is not None:
        checks = Checks()
        orders = orders.where(reference=checks.reference(reference))
        checks.done()
    indexed = (statuses is None or len(statuses) == 1) and failure_codes is None and product_id is None
    shared = indexed and ordering == NEWEST_FIRST and not everybodys
    counts = ctx.resources.total_counts
    return await paginate(orders, ordering, window, columns=columns, counts=counts, shared=shared)


def _keep_any(orders: Select[OrderRow], column: str, values: Sequence[Any] | None) -> None:
    """Keep the orders that have one of *values*; all if none are given."""
    if values is not None:
        distinct = list(dict.fromkeys(values))
        # The index has the orders of one value as the list has them; those of several have to be sorted.
        one = len(distinct) == 1
        orders.where(**({column: distinct[0]} if one else {f"{column}__in": distinct}))


async def cancel_order(ctx: Context, order_id: int) -> Order:
    """Cancel an order that is not final yet; a worker that holds it finds it gone and takes nothing.

    Raises:
        AuthenticationError: nobody is signed in.
        OrderNotFound: there is none.
        NotOwner: it is somebody else's.
        OrderNotCancellable: it is completed, failed or cancelled.
    """
    user = ctx.require_user()
    order = await _find(ctx, order_id)
    if refusal := why_not_cancel(user, order):
        raise refusal
    async with in_transaction():
        cancelled = await Order.filter(id=order.id, status__in=OPEN_STATUSES).update(
            status=OrderStatus.CANCELLED,
            due_at=None,
            worker=None,
            version=F("version") + 1,
            updated_at=timezone.now(),
        )
        if cancelled:
            await OrderEvent.create(
                order_id=order.id,
                status=OrderStatus.CANCELLED,
                actor_id=user.id,
                request_id=current_request(),
            )
    await order.refresh_from_db()
    if not cancelled:
        # A worker, or another request, was faster than the look above.
        raise why_not_cancel(user, order) or OrderNotCancellable
    ORDERS.labels("cancelled").inc()
    await publish_order(ctx.resources, order.id, order.user_id)
    return order


def why_not_cancel(user: UserRow, order: OrderRules) -> AppError | None:
    """Return the error that *user* would get for cancelling *order* now; None if it can be cancelled."""
    if not order.is_visible_to(user):
        return NotOwner(FOREIGN_ORDER)
    if not order.is_cancellable:
        return OrderNotCancellable(f"Order cannot be cancelled: it is {order.status.value}")
    return None


def attempts_of(ctx: Context, order: Order | OrderRow) -> int:
    """Return how many attempts at processing an order count.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
    """
    ctx.require_admin()
    return order.attempts


def due_at_of(ctx: Context, order: Order | OrderRow) -> datetime | None:
    """Return when the sweep looks at an order again; None for a final one.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
    """
    ctx.require_admin()
    return order.due_at


async def watch_order(ctx: Context, order_id: int) -> AsyncGenerator[OrderRow, None]:
    """Yield an order now, and again after each change, until it is final.

    Listening begins before the first look, so nothing falls between the two; a change that is told twice is
    yielded once.

    Raises:
        AuthenticationError: nobody is signed in, or not any more.
        OrderNotFound: there is none.
        NotOwner: it is somebody else's.
    """
    seen = 0
    async with aclosing(while_signed_in(ctx, order_channel(order_id))) as notifications:
        async for _ in notifications:
            order = await get_order(ctx, order_id)
            if order.version > seen:
                seen = order.version
                yield order
            if order.status.is_final:
                return
