"""How the answer of v1 is made from GraphQL's: what a client that has left v1 would write, in Python.

Nothing is shared with the endpoints but how v1 writes money, times and JSON, so that tests can hold one against the
other.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.errors import ErrorCode, ValidationFailed, error_classes
from core.money import MINOR_UNITS
from graph.types.nodes import database_id
from rest.v1.json_response import to_json
from rest.v1.schemas.fields import Money, money
from rest.v1.twins.requests import Fields, V1Request

#: The status in which v1 answers each code that GraphQL gives.
STATUS_BY_CODE: Mapping[str, int] = {kind.code.value: kind.status for kind in error_classes()} | {
    ErrorCode.VALIDATION_ERROR.value: ValidationFailed.status
}
_REFUSED_TOKENS = {ErrorCode.TOKEN_INVALID.value, ErrorCode.TOKEN_EXPIRED.value}
#: What v1 calls a field of GraphQL, where it is not the same in snake case.
_NAMES = {("login", "email"): "username"}


@dataclass(frozen=True, slots=True)
class V1Answer:
    """An answer of v1: its status, its body (None if it has none), and the headers that belong to it."""

    status: int
    body: Fields | None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        return b"" if self.body is None else to_json(self.body)


def error_answer(answer: Fields) -> V1Answer | None:
    """Return v1's answer of an error; None if GraphQL's has none.

    Args:
        answer: GraphQL's, whole. An error at the top level names no field: what v1 says in ``errors[].field`` is in
            its message alone.
    """
    for error in answer.get("errors", ()):
        extensions = error["extensions"]
        return _error(extensions["code"], [("", error["message"])], extensions.get("retryAfter"))
    for name, payload in answer["data"].items():
        if payload.get("errors"):
            problems = [(_field(name, error["field"]), error["message"]) for error in payload["errors"]]
            first = payload["errors"][0]
            return _error(first["code"], problems, first["retryAfter"])
    return None


def _error(code: str, problems: Sequence[tuple[str, str]], retry_after: int | None = None) -> V1Answer:
    status = STATUS_BY_CODE[code]
    body: dict[str, Any] = {"detail": problems[0][1], "error_code": code}
    if status == 422:
        body["errors"] = [{"field": name, "message": message} for name, message in problems]
    headers = {}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if code in _REFUSED_TOKENS else "Bearer"
    return V1Answer(status, body, headers)


def _field(mutation: str, path: Sequence[str] | None) -> str:
    """Return the path of a field below ``input`` as v1 writes it."""
    parts = [_NAMES.get((mutation, part)) or _snake(part) for part in (path or ())[1:]]
    return ".".join(parts)


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


def _money(amount: Fields) -> Money:
    return money(int(Decimal(amount["amount"]) * MINOR_UNITS))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def token_pair(_: V1Request, payload: Fields) -> V1Answer:
    body = {
        "access_token": payload["accessToken"],
        "refresh_token": payload["refreshToken"],
        "token_type": "bearer",
    }
    return V1Answer(200, body)


def access_token(_: V1Request, payload: Fields) -> V1Answer:
    """Leave out the refresh token: in v1 the old one stays, in GraphQL the new one takes its place."""
    return V1Answer(200, {"access_token": payload["accessToken"], "token_type": "bearer"})


def _user(user: Fields) -> dict[str, Any]:
    return {
        "id": user["databaseId"],
        "email": user["email"],
        "full_name": user["fullName"],
        "is_active": user["isActive"],
        "is_admin": user["isAdmin"],
        "created_at": _time(user["createdAt"]),
    }


def user(_: V1Request, user: Fields) -> V1Answer:
    return V1Answer(200, _user(user))


def user_detail(_: V1Request, user: Fields) -> V1Answer:
    return V1Answer(200, _user(user) | {"updated_at": _time(user["updatedAt"])})


def user_created(_: V1Request, payload: Fields) -> V1Answer:
    body = _user(payload["user"])
    return V1Answer(201, body, {"Location": f"/api/v1/users/{body['id']}"})


def user_updated(request: V1Request, payload: Fields) -> V1Answer:
    return user_detail(request, payload["user"])


def user_deleted(_: V1Request, _payload: Fields) -> V1Answer:
    return V1Answer(204, None)


def user_summary(user: Fields) -> Fields:
    return {
        "id": user["databaseId"],
        "email": user["email"],
        "full_name": user["fullName"],
        "is_active": user["isActive"],
        "created_at": _time(user["createdAt"]),
    }


def order_created(_: V1Request, payload: Fields) -> V1Answer:
    """A request that is replayed gets its first answer, whatever became of the order since."""
    order, replayed = payload["order"], payload["replayed"]
    body = {
        "id": order["databaseId"],
        "user_id": database_id(order["userId"], "User"),
        "status": "pending" if replayed else order["status"].lower(),
        "total_amount": money(0) if replayed else _money(order["total"]),
        "items": [
            {
                "product_id": item["product"]["databaseId"],
                "quantity": item["quantity"],
                "unit_price": money(0) if replayed else _money(item["unitPrice"]),
            }
            for item in order["items"]
        ],
        "created_at": _time(order["createdAt"]),
    }
    headers = {"Location": f"/api/v1/orders/{order['databaseId']}"}
    return V1Answer(201, body, headers | ({"Idempotent-Replayed": "true"} if replayed else {}))


def order_summary(order: Fields) -> Fields:
    return {
        "id": order["databaseId"],
        "user_id": database_id(order["userId"], "User"),
        "status": order["status"].lower(),
        "total_amount": _money(order["total"]),
        "created_at": _time(order["createdAt"]),
        "updated_at": _time(order["updatedAt"]),
    }


def order(_: V1Request, order: Fields) -> V1Answer:
    body = {
        "id": order["databaseId"],
        "user_id": database_id(order["userId"], "User"),
        "status": order["status"].lower(),
        "total_amount": _money(order["total"]),
        "shipping_address": order["shippingAddress"],
        "items": [
            {
                "id": item["databaseId"],
                "product_id": item["product"]["databaseId"],
                "product_name": item["productName"],
                "quantity": item["quantity"],
                "unit_price": _money(item["unitPrice"]),
            }
            for item in order["items"]
        ],
        "created_at": _time(order["createdAt"]),
        "updated_at": _time(order["updatedAt"]),
    }
    return V1Answer(200, body)


def order_events(_: V1Request, order: Fields) -> V1Answer:
    """No order has more events than v1 gives at once."""
    items = [
        {
            "cursor": event["cursor"],
            "status": event["status"].lower(),
            "failure_code": event["failureCode"],
            "created_at": _time(event["createdAt"]),
        }
        for event in order["events"]
    ]
    return V1Answer(200, {"items": items, "has_next": False})


def order_cancelled(_: V1Request, payload: Fields) -> V1Answer:
    body = {
        "status": "success",
        "message": "Order cancelled successfully",
        "order_id": payload["order"]["databaseId"],
    }
    return V1Answer(200, body)


def product_summary(product: Fields) -> Fields:
    return {
        "id": product["databaseId"],
        "name": product["name"],
        "price": _money(product["price"]),
        "in_stock": product["inStock"],
    }


def product(_: V1Request, product: Fields) -> V1Answer:
    body = {
        "id": product["databaseId"],
        "name": product["name"],
        "description": product["description"],
        "price": _money(product["price"]),
        "in_stock": product["inStock"],
        "is_archived": product["archivedAt"] is not None,
        "created_at": _time(product["createdAt"]),
        "updated_at": _time(product["updatedAt"]),
    }
    return V1Answer(200, body)


def page(item: Callable[[Fields], Fields], request: V1Request, connection: Fields) -> V1Answer:
    """Return a page of a list, each node of it made by *item*."""
    body = {
        "items": [item(node) for node in connection["nodes"]],
        "total": connection["totalCount"],
        "page": request.page,
        "page_size": request.page_size,
        "has_next": connection["pageInfo"]["hasNextPage"],
    }
    return V1Answer(200, body)
