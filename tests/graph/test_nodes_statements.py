"""However many ids `nodes` and `node` are given, and under however many aliases, each type takes one statement."""

import base64
from uuid import uuid4

import pytest

from engine.postgres import record_statements
from graph.types.nodes import NODE_TYPES, encode_id
from models import OrderItem, Session, StockMovement, User
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_token

pytestmark = pytest.mark.anyio

ALIASES = 30


async def found_ids(client: Client, user: User) -> dict[str, list[str]]:
    """Return the ids of rows that are there, by their type, and of others that are not."""
    product = await make_product()
    movement = await StockMovement.get()
    order = await make_order(user, (product, 1))
    item = await OrderItem.get()
    for _ in range(3):
        await make_token(client.resources, user)
    sessions = [row.id for row in await Session.filter(user_id=user.id)]
    ids = {
        "Order": [encode_id("Order", number) for number in range(order.id, order.id + 90)],
        "OrderItem": [encode_id("OrderItem", number) for number in range(item.id, item.id + 90)],
        "Product": [encode_id("Product", number) for number in range(product.id, product.id + 90)],
        "User": [encode_id("User", number) for number in range(user.id, user.id + 90)],
        "StockMovement": [
            encode_id("StockMovement", number) for number in range(movement.id, movement.id + 90)
        ],
        "Session": [encode_id("Session", key) for key in [*sessions, *(uuid4() for _ in range(90))]],
    }
    assert ids.keys() == NODE_TYPES.keys()
    return ids


@pytest.mark.parametrize("kind", NODE_TYPES)
async def test_many_nodes_of_a_type_take_one_statement(client: Client, kind: str) -> None:
    user = await make_admin()
    ids = (await found_ids(client, user))[kind]
    fields = " ".join(f"a{number}: nodes(ids: $ids{number % 3}) {{ id }}" for number in range(ALIASES - 2))
    document = (
        f"query($ids0: [ID!]!, $ids1: [ID!]!, $ids2: [ID!]!, $x: ID!, $y: ID!) {{ {fields}"
        " x: node(id: $x) { id } y: node(id: $y) { id } }"
    )
    variables = {f"ids{part}": ids[part::3] for part in range(3)} | {"x": ids[0], "y": ids[1]}
    token = await make_token(client.resources, user)
    with record_statements() as statements:
        answer = await client.graphql(document, variables, token=token)
    # The viewer's look-up is the first; an order's user, or an order, is nobody's second statement, but an item's:
    # its order tells who may see it.
    assert len(statements) == (3 if kind == "OrderItem" else 2), [base64.b64decode(ids[0]), *statements]
    assert answer.body["data"]["x"] == {"id": ids[0]}
    assert answer.body["data"]["a0"][0] == {"id": ids[0]}


async def test_nodes_of_all_types_take_a_statement_for_each(client: Client) -> None:
    user = await make_admin()
    ids = [one for found in (await found_ids(client, user)).values() for one in found[:16]]
    token = await make_token(client.resources, user)
    with record_statements() as statements:
        answer = await client.graphql(
            "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids}, token=token
        )
    assert len(statements) == 1 + len(NODE_TYPES)
    assert [one["id"] for one in answer.data["nodes"] if one] == [*ids[:65:16], *ids[80:83]]
