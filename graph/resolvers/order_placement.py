"""Placing an order. A worker does the rest (``tasks/orders.py``)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from tortoise.exceptions import IntegrityError

from core.errors import (
    AppError,
    IdempotencyKeyReused,
    InternalError,
    InvalidProduct,
    InvalidQuantity,
    PriceChanged,
    ReferenceTaken,
)
from core.money import MAX_PRICE, format_minor
from engine.postgres import BatchedStatement, fetch, row_class, row_columns
from graph.resolvers.context import Context, current_request
from graph.resolvers.validation import MAX_ADDRESS, Checks
from models import MAX_ID, OrderRow
from tasks.orders import wake_worker

MAX_ITEMS = 100
MAX_QUANTITY = 1_000_000
#: The most that an order can cost, in minor units.
MAX_TOTAL = MAX_ITEMS * MAX_QUANTITY * MAX_PRICE
IDEMPOTENCY_HOURS = 24


class PlacedOrderRow(OrderRow):
    """An order, and the hash of the request that has placed it if the idempotency key was used before."""

    __slots__ = ()
    used_hash: str | None


_COLUMNS = row_columns(OrderRow)
#: Everything in one statement, which is its own transaction: one round trip, and one lock-free moment for all that
#: is read. Returns the order that is new, or the one that the key stands for already; or nothing when the reference
#: is taken, a product is not on sale or the total is not what was expected (``LOOK_WHY`` tells), or when another
#: request is just committing the same key: the conflict waits for that one, and with no key reserved no order is
#: made. (The order's number is drawn before its row is there; the foreign keys are checked at the end.) Where another
#: one is just committing the same reference without the key, the unique index refuses. The time limit for locks is
#: set where it is in force before the first one.
PLACE_ORDER = f"""
WITH used AS (
    SELECT order_id, request_hash FROM idempotency_keys
    WHERE user_id = $1::int AND key = $2::text AND expires_at >= now()
), wanted AS (
    SELECT item.number, item.product_id, item.quantity, products.name, products.price
    FROM unnest($5::int[], $6::int[]) WITH ORDINALITY AS item (product_id, quantity, number)
    LEFT JOIN products ON products.id = item.product_id AND products.archived_at IS NULL
), numbered AS MATERIALIZED (
    SELECT nextval('orders_id_seq')::int AS id
    WHERE NOT EXISTS (SELECT FROM used) AND NOT EXISTS (SELECT FROM wanted WHERE name IS NULL)
        AND NOT EXISTS (SELECT FROM orders WHERE reference = $10::text AND user_id = $1::int)
        AND ($9::bigint IS NULL OR $9::bigint = (SELECT sum(quantity * price) FROM wanted))
        AND set_config('lock_timeout', $12::text, TRUE) IS NOT NULL
), reserved AS (
    INSERT INTO idempotency_keys (user_id, key, request_hash, order_id, expires_at)
    SELECT $1::int, $2::text, $3::text, id, now() + make_interval(hours => $8::int)
    FROM numbered WHERE $2::text IS NOT NULL
    ON CONFLICT (user_id, key) DO UPDATE
    SET request_hash = excluded.request_hash, order_id = excluded.order_id,
        created_at = now(), expires_at = excluded.expires_at
    WHERE idempotency_keys.expires_at < now()
    RETURNING order_id
), placed AS (
    INSERT INTO orders (id, user_id, shipping_address, reference, due_at)
    SELECT id, $1::int, $4::text, $10::text, now() + make_interval(secs => $7::float8)
    FROM numbered WHERE $2::text IS NULL OR id IN (SELECT order_id FROM reserved)
    RETURNING *
), items AS (
    INSERT INTO order_items (order_id, product_id, product_name, quantity, accepted_price)
    SELECT placed.id, product_id, name, quantity, price FROM placed, wanted ORDER BY number
), noted AS (
    INSERT INTO order_events (order_id, user_id, status, actor_id, request_id)
    SELECT id, user_id, status, user_id, $11::text FROM placed
)
SELECT {", ".join(f"placed.{column}" for column in _COLUMNS)}, NULL, $13::int FROM placed
UNION ALL
SELECT {", ".join(f"orders.{column}" for column in _COLUMNS)}, used.request_hash, $13::int
FROM used JOIN orders ON orders.id = used.order_id
"""  # noqa: S608 - names of columns
#: Seconds for which orders that are placed together wait for a lock that one of them needs (a product, a user or a
#: key that somebody else holds). Nobody waits for a stranger's order longer than 250 ms: this is half of it or less,
#: because after it each goes alone, some at a time.
LOCK_TIMEOUT = 0.05
#: Orders that come at about the same time are placed in one round trip and one commit: all of them, or each alone.
_placing = BatchedStatement(
    PLACE_ORDER,
    row_class(PlacedOrderRow, (*_COLUMNS, "used_hash")),
    lock_timeout=LOCK_TIMEOUT,
    name="Orders being placed",
)
#: What would keep an order from being placed now, and the present price of each item in turn, null where the product
#: is not on sale. Looked at in one moment, too: what another request has placed with the same key is no refusal.
LOOK_WHY = """
SELECT products.price,
    EXISTS (SELECT FROM idempotency_keys WHERE user_id = $1 AND key = $2 AND expires_at >= now()) AS used,
    EXISTS (SELECT FROM orders WHERE reference = $3 AND user_id = $1) AS referred
FROM unnest($4::int[]) WITH ORDINALITY AS item (product_id, number)
LEFT JOIN products ON products.id = item.product_id AND products.archived_at IS NULL ORDER BY number
"""
#: How often an order is tried that finds neither a free key nor a used one, as happens when a key just expires, or
#: whose reference another one was just getting.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class NewItem:
    """One item of an order that is to be. ``product_id`` is None when the id cannot belong to a product."""

    product_id: int | None
    quantity: int


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The outcome of placing an order; *replayed* when an earlier request with the same key had placed it."""

    order: OrderRow
    replayed: bool


async def create_order(
    ctx: Context,
    *,
    items: Sequence[NewItem],
    shipping_address: str,
    idempotency_key: str | None = None,
    reference: str | None = None,
    expected_total: Decimal | None = None,
) -> PlacedOrder:
    """Accept an order: names and prices are fixed now, stock is taken by a worker later.

    Args:
        items: 1 to 100 items; a product may be in several.
        idempotency_key: with the same key the same user gets the same order again for 24 hours, through
            either API (draft-ietf-httpapi-idempotency-key-header).
        reference: the client's own number of the order, which no other order of the user has.
        expected_total: what the items are to cost together, in the configured currency; whatever they cost if not
            given. It is a condition for placing the order and no part of it: a repetition may have another one.

    Raises:
        AuthenticationError: nobody is signed in.
        ValidationFailed: no items, too many, or an address, key, reference or total that cannot be.
        InvalidQuantity: a quantity below 1 or above a million.
        IdempotencyKeyReused: the key stands for another order.
        ReferenceTaken: another order of the user has the reference.
        InvalidProduct: a product that does not exist or is archived.
        PriceChanged: the items cost something else.
    """
    user = ctx.require_user()
    shipping_address, idempotency_key, reference, total = _check(
        items, shipping_address, idempotency_key, reference, expected_total
    )
    request_hash = _hash(items, shipping_address, reference)
    product_ids = [_storable(item.product_id) for item in items]
    values = (
        user.id,
        idempotency_key,
        request_hash,
        shipping_address,
        product_ids,
        [item.quantity for item in items],
        ctx.resources.settings.order_resend_seconds,
        IDEMPOTENCY_HOURS,
        total,
        reference,
        request_id := current_request(),
    )
    for _ in range(ATTEMPTS):
        if order := await _place(values):
            break
        found = await fetch(LOOK_WHY, [user.id, idempotency_key, reference, product_ids])
        if refusal := _refusal(found, items, total, ctx.currency):
            raise refusal
    else:
        raise InternalError
    if order.used_hash is None:
        await wake_worker(order.id, user.id, request_id)
    elif order.used_hash != request_hash:
        raise IdempotencyKeyReused(field=("idempotency_key",))
    return PlacedOrder(order, replayed=order.used_hash is not None)


async def _place(values: tuple[Any, ...]) -> PlacedOrderRow | None:
    try:
        rows = await _placing.fetch(values)
    except IntegrityError as error:
        if "orders_reference" not in str(error):
            raise
        return None
    return rows[0] if rows else None


def _check(
    items: Sequence[NewItem], address: str, key: str | None, reference: str | None, total: Decimal | None
) -> tuple[str, str | None, str | None, int | None]:
    checks = Checks()
    if not items:
        checks.refuse("items", "An order needs at least one item")
    elif len(items) > MAX_ITEMS:
        checks.refuse("items", f"An order has at most {MAX_ITEMS} items")
    address = checks.text("shipping_address", address, "Shipping address", longest=MAX_ADDRESS)
    if key is not None:
        key = checks.idempotency_key(key)
    if reference is not None:
        reference = checks.reference(reference)
    minor = (
        None if total is None else checks.amount("expected_total", total, "Expected total", most=MAX_TOTAL)
    )
    checks.done()
    for index, item in enumerate(items):
        if not 1 <= item.quantity <= MAX_QUANTITY:
            raise InvalidQuantity(
                f"Invalid quantity in item {index + 1}: must be between 1 and {MAX_QUANTITY:,}",
                field=("items", str(index), "quantity"),
            )
    return address, key, reference, minor


def _hash(items: Sequence[NewItem], shipping_address: str, reference: str | None) -> str:
    meaning: list[object] = [[[item.product_id, item.quantity] for item in items], shipping_address]
    if reference is not None:
        # Without one the hash is as processes of the release before make it.
        meaning.append(reference)
    return hashlib.sha256(orjson.dumps(meaning)).hexdigest()


def _storable(product_id: int | None) -> int | None:
    return product_id if product_id and 0 < product_id <= MAX_ID else None


def _refusal(
    found: Sequence[Any], items: Sequence[NewItem], expected: int | None, currency: str
) -> AppError | None:
    """Return why an order cannot be placed, by the rows of ``LOOK_WHY``: above all, that it may be there already."""
    if found[0]["used"]:
        return None
    if found[0]["referred"]:
        return ReferenceTaken(field=("reference",))
    prices = [row["price"] for row in found]
    if None in prices:
        index = prices.index(None)
        return InvalidProduct(
            f"Invalid product ID in item {index + 1}", field=("items", str(index), "product_id")
        )
    total = sum(item.quantity * price for item, price in zip(items, prices, strict=True))
    if expected in (None, total):
        return None
    message = f"The prices have changed: the total is now {format_minor(total)} {currency}"
    return PriceChanged(message, prices=prices, total=total)
