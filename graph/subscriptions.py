"""The subscriptions: what is sent as it happens."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry

from graph.resolvers import order_events, orders
from graph.types.nodes import Info, database_id
from graph.types.orders import OrderEventType, OrderType


@strawberry.type(description="What can be watched. An end of the sign-in ends every subscription.")
class Subscription:
    """One binding for each resolver that goes on."""

    @strawberry.subscription(
        description="An order now, and again after each change, until it is completed, failed or cancelled."
        " For its user and for administrators.",
        graphql_type=OrderType,
    )
    async def order_updated(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The order's global id.")],
    ) -> AsyncGenerator[Any, None]:
        """Watch one order."""
        async for order in orders.watch_order(info.context, database_id(id, "Order")):
            # What was loaded for the event before may have changed since.
            info.context.load_afresh()
            yield order

    @strawberry.subscription(
        description="What happens to an order, or to all of the viewer's: first what the log holds after the cursor,"
        " then each new event, none lost and none twice, also across reconnects. One order's events end with its last.",
        graphql_type=OrderEventType,
    )
    async def order_events(
        self,
        info: Info,
        order_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The global id of one order; all of the viewer's if not told."),
        ] = None,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The `cursor` of the last event seen. Without it, one order's log is replayed from the"
                " beginning, and that of all orders begins now."
            ),
        ] = None,
    ) -> AsyncGenerator[Any, None]:
        """Follow the log."""
        number = database_id(order_id, "Order", argument="order_id") if order_id is not None else None
        async for event in order_events.watch_order_events(info.context, order_id=number, after=after):
            info.context.load_afresh()
            yield event
