"""The subscriptions: what is sent as it happens."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import strawberry

from graph.loaders import Loaders
from graph.resolvers import orders
from graph.types.nodes import Info, database_id
from graph.types.orders import OrderType


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
            info.context.loaders = Loaders()
            yield order
