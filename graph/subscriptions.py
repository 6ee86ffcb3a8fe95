"""The subscriptions: what is sent as it happens."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry

from graph.resolvers import order_events, orders
from graph.types.nodes import Info, database_id
from graph.types.orders import OrderEventType, OrderType


@strawberry.type(
    description="What can be followed as it happens. The end of the sign-in ends every subscription."
)
class Subscription:
    """One binding for each resolver that goes on."""

    @strawberry.subscription(
        description="An order as it is now, and again after each change, until it is completed, failed or cancelled."
        " For its user and for administrators.",
        graphql_type=OrderType,
    )
    async def order_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The global ID of the order.")],
    ) -> AsyncGenerator[Any, None]:
        async for order in orders.watch_order(info.context, database_id(id, "Order")):
            # What was loaded for the event before may have changed since.
            info.context.loaders.clear()
            yield order

    @strawberry.subscription(
        description="The events of one order, or of all orders of the viewer: first those after the cursor, then each"
        " new one, none lost and none twice, also across reconnects. The events of one order end with its last.",
        graphql_type=OrderEventType,
    )
    async def order_events(
        self,
        info: Info,
        order_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The global ID of one order. Without it: all orders of the viewer."
            ),
        ] = None,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The `cursor` of the last event that the client has seen. Without it, or with an empty"
                " text, the events of one order begin with its first, and those of all orders begin now."
            ),
        ] = None,
    ) -> AsyncGenerator[Any, None]:
        number = database_id(order_id, "Order", argument="order_id") if order_id is not None else None
        async for event in order_events.watch_order_events(info.context, order_id=number, after=after):
            info.context.loaders.clear()
            yield event
