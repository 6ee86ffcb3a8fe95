"""Each error that OpenAPI documents for an operation can be had from it."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from core.security.tokens import TokenIssuer, TokenKind
from models import FailureCode, Order, OrderStatus, Product, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_admin, make_order, make_product, make_token, make_user
from tests.rest.conformance import check_answer

pytestmark = pytest.mark.anyio

NOBODY = 10**6


@dataclass
class Shop:
    """The rows that the requests name."""

    user: User
    other: User
    admin: User
    product: Product
    order: Order
    failed: Order

    @property
    def user_body(self) -> dict[str, Any]:
        """A user that can be created."""
        return {"email": "new@example.com", "full_name": "New", "password": "long enough"}

    def order_body(self, **changes: int) -> dict[str, Any]:
        """An order of one item, which can be placed unless *changes* of that spoil it."""
        item = {"product_id": self.product.id, "quantity": 1} | changes
        return {"items": [item], "shipping_address": "1 Test Street"}

    def bodies(self) -> dict[str, dict[str, Any]]:
        """Bodies of the right shape, by operation."""
        return {
            "login": {"username": "nobody@example.com", "password": "wrong"},
            "refreshToken": {"refresh_token": "wrong"},
            "createUser": self.user_body,
            "updateUser": {"full_name": "Other"},
            "createOrder": self.order_body(),
        }

    def faults(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What spoils a request so that it ends in an error, by operation and code."""
        taken = {"email": self.other.email}
        return {
            ("createUser", "EMAIL_EXISTS"): {"user": self.admin, "json": self.user_body | taken},
            ("createUser", "VALIDATION_ERROR"): {"user": self.admin, "json": {}},
            ("listUsers", "VALIDATION_ERROR"): {"params": {"page": 0}},
            ("getUser", "ADMIN_REQUIRED"): {"id": self.other.id},
            ("getUser", "USER_NOT_FOUND"): {"id": NOBODY},
            ("getUser", "VALIDATION_ERROR"): {"id": "x"},
            ("updateUser", "EMAIL_EXISTS"): {"json": taken},
            ("updateUser", "NOT_OWNER"): {"user": self.other},
            ("updateUser", "USER_NOT_FOUND"): {"id": NOBODY},
            ("deleteUser", "USER_NOT_FOUND"): {"user": self.admin, "id": NOBODY},
            ("deleteUser", "LAST_ADMIN"): {"user": self.admin, "id": self.admin.id},
            ("deleteUser", "VALIDATION_ERROR"): {"user": self.admin, "id": "x"},
            ("createOrder", "INVALID_PRODUCT"): {"json": self.order_body(product_id=NOBODY)},
            ("createOrder", "INVALID_QUANTITY"): {"json": self.order_body(quantity=0)},
            ("createOrder", "REFERENCE_TAKEN"): {"json": self.order_body() | {"reference": "taken"}},
            ("createOrder", "IDEMPOTENCY_KEY_REUSED"): {
                "json": self.order_body(quantity=2),
                "headers": {"Idempotency-Key": "used"},
            },
            ("listOrders", "VALIDATION_ERROR"): {"params": {"status": "lost"}},
            ("getOrder", "NOT_OWNER"): {"user": self.other},
            ("getOrder", "ORDER_NOT_FOUND"): {"id": NOBODY},
            ("getOrder", "VALIDATION_ERROR"): {"id": "x"},
            ("listOrderEvents", "NOT_OWNER"): {"user": self.other},
            ("listOrderEvents", "ORDER_NOT_FOUND"): {"id": NOBODY},
            ("listOrderEvents", "VALIDATION_ERROR"): {"params": {"after": "x"}},
            ("cancelOrder", "NOT_OWNER"): {"user": self.other},
            ("cancelOrder", "ORDER_NOT_FOUND"): {"id": NOBODY},
            ("cancelOrder", "ORDER_NOT_CANCELLABLE"): {"id": self.failed.id},
            ("cancelOrder", "VALIDATION_ERROR"): {"id": "x"},
            ("listProducts", "VALIDATION_ERROR"): {"params": {"page_size": 101}},
            ("getProduct", "PRODUCT_NOT_FOUND"): {"id": NOBODY},
            ("getProduct", "VALIDATION_ERROR"): {"id": "x"},
        }


@pytest.fixture
async def shop(client: Client) -> Shop:
    """A shop with an order, another one that failed, and a used idempotency key."""
    user, product = await make_user(), await make_product()
    failed = {"status": OrderStatus.FAILED, "failure_code": FailureCode.OUT_OF_STOCK}
    made = Shop(
        user,
        await make_user(),
        await make_admin(),
        product,
        await make_order(user, (product, 1), reference="taken"),
        await make_order(user, **failed),
    )
    key = {"Idempotency-Key": "used"}
    placed = await client.v1("POST", "/orders", user=user, json=made.order_body(), headers=key)
    assert placed.status_code == 201
    return made


async def refused_token(client: Client, user: User, code: str) -> str | None:
    """Return a token that is refused with *code*."""
    if code == "NOT_AUTHENTICATED":
        return None
    token = await make_token(client.resources, user)
    if code == "TOKEN_INVALID":
        return token[:-4]
    claims = client.resources.tokens.verify(token, TokenKind.ACCESS)
    past = TokenIssuer(client.resources.settings.model_copy(update={"access_token_seconds": -60}))
    return past.issue(TokenKind.ACCESS, user_id=user.id, session_id=claims.session_id)


async def provoke(
    client: Client, shop: Shop, operation: dict[str, Any], method: str, path: str, status: int, code: str
) -> httpx.Response:
    """Send the request that should end in *code*."""
    name = operation["operationId"]
    options: dict[str, Any] = {}
    if body := shop.bodies().get(name):
        options["json"] = [] if code == "VALIDATION_ERROR" else body
    options |= shop.faults().get((name, code), {})
    if status == 413:
        options = {"content": b"x" * 1_000_001}
    if status == 415:
        options = {"content": b"{}", "headers": {"Content-Type": "text/plain"}}
    if code in {"NOT_AUTHENTICATED", "TOKEN_INVALID", "TOKEN_EXPIRED"}:
        options["token"] = await refused_token(client, shop.user, code)
    elif "security" in operation:
        # make_token opens a session, of which the rate limit knows nothing: it counts by user.
        options = {"user": shop.user} | options
    ordinary = {"user_id": shop.user.id, "order_id": shop.order.id, "product_id": shop.product.id}
    id = options.pop("id", None)
    values = {key: value if id is None else id for key, value in ordinary.items()}
    return await client.v1(method.upper(), path.removeprefix("/api/v1").format(**values), **options)


async def test_every_documented_error_can_be_had(client_with: ClientWith, shop: Shop) -> None:
    client = await client_with()
    closed = await client_with(user_directory="admin")
    limited = await client_with(rate_limit_user=1, rate_limit_anonymous=1)
    for _ in range(2):  # uses both limits up
        await limited.v1("GET", "/products")
        await limited.v1("GET", "/products", user=shop.user)
    seen = 0
    for path, operations in client.app.openapi()["paths"].items():
        for method, operation in operations.items():
            for status, code in documented_errors(operation):
                special = {"RATE_LIMITED": limited, "ADMIN_REQUIRED": closed}
                used = special.get(code, client)
                answer = await provoke(used, shop, operation, method, path, status, code)
                told = f"{operation['operationId']} {code}: {answer.text}"
                assert (answer.status_code, answer.json()["error_code"]) == (status, code), told
                check_answer(client.app, answer)
                seen += 1
    assert seen > 80


def documented_errors(operation: dict[str, Any]) -> list[tuple[int, str]]:
    """Return status and code of each documented error but the defect, which test_errors.py provokes."""
    return [
        (int(status), example["value"]["error_code"])
        for status, response in operation["responses"].items()
        if 400 <= int(status) < 500
        for example in response["content"]["application/json"]["examples"].values()
    ]
