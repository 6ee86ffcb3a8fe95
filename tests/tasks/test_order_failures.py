"""Of each attempt at an order that fails, and of none that does not, it is noted which it was, whose, and why."""

from typing import Any

import asyncpg
import orjson
import pytest
from tortoise import timezone

from core.resources import Resources
from models import Order, OrderEvent, OrderFailure, OrderItem, OrderStatus
from tasks.claims import claim_new
from tasks.order_batches import OrderBatches
from tasks.orders import process
from tasks.schedule import sweep
from tests.client import Client
from tests.factories import make_order, make_product, make_user
from tests.tasks.test_orders import expire_lease, make_faulty_order

pytestmark = pytest.mark.anyio


async def failures(order: Order) -> list[tuple[Any, ...]]:
    rows = await OrderFailure.filter(order_id=order.id).order_by("id")
    return [(row.attempt, row.worker, row.request_id, row.error) for row in rows]


async def doers(order: Order) -> list[tuple[Any, ...]]:
    rows = await OrderEvent.filter(order_id=order.id).order_by("id")
    return [(row.status.value, row.request_id, row.worker, row.attempt) for row in rows]


async def test_an_order_that_works_has_no_failures_and_events_say_who(resources: Resources) -> None:
    order = await make_order(await make_user(), (await make_product(), 1))
    await OrderBatches(resources, worker="w1").process([order.id], ["r1"])
    assert await failures(order) == []
    assert await doers(order) == [
        ("pending", None, None, None),
        ("processing", None, "w1", 1),
        ("completed", None, "w1", 1),
    ]
    await order.refresh_from_db()
    assert order.worker is None


async def test_each_failed_attempt_is_noted_once(resources: Resources) -> None:
    order = await make_faulty_order()
    for worker in ("w1", "w2"):
        assert await OrderBatches(resources, worker=worker).process([order.id], ["r1"]) == [None]
        await order.refresh_from_db()
        assert order.worker is None
        await expire_lease(order)
    assert await failures(order) == [
        (1, "w1", "r1", "NumericValueOutOfRangeError"),
        (2, "w2", "r1", "NumericValueOutOfRangeError"),
    ]
    await OrderItem.filter(order_id=order.id).update(accepted_price=1)
    await OrderBatches(resources, worker="w3").process([order.id])
    assert len(await failures(order)) == 2
    assert await doers(order) == [
        ("pending", None, None, None),
        ("processing", None, "w1", 1),
        ("completed", None, "w3", 3),
    ]


async def test_an_attempt_that_ended_with_its_worker_is_noted_by_the_next(resources: Resources) -> None:
    order = await make_order(await make_user(), (await make_product(), 1))
    await claim_new(resources.settings, [order.id], lock_timeout=1, worker="gone")
    await order.refresh_from_db()
    assert order.worker == "gone"
    await expire_lease(order)
    assert await OrderBatches(resources, worker="w2").process([order.id], ["r1"]) == [OrderStatus.COMPLETED]
    assert await failures(order) == [(1, "gone", "r1", "LeaseExpired")]


async def test_what_a_locked_product_keeps_waiting_is_noted_with_the_lock(
    resources: Resources, database_url: str
) -> None:
    product = await make_product()
    order = await make_order(await make_user(), (product, 1))
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM products WHERE id = $1 FOR UPDATE", product.id)
            assert await process(resources, order.id) is None
    finally:
        await holder.close()
    failure = await OrderFailure.get(order_id=order.id)
    assert failure.error == "LockNotAvailableError"
    assert 'in relation "products"' in failure.message


async def test_the_request_of_an_order_goes_along_with_every_message_about_it(client: Client) -> None:
    user, product = await make_user(), await make_product()
    body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": "1 Test Street"}
    answer = await client.v1("POST", "/orders", user=user, json=body)
    request_id, order_id = answer.headers["X-Request-ID"], answer.json()["id"]
    await Order.filter(id=order_id).update(due_at=timezone.now())
    assert await sweep(client.resources.settings) == [order_id]
    queued: Any = await client.resources.redis.xrange("tandem:tasks")
    messages = [orjson.loads(fields["data"].split(".", 2)[2]) for _, fields in queued]
    assert [(message["args"], message["labels"]["along"]) for message in messages] == [
        ([[order_id]], [request_id])
    ] * 2
    (event,) = await OrderEvent.filter(order_id=order_id)
    assert (event.request_id, event.worker, event.attempt) == (request_id, None, None)
    await client.v1("POST", f"/orders/{order_id}/cancel", user=user, headers={})
    assert len({row.request_id for row in await OrderEvent.filter(order_id=order_id)} - {None}) == 2
