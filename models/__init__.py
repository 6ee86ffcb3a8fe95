"""Rows, enums and the rules that hold for every row. Tortoise finds its models here."""

from models.api_usage import ApiUsage
from models.idempotency_keys import IdempotencyKey
from models.one_time_tokens import OneTimeToken, TokenPurpose
from models.orders import (
    FailureCode,
    Order,
    OrderEvent,
    OrderEventRow,
    OrderFailure,
    OrderFailureRow,
    OrderItem,
    OrderItemRow,
    OrderRow,
    OrderStatus,
)
from models.products import MovementReason, Product, ProductRow, StockMovement, StockMovementRow
from models.sessions import Session, SessionRow
from models.sort_keys import sort_key
from models.users import User, UserRow

__all__ = [
    "ApiUsage",
    "FailureCode",
    "IdempotencyKey",
    "MovementReason",
    "OneTimeToken",
    "Order",
    "OrderEvent",
    "OrderEventRow",
    "OrderFailure",
    "OrderFailureRow",
    "OrderItem",
    "OrderItemRow",
    "OrderRow",
    "OrderStatus",
    "Product",
    "ProductRow",
    "Session",
    "SessionRow",
    "StockMovement",
    "StockMovementRow",
    "TokenPurpose",
    "User",
    "UserRow",
    "sort_key",
]

#: The largest value of a 32-bit key. GraphQL's Int ends there too, so ``databaseId`` always fits.
MAX_ID = 2**31 - 1
