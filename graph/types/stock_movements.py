"""``StockMovement``, and the input and payload of the mutation that makes one."""

from datetime import datetime

import strawberry

from engine.graphql import batch_field
from graph.resolvers.context import Context
from graph.resolvers.products import MAX_STOCK
from graph.resolvers.users import load_users
from graph.resolvers.validation import MAX_IDEMPOTENCY_KEY, MAX_NAME, TRIMMED
from graph.types.errors import Payload
from graph.types.nodes import Node, recognise
from graph.types.orders import OrderType
from graph.types.products import ProductType
from graph.types.users import UserType
from models import (
    MovementReason,
    OrderRow,
    Product,
    ProductRow,
    StockMovement,
    StockMovementRow,
    UserRow,
)


@strawberry.type(
    name="StockMovement",
    description="An entry of the ledger of a product's stock. Entries are added, and never changed.",
)
class StockMovementType(Node):
    """A row of :class:`models.StockMovement`. Its ids have 64 bits, so that there is no ``databaseId``."""

    delta: int = strawberry.field(description="The number of pieces that came; negative if they went.")
    on_hand_after: int = strawberry.field(description="The number of pieces in stock after the movement.")
    reason: MovementReason = strawberry.field(description="Why the stock moved.")
    note: str = strawberry.field(description="What the administrator wrote of it; may be empty.")
    idempotency_key: str | None = strawberry.field(
        description="The key that the adjustment was sent with; null if it had none."
    )
    created_at: datetime = strawberry.field(description="When the stock moved.")

    is_type_of = recognise(StockMovement)

    @batch_field(
        reads=("product_id",), description="The product whose stock moved.", graphql_type=ProductType
    )
    async def product(movements: list[StockMovementRow], ctx: Context) -> list[ProductRow | None]:
        return await ctx.loaders.products.load_many([movement.product_id for movement in movements])

    @batch_field(
        reads=("order_id",),
        description="The order that was completed; null unless the reason is `SALE`.",
        graphql_type=OrderType | None,
    )
    async def order(movements: list[StockMovementRow], ctx: Context) -> list[OrderRow | None]:
        ids = [movement.order_id for movement in movements]
        orders = iter(await ctx.loaders.orders.load_many([one for one in ids if one is not None]))
        return [None if one is None else next(orders) for one in ids]

    @batch_field(
        reads=("actor_id",),
        description="The administrator who moved it; null if a worker did, if nobody was signed in (an import), or if"
        " the user is deleted.",
        graphql_type=UserType | None,
    )
    async def actor(movements: list[StockMovementRow], ctx: Context) -> list[UserRow | None]:
        return await load_users(ctx, [movement.actor_id for movement in movements])


@strawberry.input(description="A product, and the change of its stock.")
class AdjustStockInput:
    """Input of ``adjustStock``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the product.")
    delta: int = strawberry.field(
        description="The number of pieces to add; negative to take away. Not 0; the stock must stay between 0 and"
        f" {MAX_STOCK:,}."
    )
    note: str = strawberry.field(
        default="",
        description=f"The reason, for the ledger of stock movements: at most {MAX_NAME} characters. {TRIMMED}",
    )
    expected_on_hand: int | None = strawberry.field(
        default=None,
        description="The number of pieces that the change was made for. If there are not just as many on hand, nothing"
        " changes, the error is `CONFLICT`, and `product` shows how many there are. Without it, the change is made in"
        " any case.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description=f"A text of your own, such as a UUID, of 1 to {MAX_IDEMPOTENCY_KEY} characters, new for each"
        " adjustment. Sent again by the same user at any time, it gets the same movement again, and the stock does not"
        f" move a second time. A request that was refused has not used it. {TRIMMED}",
    )


@strawberry.type
class AdjustStockOutcome:
    """What ``adjustStock`` shows."""

    product: Product | ProductRow | None = strawberry.field(
        default=None,
        graphql_type=ProductType | None,
        description="The product as it is now, after `CONFLICT` too; null after any other error.",
    )
    movement: StockMovementRow | None = strawberry.field(
        default=None,
        graphql_type=StockMovementType | None,
        description="The entry of the ledger; null after an error.",
    )
    replayed: bool = strawberry.field(
        default=False,
        description="Whether an earlier request with the same idempotency key had made the movement.",
    )


@strawberry.type(
    description="The outcome of `adjustStock`: the product with its new stock, and the movement."
)
class AdjustStockPayload(AdjustStockOutcome, Payload): ...
