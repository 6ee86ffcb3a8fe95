"""``OrderItem``: what was ordered, at which price, and whether the order failed for it."""

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import strawberry

from engine.graphql import batch_field
from graph.resolvers.context import Context
from graph.types.nodes import Node, recognise, row_id
from graph.types.products import ProductType
from graph.types.scalars import Money, moneys
from models import FailureCode, OrderItem, OrderItemRow, OrderRow, ProductRow

if TYPE_CHECKING:
    from graph.types.orders import OrderType


@strawberry.type(
    description="More pieces of a product were ordered than there were when the order was processed."
)
class Shortage:
    """What the worker found."""

    requested: int = strawberry.field(
        description="The number of pieces that the order needed, in all of its items of the product."
    )
    available: int = strawberry.field(description="The number of pieces that the order could have had.")


@strawberry.type(name="OrderItem", description="An item of an order: a product, and how many pieces of it.")
class OrderItemType(Node):
    """A row of :class:`models.OrderItem`."""

    is_type_of = recognise(OrderItem)
    database_id = row_id()

    quantity: int = strawberry.field(description="The number of pieces.")
    product_name: str = strawberry.field(description="The name of the product when the order was placed.")

    @batch_field(
        reads=("unit_price",),
        description="The price of one piece that was billed: `agreedPrice` once the order is completed; 0 until then.",
    )
    def unit_price(items: list[OrderItemRow], ctx: Context) -> list[Money]:
        return moneys([item.unit_price for item in items], ctx.currency)

    @batch_field(
        reads=("accepted_price",),
        description="The price of one piece that was agreed when the order was placed, whatever became of the order.",
    )
    def agreed_price(items: list[OrderItemRow], ctx: Context) -> list[Money]:
        return moneys([item.accepted_price for item in items], ctx.currency)

    failure_code: FailureCode | None = strawberry.field(
        description="What the order failed for, of this product: `PRODUCT_UNAVAILABLE` or `OUT_OF_STOCK`; null if the"
        " order did not fail, or not for this product."
    )

    @batch_field(
        reads=("order_id", "product_id", "quantity", "available"),
        description="How much of the product was missing; null unless `failureCode` is `OUT_OF_STOCK`.",
        graphql_type=Shortage | None,
    )
    async def shortage(items: list[OrderItemRow], ctx: Context) -> list[Shortage | None]:
        orders = {item.order_id for item in items if item.available is not None}
        requested = Counter[tuple[int, int]]()
        for one in chain.from_iterable(await ctx.loaders.items.load_many(list(orders))):
            requested[one.order_id, one.product_id] += one.quantity
        return [
            None
            if item.available is None
            else Shortage(requested=requested[item.order_id, item.product_id], available=item.available)
            for item in items
        ]

    @batch_field(
        reads=("order_id",),
        description="The order that it is an item of.",
        graphql_type=Annotated["OrderType", strawberry.lazy("graph.types.orders")],
    )
    async def order(items: list[OrderItemRow], ctx: Context) -> list[OrderRow | None]:
        return await ctx.loaders.orders.load_many([item.order_id for item in items])

    @batch_field(reads=("product_id",), description="The product as it is now.", graphql_type=ProductType)
    async def product(items: list[OrderItemRow], ctx: Context) -> list[ProductRow | None]:
        return await ctx.loaders.products.load_many([item.product_id for item in items])
