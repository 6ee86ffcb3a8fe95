"""``Order``, its items and history, and the inputs and payloads of its mutations."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from core.errors import ErrorCode
from core.money import to_decimal
from engine.graphql import batch_field, reads
from graph.resolvers.context import Context
from graph.resolvers.order_events import event_cursor, events_after, events_until
from graph.resolvers.order_placement import IDEMPOTENCY_HOURS, MAX_ITEMS, MAX_QUANTITY, MAX_TOTAL, NewItem
from graph.resolvers.order_traces import attempt_of, trace_of, worker_of
from graph.resolvers.orders import attempts_of, due_at_of, why_not_cancel
from graph.resolvers.users import load_users, shown_user_ids
from graph.resolvers.validation import MAX_ADDRESS, MAX_IDEMPOTENCY_KEY, TRIMMED
from graph.types.bounds import bounds
from graph.types.errors import Payload
from graph.types.nodes import Info, Node, database_id, global_id, recognise, row_id
from graph.types.order_items import OrderItemType
from graph.types.order_quotes import OrderQuote
from graph.types.scalars import Money, moneys
from graph.types.users import UserType
from models import (
    FailureCode,
    Order,
    OrderEventRow,
    OrderItemRow,
    OrderRow,
    OrderStatus,
    User,
    UserRow,
)
from models.orders import MAX_EVENTS, MAX_REFERENCE, MAX_REQUEST_ID

if TYPE_CHECKING:
    from graph.types.order_traces import OrderTraceType


@strawberry.type(
    name="OrderEvent", description="A step in the history of an order: the order reached a status."
)
class OrderEventType:
    """A row of :class:`models.OrderEvent`."""

    status: OrderStatus = strawberry.field(description="The status that the order reached.")

    @strawberry.field(
        description="The place of the event in the log: an opaque text for the argument `after` of `orderEvents`.",
        metadata=reads("id"),
    )
    def cursor(root: strawberry.Parent[OrderEventRow]) -> str:
        return event_cursor(root)

    @batch_field(
        reads=("order_id",),
        description="The order that reached the status.",
        graphql_type=Annotated["OrderType", strawberry.lazy("graph.types.orders")],
    )
    async def order(events: list[OrderEventRow], ctx: Context) -> list[OrderRow | None]:
        return await ctx.loaders.orders.load_many([event.order_id for event in events])

    failure_code: FailureCode | None = strawberry.field(
        description="Why the order failed; null unless the status is `FAILED`."
    )
    created_at: datetime = strawberry.field(description="When the order reached the status.")

    @batch_field(
        reads=("actor_id",),
        description="The user who caused the event; null if a worker did, if the user is deleted, or if the viewer may"
        " not see other users.",
        graphql_type=UserType | None,
    )
    async def actor(events: list[OrderEventRow], ctx: Context) -> list[UserRow | None]:
        return await load_users(ctx, [event.actor_id for event in events])

    @batch_field(
        reads=("actor_id",),
        description="The global ID of the user who caused the event, deleted or not; null if a worker did, or if the"
        " viewer may not see other users.",
        graphql_type=strawberry.ID | None,
    )
    def actor_id(events: list[OrderEventRow], ctx: Context) -> list[strawberry.ID | None]:
        shown = shown_user_ids(ctx, [event.actor_id for event in events])
        return [None if user_id is None else global_id(User, user_id) for user_id in shown]

    request_id: str | None = strawberry.field(
        description="The `X-Request-ID` of the answer to the request that caused the event, by which the log is"
        " searched; null if a worker did, and for events of releases that did not note it.",
        metadata=bounds(characters=MAX_REQUEST_ID),
    )

    @strawberry.field(
        description="The name of the worker that caused the event; null if a request did. For administrators only.",
        metadata=reads("worker"),
    )
    def worker(root: strawberry.Parent[OrderEventRow], info: Info) -> str | None:
        return worker_of(info.context, root)

    @strawberry.field(
        description="The number of the worker's attempt at the order; null if a request caused the event. For"
        " administrators only.",
        metadata=reads("attempt"),
    )
    def attempt(root: strawberry.Parent[OrderEventRow], info: Info) -> int | None:
        return attempt_of(info.context, root)


@strawberry.type(name="Order", description="An order that a user has placed.")
class OrderType(Node):
    """A row of :class:`models.Order`."""

    status: OrderStatus = strawberry.field(description="How far the order has come.")
    shipping_address: str = strawberry.field(
        description="The address to send the order to; empty once it has been erased.",
        metadata=bounds(characters=MAX_ADDRESS),
    )
    reference: str | None = strawberry.field(
        description="The number that the client has given to the order; null if none, or once it has been erased.",
        metadata=bounds(characters=MAX_REFERENCE),
    )
    failure_code: FailureCode | None = strawberry.field(
        description="Why the order failed; null unless its status is `FAILED`."
    )
    version: int = strawberry.field(
        description="A number that grows with every change of the order: of two answers, the larger is the newer."
    )
    created_at: datetime = strawberry.field(description="When the order was placed.")

    @strawberry.field(
        description="How many attempts at processing the order count: all but a first one that ended with its worker."
        " For administrators only.",
        metadata=reads("attempts"),
    )
    def attempts(root: strawberry.Parent[Order | OrderRow], info: Info) -> int | None:
        return attempts_of(info.context, root)

    @strawberry.field(
        description="When the order is given to a worker again, should none have completed it by then; null once its"
        " status is final. For administrators only.",
        metadata=reads("due_at"),
    )
    def due_at(root: strawberry.Parent[Order | OrderRow], info: Info) -> datetime | None:
        return due_at_of(info.context, root)

    @strawberry.field(
        description="The name of the worker that has the order now; null if none has. For administrators only.",
        metadata=reads("worker"),
    )
    def worker(root: strawberry.Parent[Order | OrderRow], info: Info) -> str | None:
        return worker_of(info.context, root)

    @strawberry.field(
        description="What became of the order so far, what it waits for, and what an administrator can do. For"
        " administrators only.",
        graphql_type=Annotated["OrderTraceType", strawberry.lazy("graph.types.order_traces")] | None,
        metadata=reads("id", "status", "attempts", "due_at", "worker", "failure_code", "shipping_address"),
    )
    def trace(root: strawberry.Parent[Order | OrderRow], info: Info) -> Any:
        return trace_of(info.context, root)

    updated_at: datetime = strawberry.field(description="When the order was last changed.")

    is_type_of = recognise(Order)
    database_id = row_id()

    @batch_field(
        reads=("total",),
        description="The sum of the prices of all items, each times its quantity; 0 until the order is completed.",
    )
    def total(orders: list[Order | OrderRow], ctx: Context) -> list[Money]:
        return moneys([order.total for order in orders], ctx.currency)

    @batch_field(
        reads=("id", "OrderItem.accepted_price", "OrderItem.quantity"),
        description="The sum of the agreed prices of all items, each times its quantity, whatever became of the order.",
    )
    async def agreed_total(orders: list[Order | OrderRow], ctx: Context) -> list[Money]:
        items_of_orders = await ctx.loaders.items.load_many([order.id for order in orders])
        totals = [sum(item.accepted_price * item.quantity for item in items) for items in items_of_orders]
        return moneys(totals, ctx.currency)

    @batch_field(
        reads=("id",),
        description=f"The items, in the order in which they were given: 1 to {MAX_ITEMS}.",
        graphql_type=list[OrderItemType],
        metadata=bounds(entries=MAX_ITEMS),
    )
    async def items(orders: list[Order | OrderRow], ctx: Context) -> list[list[OrderItemRow]]:
        return await ctx.loaders.items.load_many([order.id for order in orders])

    @batch_field(
        reads=("id", "status"),
        description="The history of the order, oldest event first. Its last event is the one that reached `status`, so"
        " that `orderEvents` goes on from its `cursor` without a gap.",
        graphql_type=list[OrderEventType],
        metadata=bounds(entries=MAX_EVENTS),
    )
    async def events(
        orders: list[Order | OrderRow],
        ctx: Context,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The `cursor` of the last event that the client has seen: only later ones. All of them if"
                " it is left out, or an empty text."
            ),
        ] = None,
    ) -> list[list[OrderEventRow]]:
        histories = await ctx.loaders.events.load_many([order.id for order in orders])
        reached = [
            events_until(order.status, events) for order, events in zip(orders, histories, strict=True)
        ]
        return events_after(after, reached)

    @strawberry.field(
        description="What the viewer may do with the order now.", metadata=reads("status", "user_id")
    )
    def viewer_can(
        root: strawberry.Parent[Order | OrderRow], info: Info
    ) -> Annotated["OrderPermissions", strawberry.lazy("graph.types.orders")]:
        """Ask the rules of the mutations."""
        refusal = why_not_cancel(info.context.require_user(), root)
        return OrderPermissions(
            cancel=Permission(allowed=refusal is None, code=refusal.code if refusal else None)
        )

    @batch_field(
        reads=("user_id",),
        description="The user who placed the order; null if the user is deleted.",
        graphql_type=UserType | None,
    )
    async def user(orders: list[Order | OrderRow], ctx: Context) -> list[UserRow | None]:
        return await load_users(ctx, [order.user_id for order in orders])

    @batch_field(
        reads=("user_id",),
        description="The global ID of the user who placed the order, also when the user is deleted, so that `node` does"
        " not find it any more.",
    )
    def user_id(orders: list[Order | OrderRow], _ctx: Context) -> list[strawberry.ID]:
        return [global_id(User, order.user_id) for order in orders]


@strawberry.type(description="Whether a mutation would accept the viewer's request now, and why not.")
class Permission:
    """Yes, or why not."""

    allowed: bool = strawberry.field(description="Whether the mutation would accept the request.")
    code: ErrorCode | None = strawberry.field(
        description="The code of the error that the mutation would return; null if allowed."
    )


@strawberry.type(description="What the viewer may do with an order now.")
class OrderPermissions:
    """One field for each mutation of an order."""

    cancel: Permission = strawberry.field(
        description="Whether the viewer can cancel the order by `cancelOrder`."
    )


@strawberry.input(description="Conditions on orders, all of which must hold.")
class OrderFilter:
    status: list[OrderStatus] | None = strawberry.field(
        default=None, description="Only orders with one of these statuses; a single one needs no brackets."
    )
    created_after: datetime | None = strawberry.field(
        default=None,
        description="Only orders placed after this moment. For reports, not for polling: `createdAt` is when the"
        " request began, so an order can appear after one that is newer. `orderEvents` tells what is new, and misses"
        " nothing.",
    )
    created_before: datetime | None = strawberry.field(
        default=None, description="Only orders placed before this moment."
    )
    failure_code: list[FailureCode] | None = strawberry.field(
        default=None, description="Only orders that failed for one of these reasons."
    )
    product_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only orders that have an item of the product with this global ID."
    )
    user_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Only orders of the user with this global ID, deleted or not: for `allOrders`. In a list of one"
        " user's orders, none are another's.",
    )
    reference: str | None = strawberry.field(
        default=None,
        description="Only orders with this `reference`, upper and lower case being different: of one user, one at most."
        f" 1 to {MAX_REFERENCE} characters. {TRIMMED}",
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :func:`graph.resolvers.orders.list_orders`."""
        return {
            "statuses": self.status,
            "created_after": self.created_after,
            "created_before": self.created_before,
            "failure_codes": self.failure_code,
            "product_id": _filtered_id(self.product_id, "Product", "product_id"),
            "placed_by": _filtered_id(self.user_id, "User", "user_id"),
            "reference": self.reference,
        }


def _filtered_id(global_id: str | None, type_name: str, name: str) -> int | None:
    return None if global_id is None else database_id(global_id, type_name, argument=f"filter.{name}")


@strawberry.input(description="An item of an order to place: a product, and how many pieces of it.")
class OrderItemInput:
    """A product and how many of it."""

    product_id: strawberry.ID = strawberry.field(
        description="The global ID of the product, which must be on sale."
    )
    quantity: int = strawberry.field(description=f"The number of pieces: 1 to {MAX_QUANTITY:,}.")


@strawberry.input(description="The order to place.")
class CreateOrderInput:
    """Input of ``createOrder``."""

    items: list[OrderItemInput] = strawberry.field(
        description=f"The items: 1 to {MAX_ITEMS}. A product may be in several; its stock must suffice for their sum."
    )
    shipping_address: str = strawberry.field(
        description=f"The address to send the order to: 1 to {MAX_ADDRESS:,} characters. {TRIMMED}"
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description=f"A text of your own, such as a UUID, of 1 to {MAX_IDEMPOTENCY_KEY} characters, new for each order"
        f" that a person means to place. Sent again by the same user within {IDEMPOTENCY_HOURS} hours, through GraphQL"
        f" or REST, it gets the same order again instead of a second one. {TRIMMED}",
    )
    reference: str | None = strawberry.field(
        default=None,
        description=f"A number of your own for the order, of 1 to {MAX_REFERENCE} characters, by which `OrderFilter`"
        " finds it. No other order of the user may have it, whatever has become of that one; else the order is refused"
        f" with `REFERENCE_TAKEN`. {TRIMMED}",
    )
    expected_total: Decimal | None = strawberry.field(
        default=None,
        description="The sum that was shown to the buyer: the prices of all items, each times its quantity. If it is"
        " another at the prices of now, the order is refused with `PRICE_CHANGED`, and `quote` has the present prices."
        f" 0 to {to_decimal(MAX_TOTAL):,} in the currency of the shop, with at most two decimal places. It is no part"
        " of what an idempotency key stands for.",
    )

    def new_items(self) -> list[NewItem]:
        """Return the items as the resolver takes them."""
        return [
            NewItem(
                database_id(item.product_id, "Product", argument=f"items.{index}.product_id"), item.quantity
            )
            for index, item in enumerate(self.items)
        ]


@strawberry.input(description="The order to cancel.")
class CancelOrderInput:
    """Input of ``cancelOrder``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the order.")


@strawberry.type
class OrderOutcome:
    """What a payload shows of one order."""

    order: Order | OrderRow | None = strawberry.field(
        default=None,
        graphql_type=OrderType | None,
        description="The order as it is now; null after an error.",
    )


@strawberry.type
class CreateOrderOutcome(OrderOutcome):
    """What ``createOrder`` shows."""

    replayed: bool = strawberry.field(
        default=False,
        description="Whether an earlier request with the same idempotency key had placed the order.",
    )
    quote: OrderQuote | None = strawberry.field(
        default=None,
        description="What the order would cost now; null unless it was refused with `PRICE_CHANGED`.",
    )


@strawberry.type(description="The outcome of `createOrder`: the accepted order.")
class CreateOrderPayload(CreateOrderOutcome, Payload): ...


@strawberry.type(description="The outcome of `cancelOrder`: the cancelled order.")
class CancelOrderPayload(OrderOutcome, Payload): ...
