"""The sweep: what it sends again, what it forgets, and that one at a time does it."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from tortoise import timezone

from core.resources import Resources
from core.settings import Settings
from engine.cancellation import cancel_and_wait
from models import (
    ApiUsage,
    IdempotencyKey,
    OneTimeToken,
    Order,
    OrderItem,
    OrderStatus,
    Session,
    TokenPurpose,
    User,
)
from models.advisory_locks import AdvisoryLock
from tasks.orders import process
from tasks.schedule import run_sweep, sweep
from tests.client import Client
from tests.factories import make_order, make_product, make_user

pytestmark = pytest.mark.anyio

QUEUE = "tandem:tasks"


def ago(**values: float) -> datetime:
    return timezone.now() - timedelta(**values)


async def test_overdue_pending_orders_are_sent_again_and_put_off(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    overdue = await make_order(user, (product, 1), due_at=ago(seconds=1))
    await make_order(user, (product, 1))
    await make_order(user, (product, 1), status=OrderStatus.CANCELLED)

    assert await sweep(resources.settings) == [overdue.id]

    assert await resources.redis.xlen(QUEUE) == 1
    await overdue.refresh_from_db()
    assert overdue.due_at is not None
    assert overdue.due_at > timezone.now()
    assert await sweep(resources.settings) == []


async def test_an_expired_lease_is_sent_again_and_stays_claimable(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    lost = await make_order(
        user, (product, 1), status=OrderStatus.PROCESSING, attempts=1, due_at=ago(seconds=1)
    )
    await make_order(user, (product, 1), status=OrderStatus.PROCESSING, attempts=1)

    assert await sweep(resources.settings) == [lost.id]

    assert await process(resources, lost.id) is OrderStatus.COMPLETED


async def test_the_longest_overdue_come_first(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.schedule.MAX_OVERDUE", 2)
    monkeypatch.setattr("tasks.schedule.MIN_OVERDUE", 2)
    user, product = await make_user(), await make_product()
    due = [await make_order(user, (product, 1), due_at=ago(seconds=seconds)) for seconds in (1, 3, 2)]
    assert sorted(await sweep(resources.settings) or []) == [due[1].id, due[2].id]
    assert await sweep(resources.settings) == [due[0].id]


async def test_as_many_are_sent_as_the_queue_has_room_for(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Redis came back without its messages all go at once; messages that only wait do not multiply."""
    monkeypatch.setattr("tasks.schedule.MAX_OVERDUE", 6)
    monkeypatch.setattr("tasks.schedule.MIN_OVERDUE", 2)
    monkeypatch.setattr("tasks.schedule.MAX_BATCH", 1)
    user, product = await make_user(), await make_product()
    orders = [await make_order(user, (product, 1), due_at=ago(seconds=60 - place)) for place in range(11)]
    ids = [order.id for order in orders]
    assert [sorted(await sweep(resources.settings) or []) for _ in range(4)] == [
        ids[:6],
        ids[6:8],
        ids[8:10],
        ids[10:],
    ]


async def test_one_process_at_a_time_sweeps(resources: Resources, database_url: str) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1), due_at=ago(seconds=1))
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            assert await other.fetchval("SELECT pg_try_advisory_xact_lock($1)", AdvisoryLock.SWEEP)
            assert await sweep(resources.settings) is None
            assert await resources.redis.xlen(QUEUE) == 0
    finally:
        await other.close()
    assert await sweep(resources.settings) == [order.id]


async def test_expired_keys_sessions_and_tokens_are_forgotten(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1))
    for key, expires_at in (("old", ago(seconds=1)), ("live", ago(hours=-1))):
        await IdempotencyKey.create(
            user_id=user.id, key=key, request_hash="0" * 64, order_id=order.id, expires_at=expires_at
        )
    for name, expires_at in (("old", ago(hours=25)), ("ended", ago(hours=1)), ("live", ago(hours=-1))):
        await Session.create(
            id=uuid4(), user_id=user.id, token_hash="0" * 64, user_agent=name, expires_at=expires_at
        )
    for name, expires_at in (("old", ago(seconds=1)), ("live", ago(hours=-1))):
        holder = await make_user()
        await OneTimeToken.create(
            token_hash=name, user_id=holder.id, purpose=TokenPurpose.PASSWORD_RESET, expires_at=expires_at
        )

    await sweep(resources.settings)

    assert [key.key for key in await IdempotencyKey.all()] == ["live"]
    assert {session.user_agent for session in await Session.all()} == {"ended", "live"}
    assert [token.token_hash for token in await OneTimeToken.all()] == ["live"]


async def test_it_is_forgotten_who_called_what(resources: Resources) -> None:
    today = datetime.now(UTC).date()
    for days in (400, 401, 402):
        day = today - timedelta(days=days)
        await ApiUsage.create(day=day, client="shop", operation="listOrders", calls=1)
    for left in ([400, 401], [400], [400]):
        await sweep(resources.settings)
        kept = await ApiUsage.all().order_by("-day")
        assert [(today - row.day).days for row in kept] == left


async def test_addresses_end_a_while_after_their_owner_is_deleted(resources: Resources) -> None:
    settings = resources.settings.model_copy(update={"deleted_address_days": 30})
    product = await make_product()
    gone, lately, here = [await make_user() for _ in range(3)]
    final = {"status": OrderStatus.COMPLETED, "total": 1_000}
    orders = {
        user.id: await make_order(user, (product, 1), **final, reference="4711")
        for user in (gone, lately, here)
    }
    waiting = await make_order(gone, (product, 1))
    # An address may have ended before, as that of any old order.
    named = await make_order(gone, (product, 1), **final, shipping_address="", reference="4712")
    await User.filter(id=gone.id).update(deleted_at=ago(days=31))
    await User.filter(id=lately.id).update(deleted_at=ago(days=29))

    await sweep(settings)

    left = {order.user_id: await Order.get(id=order.id) for order in orders.values()}
    kept = {user_id: (order.shipping_address, order.reference) for user_id, order in left.items()}
    there = ("1 Test Street", "4711")
    assert kept == {gone.id: ("", None), lately.id: there, here.id: there}
    assert (await Order.get(id=named.id)).reference is None
    erased = await Order.get(id=orders[gone.id].id)
    assert (erased.status, erased.total, erased.version) == (OrderStatus.COMPLETED, 1_000, 2)
    assert await OrderItem.filter(order_id=erased.id).count() == 1
    # An open order keeps its address, and its owner's orders are looked at again until it is final.
    assert (await Order.get(id=waiting.id)).shipping_address == "1 Test Street"
    assert (await User.get(id=gone.id)).erased_at is None
    await Order.filter(id=waiting.id).update(status=OrderStatus.CANCELLED, due_at=None)
    await sweep(settings)
    assert (await Order.get(id=waiting.id)).shipping_address == ""
    assert (await User.get(id=gone.id)).erased_at is not None
    assert await User.filter(erased_at=None).count() == 2
    # Once erased, an order does not change any more.
    await sweep(settings)
    assert (await Order.get(id=erased.id)).version == 2


async def test_addresses_of_old_orders_end_where_that_is_set(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    old = await make_order(user, (product, 1), status=OrderStatus.COMPLETED, reference="4711")
    fresh = await make_order(user, (product, 1), status=OrderStatus.COMPLETED)
    waiting = await make_order(user, (product, 1))
    for order, days in ((old, 11), (fresh, 9), (waiting, 11)):
        await Order.filter(id=order.id).update(created_at=ago(days=400), updated_at=ago(days=days))
    await sweep(resources.settings)
    assert await Order.filter(shipping_address="").count() == 0
    await sweep(resources.settings.model_copy(update={"address_days": 10}))
    # The person is still there, and knows the order by its reference.
    assert [(order.id, order.reference) for order in await Order.filter(shipping_address="")] == [
        (old.id, "4711")
    ]


async def test_an_address_that_somebody_has_locked_waits_for_a_later_sweep(
    resources: Resources, database_url: str
) -> None:
    settings = resources.settings.model_copy(update={"deleted_address_days": 1, "address_days": 1})
    user, product = await make_user(), await make_product()
    orders = [await make_order(user, (product, 1), status=OrderStatus.COMPLETED) for _ in range(3)]
    await Order.all().update(updated_at=ago(days=2))
    await User.filter(id=user.id).update(deleted_at=ago(days=2))
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute("SELECT id FROM orders WHERE id = $1 FOR UPDATE", orders[1].id)
            await sweep(settings)
            assert [order.id for order in await Order.exclude(shipping_address="")] == [orders[1].id]
            assert (await User.get(id=user.id)).erased_at is None
    finally:
        await other.close()
    await sweep(settings)
    assert await Order.exclude(shipping_address="").count() == 0
    assert (await User.get(id=user.id)).erased_at is not None


@pytest.mark.usefixtures("broker_unavailable")
async def test_an_order_is_kept_when_no_worker_can_be_woken(client: Client) -> None:
    product = await make_product()
    body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": "1 Test Street"}
    answer = await client.v1("POST", "/orders", user=await make_user(), json=body)
    assert answer.status_code == 201
    order = await Order.get(id=answer.json()["id"])
    assert order.status is OrderStatus.PENDING
    assert order.due_at is not None
    assert order.due_at > timezone.now()


@pytest.mark.usefixtures("broker_unavailable")
async def test_a_sweep_that_cannot_send_loses_nothing_and_does_not_say_it_has(
    resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    buyer, product = await make_user(), await make_product()
    orders = [await make_order(buyer, (product, 1), due_at=ago(seconds=1)) for _ in range(3)]
    with caplog.at_level(logging.INFO, "tandem.sweep"):
        assert await sweep(resources.settings) == []
    said = [record.getMessage() for record in caplog.records if record.name == "tandem.sweep"]
    assert said == ["Not sent, and left to a later sweep: 3 overdue orders"]
    for order in orders:
        await order.refresh_from_db()
        assert order.status is OrderStatus.PENDING
        assert order.due_at is not None


async def test_a_sweep_says_how_many_the_broker_has_taken(
    resources: Resources, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, product = await make_user(), await make_product()
    for _ in range(5):
        await make_order(buyer, (product, 1), due_at=ago(seconds=1))
    tried: list[int] = []

    async def enqueue_one(order_ids: Sequence[int], **_: Any) -> bool:
        tried.append(len(order_ids))
        return len(tried) < 2

    monkeypatch.setattr("tasks.schedule.MAX_BATCH", 2)
    monkeypatch.setattr("tasks.schedule.enqueue_orders", enqueue_one)
    with caplog.at_level(logging.INFO, "tandem.sweep"):
        assert len(await sweep(resources.settings) or []) == 2
    assert tried == [2, 2]  # what one message shows need not be tried with all
    assert [record.getMessage() for record in caplog.records] == [
        "Sent 2 overdue orders to the workers again",
        "Not sent, and left to a later sweep: 3 overdue orders",
    ]


@pytest.mark.parametrize(
    ("fault", "has_trace"),
    [
        (ConnectionError("the database is away"), False),
        (asyncpg.CannotConnectNowError("the database system is shutting down"), False),
        (asyncpg.InvalidPasswordError("password authentication failed"), False),
        (KeyError("a mistake of ours"), True),
    ],
)
async def test_the_sweep_goes_on_after_a_fault(
    fault: Exception,
    has_trace: bool,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks: list[int] = []
    again = asyncio.Event()

    async def faulty(_: Settings) -> list[int]:
        looks.append(1)
        if len(looks) == 1:
            raise fault
        if len(looks) == 4:
            again.set()
        return []

    with caplog.at_level(logging.WARNING, "tandem.sweep"):
        sweeping = asyncio.create_task(run_sweep(settings.model_copy(update={"sweep_seconds": 0.01}), faulty))
        try:
            async with asyncio.timeout(10):
                await again.wait()
        finally:
            await cancel_and_wait(sweeping)
    # What passes by itself is said in a line; only our own mistakes need a trace.
    assert [bool(record.exc_info) for record in caplog.records] == [has_trace, False]
    assert caplog.records[1].getMessage() == "The sweep works again"
