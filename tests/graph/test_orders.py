"""Placing and cancelling orders: prices, refusals, idempotency, races."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph.types.nodes import encode_id
from models import IdempotencyKey, Order, OrderEvent, OrderItem, OrderStatus, Product
from tasks.orders import process
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_token, make_user
from tests.graph.documents import attempt, global_id, mutate, refusals

pytestmark = pytest.mark.anyio


def basket(*lines: tuple[Product, int], **values: Any) -> dict[str, Any]:
    items = [{"productId": global_id(product), "quantity": quantity} for product, quantity in lines]
    return {"items": items, "shippingAddress": "1 Main St"} | values


async def test_an_order_is_accepted_as_pending_with_prices_not_yet_published(client: Client) -> None:
    user, kettle, tea = await make_user(), await make_product(price=4990), await make_product(price=250)
    outcome = await mutate(
        client,
        "createOrder",
        user=user,
        **basket((kettle, 2), (tea, 1), (kettle, 3), shippingAddress=" 1 Main St "),
    )
    order = await Order.get()
    assert outcome["errors"] == []
    assert outcome["replayed"] is False
    lines = [(2, kettle), (1, tea), (3, kettle)]
    assert outcome["order"] == {
        "id": global_id(order),
        "databaseId": order.id,
        "status": "PENDING",
        "shippingAddress": "1 Main St",
        "total": {"amount": "0.00", "currency": "USD"},
        "items": [
            {
                "quantity": quantity,
                "productName": product.name,
                "unitPrice": {"amount": "0.00"},
                "product": {"id": global_id(product)},
            }
            for quantity, product in lines
        ],
        "events": [{"status": "PENDING", "actor": {"id": global_id(user)}}],
    }


async def test_name_and_price_of_the_moment_of_ordering_are_what_is_billed(client: Client) -> None:
    user, admin, product = (
        await make_user(),
        await make_admin(),
        await make_product(name="Kettle", price=1000),
    )
    placed = await mutate(client, "createOrder", user=user, **basket((product, 3)))
    await mutate(client, "updateProduct", user=admin, id=global_id(product), price="99.00", name="Pot")
    await process(client.resources, placed["order"]["databaseId"])
    answer = await client.graphql(
        "query($id: ID!) { order(id: $id)"
        " { status total { amount } items { productName unitPrice { amount } product { name } } } }",
        {"id": placed["order"]["id"]},
        user=user,
    )
    assert answer.data["order"] == {
        "status": "COMPLETED",
        "total": {"amount": "30.00"},
        "items": [{"productName": "Kettle", "unitPrice": {"amount": "10.00"}, "product": {"name": "Pot"}}],
    }


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001, 2**31 - 1, -(2**31)])
async def test_a_quantity_that_cannot_be_is_refused_at_its_line(client: Client, quantity: int) -> None:
    product = await make_product()
    outcome = await mutate(
        client, "createOrder", user=await make_user(), **basket((product, 1), (product, quantity))
    )
    assert refusals(outcome) == [("INVALID_QUANTITY", ["input", "items", "1", "quantity"])]
    assert outcome["errors"][0]["message"].startswith("Invalid quantity in item 2: ")
    assert await Order.all().count() == 0


@pytest.mark.parametrize("quantity", [2**31, 1.5, "1", None])
async def test_what_is_no_quantity_is_refused_with_the_document(client: Client, quantity: object) -> None:
    lines = [{"productId": global_id(await make_product()), "quantity": quantity}]
    answer = await attempt(
        client, "createOrder", user=await make_user(), items=lines, shippingAddress="1 Main St"
    )
    assert answer.codes == ["VALIDATION_ERROR"]


async def test_an_unknown_or_archived_product_is_refused_at_its_line(client: Client) -> None:
    user, product = await make_user(), await make_product()
    archived = await make_product(archived_at=datetime.now(UTC))
    for id in (global_id(archived), *(encode_id("Product", n) for n in (0, 999, 2**31 - 1, 2**31, 2**63))):
        lines = [{"productId": global_id(product), "quantity": 1}, {"productId": id, "quantity": 1}]
        outcome = await mutate(client, "createOrder", user=user, items=lines, shippingAddress="1 Main St")
        assert refusals(outcome) == [("INVALID_PRODUCT", ["input", "items", "1", "productId"])]
        assert outcome["errors"][0]["message"] == "Invalid product ID in item 2"
    for id in ("garbage", global_id(user), "\x00"):
        lines = [{"productId": id, "quantity": 1}]
        outcome = await mutate(client, "createOrder", user=user, items=lines, shippingAddress="1 Main St")
        assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "items", "0", "productId"])]


async def test_an_order_has_1_to_100_lines(client: Client) -> None:
    user, product = await make_user(), await make_product()
    for count in (0, 101):
        outcome = await mutate(client, "createOrder", user=user, **basket(*[(product, 1)] * count))
        assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "items"])]
    outcome = await mutate(client, "createOrder", user=user, **basket(*[(product, 1)] * 100))
    assert len(outcome["order"]["items"]) == 100


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shippingAddress", ""),
        ("shippingAddress", " \n"),
        ("shippingAddress", "x" * 1001),
        ("shippingAddress", "a\x00b"),
        ("idempotencyKey", ""),
        ("idempotencyKey", "x" * 256),
        ("idempotencyKey", "a\x00b"),
        ("idempotencyKey", "\x00 "),
    ],
)
async def test_a_text_that_cannot_be_is_refused_at_its_field(client: Client, field: str, value: str) -> None:
    product = await make_product()
    outcome = await mutate(
        client, "createOrder", user=await make_user(), **basket((product, 1), **{field: value})
    )
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", field])]


async def test_the_same_key_and_order_get_the_first_order_again(client: Client) -> None:
    user, product = await make_user(), await make_product()
    values = basket((product, 2), idempotencyKey="key")
    first = await mutate(client, "createOrder", user=user, **values)
    await process(client.resources, first["order"]["databaseId"])
    again = await mutate(client, "createOrder", user=user, **values)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["order"]["id"] == first["order"]["id"]
    assert again["order"]["status"] == "COMPLETED"
    assert (await Order.all().count(), await OrderItem.all().count()) == (1, 1)


async def test_blanks_around_a_key_mean_nothing(client: Client) -> None:
    user, product = await make_user(), await make_product()
    for number, key in enumerate(("k" * 250, " " * 20 + "k" * 250 + " " * 20)):
        outcome = await mutate(client, "createOrder", user=user, **basket((product, 1), idempotencyKey=key))
        assert (outcome["errors"], outcome["replayed"]) == ([], bool(number))


@pytest.mark.parametrize("change", ["quantity", "product", "address", "more"])
async def test_the_same_key_for_another_order_is_refused(client: Client, change: str) -> None:
    user, product, other = await make_user(), await make_product(), await make_product()
    await mutate(client, "createOrder", user=user, **basket((product, 2), idempotencyKey="key"))
    changed = {
        "quantity": basket((product, 3)),
        "product": basket((other, 2)),
        "address": basket((product, 2), shippingAddress="2 Main St"),
        "more": basket((product, 2), (other, 1)),
    }[change]
    outcome = await mutate(client, "createOrder", user=user, **changed, idempotencyKey="key")
    assert refusals(outcome) == [("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])]
    assert await Order.all().count() == 1


async def test_two_users_can_use_the_same_key(client: Client) -> None:
    product = await make_product()
    values = basket((product, 1), idempotencyKey="key")
    for _ in range(2):
        assert (await mutate(client, "createOrder", user=await make_user(), **values))["replayed"] is False
    assert await Order.all().count() == 2


async def test_an_expired_key_is_a_new_one(client: Client) -> None:
    user, product = await make_user(), await make_product()
    first = await mutate(client, "createOrder", user=user, **basket((product, 1), idempotencyKey="key"))
    await IdempotencyKey.all().update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    second = await mutate(client, "createOrder", user=user, **basket((product, 2), idempotencyKey="key"))
    assert (second["replayed"], second["errors"]) == (False, [])
    assert first["order"]["id"] != second["order"]["id"]
    assert await IdempotencyKey.all().count() == 1
    left = (await IdempotencyKey.get()).expires_at - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)


async def test_a_refused_order_uses_no_key_up(client: Client) -> None:
    user, product = await make_user(), await make_product()
    refused = await mutate(client, "createOrder", user=user, **basket((product, 0), idempotencyKey="key"))
    assert refusals(refused)[0][0] == "INVALID_QUANTITY"
    placed = await mutate(client, "createOrder", user=user, **basket((product, 1), idempotencyKey="key"))
    assert (placed["errors"], placed["replayed"]) == ([], False)


async def test_ten_concurrent_uses_of_a_key_over_both_faces_make_one_order(client: Client) -> None:
    product = await make_product()
    token = await make_token(client.resources, await make_user())
    body = {"items": [{"product_id": product.id, "quantity": 2}], "shipping_address": "1 Main St"}

    async def over_graphql() -> tuple[int, bool]:
        outcome = await mutate(
            client, "createOrder", token=token, **basket((product, 2), idempotencyKey="key")
        )
        assert outcome["errors"] == []
        return outcome["order"]["databaseId"], outcome["replayed"]

    async def over_rest() -> tuple[int, bool]:
        response = await client.v1(
            "POST", "/orders", token=token, json=body, headers={"Idempotency-Key": "key"}
        )
        assert response.status_code == 201
        return response.json()["id"], response.headers.get("Idempotent-Replayed") == "true"

    results = await asyncio.gather(*(over_graphql() if n % 2 else over_rest() for n in range(10)))
    assert len({id for id, _ in results}) == 1
    assert sum(not replayed for _, replayed in results) == 1
    counts = [await model.all().count() for model in (Order, OrderItem, OrderEvent, IdempotencyKey)]
    assert counts == [1, 1, 1, 1]


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.PROCESSING])
async def test_an_open_order_is_cancelled_once(client: Client, status: OrderStatus) -> None:
    user = await make_user()
    order = await make_order(user, (await make_product(), 1), status=status)
    outcome = await mutate(client, "cancelOrder", user=user, id=global_id(order))
    assert outcome["order"]["status"] == "CANCELLED"
    assert outcome["order"]["events"][-1] == {"status": "CANCELLED", "actor": {"id": global_id(user)}}
    outcome = await mutate(client, "cancelOrder", user=user, id=global_id(order))
    assert refusals(outcome) == [("ORDER_NOT_CANCELLABLE", None)]
    assert outcome["errors"][0]["message"] == "Order cannot be cancelled: it is cancelled"
    await order.refresh_from_db()
    assert order.due_at is None


async def test_a_completed_order_is_not_cancelled(client: Client) -> None:
    user = await make_user()
    order = await make_order(user, status=OrderStatus.COMPLETED)
    outcome = await mutate(client, "cancelOrder", user=user, id=global_id(order))
    assert refusals(outcome) == [("ORDER_NOT_CANCELLABLE", None)]


async def test_an_order_is_cancelled_by_its_user_or_an_administrator_only(client: Client) -> None:
    user, admin = await make_user(), await make_admin()
    order = await make_order(user)
    outcome = await mutate(client, "cancelOrder", user=await make_user(), id=global_id(order))
    assert refusals(outcome) == [("NOT_OWNER", None)]
    outcome = await mutate(client, "cancelOrder", user=admin, id=global_id(order))
    assert outcome["order"]["events"][-1]["actor"] == {"id": global_id(admin)}


async def test_of_concurrent_cancellations_one_succeeds(client: Client) -> None:
    user = await make_user()
    token, order = await make_token(client.resources, user), await make_order(user)
    outcomes = await asyncio.gather(
        *(mutate(client, "cancelOrder", token=token, id=global_id(order)) for _ in range(8))
    )
    assert sum(not outcome["errors"] for outcome in outcomes) == 1
    assert await OrderEvent.filter(order_id=order.id, status=OrderStatus.CANCELLED).count() == 1


async def test_a_cancellation_and_a_worker_agree_on_one_outcome(client: Client) -> None:
    user, product = await make_user(), await make_product(on_hand=100)
    token = await make_token(client.resources, user)
    for _ in range(10):
        order = await make_order(user, (product, 1))
        before = (await Product.get(id=product.id)).on_hand
        outcome, reached = await asyncio.gather(
            mutate(client, "cancelOrder", token=token, id=global_id(order)),
            process(client.resources, order.id),
        )
        await order.refresh_from_db()
        taken = before - (await Product.get(id=product.id)).on_hand
        if order.status is OrderStatus.CANCELLED:
            assert (outcome["errors"], reached, taken) == ([], None, 0)
        else:
            assert order.status is OrderStatus.COMPLETED
            assert refusals(outcome) == [("ORDER_NOT_CANCELLABLE", None)]
            assert (reached, taken) == (OrderStatus.COMPLETED, 1)


async def test_a_mutation_is_answered_with_what_it_did_not_with_what_was_loaded_before(
    client: Client,
) -> None:
    user = await make_user()
    order = await make_order(user, (await make_product(), 1))
    cancel = "cancelOrder(input: { id: $id }) { order { events { status } } errors { code } }"
    query = f"""mutation ($id: ID!, $user: ID!) {{
        updateUser(input: {{ id: $user }}) {{ user {{ orders {{ nodes {{ events {{ status }} }} }} }} }}
        {cancel}
    }}"""
    variables = {"id": global_id(order), "user": global_id(user)}
    answer = await client.graphql(query, variables, user=user)
    (before,) = answer.data["updateUser"]["user"]["orders"]["nodes"]
    assert [event["status"] for event in before["events"]] == ["PENDING"]
    after = answer.data["cancelOrder"]["order"]["events"]
    assert [event["status"] for event in after] == ["PENDING", "CANCELLED"]
