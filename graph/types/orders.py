"""``Order``, its lines and history, and the inputs and payloads of its mutations."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from core.errors import ErrorCode
from engine.graphql import batch_field, reads
from graph.resolvers.context import Context
from graph.resolvers.order_events import event_cursor
from graph.resolvers.order_placement import NewItem
from graph.resolvers.orders import why_not_cancel
from graph.types.errors import UserError
from graph.types.nodes import Info, Node, database_id, recognise, row_id
from graph.types.products import ProductType
from graph.types.scalars import Money, moneys
from graph.types.users import UserType
from models import FailureCode, Order, OrderEvent, OrderItem, OrderStatus, Product, User


@strawberry.type(name="OrderItem", description="One line of an order.")
class OrderItemType:
    """A row of :class:`models.OrderItem`."""

    quantity: int = strawberry.field(description="How many.")
    product_name: str = strawberry.field(description="The product's name when the order was placed.")

    @batch_field(
        reads=("unit_price",),
        description="What one cost when the order was placed. Published with the total:"
        " 0 until the order is completed.",
    )
    def unit_price(items: list[OrderItem], ctx: Context) -> list[Money]:
        """Return the published prices."""
        return moneys([item.unit_price for item in items], ctx.currency)

    @batch_field(reads=("product_id",), description="The product as it is now.", graphql_type=ProductType)
    async def product(items: list[OrderItem], ctx: Context) -> list[Product | None]:
        """Load the products."""
        return await ctx.loaders.products.load_many([item.product_id for item in items])


@strawberry.type(name="OrderEvent", description="One step of an order's history.")
class OrderEventType:
    """A row of :class:`models.OrderEvent`."""

    status: OrderStatus = strawberry.field(description="The status that the order reached.")

    @strawberry.field(description="Its place in the log, for `after`.", metadata=reads("id"))
    def cursor(root: strawberry.Parent[OrderEvent]) -> str:
        """Return the cursor."""
        return event_cursor(root)

    @batch_field(
        reads=("order_id",),
        description="The order that it happened to.",
        graphql_type=Annotated["OrderType", strawberry.lazy("graph.types.orders")],
    )
    async def order(events: list[OrderEvent], ctx: Context) -> list[Order | None]:
        """Load the orders."""
        return await ctx.loaders.orders.load_many([event.order_id for event in events])

    failure_code: FailureCode | None = strawberry.field(description="Why, if it failed.")
    created_at: datetime = strawberry.field(description="When.")

    @batch_field(
        reads=("actor_id",),
        description="Who caused it; null for a worker, and for a user who is deleted.",
        graphql_type=UserType | None,
    )
    async def actor(events: list[OrderEvent], ctx: Context) -> list[User | None]:
        """Load the users."""
        return await _live_users(ctx, [event.actor_id for event in events])


@strawberry.type(name="Order", description="An order of one user.")
class OrderType(Node):
    """A row of :class:`models.Order`."""

    status: OrderStatus = strawberry.field(description="Where it stands.")
    shipping_address: str = strawberry.field(description="Where to send it.")
    failure_code: FailureCode | None = strawberry.field(description="Why it failed; null unless it did.")
    version: int = strawberry.field(
        description="Grows with every change: of two answers, the larger is the newer."
    )
    created_at: datetime = strawberry.field(description="When it was placed.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    is_type_of = recognise(Order)
    database_id = row_id()

    @batch_field(
        reads=("total",), description="What all lines cost together: 0 until the order is completed."
    )
    def total(orders: list[Order], ctx: Context) -> list[Money]:
        """Return the totals in the configured currency."""
        return moneys([order.total for order in orders], ctx.currency)

    @batch_field(
        reads=("id",),
        description="Its lines, in the order they were given.",
        graphql_type=list[OrderItemType],
    )
    async def items(orders: list[Order], ctx: Context) -> list[list[OrderItem]]:
        """Load the lines."""
        return await ctx.loaders.items.load_many([order.id for order in orders])

    @batch_field(reads=("id",), description="Its history, oldest first.", graphql_type=list[OrderEventType])
    async def events(orders: list[Order], ctx: Context) -> list[list[OrderEvent]]:
        """Load the histories."""
        return await ctx.loaders.events.load_many([order.id for order in orders])

    @strawberry.field(description="What the viewer may do with it now.", metadata=reads("status", "user_id"))
    def viewer_can(
        root: strawberry.Parent[Order], info: Info
    ) -> Annotated["OrderPermissions", strawberry.lazy("graph.types.orders")]:
        """Ask the rules of the mutations."""
        refusal = why_not_cancel(info.context.require_user(), root)
        return OrderPermissions(
            cancel=Permission(allowed=refusal is None, code=refusal.code if refusal else None)
        )

    @batch_field(
        reads=("user_id",),
        description="Who placed it; null if the user is deleted.",
        graphql_type=UserType | None,
    )
    async def user(orders: list[Order], ctx: Context) -> list[User | None]:
        """Load the users."""
        return await _live_users(ctx, [order.user_id for order in orders])


@strawberry.type(
    description="Whether the viewer may do something now, by the rule that the mutation applies."
)
class Permission:
    """Yes, or why not."""

    allowed: bool = strawberry.field(description="Whether it would be accepted.")
    code: ErrorCode | None = strawberry.field(description="The error that it would end in; null if allowed.")


@strawberry.type(description="What the viewer may do with an order now.")
class OrderPermissions:
    """One field for each mutation of an order."""

    cancel: Permission = strawberry.field(description="Whether `cancelOrder` would be accepted.")


async def _live_users(ctx: Context, user_ids: list[int | None]) -> list[User | None]:
    known = [user_id for user_id in user_ids if user_id is not None]
    found = dict(zip(known, await ctx.loaders.users.load_many(known), strict=True))
    users = [found.get(user_id) if user_id is not None else None for user_id in user_ids]
    return [user if user is not None and user.deleted_at is None else None for user in users]


@strawberry.input(description="Which orders to list. All conditions must hold.")
class OrderFilter:
    """Conditions on orders."""

    status: list[OrderStatus] | None = strawberry.field(
        default=None, description="Only those in one of these statuses; a single one needs no brackets."
    )
    created_after: datetime | None = strawberry.field(
        default=None, description="Only those placed after this moment."
    )
    created_before: datetime | None = strawberry.field(
        default=None, description="Only those placed before this moment."
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the resolver."""
        return {
            "statuses": self.status,
            "created_after": self.created_after,
            "created_before": self.created_before,
        }


@strawberry.input(description="One line of an order that is to be.")
class OrderItemInput:
    """A product and how many of it."""

    product_id: strawberry.ID = strawberry.field(description="The product's global id.")
    quantity: int = strawberry.field(description="How many, from 1 to 1,000,000.")


@strawberry.input(description="An order that is to be.")
class CreateOrderInput:
    """Input of ``createOrder``."""

    items: list[OrderItemInput] = strawberry.field(
        description="1 to 100 lines. A product may stand on several: its stock is checked as a sum."
    )
    shipping_address: str = strawberry.field(description="Where to send it, at most 1,000 characters.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A text of your own, new for each order that a person means to place. Sent again within 24"
        " hours, through GraphQL or REST, it gets the same order again instead of a second one.",
    )

    def new_items(self) -> list[NewItem]:
        """Translate the lines for the resolver."""
        return [
            NewItem(
                database_id(item.product_id, "Product", argument=f"items.{index}.product_id"), item.quantity
            )
            for index, item in enumerate(self.items)
        ]


@strawberry.input(description="Which order to cancel.")
class CancelOrderInput:
    """Input of ``cancelOrder``."""

    id: strawberry.ID = strawberry.field(description="The order's global id.")


@strawberry.type(description="The outcome of `createOrder`.")
class CreateOrderPayload:
    """The accepted order."""

    order: OrderType | None = strawberry.field(default=None, description="The order; null after an error.")
    replayed: bool = strawberry.field(
        default=False, description="Whether an earlier request with the same idempotency key had placed it."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )


@strawberry.type(description="The outcome of `cancelOrder`.")
class CancelOrderPayload:
    """The cancelled order."""

    order: OrderType | None = strawberry.field(
        default=None, description="The order as it is now; null after an error."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )
