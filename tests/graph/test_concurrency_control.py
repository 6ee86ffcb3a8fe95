"""What a client can ask before it acts, and what keeps two of them from overwriting each other."""

from typing import Any

import pytest

from models import OrderStatus, Product, User
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_user

pytestmark = pytest.mark.anyio

UPDATE_USER = """
mutation ($input: UpdateUserInput!) {
  updateUser(input: $input) { user { fullName version } errors { code field } }
}
"""
UPDATE_PRODUCT = """
mutation ($input: UpdateProductInput!) {
  updateProduct(input: $input) { product { name version } errors { code field } }
}
"""


async def global_id(client: Client, user: User) -> str:
    answer = await client.graphql("{ me { id } }", user=user)
    return str(answer.data["me"]["id"])


async def test_an_update_for_the_version_seen_is_accepted_once(client: Client) -> None:
    user = await make_user()
    id = await global_id(client, user)
    change = {"id": id, "fullName": "First", "expectedVersion": user.version}
    first = (await client.graphql(UPDATE_USER, {"input": change}, user=user)).data["updateUser"]
    assert first == {"user": {"fullName": "First", "version": user.version + 1}, "errors": []}
    change |= {"fullName": "Second"}
    second = (await client.graphql(UPDATE_USER, {"input": change}, user=user)).data["updateUser"]
    assert second == {"user": None, "errors": [{"code": "CONFLICT", "field": None}]}
    assert (await User.get(id=user.id)).full_name == "First"


async def test_a_product_update_for_an_older_version_is_a_conflict(client: Client) -> None:
    admin, product = await make_admin(), await make_product()
    answer = await client.graphql("{ products { nodes { id version } } }")
    (seen,) = answer.data["products"]["nodes"]
    await Product.filter(id=product.id).update(version=seen["version"] + 1)
    for change in ({"name": "Mine"}, {}):
        values = {"id": seen["id"], "expectedVersion": seen["version"]} | change
        payload = (await client.graphql(UPDATE_PRODUCT, {"input": values}, user=admin)).data["updateProduct"]
        assert payload == {"product": None, "errors": [{"code": "CONFLICT", "field": None}]}


async def test_changes_of_different_fields_keep_each_other(client: Client) -> None:
    user = await make_user(full_name="Old")
    id = await global_id(client, user)
    await User.filter(id=user.id).update(email="new@example.com")
    await client.graphql(UPDATE_USER, {"input": {"id": id, "fullName": "New"}}, user=user)
    row = await User.get(id=user.id)
    assert (row.email, row.full_name) == ("new@example.com", "New")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (OrderStatus.PENDING, {"allowed": True, "code": None}),
        (OrderStatus.PROCESSING, {"allowed": True, "code": None}),
        (OrderStatus.COMPLETED, {"allowed": False, "code": "ORDER_NOT_CANCELLABLE"}),
        (OrderStatus.CANCELLED, {"allowed": False, "code": "ORDER_NOT_CANCELLABLE"}),
    ],
)
async def test_the_viewer_is_told_what_the_mutation_would_say(
    client: Client, status: OrderStatus, expected: dict[str, Any]
) -> None:
    user = await make_user()
    await make_order(user, (await make_product(), 1), status=status)
    answer = await client.graphql(
        "{ orders { nodes { id viewerCan { cancel { allowed code } } } } }", user=user
    )
    (order,) = answer.data["orders"]["nodes"]
    assert order["viewerCan"]["cancel"] == expected
    cancel = "mutation ($id: ID!) { cancelOrder(input: { id: $id }) { errors { code } } }"
    payload = (await client.graphql(cancel, {"id": order["id"]}, user=user)).data["cancelOrder"]
    assert [error["code"] for error in payload["errors"]] == (
        [] if expected["allowed"] else [expected["code"]]
    )
