"""Orders over v1."""

import asyncio
from typing import Any

import pytest

from core.resources import Resources
from models import FailureCode, Order, OrderEvent, OrderItem, OrderStatus, Product, User
from tasks.orders import process
from tests.factories import make_admin, make_order, make_product, make_user
from tests.rest.conformance import Call

pytestmark = pytest.mark.anyio


async def make_order_with(status: OrderStatus, user: User) -> Order:
    failure = FailureCode.OUT_OF_STOCK if status is OrderStatus.FAILED else None
    return await make_order(user, status=status, failure_code=failure)


def body_of(*ordered: tuple[Product, int], address: str = "123 Main St") -> dict[str, Any]:
    items = [{"product_id": product.id, "quantity": quantity} for product, quantity in ordered]
    return {"items": items, "shipping_address": address}


async def test_an_order_is_accepted_and_its_amounts_appear_when_it_is_processed(
    v1: Call, resources: Resources
) -> None:
    user = await make_user()
    mug, cup = await make_product(name="Mug", price=4_990), await make_product(name="Cup", price=5_001)
    answer = await v1("POST", "/orders", user=user, json=body_of((mug, 2), (cup, 1)))
    assert answer.status_code == 201
    accepted = answer.json()
    assert (accepted["user_id"], accepted["status"]) == (user.id, "pending")
    assert '"total_amount":0,' in answer.text
    assert accepted["items"] == [
        {"product_id": mug.id, "quantity": 2, "unit_price": 0},
        {"product_id": cup.id, "quantity": 1, "unit_price": 0},
    ]
    assert answer.headers["location"] == f"/api/v1/orders/{accepted['id']}"
    pending = (await v1("GET", f"/orders/{accepted['id']}", user=user)).json()
    assert (pending["total_amount"], pending["items"][0]["unit_price"]) == (0, 0)

    assert await process(resources, accepted["id"]) is OrderStatus.COMPLETED
    answer = await v1("GET", f"/orders/{accepted['id']}", user=user)
    assert '"total_amount":149.81,' in answer.text
    assert '"unit_price":49.90}' in answer.text
    done = answer.json()
    assert (done["status"], done["shipping_address"]) == ("completed", "123 Main St")
    assert [(item["product_name"], item["quantity"]) for item in done["items"]] == [("Mug", 2), ("Cup", 1)]
    assert done["created_at"] == accepted["created_at"]


async def test_what_is_out_of_stock_is_accepted_and_fails_later(v1: Call, resources: Resources) -> None:
    user, product = await make_user(), await make_product(on_hand=1)
    accepted = await v1("POST", "/orders", user=user, json=body_of((product, 1), (product, 1)))
    assert accepted.status_code == 201
    await process(resources, accepted.json()["id"])
    failed = (await v1("GET", f"/orders/{accepted.json()['id']}", user=user)).json()
    assert (failed["status"], failed["total_amount"]) == ("failed", 0)


@pytest.mark.parametrize(
    ("item", "status", "code"),
    [
        ({"product_id": 999_999, "quantity": 1}, 400, "INVALID_PRODUCT"),
        ({"product_id": 0, "quantity": 1}, 400, "INVALID_PRODUCT"),
        ({"product_id": -1, "quantity": 1}, 400, "INVALID_PRODUCT"),
        ({"product_id": 2**31, "quantity": 1}, 400, "INVALID_PRODUCT"),
        ({"product_id": 10**400, "quantity": 1}, 400, "INVALID_PRODUCT"),
        ({"quantity": 0}, 400, "INVALID_QUANTITY"),
        ({"quantity": -5}, 400, "INVALID_QUANTITY"),
        ({"quantity": 1_000_001}, 400, "INVALID_QUANTITY"),
        ({"quantity": 10**400}, 400, "INVALID_QUANTITY"),
        ({"product_id": "1", "quantity": 1}, 422, "VALIDATION_ERROR"),
        ({"product_id": True, "quantity": 1}, 422, "VALIDATION_ERROR"),
        ({"quantity": "2"}, 422, "VALIDATION_ERROR"),
        ({"quantity": 1.5}, 422, "VALIDATION_ERROR"),
        ({"quantity": None}, 422, "VALIDATION_ERROR"),
        ({"quantity": {}}, 422, "VALIDATION_ERROR"),
    ],
)
async def test_an_item_that_cannot_be_is_refused(
    v1: Call, item: dict[str, Any], status: int, code: str
) -> None:
    user, product = await make_user(), await make_product()
    body = {"items": [{"product_id": product.id, **item}], "shipping_address": "x"}
    answer = await v1("POST", "/orders", user=user, json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    if status == 422:
        assert answer.json()["errors"][0]["field"].startswith("items.0.")
    assert not await Order.exists()


@pytest.mark.parametrize("position", [0, 2])
@pytest.mark.parametrize(
    ("item", "detail", "code"),
    [
        ({"product_id": 999_999}, "Invalid product ID in item {}", "INVALID_PRODUCT"),
        ({"quantity": 0}, "Invalid quantity in item {}: must be between 1 and 1,000,000", "INVALID_QUANTITY"),
    ],
)
async def test_an_item_that_is_refused_is_named(
    v1: Call, item: dict[str, Any], detail: str, code: str, position: int
) -> None:
    user, product = await make_user(), await make_product()
    items = [{"product_id": product.id, "quantity": 1} for _ in range(3)]
    items[position] |= item
    answer = await v1("POST", "/orders", user=user, json={"items": items, "shipping_address": "x"})
    assert answer.json() == {"detail": detail.format(position + 1), "error_code": code}


async def test_an_archived_product_cannot_be_ordered(v1: Call) -> None:
    product = await make_product(archived_at="2026-01-01T00:00:00Z")
    answer = await v1("POST", "/orders", user=await make_user(), json=body_of((product, 1)))
    assert answer.json() == {"detail": "Invalid product ID in item 1", "error_code": "INVALID_PRODUCT"}


ITEM = {"product_id": 1, "quantity": 1}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["items", "shipping_address"]),
        ({"items": [], "shipping_address": "x"}, ["items"]),
        ({"items": [ITEM] * 101, "shipping_address": "x"}, ["items"]),
        ({"items": [ITEM]}, ["shipping_address"]),
        ({"items": [ITEM], "shipping_address": " "}, ["shipping_address"]),
        ({"items": [ITEM], "shipping_address": "x" * 1_001}, ["shipping_address"]),
        ({"items": [ITEM], "shipping_address": "a\0b"}, ["shipping_address"]),
        ({"items": [ITEM], "shipping_address": 1}, ["shipping_address"]),
        ({"items": ITEM, "shipping_address": "x"}, ["items"]),
        ({"items": "x", "shipping_address": "x"}, ["items"]),
        ({"items": [1], "shipping_address": "x"}, ["items.0"]),
        ({"items": [ITEM, None], "shipping_address": "x"}, ["items.1"]),
        ([], ["body"]),
        ("x", ["body"]),
        (None, ["body"]),
    ],
)
async def test_a_body_of_the_wrong_shape_is_refused(v1: Call, body: Any, fields: list[str]) -> None:
    answer = await v1("POST", "/orders", user=await make_user(), json=body)
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["errors"]] == fields


async def test_many_wrong_items_cost_one_problem(v1: Call) -> None:
    body = {"items": ["x"] * 200_000, "shipping_address": "x"}
    answer = await v1("POST", "/orders", user=await make_user(), json=body)
    assert len(answer.json()["errors"]) == 1


async def test_unknown_fields_are_ignored(v1: Call) -> None:
    body = body_of((await make_product(), 1)) | {"status": "completed", "total_amount": 1, "user_id": 7}
    answer = await v1("POST", "/orders", user=await make_user(), json=body)
    assert (answer.status_code, answer.json()["status"]) == (201, "pending")


async def test_the_same_key_and_body_answer_the_first_result_again(v1: Call, resources: Resources) -> None:
    user, product = await make_user(), await make_product(price=500)
    order = {"user": user, "json": body_of((product, 2)), "headers": {"Idempotency-Key": "key-1"}}
    first = await v1("POST", "/orders", **order)
    await process(resources, first.json()["id"])
    again = await v1("POST", "/orders", **order)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert await Order.all().count() == 1


async def test_a_key_with_another_body_is_refused(v1: Call) -> None:
    user, product = await make_user(), await make_product()
    headers = {"Idempotency-Key": "key-1"}
    await v1("POST", "/orders", user=user, json=body_of((product, 1)), headers=headers)
    answer = await v1("POST", "/orders", user=user, json=body_of((product, 2)), headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert answer.json()["errors"][0]["field"] == "idempotency_key"
    another = await v1("POST", "/orders", user=await make_user(), json=body_of((product, 2)), headers=headers)
    assert another.status_code == 201


async def test_concurrent_uses_of_a_key_make_one_order(v1: Call) -> None:
    user, product = await make_user(), await make_product()
    order = {"user": user, "json": body_of((product, 1)), "headers": {"Idempotency-Key": "key-1"}}
    answers = await asyncio.gather(*(v1("POST", "/orders", **order) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await Order.all().count() == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
async def test_a_key_that_cannot_be_is_refused(v1: Call, key: str) -> None:
    body = body_of((await make_product(), 1))
    answer = await v1("POST", "/orders", user=await make_user(), json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "idempotency_key"


async def test_orders_are_ones_own_newest_first_for_admins_too(v1: Call) -> None:
    admin, user = await make_admin(), await make_user()
    orders = [await make_order(user) for _ in range(3)]
    await make_order(admin)
    body = (await v1("GET", "/orders", user=user, params={"page_size": 2})).json()
    assert [item["id"] for item in body["items"]] == [orders[2].id, orders[1].id]
    assert (body["total"], body["has_next"]) == (3, True)
    assert (await v1("GET", "/orders", user=admin)).json()["total"] == 1
    past = (await v1("GET", "/orders", user=user, params={"page": 9})).json()
    assert (past["items"], past["total"], past["has_next"]) == ([], 3, False)


@pytest.mark.parametrize("status", list(OrderStatus))
async def test_orders_are_filtered_by_status(v1: Call, status: OrderStatus) -> None:
    user = await make_user()
    for each in OrderStatus:
        await make_order_with(each, user)
    body = (await v1("GET", "/orders", user=user, params={"status": status.value})).json()
    assert [item["status"] for item in body["items"]] == [status.value]


@pytest.mark.parametrize("query", ["status=lost", "status=PENDING", "status=", "page=0", "page_size=1000"])
async def test_a_bad_query_is_refused(v1: Call, query: str) -> None:
    assert (await v1("GET", f"/orders?{query}", user=await make_user())).status_code == 422


async def test_an_order_is_shown_to_its_owner_and_to_admins(v1: Call) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 3))
    for method, path in (("GET", f"/orders/{order.id}"), ("POST", f"/orders/{order.id}/cancel")):
        refused = await v1(method, path, user=await make_user())
        assert refused.status_code == 403
        assert refused.json() == {
            "detail": "Cannot view other user\N{RIGHT SINGLE QUOTATION MARK}s orders",
            "error_code": "NOT_OWNER",
        }
        assert (await v1(method, path)).status_code == 401
        assert (await v1(method, path, user=await make_admin())).status_code == 200


async def test_items_are_shown_in_the_order_they_were_given(v1: Call) -> None:
    user = await make_user()
    products = [await make_product() for _ in range(3)]
    ordered = [(products[2], 1), (products[0], 2), (products[1], 3), (products[2], 4)]
    placed = (await v1("POST", "/orders", user=user, json=body_of(*ordered))).json()
    shown = (await v1("GET", f"/orders/{placed['id']}", user=user)).json()
    assert [item["quantity"] for item in shown["items"]] == [1, 2, 3, 4]
    assert await OrderItem.all().count() == 4


@pytest.mark.parametrize("path", ["/orders/{}", "/orders/{}/cancel"])
@pytest.mark.parametrize(("id", "status"), [("7", 404), (str(2**31), 404), ("0", 404), ("x", 422)])
async def test_no_such_order(v1: Call, path: str, id: str, status: int) -> None:
    method = "POST" if path.endswith("cancel") else "GET"
    answer = await v1(method, path.format(id), user=await make_user())
    assert answer.status_code == status
    if status == 404:
        assert answer.json() == {"detail": "Order not found", "error_code": "ORDER_NOT_FOUND"}


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.PROCESSING])
async def test_an_open_order_is_cancelled(v1: Call, resources: Resources, status: OrderStatus) -> None:
    user = await make_user()
    product = await make_product(on_hand=5)
    order = await make_order(user, (product, 1), status=status)
    answer = await v1("POST", f"/orders/{order.id}/cancel", user=user)
    assert answer.json() == {
        "status": "success",
        "message": "Order cancelled successfully",
        "order_id": order.id,
    }
    assert await process(resources, order.id) is None
    assert (await v1("GET", f"/orders/{order.id}", user=user)).json()["status"] == "cancelled"
    assert await OrderEvent.filter(order_id=order.id, status="cancelled", actor_id=user.id).count() == 1
    assert (await Product.get(id=product.id)).on_hand == 5


@pytest.mark.parametrize("status", [OrderStatus.COMPLETED, OrderStatus.FAILED, OrderStatus.CANCELLED])
async def test_a_final_order_is_not_cancelled(v1: Call, status: OrderStatus) -> None:
    user = await make_user()
    order = await make_order_with(status, user)
    answer = await v1("POST", f"/orders/{order.id}/cancel", user=user)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ORDER_NOT_CANCELLABLE")


async def test_the_events_say_why_an_order_failed(v1: Call, resources: Resources) -> None:
    user = await make_user()
    good, sold_out = await make_product(), await make_product(on_hand=0)
    placed = [await make_order(user, (product, 1)) for product in (good, sold_out)]
    for order, last in zip(placed, [("completed", None), ("failed", "OUT_OF_STOCK")], strict=True):
        await process(resources, order.id)
        answer = await v1("GET", f"/orders/{order.id}/events", user=user)
        events = [(event["status"], event["failure_code"]) for event in answer.json()["items"]]
        assert events == [("pending", None), ("processing", None), last]
        assert list(answer.json()["items"][0]) == ["cursor", "status", "failure_code", "created_at"]
