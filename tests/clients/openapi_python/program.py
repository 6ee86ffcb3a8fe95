"""What an integration with REST v1 does, with the client that openapi-python-client makes: checked by mypy, and run."""

import os
import pkgutil
from importlib import import_module
from typing import assert_never

import tandem_v1
from tandem_v1 import AuthenticatedClient, Client
from tandem_v1.api.authentication import get_current_user, login, refresh_token
from tandem_v1.api.orders import cancel_order, create_order, get_order, list_order_events, list_orders
from tandem_v1.api.products import list_products
from tandem_v1.models import (
    AccessToken,
    ErrorCode,
    ErrorOut,
    LoginIn,
    OrderAccepted,
    OrderCancelled,
    OrderEventList,
    OrderIn,
    OrderItemIn,
    OrderList,
    OrderOut,
    OrderStatus,
    ProductList,
    RefreshIn,
    TokenPair,
    UserOut,
)

URL = os.environ["TANDEM_URL"]


def headline(order: OrderOut) -> str:
    """Return a line about an order. Every status is handled, or mypy finds the one that is not."""
    match order.status:
        case OrderStatus.PENDING | OrderStatus.PROCESSING:
            return f"on its way to {order.shipping_address}"
        case OrderStatus.COMPLETED:
            return f"{order.items[0].product_name} and more for {order.total_amount:.2f}"
        case OrderStatus.FAILED | OrderStatus.CANCELLED:
            return str(order.status)
        case _:
            assert_never(order.status)


def sign_in() -> AuthenticatedClient:
    """Return a client that has a token of its own."""
    with Client(URL, raise_on_unexpected_status=True) as client:
        refused = login.sync(client=client, body=LoginIn("ada@example.com", "wrong"))
        assert isinstance(refused, ErrorOut)
        assert refused.error_code is ErrorCode.INVALID_CREDENTIALS
        pair = login.sync(client=client, body=LoginIn("ada@example.com", "tandem-user-demo"))
        assert isinstance(pair, TokenPair)
        refreshed = refresh_token.sync(client=client, body=RefreshIn(pair.refresh_token))
        assert isinstance(refreshed, AccessToken)
        get_current_user.sync(client=client)  # type: ignore[arg-type]  # nobody is signed in
    return AuthenticatedClient(URL, refreshed.access_token, raise_on_unexpected_status=True)


def shop(client: AuthenticatedClient) -> None:
    """Place an order, read it and cancel it."""
    user = get_current_user.sync(client=client)
    products = list_products.sync(client=client, in_stock=True, page_size=2)
    assert isinstance(user, UserOut)
    assert isinstance(products, ProductList)
    product = products.items[0]
    body = OrderIn([OrderItemIn(product.id, 2)], "1 Main Street")
    key = f"openapi-python-client-{client.token[-20:]}"
    answer = create_order.sync_detailed(client=client, body=body, idempotency_key=key)
    placed = answer.parsed
    assert isinstance(placed, OrderAccepted)
    assert (placed.status, placed.user_id) == (OrderStatus.PENDING, user.id)
    assert answer.headers["Location"] == f"/api/v1/orders/{placed.id}"
    again = create_order.sync_detailed(client=client, body=body, idempotency_key=key)
    assert again.parsed == placed
    assert again.headers["Idempotent-Replayed"] == "true"

    orders = list_orders.sync(client=client, status=OrderStatus.PENDING)
    assert isinstance(orders, OrderList)
    assert placed.id in [order.id for order in orders.items]
    order = get_order.sync(placed.id, client=client)
    assert isinstance(order, OrderOut)
    assert order.items[0].product_name == product.name
    assert order.created_at == placed.created_at
    assert headline(order) == "on its way to 1 Main Street"

    assert isinstance(cancel_order.sync(placed.id, client=client), OrderCancelled)
    twice = cancel_order.sync(placed.id, client=client)
    assert isinstance(twice, ErrorOut)
    assert twice.error_code is ErrorCode.ORDER_NOT_CANCELLABLE
    events = list_order_events.sync(placed.id, client=client)
    assert isinstance(events, OrderEventList)
    assert [event.status for event in events.items] == [OrderStatus.PENDING, OrderStatus.CANCELLED]


for module in pkgutil.walk_packages(tandem_v1.__path__, "tandem_v1."):
    import_module(module.name)
with sign_in() as signed_in:
    shop(signed_in)
