"""Orders over v1."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, FailFast, Field

from core.money import to_decimal
from graph.resolvers.order_events import event_cursor
from graph.resolvers.order_placement import MAX_ITEMS, MAX_QUANTITY, NewItem
from graph.resolvers.validation import MAX_ADDRESS
from models import MAX_ID, Order, OrderEvent, OrderItem, OrderStatus
from rest.v1.schemas.fields import NOT_BLANK, Body, Money, PageOut, example


class OrderItemIn(Body):
    """One line of an order to be placed."""

    product_id: int = Field(json_schema_extra={"minimum": 1, "maximum": MAX_ID})
    quantity: int = Field(json_schema_extra={"minimum": 1, "maximum": MAX_QUANTITY})

    def line(self) -> NewItem:
        """Return the line as the resolver takes it."""
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
    items: Annotated[list[OrderItemIn], FailFast()] = Field(
        json_schema_extra={"minItems": 1, "maxItems": MAX_ITEMS}
    )
    shipping_address: str = Field(
        json_schema_extra={"minLength": 1, "maxLength": MAX_ADDRESS, "pattern": NOT_BLANK}
    )


@dataclass(frozen=True, slots=True)
class AcceptedItem:
    """One line of an order that was just placed."""

    product_id: int
    quantity: int
    unit_price: Money


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """An order as it was accepted: pending, its prices not yet published."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
        {
            "id": 1001,
            "user_id": 123,
            "status": "pending",
            "total_amount": 0,
            "items": [{"product_id": 456, "quantity": 2, "unit_price": 0}],
            "created_at": "2025-01-15T10:40:00Z",
        }
    )

    id: int
    user_id: int
    status: OrderStatus
    total_amount: Money
    items: list[AcceptedItem]
    created_at: datetime

    @classmethod
    def of(cls, order: Order, placed: Sequence[OrderItemIn]) -> Self:
        """Return the view of a row and of the lines that were asked for.

        A replayed request gets the same answer as the first one, whatever became of the order since.
        """
        nothing = Decimal(0)
        items = [AcceptedItem(item.product_id, item.quantity, nothing) for item in placed]
        return cls(order.id, order.user_id, OrderStatus.PENDING, nothing, items, order.created_at)


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """An order in a list."""

    id: int
    user_id: int
    status: OrderStatus
    total_amount: Money
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, order: Order) -> Self:
        """Return the view of a row."""
        return cls(
            order.id,
            order.user_id,
            order.status,
            to_decimal(order.total),
            order.created_at,
            order.updated_at,
        )


@dataclass(frozen=True, slots=True)
class OrderList(PageOut[OrderSummary]):
    """One page of orders."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
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

    items: list[OrderSummary]


@dataclass(frozen=True, slots=True)
class OrderItemOut:
    """One line of an order."""

    id: int
    product_id: int
    product_name: str
    quantity: int
    unit_price: Money

    @classmethod
    def of(cls, item: OrderItem) -> Self:
        """Return the view of a row."""
        return cls(item.id, item.product_id, item.product_name, item.quantity, to_decimal(item.unit_price))


@dataclass(frozen=True, slots=True)
class OrderOut:
    """An order. Its amounts are 0 until it is completed."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
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

    id: int
    user_id: int
    status: OrderStatus
    total_amount: Money
    shipping_address: str
    items: list[OrderItemOut]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, order: Order, items: Sequence[OrderItem]) -> Self:
        """Return the view of a row and of its lines."""
        return cls(
            order.id,
            order.user_id,
            order.status,
            to_decimal(order.total),
            order.shipping_address,
            [OrderItemOut.of(item) for item in items],
            order.created_at,
            order.updated_at,
        )


@dataclass(frozen=True, slots=True)
class OrderEventOut:
    """One step of an order's history."""

    cursor: str
    status: OrderStatus
    created_at: datetime

    @classmethod
    def of(cls, event: OrderEvent) -> Self:
        """Return the view of a row."""
        return cls(event_cursor(event), event.status, event.created_at)


@dataclass(frozen=True, slots=True)
class OrderEventList:
    """Steps of an order's history, oldest first."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
        {
            "items": [
                {
                    "cursor": "WyJpZCIsNzAwMSw3MDAxXQ",
                    "status": "pending",
                    "created_at": "2025-01-15T10:40:00Z",
                },
                {
                    "cursor": "WyJpZCIsNzAwMiw3MDAyXQ",
                    "status": "processing",
                    "created_at": "2025-01-15T10:41:59Z",
                },
                {
                    "cursor": "WyJpZCIsNzAwMyw3MDAzXQ",
                    "status": "completed",
                    "created_at": "2025-01-15T10:42:00Z",
                },
            ],
            "has_next": False,
        }
    )

    items: list[OrderEventOut]
    has_next: bool


@dataclass(frozen=True, slots=True)
class OrderCancelled:
    """The outcome of a cancellation."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
        {"status": "success", "message": "Order cancelled successfully", "order_id": 456}
    )

    status: Literal["success"]
    message: Literal["Order cancelled successfully"]
    order_id: int

    @classmethod
    def of(cls, order: Order) -> Self:
        """Return the view of a cancelled order."""
        return cls("success", "Order cancelled successfully", order.id)
