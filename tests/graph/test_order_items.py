"""What an order's items tell: the prices that were agreed, what the order failed for, and where they belong."""

from datetime import UTC, datetime
from typing import Any

import pytest

from core.resources import Resources
from engine.postgres import record_statements
from graph.types.nodes import encode_id
from models import MAX_ID, Order, OrderItem, OrderStatus, Product, User
from tasks.orders import process, process_all
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_admin, make_order, make_product, make_token, make_user
from tests.graph.documents import global_id, mutate

pytestmark = pytest.mark.anyio

ITEMS = """
query($id: ID!) {
  order(id: $id) { failureCode items { quantity failureCode shortage { requested available } } }
}
"""


async def items_of(client: Client, user: User, order: Order) -> tuple[str | None, list[tuple[Any, ...]]]:
    """Return why an order failed, and of each item the quantity, the code and the two numbers of its shortage."""
    answer = await client.graphql(ITEMS, {"id": global_id(order)}, user=user)
    found = answer.data["order"]
    return found["failureCode"], [
        (item["quantity"], item["failureCode"], *(item["shortage"] or {}).values()) for item in found["items"]
    ]


async def archive(product: Product) -> None:
    await Product.filter(id=product.id).update(archived_at=datetime.now(UTC))


@pytest.mark.parametrize("status", ["pending", "completed", "failed", "cancelled"])
async def test_the_agreed_prices_are_shown_whatever_becomes_of_the_order(
    client: Client, resources: Resources, status: str
) -> None:
    user = await make_user()
    kettle, tea = (
        await make_product(price=4_990, on_hand=status != "failed" and 5),
        await make_product(price=1),
    )
    order = await make_order(user, (kettle, 2), (tea, 3), (kettle, 1))
    await Product.all().update(price=7)
    if status == "cancelled":
        await mutate(client, "cancelOrder", user=user, id=global_id(order))
    elif status != "pending":
        await process(resources, order.id)
    answer = await client.graphql(
        "{ orders { nodes { status total { amount } agreedTotal { amount currency }"
        " items { unitPrice { amount } agreedPrice { amount currency } } } } }",
        user=user,
    )
    (shown,) = answer.data["orders"]["nodes"]
    completed = status == "completed"
    assert shown["status"] == status.upper()
    assert shown["total"] == {"amount": "149.73" if completed else "0.00"}
    assert shown["agreedTotal"] == {"amount": "149.73", "currency": "USD"}
    amounts = ["49.90", "0.01", "49.90"]
    agreed = [{"amount": amount, "currency": "USD"} for amount in amounts]
    assert [item["agreedPrice"] for item in shown["items"]] == agreed
    billed = [{"amount": amount if completed else "0.00"} for amount in amounts]
    assert [item["unitPrice"] for item in shown["items"]] == billed


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        ("agreedTotal { amount }", 3),
        ("agreedTotal { amount } items { quantity }", 3),
        ("items { quantity agreedPrice { amount } shortage { requested } } agreedTotal { amount }", 3),
        ("items { productName failureCode } total { amount }", 3),
    ],
)
async def test_agreed_totals_and_shortages_cost_no_statement_beside_that_of_the_items(
    client: Client, resources: Resources, selection: str, count: int
) -> None:
    user, products = await make_user(), [await make_product(on_hand=1) for _ in range(3)]
    placed = [await make_order(user, *[(product, 2) for product in products]) for _ in range(5)]
    await process_all(resources, [order.id for order in placed])
    token = await make_token(client.resources, user)
    with record_statements() as statements:
        answer = await client.graphql(f"{{ orders {{ nodes {{ {selection} }} }} }}", token=token)
    assert len(answer.data["orders"]["nodes"]) == 5
    # That of the viewer, that of the orders, and that of the items.
    assert len(statements) == count, statements


async def test_the_prices_that_were_agreed_are_not_read_for_items_that_do_not_show_them(
    client: Client,
) -> None:
    user = await make_user()
    await make_order(user, (await make_product(), 1))
    with record_statements() as statements:
        await client.graphql("{ orders { nodes { items { quantity } } } }", user=user)
    assert not [text for text in statements if '"accepted_price"' in text]


async def test_all_items_that_an_order_failed_for_are_named(client: Client, resources: Resources) -> None:
    """Of a product in several items, it is their sum that is missing."""
    user = await make_user()
    plenty, short, sold_out = [await make_product(on_hand=stock) for stock in (100, 4, 0)]
    order = await make_order(user, (short, 3), (plenty, 3), (sold_out, 1), (short, 2))
    assert await items_of(client, user, order) == (None, [(3, None), (3, None), (1, None), (2, None)])

    assert await process(resources, order.id) is OrderStatus.FAILED
    await Product.all().update(on_hand=50)

    assert await items_of(client, user, order) == (
        "OUT_OF_STOCK",
        [
            (3, "OUT_OF_STOCK", 5, 4),
            (3, None),
            (1, "OUT_OF_STOCK", 1, 0),
            (2, "OUT_OF_STOCK", 5, 4),
        ],
    )


async def test_products_off_sale_are_named_beside_those_that_are_short(
    client: Client, resources: Resources
) -> None:
    user = await make_user()
    short, gone, archived, plenty = [await make_product(on_hand=stock) for stock in (1, 0, 9, 9)]
    order = await make_order(user, (short, 2), (plenty, 1), (gone, 1), (archived, 1))
    await archive(gone)
    await archive(archived)
    assert await process(resources, order.id) is OrderStatus.FAILED
    assert await items_of(client, user, order) == (
        "PRODUCT_UNAVAILABLE",
        [(2, "OUT_OF_STOCK", 2, 1), (1, None), (1, "PRODUCT_UNAVAILABLE"), (1, "PRODUCT_UNAVAILABLE")],
    )


async def test_what_earlier_orders_of_a_batch_take_is_missing_to_later_ones(
    client: Client, resources: Resources
) -> None:
    user, scarce, rare = await make_user(), await make_product(on_hand=5), await make_product(on_hand=1)
    placed = [await make_order(user, (scarce, quantity), (rare, 1)) for quantity in (3, 4, 2)]
    outcomes = await process_all(resources, [order.id for order in placed])
    assert outcomes == [OrderStatus.COMPLETED, OrderStatus.FAILED, OrderStatus.FAILED]
    found = [await items_of(client, user, order) for order in placed]
    assert found == [
        (None, [(3, None), (1, None)]),
        ("OUT_OF_STOCK", [(4, "OUT_OF_STOCK", 4, 2), (1, "OUT_OF_STOCK", 1, 0)]),
        ("OUT_OF_STOCK", [(2, None), (1, "OUT_OF_STOCK", 1, 0)]),
    ]


async def test_what_broke_in_the_server_is_no_fault_of_an_item(client: Client, resources: Resources) -> None:
    user = await make_user()
    order = await make_order(
        user, (await make_product(on_hand=0), 1), attempts=resources.settings.order_max_attempts + 1
    )
    assert await process(resources, order.id) is OrderStatus.FAILED
    assert await items_of(client, user, order) == ("PROCESSING_ERROR", [(1, None)])


async def test_an_item_is_a_node(client: Client, resources: Resources) -> None:
    user, product = await make_user(), await make_product(on_hand=2)
    order = await make_order(user, (product, 1), (product, 2))
    await process(resources, order.id)
    answer = await client.graphql(
        "{ orders { nodes { id items { __typename id databaseId shortage { requested } } } } }", user=user
    )
    (shown,) = answer.data["orders"]["nodes"]
    stored = await OrderItem.filter(order_id=order.id).order_by("id")
    assert [item["databaseId"] for item in shown["items"]] == [item.id for item in stored]
    for item in shown["items"]:
        document = (
            "query($id: ID!) { node(id: $id) { __typename id ... on OrderItem"
            " { databaseId shortage { requested } order { id } } } }"
        )
        found = await client.graphql(document, {"id": item["id"]}, user=user)
        assert found.data["node"] == item | {"order": {"id": shown["id"]}}
    rest = (await client.v1("GET", f"/orders/{order.id}", user=user)).json()
    assert [item["id"] for item in rest["items"]] == [item["databaseId"] for item in shown["items"]]


@pytest.mark.parametrize("number", [0, 999, MAX_ID, MAX_ID + 1])
async def test_there_is_no_such_item(client: Client, number: int) -> None:
    id = encode_id("OrderItem", number)
    document = "query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }"
    answer = await client.graphql(document, {"id": id}, user=await make_user())
    assert answer.codes == ["ORDER_ITEM_NOT_FOUND"]
    assert answer.body["data"] == {"node": None, "nodes": [None]}


OWNER = "query($id: ID!) { order(id: $id) { userId user { id } events { actorId actor { id } } } }"


async def test_the_ids_of_deleted_people_are_told(client: Client) -> None:
    owner, gone, admin = await make_user(), await make_admin(), await make_admin()
    order = await make_order(owner, (await make_product(), 1))
    await mutate(client, "cancelOrder", user=gone, id=global_id(order))
    ids = [global_id(owner), global_id(gone)]
    answer = await client.graphql(OWNER, {"id": global_id(order)}, user=owner)
    assert answer.data["order"]["user"] == {"id": ids[0]}
    for user in (owner, gone):
        await mutate(client, "deleteUser", user=admin, id=global_id(user))
    answer = await client.graphql(OWNER, {"id": global_id(order)}, user=admin)
    assert answer.data["order"] == {
        "userId": ids[0],
        "user": None,
        "events": [{"actorId": id, "actor": None} for id in ids],
    }


@pytest.mark.parametrize("directory", ["all", "admin"])
async def test_the_id_of_an_actor_is_told_to_those_who_may_see_the_actor(
    client_with: ClientWith, directory: str
) -> None:
    client = await client_with(user_directory=directory)
    owner, admin = await make_user(), await make_admin()
    order = await make_order(owner, (await make_product(), 1))
    await mutate(client, "cancelOrder", user=admin, id=global_id(order))
    for viewer in (owner, admin):
        answer = await client.graphql(OWNER, {"id": global_id(order)}, user=viewer)
        shown = global_id(admin) if viewer == admin or directory == "all" else None
        assert [event["actorId"] for event in answer.data["order"]["events"]] == [global_id(owner), shown]
        assert [event["actor"] for event in answer.data["order"]["events"]] == [
            {"id": global_id(owner)},
            shown and {"id": shown},
        ]
