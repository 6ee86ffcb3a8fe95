"""Mutations of orders."""

from typing import Annotated

import strawberry

from graph.mutations.input import WHAT
from graph.resolvers import order_placement, orders
from graph.types.errors import payload
from graph.types.nodes import Info, database_id
from graph.types.orders import CancelOrderInput, CancelOrderPayload, CreateOrderInput, CreateOrderPayload


@strawberry.type
class OrderMutations:
    """Bindings of the resolvers of the same name."""

    @strawberry.mutation(
        description="Place an order. It is accepted at once; a worker takes stock and works out the total."
    )
    async def create_order(self, info: Info, input: Annotated[CreateOrderInput, WHAT]) -> CreateOrderPayload:
        """Place an order."""
        return await payload(
            info.context,
            CreateOrderPayload,
            lambda: order_placement.create_order(
                info.context,
                items=input.new_items(),
                shipping_address=input.shipping_address,
                idempotency_key=input.idempotency_key,
            ),
            lambda placed: {"order": placed.order, "replayed": placed.replayed},
        )

    @strawberry.mutation(description="Cancel an order that is still pending or in processing.")
    async def cancel_order(self, info: Info, input: Annotated[CancelOrderInput, WHAT]) -> CancelOrderPayload:
        """Cancel an order."""
        return await payload(
            info.context,
            CancelOrderPayload,
            lambda: orders.cancel_order(info.context, database_id(input.id, "Order")),
            lambda row: {"order": row},
        )
