"""The sample customer's orders: placed and processed like anybody's, and then set back in time."""

from dataclasses import dataclass, replace

from tortoise import timezone
from tortoise.transactions import in_transaction

from core.demo_people import CUSTOMER
from core.security.tokens import TokenKind
from dev.demo.rewriting import rewriting
from engine.postgres import fetch
from graph.resolvers.auth import login, logout
from graph.resolvers.context import Context, make_context
from graph.resolvers.order_placement import NewItem, create_order
from graph.resolvers.orders import cancel_order
from models import IdempotencyKey, OrderRow, OrderStatus, Product
from tasks.orders import process

HOME = "12 St James's Square, London SW1Y 4JH"
WORK = "5 Dorset Street, Marylebone, London W1U 6QJ"
#: Goes off sale after it was ordered. "Wireless headphones" are sold out from the beginning.
ARCHIVED = "Enamel house number"
#: Begins the idempotency keys of these orders, which go when all orders have been set back.
_KEY = "tandem demo"

SET_BACK = """
WITH past AS (
    SELECT id, days * interval '1 day' AS age FROM unnest($1::int[], $2::float8[]) AS past (id, days)
), events AS (
    UPDATE order_events SET created_at = created_at - age FROM past WHERE order_id = past.id
), movements AS (
    UPDATE stock_movements SET created_at = created_at - age FROM past WHERE order_id = past.id
), keys AS (
    DELETE FROM idempotency_keys USING past WHERE order_id = past.id
)
UPDATE orders SET created_at = created_at - age, updated_at = updated_at - age, due_at = due_at - age
FROM past WHERE orders.id = past.id
"""


@dataclass(frozen=True, slots=True)
class Past:
    """One order: how many days ago, how many pieces of which products, and how far it went.

    Whether an order that was processed is completed or has failed is for the worker to say.
    """

    days: float
    items: dict[str, int]
    address: str = HOME
    last_step: OrderStatus = OrderStatus.PROCESSING


#: The last one is still to be processed: the first worker that starts takes it up.
ORDERS = (
    Past(21, {"Gooseneck kettle 0.9 l": 1, "Pour-over coffee dripper": 1}),
    Past(17, {"Coffee filters size 02": 3, "Espresso beans 1 kg": 2}),
    Past(14, {"Rain jacket": 1}, last_step=OrderStatus.CANCELLED),
    Past(11, {ARCHIVED: 2}),
    Past(8, {"Notebook A5 dotted": 10, "Mechanical pencil 0.7 mm": 5}, address=WORK),
    Past(4, {"Wireless headphones": 1, "USB-C charger 65 W": 1}),
    Past(2, {"Enamel camping mug": 6, "Wool blanket 140 x 200": 1}),
    Past(0.01, {"Bread proofing basket": 2, "Digital kitchen scale": 1}, last_step=OrderStatus.PENDING),
)


async def replay_orders(ctx: Context) -> int:
    """Place every order that is not there yet, take each as far as it went, and set all back in time.

    It may be interrupted anywhere, and called again: a placed order is recognised by its idempotency key.

    Returns:
        How many orders are new.
    """
    products = {name for past in ORDERS for name in past.items}
    ids = {product.name: product.id for product in await Product.filter(name__in=list(products))}
    shopper = await _sign_in(ctx)
    order_ids, new = [], 0
    for number, past in enumerate(ORDERS, start=1):
        items = [NewItem(ids[name], quantity) for name, quantity in past.items.items()]
        placed = await create_order(
            shopper, items=items, shipping_address=past.address, idempotency_key=f"{_KEY}, order {number}"
        )
        await _take_on(shopper, placed.order, past)
        order_ids.append(placed.order.id)
        new += not placed.replayed
    async with in_transaction(), rewriting("order_events", "stock_movements"):
        await fetch(SET_BACK, [order_ids, [past.days for past in ORDERS]])
    await logout(shopper)
    return new


async def is_unfinished() -> bool:
    """Tell whether orders were placed and not set back in time, because the load was interrupted."""
    return await IdempotencyKey.filter(key__startswith=_KEY).exists()


async def archive(name: str) -> None:
    """Take the product off sale, if it is not archived yet."""
    await Product.filter(name=name, archived_at__isnull=True).update(archived_at=timezone.now())


async def _sign_in(ctx: Context) -> Context:
    """Return the context of a request of the sample customer."""
    signed_in = await login(ctx, email=CUSTOMER.email, password=CUSTOMER.password)
    claims = ctx.resources.tokens.verify(signed_in.access_token, TokenKind.ACCESS)
    return await make_context(ctx.resources, replace(ctx.caller, credentials=claims))


async def _take_on(shopper: Context, order: OrderRow, past: Past) -> None:
    if ARCHIVED in past.items:
        await archive(ARCHIVED)
    if past.last_step is OrderStatus.PROCESSING:
        await process(shopper.resources, order.id)
    elif past.last_step is OrderStatus.CANCELLED and order.is_cancellable:
        await cancel_order(shopper, order.id)
