"""Mutations of orders."""

import strawberry

from core.errors import PriceChanged
from graph.mutations.binding import mutation
from graph.resolvers import order_placement, orders
from graph.types.errors import user_errors
from graph.types.nodes import Info, database_id
from graph.types.order_quotes import quote
from graph.types.orders import CancelOrderInput, CancelOrderPayload, CreateOrderInput, CreateOrderPayload


@strawberry.type
class OrderMutations:
    """Bindings of :mod:`graph.resolvers.order_placement` and :mod:`graph.resolvers.orders`."""

    @mutation
    async def create_order(self, info: Info, input: CreateOrderInput) -> CreateOrderPayload:
        """Place an order. It is accepted at once; a worker takes the stock and works out the total."""
        items = input.new_items()
        try:
            placed = await order_placement.create_order(
                info.context,
                items=items,
                shipping_address=input.shipping_address,
                idempotency_key=input.idempotency_key,
                reference=input.reference,
                expected_total=input.expected_total,
            )
        except PriceChanged as error:
            now = quote(error, items, info.context.currency)
            return CreateOrderPayload(errors=user_errors(error), quote=now)
        return CreateOrderPayload(order=placed.order, replayed=placed.replayed)

    @mutation
    async def cancel_order(self, info: Info, input: CancelOrderInput) -> CancelOrderPayload:
        """Cancel an order that is still `PENDING` or `PROCESSING`. For its user and for administrators."""
        order = await orders.cancel_order(info.context, database_id(input.id, "Order"))
        return CancelOrderPayload(order=order)
