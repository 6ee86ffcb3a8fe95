"""Every operation of REST v1 beside its GraphQL twin: the same effect in the database, the same error codes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from tortoise.connection import get_connections

from core.resources import Resources
from graph.types.nodes import encode_id
from models import Order, OrderStatus, Product, User
from tests.client import Answer, Client
from tests.conftest import TABLES, empty_tables
from tests.factories import PASSWORD, make_admin, make_order, make_product, make_token, make_tokens, make_user
from tests.graph.documents import attempt

pytestmark = pytest.mark.anyio

#: Differ between any two runs, and between two calls of one face.
VOLATILE = {
    "created_at",
    "updated_at",
    "last_used_at",
    "deleted_at",
    "revoked_at",
    "expires_at",
    "due_at",
} | {"request_id"}
RANDOM = {"token_hash", "password_hash", "request_hash"}


@dataclass
class World:
    """Equal data for both faces."""

    client: Client
    admin: User
    user: User
    other: User
    product: Product
    archived: Product
    order: Order
    done: Order
    refresh_token: str

    async def rest(self, method: str, path: str, who: User | None = None, **options: Any) -> httpx.Response:
        """Send one request to REST, signed in as *who*."""
        return await self.client.v1(method, path, user=who, **options)

    async def mutate(self, name: str, who: User | None = None, /, **values: Any) -> Answer:
        """Run one mutation, signed in as *who*."""
        return await attempt(self.client, name, user=who, **values)

    async def query(self, document: str, who: User | None = None, **variables: Any) -> Answer:
        """Run one query, signed in as *who*."""
        return await self.client.graphql(document, variables, user=who)


Rest = Callable[[World], Awaitable[httpx.Response]]
Graph = Callable[[World], Awaitable[Answer]]


@dataclass(frozen=True)
class Twin:
    """One call of each face that must come to the same; *code* is that of the error, if it is to be one."""

    operation: str
    what: str
    rest: Rest
    graph: Graph
    code: str | None = None


async def make_world(client: Client, superuser: asyncpg.Connection) -> World:
    await empty_tables(superuser)
    admin = await make_admin(email="admin@example.com", full_name="Admin")
    user = await make_user(email="user@example.com", full_name="User")
    other = await make_user(email="other@example.com", full_name="Other")
    product = await make_product(name="Kettle", price=4990)
    archived = await make_product(name="Mug", archived_at=datetime(2026, 1, 1, tzinfo=UTC))
    order = await make_order(user, (product, 2))
    done = await make_order(user, (product, 1), status=OrderStatus.COMPLETED)
    _, refresh_token = await make_tokens(client.resources, user)
    return World(client, admin, user, other, product, archived, order, done, refresh_token)


async def rows() -> dict[str, list[dict[str, Any]]]:
    """Return everything in the database, without what no two runs have in common."""
    found = {}
    for table in TABLES:
        selected = await get_connections().get("default").execute_query_dict(f"SELECT * FROM {table}")
        normal = [
            {
                key: (value is not None) if key in VOLATILE else "..." if key in RANDOM else value
                for key, value in row.items()
                if not (table == "sessions" and key == "id")
            }
            for row in selected
        ]
        found[table] = sorted(normal, key=repr)
    return found


def rest_code(response: httpx.Response) -> str | None:
    return response.json()["error_code"] if response.status_code >= 400 else None


def graph_code(answer: Answer) -> str | None:
    if answer.codes:
        return answer.codes[0]
    for outcome in answer.body["data"].values():
        for error in (outcome or {}).get("errors", []):
            code: str = error["code"]
            return code
    return None


def gid(kind: str, id: int) -> str:
    return encode_id(kind, id)


NEW_USER = {"email": "new@example.com", "full_name": "New", "password": "long enough"}
NEW_USER_INPUT = {"email": "new@example.com", "fullName": "New", "password": "long enough"}
ORDER = "query($id: ID!) { order(id: $id) { id } }"
USER = "query($id: ID!) { user(id: $id) { id } }"
PRODUCT = "query($id: ID!) { product(id: $id) { id } }"
EVENTS = "query($id: ID!) { order(id: $id) { events { status } } }"


def login(email: str, password: str) -> tuple[Rest, Graph]:
    return (
        lambda w: w.rest("POST", "/auth/login", json={"username": email, "password": password}),
        lambda w: w.mutate("login", email=email, password=password),
    )


def refresh(token: Callable[[World], str]) -> tuple[Rest, Graph]:
    return (
        lambda w: w.rest("POST", "/auth/refresh", json={"refresh_token": token(w)}),
        lambda w: w.mutate("refreshToken", refreshToken=token(w)),
    )


def read(path: str, document: str, kind: str, id: int, who: str | None) -> tuple[Rest, Graph]:
    return (
        lambda w: w.rest("GET", path.format(id), getattr(w, who) if who else None),
        lambda w: w.query(document, getattr(w, who) if who else None, id=gid(kind, id)),
    )


def create_user(who: str | None, **changes: str) -> tuple[Rest, Graph]:
    renamed = {"fullName" if key == "full_name" else key: value for key, value in changes.items()}
    return (
        lambda w: w.rest("POST", "/users", getattr(w, who) if who else None, json=NEW_USER | changes),
        lambda w: w.mutate("createUser", getattr(w, who) if who else None, **NEW_USER_INPUT | renamed),
    )


def update_user(who: str | None, id: int, **changes: str) -> tuple[Rest, Graph]:
    renamed = {"fullName" if key == "full_name" else key: value for key, value in changes.items()}
    return (
        lambda w: w.rest("PATCH", f"/users/{id}", getattr(w, who) if who else None, json=changes),
        lambda w: w.mutate("updateUser", getattr(w, who) if who else None, id=gid("User", id), **renamed),
    )


def delete_user(who: str | None, id: int) -> tuple[Rest, Graph]:
    return (
        lambda w: w.rest("DELETE", f"/users/{id}", getattr(w, who) if who else None),
        lambda w: w.mutate("deleteUser", getattr(w, who) if who else None, id=gid("User", id)),
    )


def create_order(
    who: str | None,
    *lines: tuple[int, int],
    address: str = "1 Main St",
    key: str | None = None,
    reference: str | None = None,
    twice: str = "",
) -> tuple[Rest, Graph]:
    """Place an order; with *twice* another one to that address before it, with the same key and reference."""

    async def rest(w: World) -> httpx.Response:
        items = [{"product_id": product, "quantity": quantity} for product, quantity in lines]
        body: dict[str, Any] = {"items": items, "reference": reference}
        headers = {"Idempotency-Key": key} if key else {}
        viewer = getattr(w, who) if who else None
        if twice:
            await w.rest("POST", "/orders", viewer, json=body | {"shipping_address": twice}, headers=headers)
        return await w.rest(
            "POST", "/orders", viewer, json=body | {"shipping_address": address}, headers=headers
        )

    async def graph(w: World) -> Answer:
        items = [{"productId": gid("Product", product), "quantity": quantity} for product, quantity in lines]
        values: dict[str, Any] = {"items": items, "idempotencyKey": key, "reference": reference}
        viewer = getattr(w, who) if who else None
        if twice:
            await w.mutate("createOrder", viewer, **values, shippingAddress=twice)
        return await w.mutate("createOrder", viewer, **values, shippingAddress=address)

    return rest, graph


def cancel(who: str | None, id: int) -> tuple[Rest, Graph]:
    return (
        lambda w: w.rest("POST", f"/orders/{id}/cancel", getattr(w, who) if who else None),
        lambda w: w.mutate("cancelOrder", getattr(w, who) if who else None, id=gid("Order", id)),
    )


def listing(path: str, document: str, who: str | None) -> tuple[Rest, Graph]:
    return (
        lambda w: w.rest("GET", path, getattr(w, who) if who else None),
        lambda w: w.query(document, getattr(w, who) if who else None),
    )


#: Ids as the factories give them: admin 1, user 2, other 3; Kettle 1, the archived Mug 2; orders of user 1 and 2.
ADMIN_ID, USER_ID, OTHER_ID, KETTLE, MUG, OPEN, DONE, NOBODY = 1, 2, 3, 1, 2, 1, 2, 999

TWINS = [
    Twin("login", "right", *login("User@example.com", PASSWORD)),
    Twin("login", "wrong password", *login("user@example.com", "wrong"), "INVALID_CREDENTIALS"),
    Twin("login", "unknown email", *login("nobody@example.com", "wrong"), "INVALID_CREDENTIALS"),
    Twin("refreshToken", "right", *refresh(lambda w: w.refresh_token)),
    Twin("refreshToken", "nonsense", *refresh(lambda _: "x"), "REFRESH_TOKEN_INVALID"),
    Twin("getCurrentUser", "user", *listing("/auth/me", "{ me { id } }", "user")),
    Twin("getCurrentUser", "nobody", *listing("/auth/me", "{ me { id } }", None), "NOT_AUTHENTICATED"),
    Twin("createUser", "admin", *create_user("admin")),
    Twin("createUser", "nobody", *create_user(None), "NOT_AUTHENTICATED"),
    Twin("createUser", "user", *create_user("user"), "ADMIN_REQUIRED"),
    Twin("createUser", "taken", *create_user("admin", email="USER@example.com"), "EMAIL_EXISTS"),
    Twin("createUser", "bad email", *create_user("admin", email="x"), "VALIDATION_ERROR"),
    Twin("createUser", "short password", *create_user("admin", password="x"), "VALIDATION_ERROR"),
    Twin("createUser", "blank name", *create_user("admin", full_name=" "), "VALIDATION_ERROR"),
    Twin("listUsers", "user", *listing("/users", "{ users { totalCount } }", "user")),
    Twin("listUsers", "nobody", *listing("/users", "{ users { totalCount } }", None), "NOT_AUTHENTICATED"),
    Twin(
        "listUsers",
        "too many",
        *listing("/users?page_size=101", "{ users(first: 101) { totalCount } }", "user"),
        "VALIDATION_ERROR",
    ),
    Twin("getUser", "user", *read("/users/{}", USER, "User", ADMIN_ID, "user")),
    Twin("getUser", "nobody", *read("/users/{}", USER, "User", ADMIN_ID, None), "NOT_AUTHENTICATED"),
    Twin("getUser", "missing", *read("/users/{}", USER, "User", NOBODY, "user"), "USER_NOT_FOUND"),
    Twin("getUser", "huge", *read("/users/{}", USER, "User", 2**40, "user"), "USER_NOT_FOUND"),
    Twin("updateUser", "own", *update_user("user", USER_ID, full_name="Changed", email="u@example.com")),
    Twin("updateUser", "admin", *update_user("admin", USER_ID, full_name="Changed")),
    Twin("updateUser", "nothing", *update_user("user", USER_ID)),
    Twin("updateUser", "nobody", *update_user(None, USER_ID, full_name="X"), "NOT_AUTHENTICATED"),
    Twin("updateUser", "foreign", *update_user("user", OTHER_ID, full_name="X"), "NOT_OWNER"),
    Twin("updateUser", "missing", *update_user("admin", NOBODY, full_name="X"), "USER_NOT_FOUND"),
    Twin("updateUser", "taken", *update_user("user", USER_ID, email="Other@example.com"), "EMAIL_EXISTS"),
    Twin("updateUser", "bad email", *update_user("user", USER_ID, email="x"), "VALIDATION_ERROR"),
    Twin("deleteUser", "admin", *delete_user("admin", USER_ID)),
    Twin("deleteUser", "nobody", *delete_user(None, USER_ID), "NOT_AUTHENTICATED"),
    Twin("deleteUser", "user", *delete_user("user", USER_ID), "ADMIN_REQUIRED"),
    Twin("deleteUser", "missing", *delete_user("admin", NOBODY), "USER_NOT_FOUND"),
    Twin("deleteUser", "last admin", *delete_user("admin", ADMIN_ID), "LAST_ADMIN"),
    Twin("createOrder", "user", *create_order("user", (KETTLE, 2), (KETTLE, 1))),
    Twin("createOrder", "with a key", *create_order("user", (KETTLE, 2), key="key")),
    Twin("createOrder", "repeated", *create_order("user", (KETTLE, 2), key="key", twice="1 Main St")),
    Twin(
        "createOrder",
        "key reused",
        *create_order("user", (KETTLE, 2), key="key", twice="2 Main St"),
        "IDEMPOTENCY_KEY_REUSED",
    ),
    Twin("createOrder", "with a reference", *create_order("user", (KETTLE, 2), reference=" 4711 ")),
    Twin(
        "createOrder",
        "reference taken",
        *create_order("user", (KETTLE, 2), reference="4711", twice="1 Main St"),
        "REFERENCE_TAKEN",
    ),
    Twin(
        "createOrder",
        "blank reference",
        *create_order("user", (KETTLE, 1), reference="\u200b"),
        "VALIDATION_ERROR",
    ),
    Twin("createOrder", "nobody", *create_order(None, (KETTLE, 1)), "NOT_AUTHENTICATED"),
    Twin("createOrder", "none", *create_order("user"), "VALIDATION_ERROR"),
    Twin("createOrder", "no address", *create_order("user", (KETTLE, 1), address=" "), "VALIDATION_ERROR"),
    Twin("createOrder", "zero", *create_order("user", (KETTLE, 0)), "INVALID_QUANTITY"),
    Twin("createOrder", "archived", *create_order("user", (MUG, 1)), "INVALID_PRODUCT"),
    Twin("createOrder", "missing", *create_order("user", (NOBODY, 1)), "INVALID_PRODUCT"),
    Twin("createOrder", "huge id", *create_order("user", (2**40, 1)), "INVALID_PRODUCT"),
    Twin("listOrders", "user", *listing("/orders", "{ orders { totalCount } }", "user")),
    Twin("listOrders", "nobody", *listing("/orders", "{ orders { totalCount } }", None), "NOT_AUTHENTICATED"),
    Twin(
        "listOrders",
        "bad status",
        *listing("/orders?status=lost", "{ orders(filter: {status: LOST}) { totalCount } }", "user"),
        "VALIDATION_ERROR",
    ),
    Twin(
        "listOrders",
        "by reference",
        *listing("/orders?reference=4711", '{ orders(filter: {reference: "4711"}) { totalCount } }', "user"),
    ),
    Twin(
        "listOrders",
        "blank reference",
        *listing("/orders?reference=", '{ orders(filter: {reference: ""}) { totalCount } }', "user"),
        "VALIDATION_ERROR",
    ),
    Twin("getOrder", "own", *read("/orders/{}", ORDER, "Order", OPEN, "user")),
    Twin("getOrder", "admin", *read("/orders/{}", ORDER, "Order", OPEN, "admin")),
    Twin("getOrder", "foreign", *read("/orders/{}", ORDER, "Order", OPEN, "other"), "NOT_OWNER"),
    Twin("getOrder", "missing", *read("/orders/{}", ORDER, "Order", NOBODY, "user"), "ORDER_NOT_FOUND"),
    Twin("getOrder", "nobody", *read("/orders/{}", ORDER, "Order", OPEN, None), "NOT_AUTHENTICATED"),
    Twin("listOrderEvents", "own", *read("/orders/{}/events", EVENTS, "Order", OPEN, "user")),
    Twin(
        "listOrderEvents", "foreign", *read("/orders/{}/events", EVENTS, "Order", OPEN, "other"), "NOT_OWNER"
    ),
    Twin(
        "listOrderEvents",
        "missing",
        *read("/orders/{}/events", EVENTS, "Order", NOBODY, "user"),
        "ORDER_NOT_FOUND",
    ),
    Twin("cancelOrder", "own", *cancel("user", OPEN)),
    Twin("cancelOrder", "admin", *cancel("admin", OPEN)),
    Twin("cancelOrder", "foreign", *cancel("other", OPEN), "NOT_OWNER"),
    Twin("cancelOrder", "missing", *cancel("user", NOBODY), "ORDER_NOT_FOUND"),
    Twin("cancelOrder", "too late", *cancel("user", DONE), "ORDER_NOT_CANCELLABLE"),
    Twin("cancelOrder", "nobody", *cancel(None, OPEN), "NOT_AUTHENTICATED"),
    Twin("listProducts", "nobody", *listing("/products", "{ products { totalCount } }", None)),
    Twin("getProduct", "archived", *read("/products/{}", PRODUCT, "Product", MUG, None)),
    Twin(
        "getProduct", "missing", *read("/products/{}", PRODUCT, "Product", NOBODY, None), "PRODUCT_NOT_FOUND"
    ),
]


async def test_every_rest_operation_has_a_twin(app: FastAPI) -> None:
    operations = {
        operation["operationId"] for path in app.openapi()["paths"].values() for operation in path.values()
    }
    assert {twin.operation for twin in TWINS} == operations


async def test_every_operation_succeeds_in_some_twin_and_fails_where_it_can() -> None:
    operations = {twin.operation for twin in TWINS}
    assert {twin.operation for twin in TWINS if twin.code is None} == operations
    assert {twin.operation for twin in TWINS if twin.code} == operations - {"listProducts"}


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: f"{twin.operation}: {twin.what}")
async def test_both_faces_do_the_same(client: Client, superuser: asyncpg.Connection, twin: Twin) -> None:
    world = await make_world(client, superuser)
    before = await rows()
    response = await twin.rest(world)
    after_rest = await rows()
    world = await make_world(client, superuser)
    answer = await twin.graph(world)
    after_graph = await rows()
    assert (rest_code(response), graph_code(answer)) == (twin.code, twin.code)
    assert after_graph == after_rest
    if twin.code and twin.what not in ("key reused", "reference taken"):
        # A refused request leaves nothing behind but the session that the test itself signed in with.
        assert after_rest | {"sessions": 0} == before | {"sessions": 0}


async def test_the_comparison_sees_a_difference(
    client: Client, superuser: asyncpg.Connection, resources: Resources
) -> None:
    world = await make_world(client, superuser)
    before = await rows()
    await make_token(resources, world.user)
    assert await rows() != before
    await User.filter(id=world.user.id).update(full_name="Somebody else")
    assert (await rows())["users"] != before["users"]
