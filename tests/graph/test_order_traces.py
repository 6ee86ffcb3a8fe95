"""Orders that hang, and those that failed: why, who has them, what they wait for, and once more."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from tortoise import timezone

from engine.postgres import record_statements
from graph.resolvers.order_events import watch_order_events
from graph.types.nodes import encode_id
from models import FailureCode, Order, OrderEvent, OrderFailure, OrderItem, OrderStatus, User
from models.orders import MAX_RETRIES
from tasks.claims import claim_new
from tasks.order_batches import OrderBatches
from tasks.orders import process
from tests.client import Client
from tests.factories import make_admin, make_context_of, make_order, make_product, make_token, make_user
from tests.graph.documents import global_id, mutate
from tests.log_lines import logged_lines
from tests.servers import SECONDS
from tests.tasks.test_orders import expire_lease, make_faulty_order

pytestmark = pytest.mark.anyio

TRACE = """
query ($id: ID!) { order(id: $id) { status worker trace {
    attempts waitsFor nextTryAt retry { allowed code }
    requests { status requestId actor { id } }
    lastFailure { attempt error message worker requestId }
    failures { nodes { attempt error message worker requestId order { id } } totalCount }
    stockMovements { delta reason product { id } }
} } }
"""
STUCK = """
query ($seconds: Int!, $first: Int, $after: String) {
    stuckOrders(filter: {openForSeconds: $seconds}, first: $first, after: $after) {
        nodes { id status trace { waitsFor lastFailure { error } } } pageInfo { endCursor hasNextPage } totalCount
    }
}
"""


async def trace(client: Client, order: Order, admin: User) -> dict[str, Any]:
    answer = await client.graphql(TRACE, {"id": global_id(order)}, user=admin)
    found: dict[str, Any] = answer.data["order"]["trace"] | {"worker": answer.data["order"]["worker"]}
    return found


async def fail(order: Order, code: FailureCode = FailureCode.PROCESSING_ERROR, **values: Any) -> None:
    """Set an order to what a worker leaves that has given it up."""
    await Order.filter(id=order.id).update(
        **({"status": OrderStatus.FAILED, "failure_code": code, "due_at": None, "attempts": 31} | values)
    )
    await OrderEvent.create(order_id=order.id, status=OrderStatus.FAILED, failure_code=code)


async def place(client: Client, user: User, price: int = 1_000) -> tuple[Order, str]:
    """Place an order over HTTP; return it, and the id of the request."""
    product = await make_product(price=price, on_hand=10**6)
    body = {"items": [{"product_id": product.id, "quantity": 10**6}], "shipping_address": "1 Test Street"}
    answer = await client.v1("POST", "/orders", user=user, json=body)
    return await Order.get(id=answer.json()["id"]), answer.headers["X-Request-ID"]


async def test_a_trace_tells_of_requests_attempts_failures_and_the_next_try(client: Client) -> None:
    admin = await make_admin()
    order, request_id = await place(client, await make_user(), price=10**13)
    first = await trace(client, order, admin)
    assert (first["waitsFor"], first["attempts"], first["lastFailure"]) == ("WORKER", 0, None)
    assert first["retry"] == {"allowed": False, "code": "ORDER_NOT_RETRYABLE"}
    for worker in ("w1", "w2"):
        await OrderBatches(client.resources, worker=worker).process([order.id], [request_id])
        waiting = await trace(client, order, admin)
        await expire_lease(order)
    assert (waiting["waitsFor"], waiting["attempts"], waiting["worker"]) == ("NEXT_ATTEMPT", 2, None)
    assert waiting["nextTryAt"] is not None
    assert waiting["requests"] == [
        {"status": "PENDING", "requestId": request_id, "actor": {"id": encode_id("User", order.user_id)}}
    ]
    newest, oldest = waiting["failures"]["nodes"]
    assert waiting["failures"]["totalCount"] == 2
    assert oldest == {
        "attempt": 1,
        "error": "NumericValueOutOfRangeError",
        "message": "bigint out of range",
        "worker": "w1",
        "requestId": request_id,
        "order": {"id": global_id(order)},
    }
    assert newest == waiting["lastFailure"] | {"order": {"id": global_id(order)}}
    assert (newest["attempt"], newest["worker"]) == (2, "w2")
    await OrderItem.filter(order_id=order.id).update(accepted_price=1)
    await process(client.resources, order.id)
    done = await trace(client, order, admin)
    assert (done["waitsFor"], done["nextTryAt"], done["attempts"]) == (None, None, 3)
    assert [(entry["delta"], entry["reason"]) for entry in done["stockMovements"]] == [(-(10**6), "SALE")]


async def test_an_order_in_work_has_its_worker_until_the_lease_is_over(client: Client) -> None:
    admin, order = await make_admin(), await make_order(await make_user(), (await make_product(), 1))
    await claim_new(client.resources.settings, [order.id], lock_timeout=1, worker="w1")
    found = await trace(client, order, admin)
    assert (found["waitsFor"], found["worker"]) == ("ATTEMPT", "w1")
    await expire_lease(order)
    assert (await trace(client, order, admin))["waitsFor"] == "SWEEP"
    await mutate(client, "cancelOrder", user=admin, id=global_id(order))
    found = await trace(client, order, admin)
    assert (found["waitsFor"], found["worker"]) == (None, None)
    assert [event["status"] for event in found["requests"]] == ["CANCELLED"]


async def test_stuck_orders_come_oldest_first_page_by_page(client: Client) -> None:
    admin, user, product = await make_admin(), await make_user(), await make_product()
    ages = (500, 300, 300, 120, 30)
    orders = [await make_order(user, (product, 1)) for _ in ages]
    for order, age in zip(orders, ages, strict=True):
        created_at = timezone.now() - timedelta(seconds=age)
        await Order.filter(id=order.id).update(created_at=created_at)
    done = await make_order(user, (product, 1))
    await Order.filter(id=done.id).update(created_at=timezone.now() - timedelta(days=1))
    await process(client.resources, done.id)
    await OrderFailure.create(order_id=orders[0].id, attempt=1, error="First")
    await OrderFailure.create(order_id=orders[0].id, attempt=2, error="Second")
    found, after = [], None
    while True:
        variables = {"seconds": 100, "first": 2, "after": after}
        page = (await client.graphql(STUCK, variables, user=admin)).data["stuckOrders"]
        found += page["nodes"]
        assert page["totalCount"] == 4
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert [node["id"] for node in found] == [global_id(order) for order in orders[:4]]
    assert found[0]["trace"] == {"waitsFor": "WORKER", "lastFailure": {"error": "Second"}}
    assert found[1]["trace"]["lastFailure"] is None


@pytest.mark.parametrize("seconds", [-1, 365 * 24 * 3600 + 1])
async def test_the_time_of_stuck_orders_has_bounds(client: Client, seconds: int) -> None:
    answer = await client.graphql(STUCK, {"seconds": seconds}, user=await make_admin())
    assert answer.codes == ["VALIDATION_ERROR"]


async def test_stuck_orders_take_as_many_statements_however_many_there_are(client: Client) -> None:
    user, product = await make_user(), await make_product()
    token, sent = await make_token(client.resources, await make_admin()), []
    for number in (1, 12):
        for _ in range(number):
            await OrderFailure.create(
                order_id=(await make_order(user, (product, 1))).id, attempt=1, error="LeaseExpired"
            )
        with record_statements() as statements:
            answer = await client.graphql(STUCK, {"seconds": 0}, token=token)
        assert len(answer.data["stuckOrders"]["nodes"]) == (1 if number == 1 else 13)
        sent.append(len(statements))
    assert sent == [3, 3]  # viewer, page (which knows its length), last failures


async def test_a_trace_takes_few_statements(client: Client) -> None:
    order = await make_order(await make_user(), (await make_product(), 1))
    token = await make_token(client.resources, await make_admin())
    with record_statements() as statements:
        await client.graphql(TRACE, {"id": global_id(order)}, token=token)
    # Viewer, order, events, last failure, failures (which know their length), stock movements.
    assert len(statements) == 6


async def test_an_order_that_failed_for_a_fault_is_retried(client: Client) -> None:
    admin, order = await make_admin(), await make_faulty_order()
    for _ in range(client.resources.settings.order_max_attempts + 1):
        await process(client.resources, order.id)
        await expire_lease(order) if not (await Order.get(id=order.id)).status.is_final else None
    failed = await trace(client, order, admin)
    assert failed["retry"] == {"allowed": True, "code": None}
    assert failed["failures"]["totalCount"] == 30
    await OrderItem.filter(order_id=order.id).update(accepted_price=1)
    before = await client.resources.redis.xlen("tandem:tasks")

    outcome = await mutate(client, "retryOrder", user=admin, id=global_id(order))

    assert outcome["errors"] == []
    shown = outcome["order"]
    assert (shown["status"], shown["failureCode"], shown["attempts"]) == ("PENDING", None, 0)
    assert shown["events"][-1] == {"status": "PENDING", "actor": {"id": global_id(admin)}}
    assert await client.resources.redis.xlen("tandem:tasks") == before + 1
    assert await process(client.resources, order.id) is OrderStatus.COMPLETED
    query = "query ($id: ID!) { order(id: $id) { attempts events { status } } }"
    found = (await client.graphql(query, {"id": global_id(order)}, user=admin)).data["order"]
    steps = ["PENDING", "PROCESSING", "FAILED", "PENDING", "PROCESSING", "COMPLETED"]
    assert [event["status"] for event in found["events"]] == steps
    assert found["attempts"] == 1
    told = await client.v1("GET", f"/orders/{order.id}/events", user=admin)
    assert [event["status"].upper() for event in told.json()["items"]] == steps
    assert set(told.json()["items"][3]) == {"cursor", "status", "failure_code", "created_at"}
    assert (await client.v1("GET", f"/orders/{order.id}", user=admin)).json()["status"] == "completed"


async def test_what_is_no_fault_of_the_server_is_not_retried(client: Client) -> None:
    admin, user, product = await make_admin(), await make_user(), await make_product()
    orders = [await make_order(user, (product, 1)) for _ in range(5)]
    await process(client.resources, orders[1].id)
    await fail(orders[2], FailureCode.OUT_OF_STOCK)
    await fail(orders[3], FailureCode.PRODUCT_UNAVAILABLE)
    await fail(orders[4], shipping_address="")
    messages = []
    for order in orders:
        outcome = await mutate(client, "retryOrder", user=admin, id=global_id(order))
        assert [error["code"] for error in outcome["errors"]] == ["ORDER_NOT_RETRYABLE"]
        messages.append(outcome["errors"][0]["message"].removeprefix("Order cannot be retried: "))
    assert messages == [
        "it is pending",
        "it is completed",
        "it failed with OUT_OF_STOCK, which is no fault of the server",
        "it failed with PRODUCT_UNAVAILABLE, which is no fault of the server",
        "its shipping address has been erased",
    ]
    outcome = await mutate(client, "retryOrder", user=admin, id=encode_id("Order", 999_999))
    assert [error["code"] for error in outcome["errors"]] == ["ORDER_NOT_FOUND"]
    assert await client.resources.redis.xlen("tandem:tasks") == 0


async def test_retries_at_once_are_one_and_there_is_an_end_to_them(client: Client) -> None:
    admin, order = await make_admin(), await make_order(await make_user(), (await make_product(), 1))
    token = await make_token(client.resources, admin)
    for _ in range(MAX_RETRIES):
        await fail(order)
        outcomes = await asyncio.gather(
            *(mutate(client, "retryOrder", token=token, id=global_id(order)) for _ in range(3))
        )
        assert sorted(len(outcome["errors"]) for outcome in outcomes) == [0, 1, 1]
    await fail(order)
    outcome = await mutate(client, "retryOrder", token=token, id=global_id(order))
    assert outcome["errors"][0]["message"] == f"Order cannot be retried more than {MAX_RETRIES} times"
    assert await OrderEvent.filter(order_id=order.id, status=OrderStatus.PENDING).count() == MAX_RETRIES + 1


async def test_who_follows_an_order_that_was_retried_sees_it_to_its_end(client: Client) -> None:
    user, admin = await make_user(), await make_admin()
    order = await make_order(user, (await make_product(), 1))
    await fail(order)
    await mutate(client, "retryOrder", user=admin, id=global_id(order))
    ctx = await make_context_of(client.resources, user)
    async with aclosing(watch_order_events(ctx, order_id=order.id)) as events, asyncio.timeout(SECONDS):
        seen = [(await anext(events)).status.value for _ in range(3)]
        await process(client.resources, order.id)
        seen += [event.status.value async for event in events]
    assert seen == ["pending", "failed", "pending", "processing", "completed"]


async def test_one_grep_of_a_request_id_finds_the_whole_way_of_an_order(client: Client) -> None:
    with logged_lines() as lines:
        order, request_id = await place(client, await make_user(), price=10**13)
        batches = OrderBatches(client.resources, worker="w1")
        await batches.process([order.id], [request_id])
        await expire_lease(order)
        await OrderItem.filter(order_id=order.id).update(accepted_price=1)
        await batches.process([order.id], [request_id])
    way = [line for line in lines.text.splitlines() if request_id in line]
    steps = ('"path":"/api/v1/orders"', "failed in attempt 1", '"outcome":"completed"')
    assert len(way) == len(steps)
    assert all(step in line for step, line in zip(steps, way, strict=True))
    for line in way[1:]:
        for field in (
            f'"order_id":{order.id}',
            f'"request_id":"{request_id}"',
            '"worker":"w1"',
            '"attempt":',
        ):
            assert field in line
