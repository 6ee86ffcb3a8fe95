"""Orders: placed, found, cancelled. A worker does the rest (``tasks/orders.py``)."""

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from tortoise import timezone
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from core.errors import (
    AppError,
    IdempotencyKeyReused,
    InvalidProduct,
    InvalidQuantity,
    NotOwner,
    OrderNotCancellable,
    OrderNotFound,
)
from graph.context import Context
from graph.live import while_signed_in
from graph.pagination import NEWEST_FIRST, Ordering, Page, Window, paginate
from graph.resolvers.validation import MAX_ADDRESS, MAX_IDEMPOTENCY_KEY, Checks
from models import MAX_ID, IdempotencyKey, Order, OrderEvent, OrderItem, OrderStatus, Product, User
from models.orders import OPEN_STATUSES
from tasks.events import announce_order, order_channel
from tasks.orders import enqueue_order

MAX_ITEMS = 100
MAX_QUANTITY = 1_000_000
IDEMPOTENCY_HOURS = 24

#: The wording, apostrophe included, is the documentation's of API v1.
FOREIGN_ORDER = "Cannot view other user\N{RIGHT SINGLE QUOTATION MARK}s orders"

#: Waits for a concurrent use of the same key, and gives nothing back if that one was first.
RESERVE_KEY = """
INSERT INTO idempotency_keys (user_id, key, request_hash, order_id, expires_at)
VALUES ($1, $2, $3, $4, now() + make_interval(hours => $5))
ON CONFLICT (user_id, key) DO UPDATE
SET request_hash = excluded.request_hash, order_id = excluded.order_id,
    created_at = now(), expires_at = excluded.expires_at
WHERE idempotency_keys.expires_at < now()
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class NewItem:
    """One line of an order that is to be. ``product_id`` is None when the id cannot belong to a product."""

    product_id: int | None
    quantity: int


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The outcome of placing an order; *replayed* when an earlier request with the same key had placed it."""

    order: Order
    replayed: bool


class _KeyTaken(Exception):
    """Another request with the same key was committed first."""


async def create_order(
    ctx: Context, *, items: Sequence[NewItem], shipping_address: str, idempotency_key: str | None = None
) -> PlacedOrder:
    """Accept an order: names and prices are fixed now, stock is taken by a worker later.

    Args:
        items: 1 to 100 lines; a product may stand on several.
        idempotency_key: with the same key the same user gets the same order again for 24 hours, through
            either face (draft-ietf-httpapi-idempotency-key-header).

    Raises:
        AuthenticationError: nobody is signed in.
        ValidationFailed: no lines, too many, or an address or key that cannot be.
        InvalidQuantity: a quantity below 1 or above a million.
        InvalidProduct: a product that does not exist or is archived.
        IdempotencyKeyReused: the key stands for another order.
    """
    user = ctx.require_user()
    shipping_address, idempotency_key = _check(items, shipping_address, idempotency_key)
    request_hash = _hash(items, shipping_address)
    if idempotency_key is not None:
        earlier = await _replay(user, idempotency_key, request_hash)
        if earlier:
            return earlier
    products = await _on_sale(items)
    try:
        async with in_transaction() as connection:
            order = await _insert(ctx, user, items, products, shipping_address)
            if idempotency_key is not None:
                await _reserve(connection, order, idempotency_key, request_hash)
    except _KeyTaken:
        earlier = await _replay(user, idempotency_key or "", request_hash)
        if earlier is None:
            raise
        return earlier
    await enqueue_order(order.id)
    await announce_order(ctx.resources, order.id, user.id)
    return PlacedOrder(order, replayed=False)


def _check(items: Sequence[NewItem], address: str, key: str | None) -> tuple[str, str | None]:
    checks = Checks()
    if not items:
        checks.refuse("items", "An order needs at least one item")
    elif len(items) > MAX_ITEMS:
        checks.refuse("items", f"An order has at most {MAX_ITEMS} items")
    address = checks.text("shipping_address", address, "Shipping address", longest=MAX_ADDRESS)
    if key is not None:
        key = checks.text("idempotency_key", key, "Idempotency key", longest=MAX_IDEMPOTENCY_KEY)
    checks.done()
    for index, item in enumerate(items):
        if not 1 <= item.quantity <= MAX_QUANTITY:
            raise InvalidQuantity(field=("items", str(index), "quantity"))
    return address, key


def _hash(items: Sequence[NewItem], shipping_address: str) -> str:
    meaning = [[item.product_id, item.quantity] for item in items], shipping_address
    return hashlib.sha256(orjson.dumps(meaning)).hexdigest()


async def _replay(user: User, key: str, request_hash: str) -> PlacedOrder | None:
    used = await IdempotencyKey.get_or_none(
        user_id=user.id, key=key, expires_at__gte=timezone.now()
    ).select_related("order")
    if used is None:
        return None
    if used.request_hash != request_hash:
        raise IdempotencyKeyReused(field=("idempotency_key",))
    return PlacedOrder(used.order, replayed=True)


async def _on_sale(items: Sequence[NewItem]) -> dict[int, Product]:
    ids = {item.product_id for item in items if item.product_id and 0 < item.product_id <= MAX_ID}
    products = {product.id: product for product in await Product.on_sale().filter(id__in=list(ids))}
    for index, item in enumerate(items):
        if item.product_id not in products:
            raise InvalidProduct(field=("items", str(index), "product_id"))
    return products


async def _insert(
    ctx: Context, user: User, items: Sequence[NewItem], products: dict[int, Product], shipping_address: str
) -> Order:
    grace = timedelta(seconds=ctx.resources.settings.order_resend_seconds)
    order = await Order.create(
        user_id=user.id, shipping_address=shipping_address, due_at=timezone.now() + grace
    )
    lines = []
    for item in items:
        product = products[item.product_id or 0]
        lines.append(
            OrderItem(
                order_id=order.id,
                product_id=product.id,
                product_name=product.name,
                quantity=item.quantity,
                accepted_price=product.price,
            )
        )
    await OrderItem.bulk_create(lines)
    await OrderEvent.create(order_id=order.id, status=order.status, actor_id=user.id)
    return order


async def _reserve(connection: BaseDBAsyncClient, order: Order, key: str, request_hash: str) -> None:
    values = [order.user_id, key, request_hash, order.id, IDEMPOTENCY_HOURS]
    if not await connection.execute_query_dict(RESERVE_KEY, values):
        raise _KeyTaken


async def get_order(ctx: Context, order_id: int) -> Order:
    """Return one order of the viewer's, or anybody's to an administrator.

    Raises:
        AuthenticationError: nobody is signed in.
        OrderNotFound: there is none.
        NotOwner: it is somebody else's.
    """
    user = ctx.require_user()
    return _shown_to(user, await ctx.loaders.orders.load(order_id) if 0 < order_id <= MAX_ID else None)


def _shown_to(user: User, order: Order | None) -> Order:
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
    ordering: Ordering = NEWEST_FIRST,
) -> Page[Order]:
    """Return orders: the viewer's own unless told otherwise, for administrators too.

    Args:
        user_id: those of this user instead; another's only for an administrator.
        everybodys: those of all users instead; only for an administrator.
        created_after, created_before: bounds of the time of creation, both exclusive.

    Raises:
        AuthenticationError: nobody is signed in.
        AdminRequired: everybody's are asked for.
        NotOwner: somebody else's are asked for.
        ValidationFailed: the window is out of bounds.
    """
    user = ctx.require_user()
    if everybodys:
        ctx.require_admin()
        orders = Order.all()
    else:
        owner_id = user.id if user_id is None else user_id
        if owner_id != user.id and not user.is_admin:
            raise NotOwner(FOREIGN_ORDER)
        orders = Order.filter(user_id=owner_id)
    if statuses is not None:
        orders = orders.filter(status__in=list(statuses))
    if created_after is not None:
        orders = orders.filter(created_at__gt=created_after)
    if created_before is not None:
        orders = orders.filter(created_at__lt=created_before)
    return await paginate(orders, ordering, window)


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
            status=OrderStatus.CANCELLED, due_at=None, version=F("version") + 1, updated_at=timezone.now()
        )
        if cancelled:
            await OrderEvent.create(order_id=order.id, status=OrderStatus.CANCELLED, actor_id=user.id)
    await order.refresh_from_db()
    if not cancelled:
        # A worker, or another request, was faster than the look above.
        raise why_not_cancel(user, order) or OrderNotCancellable
    await announce_order(ctx.resources, order.id, order.user_id)
    return order


def why_not_cancel(user: User, order: Order) -> AppError | None:
    """Return the error that *user* would get for cancelling *order* now; None if it can be cancelled."""
    if not order.is_visible_to(user):
        return NotOwner(FOREIGN_ORDER)
    if not order.is_cancellable:
        return OrderNotCancellable(f"Order cannot be cancelled: it is {order.status.value}")
    return None


async def watch_order(ctx: Context, order_id: int) -> AsyncGenerator[Order, None]:
    """Yield an order now, and again after each change, until it is final.

    Listening begins before the first look, so nothing falls between the two; a change that is told twice is
    yielded once.

    Raises:
        AuthenticationError: nobody is signed in, or not any more.
        OrderNotFound: there is none.
        NotOwner: it is somebody else's.
    """
    seen = 0
    async with aclosing(while_signed_in(ctx, order_channel(order_id))) as occasions:
        async for _ in occasions:
            order = await _find(ctx, order_id)
            if order.version > seen:
                seen = order.version
                yield order
            if order.status.is_final:
                return
