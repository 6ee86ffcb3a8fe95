"""Placing an order. A worker does the rest (``tasks/orders.py``)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson
from tortoise import timezone
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from core.errors import IdempotencyKeyReused, InvalidProduct, InvalidQuantity
from graph.context import Context
from graph.resolvers.validation import MAX_ADDRESS, MAX_IDEMPOTENCY_KEY, Checks
from models import MAX_ID, IdempotencyKey, Order, OrderEvent, OrderItem, Product, User
from tasks.events import announce_order
from tasks.orders import enqueue_order

MAX_ITEMS = 100
MAX_QUANTITY = 1_000_000
IDEMPOTENCY_HOURS = 24

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
