"""Orders over v1."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import FailFast, Field, with_config
from typing_extensions import TypedDict

from graph.resolvers.order_events import EventPage, event_cursor
from graph.resolvers.order_placement import NewItem
from graph.resolvers.pagination import Offset, Page
from graph.resolvers.validation import TRIMMED
from models import MAX_ID, FailureCode, Order, OrderItemRow, OrderRow, OrderStatus
from rest.v1.paging import position
from rest.v1.schemas.bounds import (
    EVENTS_ON_PAGE,
    ID,
    OF_ORDER,
    ON_PAGE,
    QUANTITY,
    REFERENCE,
    SENT_ADDRESS,
    Address,
    Count,
    Cursor,
    Id,
    Name,
    PageNumber,
    PageSize,
    Quantity,
    Time,
)
from rest.v1.schemas.fields import Body, Integer, Money, example, money


class OrderItemIn(Body):
    """An item of an order to be placed."""

    product_id: Integer = Field(json_schema_extra=ID)
    quantity: Integer = Field(json_schema_extra=QUANTITY)

    def new_item(self) -> NewItem:
        """Return what the resolver takes; without a product where the id can be none's."""
        return NewItem(self.product_id if 0 < self.product_id <= MAX_ID else None, self.quantity)


class OrderIn(Body):
    """An order to be placed."""

    model_config = example(
        {
            "items": [{"product_id": 456, "quantity": 2}, {"product_id": 789, "quantity": 1}],
            "shipping_address": "123 Main St, City, Country",
        }
    )

    # Without FailFast a body full of wrong items would be answered with as many problems.
    items: Annotated[list[OrderItemIn], FailFast(), OF_ORDER]
    shipping_address: str = Field(description=TRIMMED, json_schema_extra=SENT_ADDRESS)
    reference: Annotated[str, Field(json_schema_extra=REFERENCE)] | None = Field(
        None,
        description="A number of your own for the order, which no other one of your orders has: `GET /orders` finds it"
        f" by this. {TRIMMED}",
    )


class AcceptedItem(TypedDict):
    """An item of an order that was just placed."""

    product_id: Id
    quantity: Quantity
    unit_price: Money


@with_config(
    example(
        {
            "id": 1001,
            "user_id": 123,
            "status": "pending",
            "total_amount": 0,
            "items": [{"product_id": 456, "quantity": 2, "unit_price": 0}],
            "created_at": "2025-01-15T10:40:00Z",
        }
    )
)
class OrderAccepted(TypedDict):
    """An order as it was accepted: pending, its prices not yet published."""

    id: Id
    user_id: Id
    status: OrderStatus
    total_amount: Money
    items: Annotated[list[AcceptedItem], OF_ORDER]
    created_at: Time


def order_accepted(order: OrderRow, placed: Sequence[OrderItemIn]) -> OrderAccepted:
    """Return the view of a row and of the items that were asked for.

    A replayed request gets the same answer as the first one, whatever became of the order since.
    """
    return {
        "id": order.id,
        "user_id": order.user_id,
        "status": OrderStatus.PENDING,
        "total_amount": money(0),
        "items": [
            {"product_id": item.product_id, "quantity": item.quantity, "unit_price": money(0)}
            for item in placed
        ],
        "created_at": order.created_at,
    }


class OrderSummary(TypedDict):
    """An order in a list."""

    id: Id
    user_id: Id
    status: OrderStatus
    total_amount: Money
    created_at: Time
    updated_at: Time


#: What an order in a list is made from.
SUMMARY_COLUMNS = frozenset({"user_id", "status", "total", "created_at", "updated_at"})


def order_summary(order: OrderRow) -> OrderSummary:
    return {
        "id": order.id,
        "user_id": order.user_id,
        "status": order.status,
        "total_amount": money(order.total),
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


@with_config(
    example(
        {
            "items": [
                {
                    "id": 1001,
                    "user_id": 123,
                    "status": "completed",
                    "total_amount": 149.99,
                    "created_at": "2025-01-15T10:40:00Z",
                    "updated_at": "2025-01-15T10:42:00Z",
                }
            ],
            "total": 25,
            "page": 1,
            "page_size": 20,
            "has_next": True,
        }
    )
)
class OrderList(TypedDict):
    """One page of orders."""

    items: Annotated[list[OrderSummary], ON_PAGE]
    total: Count
    page: PageNumber
    page_size: PageSize
    has_next: bool


def order_list(page: Page[OrderRow], total: int, paging: Offset) -> OrderList:
    """Return the view of a page; *total* is the length of the whole list."""
    return {"items": [order_summary(order) for order in page.rows], **position(page, total, paging)}


class OrderItemOut(TypedDict):
    """An item of an order."""

    id: Id
    product_id: Id
    product_name: Name
    quantity: Quantity
    unit_price: Money


def order_item_out(item: OrderItemRow) -> OrderItemOut:
    return {
        "id": item.id,
        "product_id": item.product_id,
        "product_name": item.product_name,
        "quantity": item.quantity,
        "unit_price": money(item.unit_price),
    }


@with_config(
    example(
        {
            "id": 1001,
            "user_id": 123,
            "status": "completed",
            "total_amount": 149.99,
            "shipping_address": "123 Main St, City, Country",
            "items": [
                {
                    "id": 5001,
                    "product_id": 456,
                    "product_name": "Product A",
                    "quantity": 2,
                    "unit_price": 49.99,
                },
                {
                    "id": 5002,
                    "product_id": 789,
                    "product_name": "Product B",
                    "quantity": 1,
                    "unit_price": 50.01,
                },
            ],
            "created_at": "2025-01-15T10:40:00Z",
            "updated_at": "2025-01-15T10:42:00Z",
        }
    )
)
class OrderOut(TypedDict):
    """An order. Its amounts are 0 until it is completed."""

    id: Id
    user_id: Id
    status: OrderStatus
    total_amount: Money
    shipping_address: Address
    items: Annotated[list[OrderItemOut], OF_ORDER]
    created_at: Time
    updated_at: Time


#: What one order is made from, and what each of its items.
ORDER_COLUMNS = frozenset({"user_id", "status", "total", "shipping_address", "created_at", "updated_at"})
ITEM_COLUMNS = frozenset({"product_id", "product_name", "quantity", "unit_price"})


def order_out(order: OrderRow, items: Sequence[OrderItemRow]) -> OrderOut:
    """Return the view of a row and of its items."""
    return {
        "id": order.id,
        "user_id": order.user_id,
        "status": order.status,
        "total_amount": money(order.total),
        "shipping_address": order.shipping_address,
        "items": [order_item_out(item) for item in items],
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


class OrderEventOut(TypedDict):
    """One step of an order's history."""

    cursor: Cursor
    status: OrderStatus
    failure_code: Annotated[
        FailureCode | None, Field(description="Why the order failed; null unless the status is `failed`.")
    ]
    created_at: Time


@with_config(
    example(
        {
            "items": [
                {
                    "cursor": "WyJPcmRlckV2ZW50LmlkIiw3MDAxLDcwMDFd",
                    "status": "pending",
                    "failure_code": None,
                    "created_at": "2025-01-15T10:40:00Z",
                },
                {
                    "cursor": "WyJPcmRlckV2ZW50LmlkIiw3MDAyLDcwMDJd",
                    "status": "processing",
                    "failure_code": None,
                    "created_at": "2025-01-15T10:41:59Z",
                },
                {
                    "cursor": "WyJPcmRlckV2ZW50LmlkIiw3MDAzLDcwMDNd",
                    "status": "failed",
                    "failure_code": "OUT_OF_STOCK",
                    "created_at": "2025-01-15T10:42:00Z",
                },
            ],
            "has_next": False,
        }
    )
)
class OrderEventList(TypedDict):
    """Steps of an order's history, oldest first."""

    items: Annotated[list[OrderEventOut], EVENTS_ON_PAGE]
    has_next: bool


#: What an order's history is made from.
EVENT_COLUMNS = frozenset({"status", "failure_code", "created_at"})


def order_event_list(page: EventPage) -> OrderEventList:
    items: list[OrderEventOut] = [
        {
            "cursor": event_cursor(event),
            "status": event.status,
            "failure_code": event.failure_code,
            "created_at": event.created_at,
        }
        for event in page.events
    ]
    return {"items": items, "has_next": page.has_next}


@with_config(example({"status": "success", "message": "Order cancelled successfully", "order_id": 456}))
class OrderCancelled(TypedDict):
    """The outcome of a cancellation."""

    status: Literal["success"]
    message: Literal["Order cancelled successfully"]
    order_id: Id


def order_cancelled(order: Order) -> OrderCancelled:
    return {"status": "success", "message": "Order cancelled successfully", "order_id": order.id}
