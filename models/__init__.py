"""Rows, enums and the rules that hold for every row. Tortoise finds its models here."""

from models.idempotency_keys import IdempotencyKey
from models.one_time_tokens import OneTimeToken, TokenPurpose
from models.orders import FailureCode, Order, OrderEvent, OrderItem, OrderStatus
from models.products import MovementReason, Product, StockMovement
from models.sessions import Session
from models.users import User

__all__ = [
    "FailureCode",
    "IdempotencyKey",
    "MovementReason",
    "OneTimeToken",
    "Order",
    "OrderEvent",
    "OrderItem",
    "OrderStatus",
    "Product",
    "Session",
    "StockMovement",
    "TokenPurpose",
    "User",
]

#: The largest value of a 32-bit key. GraphQL's Int ends there too, so ``databaseId`` always fits.
MAX_ID = 2**31 - 1
