"""What can be read, by whom, and how it is filtered and sorted."""

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.postgres import record_statements
from models import MAX_ID, FailureCode, Order, OrderStatus, Product, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_admin, make_order, make_product, make_token, make_user
from tests.graph.documents import global_id

pytestmark = pytest.mark.anyio


async def names(client: Client, list_: str, arguments: str, field: str, **who: Any) -> list[str]:
    answer = await client.graphql(f"{{ {list_}({arguments}) {{ nodes {{ {field} }} }} }}", **who)
    return [node[field] for node in answer.data[list_]["nodes"]]


async def test_me_is_whoever_is_signed_in(client: Client) -> None:
    user = await make_user(email="ada@example.com", full_name="Ada")
    answer = await client.graphql(
        "{ me { id databaseId email fullName isActive isAdmin createdAt updatedAt } }", user=user
    )
    me = answer.data["me"]
    assert me.pop("createdAt") == user.created_at.isoformat().replace("+00:00", "Z")
    assert me.pop("updatedAt").endswith("Z")
    assert me == {
        "id": global_id(user),
        "databaseId": user.id,
        "email": "ada@example.com",
        "fullName": "Ada",
        "isActive": True,
        "isAdmin": False,
    }


@pytest.mark.parametrize("field", ["me { id }", 'user(id: "VXNlcjox") { id }', "users { nodes { id } }"])
async def test_who_is_not_signed_in_reads_no_users(client: Client, field: str) -> None:
    answer = await client.graphql(f"{{ {field} products {{ nodes {{ id }} }} }}")
    assert answer.codes == ["NOT_AUTHENTICATED"]
    # The refused field takes nothing else with it.
    assert answer.body["data"]["products"] == {"nodes": []}


@pytest.mark.parametrize(
    "field", ['order(id: "T3JkZXI6MQ==") { id }', "orders { nodes { id } }", "allOrders { nodes { id } }"]
)
async def test_who_is_not_signed_in_reads_no_orders(client: Client, field: str) -> None:
    assert (await client.graphql(f"{{ {field} }}")).codes == ["NOT_AUTHENTICATED"]


async def test_everybody_reads_products(client: Client) -> None:
    product = await make_product(name="Kettle", description="Boils", price=4990, on_hand=0)
    answer = await client.graphql(
        "query($id: ID!) { product(id: $id)"
        " { id databaseId name description price { amount currency } onHand inStock archivedAt } }",
        {"id": global_id(product)},
    )
    assert answer.data["product"] == {
        "id": global_id(product),
        "databaseId": product.id,
        "name": "Kettle",
        "description": "Boils",
        "price": {"amount": "49.90", "currency": "USD"},
        "onHand": 0,
        "inStock": False,
        "archivedAt": None,
    }


async def test_an_order_shows_its_lines_history_and_user(client: Client) -> None:
    user = await make_user()
    kettle = await make_product(name="Kettle", price=1999)
    order = await make_order(user, (kettle, 2), (kettle, 1), shipping_address="1 Main St")
    await Product.filter(id=kettle.id).update(name="Renamed")
    answer = await client.graphql(
        "query($id: ID!) { order(id: $id) { databaseId status shippingAddress failureCode"
        " total { amount } items { quantity productName unitPrice { amount } product { name } }"
        " events { status failureCode actor { id } } user { id } } }",
        {"id": global_id(order)},
        user=user,
    )
    line = {"productName": "Kettle", "unitPrice": {"amount": "0.00"}, "product": {"name": "Renamed"}}
    assert answer.data["order"] == {
        "databaseId": order.id,
        "status": "PENDING",
        "shippingAddress": "1 Main St",
        "failureCode": None,
        "total": {"amount": "0.00"},
        "items": [line | {"quantity": 2}, line | {"quantity": 1}],
        "events": [{"status": "PENDING", "failureCode": None, "actor": {"id": global_id(user)}}],
        "user": {"id": global_id(user)},
    }


async def test_a_failed_order_says_why(client: Client) -> None:
    user = await make_user()
    order = await make_order(user, status=OrderStatus.FAILED, failure_code=FailureCode.OUT_OF_STOCK)
    answer = await client.graphql(
        "query($id: ID!) { order(id: $id) { status failureCode } }", {"id": global_id(order)}, user=user
    )
    assert answer.data["order"] == {"status": "FAILED", "failureCode": "OUT_OF_STOCK"}


async def test_an_order_is_for_its_user_and_for_administrators(client: Client) -> None:
    owner, other, admin = await make_user(), await make_user(), await make_admin()
    order = await make_order(owner)
    document, variables = "query($id: ID!) { order(id: $id) { databaseId } }", {"id": global_id(order)}
    for viewer in (owner, admin):
        answer = await client.graphql(document, variables, user=viewer)
        assert answer.data["order"]["databaseId"] == order.id
    answer = await client.graphql(document, variables, user=other)
    assert answer.codes == ["NOT_OWNER"]
    assert answer.body["data"] == {"order": None}


async def test_a_deleted_user_is_not_shown_but_leaves_orders(client: Client) -> None:
    admin, gone = await make_admin(), await make_user()
    order = await make_order(gone)
    await User.filter(id=gone.id).update(deleted_at=datetime.now(UTC))
    answer = await client.graphql(
        "query($user: ID!, $order: ID!) { user(id: $user) { id } node(id: $user) { id }"
        " order(id: $order) { databaseId user { id } events { actor { id } } }"
        " users { nodes { databaseId } } }",
        {"user": global_id(gone), "order": global_id(order)},
        user=admin,
    )
    assert answer.codes == ["USER_NOT_FOUND", "USER_NOT_FOUND"]
    assert answer.body["data"] == {
        "user": None,
        "node": None,
        "order": {"databaseId": order.id, "user": None, "events": [{"actor": None}]},
        "users": {"nodes": [{"databaseId": admin.id}]},
    }


async def test_orders_are_the_viewers_own_even_for_an_administrator(client: Client) -> None:
    admin, other = await make_admin(), await make_user()
    own, foreign = await make_order(admin), await make_order(other)
    answer = await client.graphql(
        "{ orders { nodes { databaseId } } allOrders { nodes { databaseId } totalCount } }", user=admin
    )
    assert answer.data == {
        "orders": {"nodes": [{"databaseId": own.id}]},
        "allOrders": {"nodes": [{"databaseId": foreign.id}, {"databaseId": own.id}], "totalCount": 2},
    }


async def test_everybodys_orders_are_for_administrators(client: Client) -> None:
    answer = await client.graphql("{ allOrders { nodes { id } } }", user=await make_user())
    assert answer.codes == ["ADMIN_REQUIRED"]


async def test_the_orders_of_a_user_are_for_the_user_and_for_administrators(client: Client) -> None:
    owner, other, admin = await make_user(), await make_user(), await make_admin()
    order = await make_order(owner)
    document = "query($id: ID!) { user(id: $id) { fullName orders { nodes { databaseId } totalCount } } }"
    for viewer in (owner, admin):
        answer = await client.graphql(document, {"id": global_id(owner)}, user=viewer)
        assert answer.data["user"]["orders"] == {"nodes": [{"databaseId": order.id}], "totalCount": 1}
    answer = await client.graphql(document, {"id": global_id(owner)}, user=other)
    assert answer.codes == ["NOT_OWNER"]
    assert answer.body["data"]["user"] == {"fullName": owner.full_name, "orders": None}


async def test_a_closed_directory_shows_each_user_only_to_itself_and_to_administrators(
    client_with: ClientWith,
) -> None:
    client = await client_with(user_directory="admin")
    user, other, admin = await make_user(), await make_user(), await make_admin()
    document = "query($id: ID!) { user(id: $id) { id } node(id: $id) { id } }"
    assert (await client.graphql(document, {"id": global_id(user)}, user=user)).data["user"]
    assert (await client.graphql(document, {"id": global_id(user)}, user=admin)).data["node"]
    refused = await client.graphql(document, {"id": global_id(other)}, user=user)
    assert refused.codes == ["ADMIN_REQUIRED", "ADMIN_REQUIRED"]
    assert (await client.graphql("{ users { nodes { id } } }", user=user)).codes == ["ADMIN_REQUIRED"]


async def test_a_node_is_found_by_its_global_id_whatever_its_type(client: Client) -> None:
    user = await make_user()
    rows: list[Order | Product | User] = [user, await make_product(), await make_order(user)]
    for row in rows:
        answer = await client.graphql(
            "query($id: ID!) { node(id: $id) { __typename id } }", {"id": global_id(row)}, user=user
        )
        assert answer.data["node"] == {"__typename": type(row).__name__, "id": global_id(row)}


async def test_nodes_come_in_the_order_asked_for_with_null_for_what_is_not_there(client: Client) -> None:
    user, other = await make_user(), await make_user()
    product, foreign = await make_product(), await make_order(other)
    ids = [global_id(product), "garbage", global_id(foreign), global_id(user), global_id(product)]
    answer = await client.graphql("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids}, user=user)
    found = [node and node["id"] for node in answer.data["nodes"]]
    assert found == [ids[0], None, None, ids[3], ids[4]]


async def test_at_most_a_hundred_nodes_at_once(client: Client) -> None:
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    product = global_id(await make_product())
    assert len((await client.graphql(document, {"ids": [product] * 100})).data["nodes"]) == 100
    assert (await client.graphql(document, {"ids": [product] * 101})).codes == ["VALIDATION_ERROR"]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "id",
    [
        "",
        "1",
        "garbage",
        "\x00",
        "Ünïcödé",
        "\N{PILE OF POO}",
        encoded("User"),
        encoded("User:"),
        encoded("User:-1"),
        encoded("User:1.5"),
        encoded("User:1e3"),
        encoded("User:\N{ARABIC-INDIC DIGIT ONE}"),
        encoded("User:\N{SUPERSCRIPT TWO}"),
        encoded("Session:1"),
        encoded("User:1\x00"),
        encoded("User:" + "9" * 20),
        encoded("User:" + "9" * 5000),
        encoded(":1"),
        encoded("\xff"),
        base64.b64encode(b"\xff\xfe:1").decode(),
    ],
)
async def test_what_is_not_a_global_id_is_refused_as_such(client: Client, id: str) -> None:
    answer = await client.graphql(
        "query($id: ID!) { node(id: $id) { id } user(id: $id) { id } product(id: $id) { id }"
        " order(id: $id) { id } }",
        {"id": id},
        user=await make_user(),
    )
    assert answer.codes == ["VALIDATION_ERROR"] * 4


async def test_a_global_id_of_another_type_is_refused_by_name(client: Client) -> None:
    product = await make_product()
    answer = await client.graphql(
        "query($id: ID!) { order(id: $id) { id } }", {"id": global_id(product)}, user=await make_user()
    )
    assert answer.codes == ["VALIDATION_ERROR"]
    assert answer.body["errors"][0]["message"] == "id is a global id of type Product, not Order"


async def test_what_is_no_global_id_is_named_as_graphql_names_it(client: Client) -> None:
    line = {"productId": "nonsense", "quantity": 1}
    answer = await client.graphql(
        "mutation($input: CreateOrderInput!) { createOrder(input: $input) { errors { message field } } }",
        {"input": {"items": [line], "shippingAddress": "here"}},
        user=await make_user(),
    )
    assert answer.data["createOrder"]["errors"] == [
        {"message": "items.0.productId is not a global id", "field": ["input", "items", "0", "productId"]}
    ]


@pytest.mark.parametrize("number", [0, 999, MAX_ID, MAX_ID + 1, 2**63, 10**19 - 1])
async def test_an_id_that_no_row_has_is_not_found_however_large(client: Client, number: int) -> None:
    answer = await client.graphql(
        "query($user: ID!, $product: ID!, $order: ID!)"
        " { user(id: $user) { id } product(id: $product) { id } order(id: $order) { id } }",
        {kind: encoded(f"{kind.title()}:{number}") for kind in ("user", "product", "order")},
        user=await make_user(),
    )
    assert sorted(answer.codes) == ["ORDER_NOT_FOUND", "PRODUCT_NOT_FOUND", "USER_NOT_FOUND"]


async def test_users_are_filtered_and_sorted(client: Client) -> None:
    admin = await make_admin(full_name="Carol King", email="carol@example.com")
    await make_user(full_name="Bob Marley", email="bob@shop.example", is_active=False)
    await make_user(full_name="alice cooper", email="alice@example.com")
    expectations = {
        "": ["alice cooper", "Bob Marley", "Carol King"],
        "filter: {isActive: false}": ["Bob Marley"],
        "filter: {isActive: true, isAdmin: false}": ["alice cooper"],
        "filter: {isAdmin: true}": ["Carol King"],
        'filter: {search: "EXAMPLE.com o"}': ["alice cooper", "Carol King"],
        'filter: {search: "marley"}': ["Bob Marley"],
        'filter: {search: "%"}': [],
        'filter: {search: "_"}': [],
        'filter: {search: "\\\\"}': [],
        "orderBy: {field: CREATED_AT, direction: ASC}": ["Carol King", "Bob Marley", "alice cooper"],
    }
    for arguments, expected in expectations.items():
        found = await names(client, "users", arguments or "first: 9", "fullName", user=admin)
        assert found == expected, arguments
    ascending = await names(
        client, "users", "orderBy: {field: FULL_NAME, direction: ASC}", "fullName", user=admin
    )
    descending = await names(
        client, "users", "orderBy: {field: FULL_NAME, direction: DESC}", "fullName", user=admin
    )
    assert ascending == descending[::-1]
    assert sorted(ascending) == sorted(expectations[""])


async def test_products_are_filtered_and_sorted(client: Client) -> None:
    await make_product(name="Tea 100% pure", description="Green", price=500, on_hand=0)
    await make_product(name="Kettle", description="for green tea", price=4990, on_hand=3)
    await make_product(name="Old mug", price=700, archived_at=datetime.now(UTC))
    expectations = {
        "first: 9": ["Kettle", "Tea 100% pure"],
        'filter: {search: "TEA green"}': ["Kettle", "Tea 100% pure"],
        'filter: {search: "100%"}': ["Tea 100% pure"],
        'filter: {search: "mug"}': [],
        "filter: {inStock: true}": ["Kettle"],
        "filter: {inStock: false}": ["Tea 100% pure"],
        "orderBy: {field: PRICE, direction: ASC}": ["Tea 100% pure", "Kettle"],
        "orderBy: {field: PRICE, direction: DESC}": ["Kettle", "Tea 100% pure"],
        "orderBy: {field: NAME, direction: ASC}": ["Kettle", "Tea 100% pure"],
        "orderBy: {field: NAME, direction: DESC}": ["Tea 100% pure", "Kettle"],
        "orderBy: {field: CREATED_AT, direction: ASC}": ["Tea 100% pure", "Kettle"],
    }
    for arguments, expected in expectations.items():
        assert await names(client, "products", arguments, "name") == expected, arguments


async def test_archived_products_are_listed_for_administrators_only(client: Client) -> None:
    await make_product(name="Old mug", archived_at=datetime.now(UTC))
    await make_product(name="Kettle")
    arguments = "filter: {archived: true}"
    assert await names(client, "products", arguments, "name", user=await make_admin()) == ["Old mug"]
    document = f"{{ products({arguments}) {{ nodes {{ name }} }} }}"
    assert (await client.graphql(document)).codes == ["NOT_AUTHENTICATED"]
    assert (await client.graphql(document, user=await make_user())).codes == ["ADMIN_REQUIRED"]


async def test_an_archived_product_is_still_found_by_id(client: Client) -> None:
    product = await make_product(archived_at=datetime(2026, 1, 2, tzinfo=UTC))
    answer = await client.graphql(
        "query($id: ID!) { product(id: $id) { archivedAt } }", {"id": global_id(product)}
    )
    assert answer.data["product"]["archivedAt"] == "2026-01-02T00:00:00Z"


async def test_orders_are_filtered_by_status_and_time(client: Client) -> None:
    user = await make_user()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for day, status in enumerate((OrderStatus.PENDING, OrderStatus.COMPLETED, OrderStatus.CANCELLED)):
        order = await make_order(user, status=status)
        await Order.filter(id=order.id).update(created_at=start + timedelta(days=day))
    expectations = {
        "filter: {status: COMPLETED}": ["COMPLETED"],
        "filter: {status: [CANCELLED, PENDING]}": ["CANCELLED", "PENDING"],
        "filter: {status: []}": [],
        'filter: {createdAfter: "2026-01-01T00:00:00Z"}': ["CANCELLED", "COMPLETED"],
        'filter: {createdBefore: "2026-01-03T00:00:00Z"}': ["COMPLETED", "PENDING"],
        'filter: {createdAfter: "2026-01-01T23:30:00+02:00", createdBefore: "2026-01-03T00:00:00Z"}': [
            "COMPLETED"
        ],
        "orderBy: {field: CREATED_AT, direction: ASC}": ["PENDING", "COMPLETED", "CANCELLED"],
    }
    for arguments, expected in expectations.items():
        assert await names(client, "orders", arguments, "status", user=user) == expected, arguments


@pytest.mark.parametrize(
    "moment",
    ["yesterday", "", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
async def test_a_moment_that_cannot_be_is_refused(client: Client, moment: str) -> None:
    answer = await client.graphql(
        "query($after: DateTime) { orders(filter: {createdAfter: $after}) { nodes { id } } }",
        {"after": moment},
        user=await make_user(),
    )
    assert answer.codes == ["VALIDATION_ERROR"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_any_moment_that_can_be_is_compared(client: Client, moment: str) -> None:
    document = (
        "query($at: DateTime) { orders(filter: {createdAfter: $at, createdBefore: $at}) { nodes { id } } }"
    )
    answer = await client.graphql(document, {"at": moment}, user=await make_user())
    assert answer.data["orders"]["nodes"] == []


@pytest.mark.parametrize("list_", ["users", "products"])
async def test_a_search_for_what_cannot_be_stored_is_refused(client: Client, list_: str) -> None:
    kind = list_[:-1].title()
    answer = await client.graphql(
        f"query($filter: {kind}Filter) {{ {list_}(filter: $filter) {{ nodes {{ id }} }} }}",
        {"filter": {"search": "a\x00b"}},
        user=await make_user(),
    )
    assert answer.codes == ["VALIDATION_ERROR"]


async def test_a_very_long_search_is_answered(client: Client) -> None:
    answer = await client.graphql(
        "query($filter: ProductFilter) { products(filter: $filter) { nodes { id } } }",
        {"filter": {"search": "word " * 40}},
    )
    assert answer.data["products"]["nodes"] == []


async def test_amounts_are_exact_however_large(client: Client) -> None:
    user = await make_user()
    order = await make_order(user, status=OrderStatus.COMPLETED, total=10**18 + 1)
    answer = await client.graphql(
        "query($id: ID!) { order(id: $id) { total { amount } } }", {"id": global_id(order)}, user=user
    )
    assert Decimal(answer.data["order"]["total"]["amount"]) == Decimal(10**18 + 1) / 100


NESTED = """
{ orders(first: 100) { totalCount pageInfo { hasNextPage endCursor } edges { cursor node {
    id status total { amount } user { id fullName }
    items { quantity unitPrice { amount } product { id name price { amount } } }
    events { status actor { fullName } }
} } } }
"""


async def test_a_nested_list_takes_as_many_statements_for_twenty_orders_as_for_one(client: Client) -> None:
    user = await make_user()
    products = [await make_product() for _ in range(5)]
    counts = []
    for size in (1, 20):
        while await Order.all().count() < size:
            lines = [(product, 1) for product in products[size % 3 : size % 3 + 3]]
            await make_order(user, *lines)
        token = await make_token(client.resources, user)
        with record_statements() as statements:
            answer = await client.graphql(NESTED, token=token)
        assert len(answer.data["orders"]["edges"]) == size
        counts.append(len(statements))
    # The viewer and the page, which is the whole list, then lines, events, users and products once each.
    assert counts == [6, 6]


async def test_knowing_who_asks_takes_one_statement(client: Client) -> None:
    token = await make_token(client.resources, await make_user())
    with record_statements() as statements:
        assert (await client.graphql("{ me { id fullName email } }", token=token)).data["me"]
    assert len(statements) == 1


async def test_an_anonymous_request_asks_the_database_for_nothing_but_its_answer(client: Client) -> None:
    with record_statements() as statements:
        assert (await client.graphql("{ products { nodes { id } } }")).data
    assert len(statements) == 1


async def test_nodes_of_one_type_are_read_together(client: Client) -> None:
    user = await make_user()
    rows: list[Order | Product | User] = [await make_order(user) for _ in range(10)]
    rows += [await make_product() for _ in range(10)]
    token = await make_token(client.resources, user)
    with record_statements() as statements:
        answer = await client.graphql(
            "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
            {"ids": [global_id(row) for row in rows]},
            token=token,
        )
    assert [node["id"] for node in answer.data["nodes"]] == [global_id(row) for row in rows]
    assert len(statements) == 3


async def test_deferred_delivery_is_refused_and_not_half_done(client: Client) -> None:
    answer = await client.graphql("{ products { ... @defer { totalCount } } }")
    assert answer.codes == ["VALIDATION_ERROR"]
    assert "defer" in answer.body["errors"][0]["message"]
    assert answer.response.headers["content-type"].startswith("application/json")
