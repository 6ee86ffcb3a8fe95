"""Orders over v1."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query

from core.errors import (
    IdempotencyKeyReused,
    InvalidProduct,
    InvalidQuantity,
    NotOwner,
    OrderNotCancellable,
    OrderNotFound,
    Problem,
    ReferenceTaken,
    ValidationFailed,
)
from graph.resolvers import order_events, order_placement
from graph.resolvers import orders as resolvers
from graph.resolvers.order_placement import MAX_QUANTITY
from models import OrderItemRow, OrderStatus
from rest.v1.dependencies import UserCtx
from rest.v1.json_response import JsonResponse
from rest.v1.openapi_responses import BAD_PAGE, REFUSED, SIGNED_IN, UNREADABLE, responses
from rest.v1.paging import Paging
from rest.v1.routing import PREFIX, Route
from rest.v1.schemas.bounds import CURSOR, ID, IDEMPOTENCY_KEY, REFERENCE
from rest.v1.schemas.fields import IdempotencyKey, WholeNumber
from rest.v1.schemas.orders import (
    EVENT_COLUMNS,
    ITEM_COLUMNS,
    ORDER_COLUMNS,
    SUMMARY_COLUMNS,
    OrderAccepted,
    OrderCancelled,
    OrderEventList,
    OrderIn,
    OrderList,
    OrderOut,
    order_accepted,
    order_cancelled,
    order_event_list,
    order_list,
    order_out,
)

router = APIRouter(prefix=f"{PREFIX}/orders", tags=["Orders"], route_class=Route)

OrderId = Annotated[WholeNumber, Path(description="Order ID.", examples=[1001], json_schema_extra=ID)]
_NOT_FOUND = (
    NotOwner(resolvers.FOREIGN_ORDER),
    OrderNotFound(),
    ValidationFailed(Problem(("order_id",), "order_id must be a whole number")),
)


@router.post(
    "",
    operation_id="createOrder",
    summary="Create order",
    status_code=201,
    response_model=OrderAccepted,
    responses=responses(
        *REFUSED,
        InvalidProduct("Invalid product ID in item 1"),
        InvalidQuantity(f"Invalid quantity in item 1: must be between 1 and {MAX_QUANTITY:,}"),
        ReferenceTaken(),
        ValidationFailed(Problem(("shipping_address",), "shipping_address is required")),
        IdempotencyKeyReused(field=("idempotency_key",)),
        *UNREADABLE,
    ),
    openapi_extra=SIGNED_IN,
)
async def create_order(
    ctx: UserCtx,
    body: OrderIn,
    idempotency_key: Annotated[
        IdempotencyKey | None,
        Header(
            alias="Idempotency-Key",
            description="Makes a repetition safe: the same key and body answer the first result again "
            "(`Idempotent-Replayed: true`) for 24 hours; up to 255 characters of your choice in UTF-8, with "
            "quotes around them or without.",
            examples=["6f1c2d3e-order-1"],
            json_schema_extra=IDEMPOTENCY_KEY,
        ),
    ] = None,
) -> JsonResponse:
    """Create an order, to be processed in the background.

    It is accepted at once with status `pending`; a worker then checks the stock and calculates the amounts.
    """
    placed = await order_placement.create_order(
        ctx,
        items=[item.new_item() for item in body.items],
        shipping_address=body.shipping_address,
        idempotency_key=idempotency_key,
        reference=body.reference,
    )
    headers = {"Location": f"/api/v1/orders/{placed.order.id}"}
    if placed.replayed:
        headers["Idempotent-Replayed"] = "true"
    return JsonResponse(order_accepted(placed.order, body.items), 201, headers)


@router.get(
    "",
    operation_id="listOrders",
    summary="List orders",
    response_model=OrderList,
    responses=responses(*REFUSED, BAD_PAGE),
    openapi_extra=SIGNED_IN,
)
async def list_orders(
    ctx: UserCtx,
    paging: Paging,
    status: Annotated[OrderStatus | None, Query(description="Only orders with this status.")] = None,
    reference: Annotated[
        str | None,
        Query(
            description="Only the order with this reference, if there is one.", json_schema_extra=REFERENCE
        ),
    ] = None,
) -> JsonResponse:
    """Retrieve a page of your own orders, newest first; an admin's own, too."""
    statuses = None if status is None else [status]
    page = await resolvers.list_orders(
        ctx, window=paging, statuses=statuses, reference=reference, columns=SUMMARY_COLUMNS
    )
    return JsonResponse(order_list(page, await page.count(), paging))


@router.get(
    "/{order_id}",
    operation_id="getOrder",
    summary="Get order by ID",
    response_model=OrderOut,
    responses=responses(*REFUSED, *_NOT_FOUND),
    openapi_extra=SIGNED_IN,
)
async def get_order(ctx: UserCtx, order_id: OrderId) -> JsonResponse:
    """Retrieve one of your orders, or anybody's as an admin. Its amounts are 0 until it is completed."""
    order = await resolvers.get_order(ctx, order_id, columns=ORDER_COLUMNS)
    items = await ctx.loaders.by_order(OrderItemRow, ITEM_COLUMNS).load(order.id)
    return JsonResponse(order_out(order, items))


@router.get(
    "/{order_id}/events",
    operation_id="listOrderEvents",
    summary="List order events",
    response_model=OrderEventList,
    responses=responses(
        *REFUSED,
        *_NOT_FOUND,
        ValidationFailed(Problem(("after",), "after is not a cursor of this list in this order")),
    ),
    openapi_extra=SIGNED_IN,
)
async def list_order_events(
    ctx: UserCtx,
    order_id: OrderId,
    after: Annotated[
        str | None,
        Query(
            description="The `cursor` of the last event seen; from the beginning if not given, or empty.",
            json_schema_extra=CURSOR,
        ),
    ] = None,
) -> JsonResponse:
    """Retrieve what happened to an order after a cursor, oldest first, up to 100 events at once."""
    page = await order_events.list_order_events(ctx, order_id, after=after, columns=EVENT_COLUMNS)
    return JsonResponse(order_event_list(page))


@router.post(
    "/{order_id}/cancel",
    operation_id="cancelOrder",
    summary="Cancel order",
    response_model=OrderCancelled,
    responses=responses(*REFUSED, *_NOT_FOUND, OrderNotCancellable()),
    openapi_extra=SIGNED_IN,
)
async def cancel_order(ctx: UserCtx, order_id: OrderId) -> JsonResponse:
    """Cancel one of your orders, or anybody's as an admin, while it is `pending` or `processing`."""
    return JsonResponse(order_cancelled(await resolvers.cancel_order(ctx, order_id)))
