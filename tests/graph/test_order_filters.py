"""Which orders the lists keep: by why they failed, what they have, and whose they are."""

from typing import Any

import pytest

from graph.types.nodes import encode_id
from models import MAX_ID, FailureCode, Order, OrderStatus, User
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_user
from tests.graph.documents import global_id, mutate

pytestmark = pytest.mark.anyio

UNKNOWN = [0, 999, MAX_ID, MAX_ID + 1]


async def kept(client: Client, field: str, viewer: User, **filter: Any) -> list[int]:
    """Return the numbers of the orders that *field* lists, and check that all pages and the count agree."""
    document = (
        "query($filter: OrderFilter, $after: String) { me {"
        " orders(filter: $filter, first: 2, after: $after) { ...Page } }"
        " orders(filter: $filter, first: 2, after: $after) { ...Page }"
        " allOrders(filter: $filter, first: 2, after: $after) { ...Page } }"
        " fragment Page on OrderConnection"
        " { totalCount nodes { databaseId } pageInfo { hasNextPage endCursor } }"
    )
    found, after = [], None
    while True:
        answer = await client.graphql(document, {"filter": filter, "after": after}, user=viewer)
        data = answer.body["data"]
        page = data["me"]["orders"] if field == "me" else data[field]
        found += [node["databaseId"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            assert page["totalCount"] == len(found)
            return found
        after = page["pageInfo"]["endCursor"]


async def failed(user: User, code: FailureCode) -> Order:
    return await make_order(user, status=OrderStatus.FAILED, failure_code=code)


def numbers(*placed: Order) -> list[int]:
    """Return the numbers of orders as the lists have them: newest first."""
    return [order.id for order in placed[::-1]]


async def test_orders_are_kept_by_why_they_failed(client: Client) -> None:
    admin, other = await make_admin(), await make_user()
    await make_order(admin)
    placed = [await failed(user, code) for user in (admin, other) for code in [*FailureCode, *FailureCode]]
    for code in FailureCode:
        of_code = [order for order in placed if order.failure_code is code]
        for field in ("orders", "me"):
            assert await kept(client, field, admin, failureCode=code.value) == numbers(*of_code[:2])
        assert await kept(client, "allOrders", admin, failureCode=[code.value]) == numbers(*of_code)
    two = [FailureCode.OUT_OF_STOCK, FailureCode.PROCESSING_ERROR]
    of_two = [order for order in placed if order.failure_code in two]
    given = [code.value for code in [*two, *two]]
    assert await kept(client, "allOrders", admin, failureCode=given) == numbers(*of_two)
    assert await kept(client, "allOrders", admin, failureCode=given, status="FAILED") == numbers(*of_two)
    assert await kept(client, "allOrders", admin, failureCode=given, status="PENDING") == []
    assert await kept(client, "allOrders", admin, failureCode=[]) == []
    assert len(await kept(client, "allOrders", admin, failureCode=None)) == len(placed) + 1


async def test_orders_are_kept_by_a_product_that_they_have(client: Client) -> None:
    admin, other = await make_admin(), await make_user()
    mug, tea, unsold = await make_product(), await make_product(), await make_product()
    both = await make_order(admin, (tea, 1), (mug, 1), (mug, 2))
    own = [both, *[await make_order(admin, (mug, number)) for number in (1, 2)]]
    await make_order(admin, (tea, 1))
    foreign = [await make_order(other, (mug, 1), status=OrderStatus.CANCELLED) for _ in range(3)]
    for field in ("orders", "me"):
        assert await kept(client, field, admin, productId=global_id(mug)) == numbers(*own)
    assert await kept(client, "allOrders", admin, productId=global_id(mug)) == numbers(*own, *foreign)
    assert await kept(client, "allOrders", admin, productId=global_id(unsold)) == []
    found = await kept(client, "allOrders", admin, productId=global_id(mug), status=["CANCELLED"])
    assert found == numbers(*foreign)
    after = both.created_at.isoformat()
    found = await kept(client, "allOrders", admin, productId=global_id(mug), createdAfter=after)
    assert found == numbers(*own[1:], *foreign)


async def test_orders_are_kept_by_whose_they_are(client: Client) -> None:
    admin, other, third = await make_admin(), await make_user(), await make_user()
    product = await make_product()
    own, foreign = await make_order(admin), [await make_order(other, (product, 1)) for _ in range(3)]
    foreign.append(await make_order(other))
    await make_order(third, (product, 1))
    assert await kept(client, "allOrders", admin, userId=global_id(other)) == numbers(*foreign)
    found = await kept(client, "allOrders", admin, userId=global_id(other), productId=global_id(product))
    assert found == numbers(*foreign[:3])
    for field in ("orders", "me"):
        assert await kept(client, field, admin, userId=global_id(admin)) == [own.id]
        assert await kept(client, field, admin, userId=global_id(other)) == []
        assert await kept(client, field, third, userId=global_id(other)) == []
    assert not (await mutate(client, "deleteUser", user=admin, id=global_id(other)))["errors"]
    assert await kept(client, "allOrders", admin, userId=global_id(other)) == numbers(*foreign)


@pytest.mark.parametrize("number", UNKNOWN)
async def test_what_is_unknown_has_no_orders(client: Client, number: int) -> None:
    admin = await make_admin()
    await make_order(admin, (await make_product(), 1))
    for field in ("orders", "me", "allOrders"):
        assert await kept(client, field, admin, productId=encode_id("Product", number)) == []
        assert await kept(client, field, admin, userId=encode_id("User", number)) == []


@pytest.mark.parametrize(
    ("name", "id", "message"),
    [
        ("productId", "garbage", "filter.productId is not a global id"),
        ("userId", "", "filter.userId is not a global id"),
        ("userId", encode_id("Product", 1), "filter.userId is a global id of type Product, not User"),
        ("productId", encode_id("User", 1), "filter.productId is a global id of type User, not Product"),
    ],
)
async def test_what_is_no_id_is_refused(client: Client, name: str, id: str, message: str) -> None:
    document = "query($filter: OrderFilter) { orders(filter: $filter) { totalCount } }"
    answer = await client.graphql(document, {"filter": {name: id}}, user=await make_user())
    assert answer.codes == ["VALIDATION_ERROR"]
    assert answer.body["errors"][0]["message"] == message
