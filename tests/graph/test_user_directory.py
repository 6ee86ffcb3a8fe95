"""A closed user directory (``TANDEM_USER_DIRECTORY=admin``) is closed on every path from one user to another."""

from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from engine.graphql.schema import core_schema
from graph.schema import build_schema
from graph.types.nodes import encode_id
from models import Order, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_admin, make_order, make_product, make_token, make_user
from tests.graph.documents import global_id, mutate

pytestmark = pytest.mark.anyio

SHOWN = "id email fullName isAdmin"
#: Every field that may be a user, by how it leads to another one than the viewer; None where it leads to none, ever:
#: the user of an order is the viewer, or an administrator looks at it, as at the ledger; payloads show whom one has
#: signed in as, proved to be, or may change.
PATHS: dict[str, str | None] = {
    "Query.me": None,
    "Query.user": f"{{ user(id: $other) {{ {SHOWN} }} }}",
    "Query.node": f"{{ node(id: $other) {{ ... on User {{ {SHOWN} }} }} }}",
    "Query.nodes": f"{{ nodes(ids: [$other]) {{ ... on User {{ {SHOWN} }} }} }}",
    "UserConnection.nodes": f"{{ users {{ nodes {{ {SHOWN} }} }} }}",
    "UserEdge.node": f"{{ users {{ edges {{ node {{ {SHOWN} }} }} }} }}",
    "Order.user": None,
    "OrderEvent.actor": f"{{ order(id: $order) {{ events {{ actor {{ {SHOWN} }} }} }} }}",
    "StockMovement.actor": None,
    **dict.fromkeys(
        (
            "ChangePasswordPayload.user",
            "ConfirmEmailChangePayload.user",
            "CreateUserPayload.user",
            "DeleteUserPayload.user",
            "LoginPayload.user",
            "RefreshTokenPayload.user",
            "ResetPasswordPayload.user",
            "RevertEmailChangePayload.user",
            "SetUserActivePayload.user",
            "SetUserAdminPayload.user",
            "UpdateUserPayload.user",
        )
    ),
}
#: Other ways to the same events.
EVENTS = {
    "orders": f"query {{ orders {{ nodes {{ events {{ actor {{ {SHOWN} }} }} }} }} }}",
    "user": f"query {{ me {{ orders {{ nodes {{ events {{ actor {{ {SHOWN} }} }} }} }} }} }}",
    "order of an event": f"query {{ orders {{ nodes {{ events {{ order {{ events {{ actor {{ {SHOWN} }} }} }} }} }}"
    " } }",
    "orderUpdated": f"subscription ($order: ID!) {{ orderUpdated(id: $order) {{ events {{ actor {{ {SHOWN} }} }} }} }}",
    "orderEvents": f"subscription ($order: ID!) {{ orderEvents(orderId: $order) {{ actor {{ {SHOWN} }} }} }}",
}


async def cancelled_by_an_administrator(client: Client) -> tuple[User, User, Order]:
    user, admin = await make_user(), await make_admin(email="secret.admin@example.com", full_name="Grace")
    order = await make_order(user, (await make_product(), 1))
    assert not (await mutate(client, "cancelOrder", user=admin, id=global_id(order)))["errors"]
    return user, admin, order


async def ask(client: Client, user: User, other: User, order: Order, document: str) -> str:
    """Return the whole answer, of a subscription the whole stream, which ends because the order is final."""
    variables = {
        name: value
        for name, value in (("other", encode_id("User", other.id)), ("order", encode_id("Order", order.id)))
        if f"${name}" in document
    }
    if document.startswith("{"):
        document = f"query ({', '.join(f'${name}: ID!' for name in variables)}) {document}".replace("()", "")
    headers = {"Authorization": f"Bearer {await make_token(client.resources, user)}"}
    if document.startswith("subscription"):
        headers["Accept"] = "text/event-stream"
    body: dict[str, Any] = {"query": document, "variables": variables}
    answer = await client.rest.post("/graphql", json=body, headers=headers)
    assert "VALIDATION_ERROR" not in answer.text, answer.text
    return answer.text


def test_every_field_that_may_be_a_user_has_a_path() -> None:
    schema = core_schema(build_schema())
    found = set()
    for name, kind in schema.type_map.items():
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or name.startswith("__"):
            continue
        for field, definition in kind.fields.items():
            if get_named_type(definition.type).name in ("User", "Node"):
                found.add(f"{name}.{field}")
    assert found == set(PATHS)


@pytest.mark.parametrize("directory", ["all", "admin"])
async def test_others_are_shown_by_one_rule_on_every_path(client_with: ClientWith, directory: str) -> None:
    client = await client_with(user_directory=directory)
    user, admin, order = await cancelled_by_an_administrator(client)
    paths = {name: path for name, path in PATHS.items() if path} | EVENTS
    shown = {name: admin.email in await ask(client, user, admin, order, path) for name, path in paths.items()}
    assert shown == dict.fromkeys(paths, directory == "all")


async def test_an_administrator_sees_everybody_and_everybody_sees_oneself(client_with: ClientWith) -> None:
    client = await client_with(user_directory="admin")
    user, admin, order = await cancelled_by_an_administrator(client)
    for name, path in ((name, path) for name, path in PATHS.items() if path):
        assert admin.email in await ask(client, admin, admin, order, path), name
        if "$other" in path:
            assert user.email in await ask(client, admin, user, order, path), name
            refused = "UserConnection" in name or "UserEdge" in name
            assert (user.email in await ask(client, user, user, order, path)) != refused, name
    own = await make_order(user, (await make_product(), 1))
    assert user.email in await ask(client, user, user, own, PATHS["OrderEvent.actor"] or "")
    assert user.email in await ask(
        client, user, user, own, f"{{ orders {{ nodes {{ user {{ {SHOWN} }} }} }} }}"
    )
