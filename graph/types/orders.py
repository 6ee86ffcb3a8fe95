"""``Order``, its lines and history, and the inputs and payloads of its mutations."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from core.errors import ErrorCode
from graph.resolvers.order_events import event_cursor
from graph.resolvers.order_placement import NewItem
from graph.resolvers.orders import why_not_cancel
from graph.types.errors import UserError
from graph.types.nodes import Info, Node, database_id
from graph.types.products import ProductType
from graph.types.scalars import Money, money
from graph.types.users import UserType
from models import FailureCode, Order, OrderEvent, OrderItem, OrderStatus


@strawberry.type(name="OrderItem", description="One line of an order.")
class OrderItemType:
    """A row of :class:`models.OrderItem`."""

    quantity: int = strawberry.field(description="How many.")
    product_name: str = strawberry.field(description="The product's name when the order was placed.")

    @strawberry.field(
        description="What one cost when the order was placed. Published with the total: 0 until the order is completed."
    )
    def unit_price(root: strawberry.Parent[OrderItem], info: Info) -> Money:
        """Return the published price."""
        return money(root.unit_price, info.context.resources.settings.currency)

    @strawberry.field(description="The product as it is now.", graphql_type=ProductType)
    async def product(root: strawberry.Parent[OrderItem], info: Info) -> Any:
        """Load the product."""
        return await info.context.loaders.products.load(root.product_id)


@strawberry.type(name="OrderEvent", description="One step of an order's history.")
class OrderEventType:
    """A row of :class:`models.OrderEvent`."""

    status: OrderStatus = strawberry.field(description="The status that the order reached.")

    @strawberry.field(description="Its place in the log, for `after`.")
    def cursor(root: strawberry.Parent[OrderEvent]) -> str:
        """Return the cursor."""
        return event_cursor(root)

    @strawberry.field(
        description="The order that it happened to.",
        graphql_type=Annotated["OrderType", strawberry.lazy("graph.types.orders")],
    )
    async def order(root: strawberry.Parent[OrderEvent], info: Info) -> Any:
        """Load the order."""
        return await info.context.loaders.orders.load(root.order_id)

    failure_code: FailureCode | None = strawberry.field(description="Why, if it failed.")
    created_at: datetime = strawberry.field(description="When.")

    @strawberry.field(
        description="Who caused it; null for a worker, and for a user who is deleted.",
        graphql_type=UserType | None,
    )
    async def actor(root: strawberry.Parent[OrderEvent], info: Info) -> Any:
        """Load the user."""
        return await _live_user(info, root.actor_id)


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

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Recognise the rows of this type."""
        return isinstance(value, Order | cls)

    @strawberry.field(description="The id that REST uses.")
    def database_id(root: strawberry.Parent[Order]) -> int:
        """Return the primary key."""
        return root.id

    @strawberry.field(description="What all lines cost together: 0 until the order is completed.")
    def total(root: strawberry.Parent[Order], info: Info) -> Money:
        """Return the total in the configured currency."""
        return money(root.total, info.context.resources.settings.currency)

    @strawberry.field(
        description="Its lines, in the order they were given.", graphql_type=list[OrderItemType]
    )
    async def items(root: strawberry.Parent[Order], info: Info) -> Any:
        """Load the lines."""
        return await info.context.loaders.items.load(root.id)

    @strawberry.field(description="Its history, oldest first.", graphql_type=list[OrderEventType])
    async def events(root: strawberry.Parent[Order], info: Info) -> Any:
        """Load the history."""
        return await info.context.loaders.events.load(root.id)

    @strawberry.field(description="What the viewer may do with it now.")
    def viewer_can(
        root: strawberry.Parent[Order], info: Info
    ) -> Annotated["OrderPermissions", strawberry.lazy("graph.types.orders")]:
        """Ask the rules of the mutations."""
        refusal = why_not_cancel(info.context.require_user(), root)
        return OrderPermissions(
            cancel=Permission(allowed=refusal is None, code=refusal.code if refusal else None)
        )

    @strawberry.field(description="Who placed it; null if the user is deleted.", graphql_type=UserType | None)
    async def user(root: strawberry.Parent[Order], info: Info) -> Any:
        """Load the user."""
        return await _live_user(info, root.user_id)


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


async def _live_user(info: Info, user_id: int | None) -> Any:
    user = await info.context.loaders.users.load(user_id) if user_id is not None else None
    return user if user is not None and user.deleted_at is None else None


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
