"""Mutations of orders."""

import strawberry

from core.errors import PriceChanged
from graph.mutations.binding import mutation
from graph.resolvers import order_placement, order_retries, orders
from graph.types.errors import user_errors
from graph.types.nodes import Info, database_id
from graph.types.order_quotes import quote
from graph.types.order_traces import RetryOrderInput, RetryOrderPayload
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

    @mutation
    async def retry_order(self, info: Info, input: RetryOrderInput) -> RetryOrderPayload:
        """Have an order processed anew that failed with `PROCESSING_ERROR`: it is `PENDING` again, its attempts count
        from 1, and a worker is woken. For administrators only.
        """
        order = await order_retries.retry_order(info.context, database_id(input.id, "Order"))
        return RetryOrderPayload(order=order)
