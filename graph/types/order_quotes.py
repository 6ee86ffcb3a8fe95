"""What an order would cost now, shown where it was to cost something else."""

from collections.abc import Sequence

import strawberry

from core.errors import PriceChanged
from engine.graphql import batch_field
from graph.resolvers.context import Context
from graph.resolvers.order_placement import MAX_ITEMS, NewItem
from graph.types.bounds import bounds
from graph.types.products import ProductType
from graph.types.scalars import Money, moneys
from models import ProductRow


@strawberry.type(description="An item of an order that was not placed, at the present price.")
class OrderQuoteItem:
    product_id: strawberry.Private[int]
    quantity: int = strawberry.field(description="The number of pieces that were asked for.")
    unit_price: Money = strawberry.field(description="The price of one piece now.")

    @batch_field(
        description="The product. If its `price` is another than `unitPrice`, it has changed once more.",
        graphql_type=ProductType,
    )
    async def product(items: list["OrderQuoteItem"], ctx: Context) -> list[ProductRow | None]:
        return await ctx.loaders.products.load_many([item.product_id for item in items])


@strawberry.type(description="What an order that was not placed would cost now.")
class OrderQuote:
    total: Money = strawberry.field(
        description="The sum of the present prices of all items, each times its quantity: the next `expectedTotal`."
    )
    items: list[OrderQuoteItem] = strawberry.field(
        description=f"The items, in the order in which they were given: 1 to {MAX_ITEMS}.",
        metadata=bounds(entries=MAX_ITEMS),
    )


def quote(error: PriceChanged, items: Sequence[NewItem], currency: str) -> OrderQuote:
    """Return what *items* cost now, as *error* says."""
    total, *prices = moneys([error.total, *error.prices], currency)
    return OrderQuote(
        total=total,
        items=[
            OrderQuoteItem(product_id=item.product_id or 0, quantity=item.quantity, unit_price=price)
            for item, price in zip(items, prices, strict=True)
        ],
    )
