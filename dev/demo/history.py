"""The sample customer's orders, as the workers would have left them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise import timezone
from tortoise.expressions import F

from models import (
    FailureCode,
    MovementReason,
    Order,
    OrderEvent,
    OrderItem,
    OrderStatus,
    Product,
    StockMovement,
    User,
)

HOME = "12 St James's Square, London SW1Y 4JH"
WORK = "5 Dorset Street, Marylebone, London W1U 6QJ"


@dataclass(frozen=True, slots=True)
class Past:
    """One order: how many days ago, what became of it, and how many pieces of which products."""

    days: float
    status: OrderStatus
    lines: dict[str, int]
    failure_code: FailureCode | None = None
    address: str = HOME


#: The last one is still to be processed: the first worker that starts takes it up.
ORDERS = (
    Past(21, OrderStatus.COMPLETED, {"Gooseneck kettle 0.9 l": 1, "Pour-over coffee dripper": 1}),
    Past(17, OrderStatus.COMPLETED, {"Coffee filters size 02": 3, "Espresso beans 1 kg": 2}),
    Past(14, OrderStatus.CANCELLED, {"Rain jacket": 1}),
    Past(11, OrderStatus.FAILED, {"Enamel house number": 2}, FailureCode.PRODUCT_UNAVAILABLE),
    Past(8, OrderStatus.COMPLETED, {"Notebook A5 dotted": 10, "Mechanical pencil 0.7 mm": 5}, address=WORK),
    Past(
        4, OrderStatus.FAILED, {"Wireless headphones": 1, "USB-C charger 65 W": 1}, FailureCode.OUT_OF_STOCK
    ),
    Past(2, OrderStatus.COMPLETED, {"Enamel camping mug": 6, "Wool blanket 140 x 200": 1}),
    Past(0.01, OrderStatus.PENDING, {"Bread proofing basket": 2, "Digital kitchen scale": 1}),
)

#: How an order came to its status.
STEPS = {
    OrderStatus.PENDING: (OrderStatus.PENDING,),
    OrderStatus.CANCELLED: (OrderStatus.PENDING, OrderStatus.CANCELLED),
    OrderStatus.COMPLETED: (OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.COMPLETED),
    OrderStatus.FAILED: (OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.FAILED),
}


async def insert_history(customer: User) -> int:
    """Store the orders with their lines, events and stock movements; the caller holds the transaction.

    Returns:
        How many orders there are.
    """
    names = {name for past in ORDERS for name in past.lines}
    products = {product.name: product for product in await Product.filter(name__in=list(names))}
    now = timezone.now()
    for past in ORDERS:
        await _insert(customer, past, products, now)
    return len(ORDERS)


async def _insert(customer: User, past: Past, products: dict[str, Product], now: datetime) -> None:
    placed = now - timedelta(days=past.days)
    steps = STEPS[past.status]
    lines = [(products[name], quantity) for name, quantity in past.lines.items()]
    sold = past.status is OrderStatus.COMPLETED
    order = await Order.create(
        user_id=customer.id,
        status=past.status,
        total=sum(product.price * quantity for product, quantity in lines) if sold else 0,
        shipping_address=past.address,
        failure_code=past.failure_code,
        attempts=int(OrderStatus.PROCESSING in steps),
        due_at=None if past.status.is_final else now,
        version=len(steps),
        created_at=placed,
    )
    await _insert_lines(order, lines, sold=sold)
    times = [placed + timedelta(seconds=number) for number in range(len(steps))]
    for status, time in zip(steps, times, strict=True):
        by_customer = status in (OrderStatus.PENDING, OrderStatus.CANCELLED)
        await OrderEvent.create(
            order_id=order.id,
            status=status,
            failure_code=past.failure_code if status is past.status else None,
            actor_id=customer.id if by_customer else None,
            created_at=time,
        )
    await Order.filter(id=order.id).update(updated_at=times[-1])
    if sold:
        await _take_stock(order, lines, times[-1])


async def _insert_lines(order: Order, lines: list[tuple[Product, int]], *, sold: bool) -> None:
    for product, quantity in lines:
        await OrderItem.create(
            order_id=order.id,
            product_id=product.id,
            product_name=product.name,
            quantity=quantity,
            accepted_price=product.price,
            unit_price=product.price if sold else 0,
        )


async def _take_stock(order: Order, lines: list[tuple[Product, int]], time: datetime) -> None:
    for product, quantity in lines:
        await Product.filter(id=product.id).update(on_hand=F("on_hand") - quantity)
        await StockMovement.create(
            product_id=product.id,
            delta=-quantity,
            reason=MovementReason.SALE,
            order_id=order.id,
            created_at=time,
        )
