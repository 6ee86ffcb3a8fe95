"""Rows for tests, made without the resolvers that are under test."""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import bcrypt
from tortoise import timezone

from core.http.caller import Caller
from core.resources import Resources
from core.security.tokens import TokenKind, token_hash
from graph.resolvers.context import Context, make_context
from models import (
    MovementReason,
    Order,
    OrderEvent,
    OrderItem,
    OrderStatus,
    Product,
    Session,
    StockMovement,
    User,
)
from models.orders import OPEN_STATUSES

PASSWORD = "correct horse battery"
_PASSWORD_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
_numbers = count(1)


async def make_user(**values: Any) -> User:
    """Store a user whose password is ``PASSWORD``."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "email": f"user{number}@example.com",
        "full_name": f"User {number}",
        "password_hash": _PASSWORD_HASH,
    }
    return await User.create(**(defaults | values))


async def make_admin(**values: Any) -> User:
    """Store an administrator."""
    return await make_user(**({"is_admin": True} | values))


async def make_token(resources: Resources, user: User) -> str:
    """Open a session for *user* and return its access token."""
    access_token, _ = await make_tokens(resources, user)
    return access_token


async def make_tokens(resources: Resources, user: User) -> tuple[str, str]:
    """Open a session for *user* and return its access and refresh tokens."""
    session_id = uuid4()
    refresh_token = resources.tokens.issue(TokenKind.REFRESH, user_id=user.id, session_id=session_id)
    await Session.create(
        id=session_id,
        user_id=user.id,
        token_hash=token_hash(refresh_token),
        expires_at=timezone.now() + timedelta(days=7),
    )
    return resources.tokens.issue(TokenKind.ACCESS, user_id=user.id, session_id=session_id), refresh_token


async def make_context_of(resources: Resources, user: User) -> Context:
    """Open a session for *user* and return the context of a request by its access token."""
    token = await make_token(resources, user)
    return await make_context(resources, Caller(resources.tokens.verify(token, TokenKind.ACCESS), "", ""))


async def make_product(**values: Any) -> Product:
    """Store a product and its first stock movement. ``price`` is in minor units."""
    number = next(_numbers)
    defaults: dict[str, Any] = {"name": f"Product {number}", "price": 1_000, "on_hand": 100}
    product = await Product.create(**(defaults | values))
    if product.on_hand:
        await StockMovement.create(
            product_id=product.id,
            delta=product.on_hand,
            on_hand_after=product.on_hand,
            reason=MovementReason.INITIAL,
        )
    return product


async def make_order(user: User, *lines: tuple[Product, int], **values: Any) -> Order:
    """Store an order as if it had been accepted; the lines are products and quantities."""
    status = values.get("status", OrderStatus.PENDING)
    due_at = timezone.now() + timedelta(minutes=1) if status in OPEN_STATUSES else None
    defaults: dict[str, Any] = {"user_id": user.id, "shipping_address": "1 Test Street", "due_at": due_at}
    order = await Order.create(**(defaults | values))
    for product, quantity in lines:
        await OrderItem.create(
            order_id=order.id,
            product_id=product.id,
            product_name=product.name,
            quantity=quantity,
            accepted_price=product.price,
        )
    await OrderEvent.create(order_id=order.id, status=OrderStatus.PENDING, actor_id=user.id)
    return order
