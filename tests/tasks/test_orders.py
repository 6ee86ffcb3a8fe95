"""Processing: what an order comes to, what it takes, and what happens when workers get into each other's way."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio import Redis
from tortoise import timezone
from tortoise.functions import Sum

from core.resources import Resources
from core.settings import Settings
from engine.postgres import fetch
from models import (
    FailureCode,
    MovementReason,
    Order,
    OrderEvent,
    OrderItem,
    OrderStatus,
    Product,
    StockMovement,
)
from tasks.claims import claim_again
from tasks.orders import process, process_all
from tests.client import Client
from tests.factories import make_order, make_product, make_user
from tests.log_lines import logged_lines

pytestmark = pytest.mark.anyio


async def history(order: Order) -> list[OrderStatus]:
    return [event.status for event in await OrderEvent.filter(order_id=order.id).order_by("id")]


async def on_hand(product: Product) -> int:
    """The stock of a product, which its ledger must confirm."""
    await product.refresh_from_db()
    (total,) = await StockMovement.filter(product_id=product.id).annotate(sum=Sum("delta")).values("sum")
    assert product.on_hand == (total["sum"] or 0)
    return product.on_hand


async def expire_lease(order: Order) -> None:
    await Order.filter(id=order.id).update(due_at=timezone.now() - timedelta(seconds=1))


class PublishingRedis(Redis):
    """A client that does something before each event is published."""

    def __init__(self, redis: Redis, before: Callable[[], Awaitable[object]]) -> None:
        super().__init__(connection_pool=redis.connection_pool)
        self._before = before

    async def eval(self, *arguments: Any) -> Any:
        await self._before()
        answer: Any = super().eval(*arguments)
        return await answer


def after_claim(
    monkeypatch: pytest.MonkeyPatch, resources: Resources, act: Callable[[], Awaitable[object]]
) -> None:
    """Do something once, after the next claim, which is published, and before its order is settled."""
    acts = [act]

    async def act_once() -> None:
        if acts:
            await acts.pop()()

    monkeypatch.setattr(resources, "redis", PublishingRedis(resources.redis, act_once))


async def make_faulty_order() -> Order:
    """Store an order whose total is larger than the database can hold, so that reading it fails."""
    product = await make_product(price=10**13, on_hand=10**6)
    return await make_order(await make_user(), (product, 10**6))


async def test_a_completed_order_publishes_its_prices_and_takes_its_stock(resources: Resources) -> None:
    mug, kettle = await make_product(price=1_450, on_hand=5), await make_product(price=8_900, on_hand=2)
    order = await make_order(await make_user(), (mug, 3), (kettle, 1))

    assert await process(resources, order.id) is OrderStatus.COMPLETED

    order = await Order.get(id=order.id)
    assert (order.status, order.total, order.attempts) == (OrderStatus.COMPLETED, 13_250, 1)
    assert [order.due_at, order.failure_code] == [None, None]
    items = await OrderItem.filter(order_id=order.id).order_by("id")
    assert [(item.product_id, item.unit_price) for item in items] == [(mug.id, 1_450), (kettle.id, 8_900)]
    assert (await on_hand(mug), await on_hand(kettle)) == (2, 1)
    sales = await StockMovement.filter(reason=MovementReason.SALE).order_by("product_id")
    assert [(sale.product_id, sale.delta, sale.order_id, sale.actor_id) for sale in sales] == [
        (mug.id, -3, order.id, None),
        (kettle.id, -1, order.id, None),
    ]
    assert await history(order) == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.COMPLETED]


async def test_an_order_that_cannot_be_filled_takes_nothing(resources: Resources) -> None:
    plenty, scarce = await make_product(on_hand=100), await make_product(on_hand=1)
    order = await make_order(await make_user(), (plenty, 1), (scarce, 2))

    assert await process(resources, order.id) is OrderStatus.FAILED

    await order.refresh_from_db()
    assert (order.failure_code, order.total, order.due_at) == (FailureCode.OUT_OF_STOCK, 0, None)
    assert (await on_hand(plenty), await on_hand(scarce)) == (100, 1)
    assert not await OrderItem.filter(order_id=order.id, unit_price__gt=0).exists()
    assert await history(order) == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.FAILED]
    last = await OrderEvent.filter(order_id=order.id).order_by("-id").first()
    assert last is not None
    assert last.failure_code is FailureCode.OUT_OF_STOCK


@pytest.mark.parametrize(
    ("second", "status", "left"), [(2, OrderStatus.COMPLETED, 0), (3, OrderStatus.FAILED, 5)]
)
async def test_items_of_the_same_product_are_summed(
    second: int, status: OrderStatus, left: int, resources: Resources
) -> None:
    product = await make_product(on_hand=5)
    order = await make_order(await make_user(), (product, 3), (product, second))
    assert await process(resources, order.id) is status
    assert await on_hand(product) == left


async def test_a_product_archived_meanwhile_is_not_sold(resources: Resources) -> None:
    product = await make_product(on_hand=5)
    order = await make_order(await make_user(), (product, 1))
    await Product.filter(id=product.id).update(archived_at=timezone.now())
    assert await process(resources, order.id) is OrderStatus.FAILED
    await order.refresh_from_db()
    assert order.failure_code is FailureCode.PRODUCT_UNAVAILABLE
    assert await on_hand(product) == 5


async def test_a_later_price_and_name_do_not_alter_the_bill(client: Client) -> None:
    product, buyer = await make_product(price=1_000, name="Mug"), await make_user()
    body = {"items": [{"product_id": product.id, "quantity": 2}], "shipping_address": "1 Test Street"}
    placed = (await client.v1("POST", "/orders", user=buyer, json=body)).json()
    await Product.filter(id=product.id).update(price=99_999, name="Golden mug")

    await process(client.resources, placed["id"])

    assert (await Order.get(id=placed["id"])).total == 2_000
    item = await OrderItem.get(order_id=placed["id"])
    assert (item.unit_price, item.product_name) == (1_000, "Mug")


async def test_an_order_cancelled_before_it_is_claimed_stays_cancelled(client: Client) -> None:
    product, buyer = await make_product(on_hand=5), await make_user()
    order = await make_order(buyer, (product, 1))
    assert (await client.v1("POST", f"/orders/{order.id}/cancel", user=buyer)).status_code == 200
    assert await process(client.resources, order.id) is None
    assert await on_hand(product) == 5


async def test_an_order_cancelled_while_it_is_processed_takes_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, buyer = await make_product(on_hand=5), await make_user()
    order = await make_order(buyer, (product, 1))
    after_claim(
        monkeypatch, client.resources, lambda: client.v1("POST", f"/orders/{order.id}/cancel", user=buyer)
    )

    assert await process(client.resources, order.id) is None

    await order.refresh_from_db()
    assert (order.status, order.total) == (OrderStatus.CANCELLED, 0)
    assert await on_hand(product) == 5
    assert await history(order) == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.CANCELLED]


async def test_nobody_else_claims_an_order_while_its_lease_runs(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = await make_product(on_hand=5)
    order = await make_order(await make_user(), (product, 1))
    others: list[OrderStatus | None] = []

    async def compete() -> None:
        others.append(await process(resources, order.id))

    after_claim(monkeypatch, resources, compete)
    assert await process(resources, order.id) is OrderStatus.COMPLETED
    assert others == [None]
    assert await on_hand(product) == 4


async def test_a_worker_that_outlives_its_lease_finds_the_order_gone(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = await make_product(on_hand=5)
    order = await make_order(await make_user(), (product, 1))
    others: list[OrderStatus | None] = []

    async def take_over() -> None:
        await expire_lease(order)
        others.append(await process(resources, order.id))

    after_claim(monkeypatch, resources, take_over)
    assert await process(resources, order.id) is None

    assert others == [OrderStatus.COMPLETED]
    await order.refresh_from_db()
    assert (order.attempts, order.total) == (1, 1_000)
    assert await on_hand(product) == 4
    assert await history(order) == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.COMPLETED]


async def test_a_second_claim_shuts_the_first_out_before_it_settles(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker goes on while the second holds the order: only the newer attempt may settle."""
    product = await make_product(on_hand=5)
    order = await make_order(await make_user(), (product, 1))

    async def claim_only() -> None:
        await expire_lease(order)
        await Order.filter(id=order.id).update(attempts=2, due_at=timezone.now() + timedelta(minutes=1))

    after_claim(monkeypatch, resources, claim_only)
    assert await process(resources, order.id) is None
    await order.refresh_from_db()
    assert order.status is OrderStatus.PROCESSING
    assert await on_hand(product) == 5


async def test_a_fault_may_last_for_hours_before_an_order_is_given_up(resources: Resources) -> None:
    order = await make_faulty_order()
    pauses = []
    while await process(resources, order.id) is None:
        (pause,) = await fetch("SELECT due_at - now() AS pause FROM orders WHERE id = $1", [order.id])
        pauses.append(pause["pause"].total_seconds())
        await expire_lease(order)
    # Whatever passes within some minutes costs an order no more than some minutes.
    assert all(pause <= min(2 ** (number + 1), 600) for number, pause in enumerate(pauses))
    assert sum(pauses) > 3 * 3600
    await order.refresh_from_db()
    assert order.failure_code is FailureCode.PROCESSING_ERROR


async def test_the_lease_of_an_order_that_is_tried_again_grows_too(resources: Resources) -> None:
    """A worker that ends with its order says nothing: what it would have said is in the lease."""
    order = await make_faulty_order()
    lease = resources.settings.order_lease_seconds
    for attempts, seconds in ((1, lease), (4, 32), (7, 256), (29, 600)):
        await Order.filter(id=order.id).update(status=OrderStatus.PROCESSING, attempts=attempts)
        await expire_lease(order)
        assert await claim_again(resources.settings, order.id) is not None
        await order.refresh_from_db()
        assert order.due_at is not None
        assert order.due_at - order.updated_at == timedelta(seconds=seconds)


@pytest.mark.parametrize(("attempts", "longest"), [(0, 2), (98, 600)])
async def test_a_fault_is_tried_again_later_and_takes_nothing(
    attempts: int, longest: int, settings: Settings, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = settings.model_copy(update={"order_max_attempts": 100})
    monkeypatch.setattr(resources, "settings", patient)
    order = await make_faulty_order()
    await Order.filter(id=order.id).update(attempts=attempts)
    assert await process(resources, order.id) is None
    await order.refresh_from_db()
    assert order.status is OrderStatus.PROCESSING
    assert order.due_at is not None
    assert timedelta(0) < order.due_at - timezone.now() <= timedelta(seconds=longest)
    item = await OrderItem.get(order_id=order.id)
    product = await Product.get(id=item.product_id)
    assert await on_hand(product) == 10**6

    await OrderItem.filter(id=item.id).update(accepted_price=1_000)
    assert await process(resources, order.id) is None  # not yet
    await expire_lease(order)
    assert await process(resources, order.id) is OrderStatus.COMPLETED
    assert await on_hand(product) == 0


async def test_an_order_that_always_faults_fails_in_the_end(resources: Resources) -> None:
    order = await make_faulty_order()
    for _ in range(resources.settings.order_max_attempts):
        assert await process(resources, order.id) is None
        await expire_lease(order)

    assert await process(resources, order.id) is OrderStatus.FAILED

    await order.refresh_from_db()
    assert order.failure_code is FailureCode.PROCESSING_ERROR
    item = await OrderItem.get(order_id=order.id)
    assert await on_hand(await Product.get(id=item.product_id)) == 10**6
    assert await history(order) == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.FAILED]


async def test_the_same_task_twice_is_harmless(resources: Resources) -> None:
    product = await make_product(on_hand=5)
    order = await make_order(await make_user(), (product, 1))
    outcomes = await asyncio.gather(*(process(resources, order.id) for _ in range(5)))
    assert [outcome for outcome in outcomes if outcome] == [OrderStatus.COMPLETED]
    assert await process(resources, order.id) is None
    assert await on_hand(product) == 4
    assert await process(resources, 999_999) is None


async def test_orders_of_the_same_products_in_any_order_do_not_deadlock(resources: Resources) -> None:
    first, second = await make_product(on_hand=12), await make_product(on_hand=100)
    buyer = await make_user()
    placed = [
        await make_order(buyer, *([(first, 1), (second, 1)] if number % 2 else [(second, 1), (first, 1)]))
        for number in range(20)
    ]
    outcomes = await asyncio.gather(*(process(resources, order.id) for order in placed))
    assert sorted(filter(None, outcomes)) == [OrderStatus.COMPLETED] * 12 + [OrderStatus.FAILED] * 8
    assert (await on_hand(first), await on_hand(second)) == (0, 88)
    assert await Order.filter(attempts=1).count() == 20


async def test_orders_stay_in_each_status_where_workers_pause(
    client: Client, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = resources.settings.model_copy(update={"order_pause_seconds": 7})
    monkeypatch.setattr(resources, "settings", slow)
    user, product = await make_user(), await make_product(on_hand=10)
    watched, cancelled = [await make_order(user, (product, 1)) for _ in range(2)]
    seen: list[tuple[float, OrderStatus]] = []

    async def look(seconds: float) -> None:
        await watched.refresh_from_db()
        seen.append((seconds, watched.status))
        if watched.status is OrderStatus.PROCESSING:
            path = f"/orders/{cancelled.id}/cancel"
            assert (await client.v1("POST", path, user=user)).status_code == 200

    monkeypatch.setattr("tasks.order_batches.asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": look}))
    assert await process_all(resources, [watched.id, cancelled.id]) == [OrderStatus.COMPLETED, None]
    assert seen == [(7, OrderStatus.PENDING), (7, OrderStatus.PROCESSING)]
    assert await history(cancelled) == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.CANCELLED]
    assert await on_hand(product) == 9


async def test_each_order_that_is_settled_has_a_line_with_fields(resources: Resources) -> None:
    user, product = await make_user(), await make_product(on_hand=1)
    sold = await make_order(user, (product, 1))
    failed = await make_order(user, (product, 1))
    tried = await make_order(
        user,
        (product, 1),
        status=OrderStatus.PROCESSING,
        attempts=2,
        due_at=timezone.now() - timedelta(hours=1),
    )
    with logged_lines() as lines:
        await process_all(resources, [sold.id, failed.id, tried.id])
        await process_all(resources, [sold.id])
    settled = [line for line in lines.of("tandem.orders") if line["message"] == "Order settled"]
    assert all(0 <= line.pop("milliseconds") < 60_000 for line in settled)
    assert len({line.pop("worker") for line in settled}) == 1
    assert settled == [
        {"message": "Order settled", "order_id": order.id, "outcome": outcome, "attempt": attempt}
        for order, outcome, attempt in [(sold, "completed", 1), (failed, "failed", 1), (tried, "failed", 3)]
    ]
