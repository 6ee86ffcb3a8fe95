"""One lock holds nobody but those who want what is locked: whoever holds it, and for however long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from tortoise import timezone

from core.resources import Resources
from models import IdempotencyKey, Order, OrderStatus, Product, Session, User
from models.orders import EVENT_LOG_LOCK
from tasks.order_batches import OrderBatches
from tasks.orders import process
from tasks.schedule import sweep
from tests.client import Client
from tests.factories import make_order, make_product, make_token, make_user
from tests.servers import SECONDS, until

pytestmark = pytest.mark.anyio

#: More than a process has connections.
MANY = 30
CREATE_ORDER = """
mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } errors { code } } }
"""

LOCKS = {
    "product": "SELECT FROM products WHERE id = $1 FOR UPDATE",
    "user": "SELECT FROM users WHERE id = $2 FOR UPDATE",
    "log": f"SELECT pg_advisory_xact_lock({EVENT_LOG_LOCK}, $2)",
}


@asynccontextmanager
async def held(database_url: str, lock: str, *values: object) -> AsyncIterator[asyncpg.Connection]:
    """Hold a lock as a long transaction elsewhere would."""
    blocker = await asyncpg.connect(database_url)
    try:
        async with blocker.transaction():
            await blocker.execute(lock, *values)
            yield blocker
    finally:
        await blocker.close()


async def place(client: Client, face: str, token: str, product: Product, key: str | None = None) -> str:
    """Place an order through a face and return its id there."""
    if face == "rest":
        body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": "1 Test Street"}
        headers = {"Idempotency-Key": key} if key else {}
        answer = await client.v1("POST", "/orders", token=token, json=body, headers=headers)
        assert answer.status_code == 201
        return str(answer.json()["id"])
    listed = await client.graphql("{ products(first: 100) { nodes { id name } } }", token=token)
    (id_,) = [node["id"] for node in listed.data["products"]["nodes"] if node["name"] == product.name]
    values: dict[str, Any] = {
        "items": [{"productId": id_, "quantity": 1}],
        "shippingAddress": "1 Test Street",
    }
    placed = await client.graphql(
        CREATE_ORDER, {"input": values | ({"idempotencyKey": key} if key else {})}, token=token
    )
    assert placed.data["createOrder"]["errors"] == []
    return str(placed.data["createOrder"]["order"]["id"])


def lock_of(kind: str, product: Product, user: User) -> tuple[str, tuple[int, ...]]:
    value = product.id if kind == "product" else user.id
    return LOCKS[kind].replace("$2", "$1"), (value,)


@pytest.mark.parametrize("face", ["rest", "graphql"])
@pytest.mark.parametrize("kind", LOCKS)
async def test_orders_wait_for_nobody_elses_lock(
    client: Client, database_url: str, kind: str, face: str
) -> None:
    wanted, other = await make_product(), await make_product()
    buyer, stranger = await make_user(), await make_user()
    # Signing in would write to the locked user's row.
    mine, theirs = [await make_token(client.resources, user) for user in (buyer, stranger)]
    lock, values = lock_of(kind, wanted, buyer)
    async with asyncio.timeout(SECONDS):
        async with held(database_url, lock, *values) as blocker:
            # Each key twice: what is tried again and again is placed once.
            waiting = [
                asyncio.create_task(place(client, "rest", mine, wanted, f"key {number // 2}"))
                for number in range(MANY)
            ]
            placed = []
            for _ in range(3):
                together = [asyncio.create_task(place(client, face, theirs, other)) for _ in range(5)]
                waiting.append(asyncio.create_task(place(client, "rest", mine, wanted)))
                placed += await asyncio.gather(*together)
            assert len(set(placed)) == 15
            assert await blocker.fetchval("SELECT count(*) FROM orders") == 15
            assert not any(task.done() for task in waiting)
        keyed = await asyncio.gather(*waiting)
    assert len(set(keyed)) == MANY // 2 + 3
    assert await Order.all().count() == 15 + MANY // 2 + 3
    assert await IdempotencyKey.all().count() == MANY // 2


async def test_an_order_whose_client_has_left_is_not_placed_when_the_lock_is_gone(
    client: Client, database_url: str
) -> None:
    product, buyer = await make_product(), await make_user()
    token = await make_token(client.resources, buyer)
    lock, values = lock_of("product", product, buyer)
    before = asyncio.all_tasks()
    async with held(database_url, lock, *values) as blocker:
        waiting = asyncio.create_task(place(client, "rest", token, product))
        await until(lambda: _is_waiting(blocker))
        waiting.cancel()
        await asyncio.wait([waiting])
        await until(lambda: not (asyncio.all_tasks() - before))
    assert await Order.all().count() == 0


async def _is_waiting(blocker: asyncpg.Connection) -> bool:
    return bool(
        await blocker.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    )


WORKER_LOCKS = {**LOCKS, "order": "SELECT FROM orders WHERE user_id = $1 FOR UPDATE"}


@pytest.mark.parametrize("kind", WORKER_LOCKS)
async def test_workers_settle_all_but_what_is_locked(
    resources: Resources, database_url: str, kind: str
) -> None:
    free, wanted = await make_product(on_hand=200), await make_product(on_hand=200)
    buyer, stranger = await make_user(), await make_user()
    blocked = [(await make_order(buyer, (wanted, 1))).id for _ in range(MANY)]
    others = [(await make_order(stranger, (free, 1))).id for _ in range(MANY)]
    mixed = [order_id for pair in zip(blocked, others, strict=True) for order_id in pair]
    lock = WORKER_LOCKS[kind].replace("$2", "$1")
    batches = OrderBatches(resources)
    async with asyncio.timeout(SECONDS):
        async with held(database_url, lock, wanted.id if kind == "product" else buyer.id):
            await asyncio.gather(*(batches.process(mixed[start : start + 4]) for start in range(0, 60, 4)))
            await settle_all(batches, others)
            assert await Order.filter(user_id=buyer.id, status__in=["pending", "processing"]).count() == MANY
            # What comes later is not held up by it either.
            late = await make_order(stranger, (free, 1))
            await settle_all(batches, [late.id])
        # Nothing is lost: each of them is found by the sweep when its pause is over.
        assert await Order.filter(user_id=buyer.id, due_at__isnull=True).count() == 0
        await Order.filter(user_id=buyer.id).update(due_at=timezone.now() - timedelta(seconds=1))
        assert sorted(await sweep(resources.settings) or []) == blocked
        await Order.filter(user_id=buyer.id).update(due_at=timezone.now() - timedelta(seconds=1))
        assert await batches.process(blocked) == [OrderStatus.COMPLETED] * MANY
    await wanted.refresh_from_db()
    assert wanted.on_hand == 200 - MANY


async def settle_all(batches: OrderBatches, order_ids: list[int]) -> None:
    """Go on until all are completed; on a slow machine one may be put off for what is settled beside it."""
    mine = Order.filter(id__in=order_ids)
    while await mine.filter(status=OrderStatus.COMPLETED).count() < len(order_ids):
        await mine.filter(status=OrderStatus.PROCESSING).update(due_at=timezone.now() - timedelta(seconds=1))
        await batches.process(order_ids)


async def test_an_order_of_several_products_gives_back_what_it_could_lock(
    resources: Resources, database_url: str
) -> None:
    """Products are locked in the order of their ids: the first of them must not wait for the last."""
    first, last, buyer = await make_product(), await make_product(), await make_user()
    both = await make_order(buyer, (first, 1), (last, 1))
    alone = await make_order(buyer, (first, 1))
    async with asyncio.timeout(SECONDS), held(database_url, LOCKS["product"], last.id):
        assert await process(resources, both.id) is None
        assert await process(resources, alone.id) is OrderStatus.COMPLETED
    await both.refresh_from_db()
    assert (both.status, both.attempts) == (OrderStatus.PROCESSING, 1)


async def test_the_sweep_goes_around_what_is_locked(resources: Resources, database_url: str) -> None:
    user, product = await make_user(), await make_product()
    overdue = await make_order(user, (product, 1), due_at=timezone.now() - timedelta(seconds=1))
    old = timezone.now() - timedelta(days=2)
    for number in range(2):
        await Session.create(
            id=uuid4(), user_id=user.id, token_hash="0" * 64, user_agent=f"{number}", expires_at=old
        )
        await IdempotencyKey.create(
            user_id=user.id, key=f"{number}", request_hash="0" * 64, order_id=overdue.id, expires_at=old
        )
    async with (
        asyncio.timeout(SECONDS),
        held(database_url, "SELECT FROM sessions WHERE user_agent = '0' FOR UPDATE") as blocker,
    ):
        await blocker.execute("SELECT FROM idempotency_keys WHERE key = '0' FOR UPDATE")
        assert await sweep(resources.settings) == [overdue.id]
    assert [session.user_agent for session in await Session.all()] == ["0"]
    assert [key.key for key in await IdempotencyKey.all()] == ["0"]
