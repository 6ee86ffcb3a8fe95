"""Orders processed together come to the same as orders processed one by one."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from tortoise import timezone
from tortoise.functions import Sum

from core.resources import Resources
from engine.cancellation import cancel_and_wait
from engine.postgres import record_statements
from models import FailureCode, Order, OrderEvent, OrderFailure, OrderStatus, Product, StockMovement
from tasks.claims import Claim
from tasks.events import order_channel, orders_channel
from tasks.held_products import unchanged
from tasks.order_batches import OrderBatches, Wanted
from tasks.orders import process, process_all
from tasks.settlement import AWAIT_PRODUCT, Settled, read_locked, settle
from tests.client import Client
from tests.factories import make_order, make_product, make_user
from tests.servers import SECONDS, until
from tests.tasks.test_orders import PublishingRedis, after_claim, expire_lease, history, on_hand

pytestmark = pytest.mark.anyio

COMPLETED, FAILED = OrderStatus.COMPLETED, OrderStatus.FAILED
STEPS = [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.COMPLETED]


def ids(placed: Sequence[Order]) -> list[int]:
    return [order.id for order in placed]


async def test_first_come_first_served_and_each_gets_all_or_nothing(resources: Resources) -> None:
    scarce, plenty, buyer = await make_product(on_hand=5), await make_product(on_hand=100), await make_user()
    placed = [await make_order(buyer, (plenty, 1), (scarce, quantity)) for quantity in (3, 3, 2, 1)]

    assert await process_all(resources, ids(placed)) == [COMPLETED, FAILED, COMPLETED, FAILED]

    assert (await on_hand(scarce), await on_hand(plenty)) == (0, 98)
    found = [await Order.get(id=order.id) for order in placed]
    assert [order.total for order in found] == [4_000, 0, 3_000, 0]
    assert [order.failure_code for order in found] == [None, FailureCode.OUT_OF_STOCK] * 2
    assert {order.attempts for order in found} == {1}
    assert [await history(order) for order in (placed[0], placed[2])] == [STEPS, STEPS]
    sales = await StockMovement.filter(reason="sale").order_by("order_id", "product_id")
    assert [(sale.order_id, sale.product_id, sale.delta) for sale in sales] == [
        (order.id, product.id, delta)
        for order, taken in ((placed[0], -3), (placed[2], -2))
        for product, delta in sorted([(scarce, taken), (plenty, -1)], key=lambda pair: pair[0].id)
    ]


async def test_every_order_comes_to_what_its_own_products_allow(resources: Resources) -> None:
    good, archived, sold_out = [await make_product(on_hand=stock) for stock in (9, 9, 0)]
    buyer = await make_user()
    placed = [await make_order(buyer, (product, 1)) for product in (archived, good, sold_out)]
    cancelled = await make_order(buyer, (good, 1), status=OrderStatus.CANCELLED)
    await Product.filter(id=archived.id).update(archived_at=timezone.now())

    outcomes = await process_all(resources, [*ids(placed), cancelled.id, 999_999, placed[1].id])

    assert outcomes == [FAILED, COMPLETED, FAILED, None, None, COMPLETED]
    codes = [(await Order.get(id=order.id)).failure_code for order in placed]
    assert codes == [FailureCode.PRODUCT_UNAVAILABLE, None, FailureCode.OUT_OF_STOCK]
    assert await on_hand(good) == 8


async def place(client: Client, buyer: Any, product: Product, quantity: int) -> int:
    body = {"items": [{"product_id": product.id, "quantity": quantity}], "shipping_address": "1 Test Street"}
    answer = await client.v1("POST", "/orders", user=buyer, json=body)
    assert answer.status_code == 201
    return int(answer.json()["id"])


async def test_a_poison_order_fails_alone(client: Client) -> None:
    """Its total is larger than the database can hold, so the statement of the whole batch fails."""
    mug, moon, buyer = (
        await make_product(),
        await make_product(price=10**13, on_hand=10**6),
        await make_user(),
    )
    placed = [await place(client, buyer, *item) for item in ((mug, 1), (moon, 10**6), (mug, 2))]
    attempts = client.resources.settings.order_max_attempts

    assert await process_all(client.resources, placed) == [COMPLETED, None, COMPLETED]
    poison = await Order.get(id=placed[1])
    assert (poison.status, poison.attempts) == (OrderStatus.PROCESSING, 1)
    for _ in range(attempts - 1):
        await expire_lease(poison)
        assert await process(client.resources, poison.id) is None
    await expire_lease(poison)
    placed.append(await place(client, buyer, mug, 3))
    assert await process_all(client.resources, placed) == [None, FAILED, None, COMPLETED]

    await poison.refresh_from_db()
    assert (poison.failure_code, poison.attempts) == (FailureCode.PROCESSING_ERROR, attempts + 1)
    assert (await on_hand(mug), await on_hand(moon)) == (94, 10**6)


async def test_an_order_cancelled_during_its_batch_takes_nothing_and_the_others_go_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, buyer = await make_product(on_hand=3), await make_user()
    placed = [await make_order(buyer, (product, 1)) for _ in range(4)]
    after_claim(
        monkeypatch, client.resources, lambda: client.v1("POST", f"/orders/{placed[1].id}/cancel", user=buyer)
    )

    outcomes = await process_all(client.resources, ids(placed))

    assert outcomes == [COMPLETED, None, COMPLETED, COMPLETED]
    assert await history(placed[1]) == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.CANCELLED]
    assert await on_hand(product) == 0


async def test_an_order_that_another_worker_took_over_is_left_to_it(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, buyer = await make_product(on_hand=5), await make_user()
    placed = [await make_order(buyer, (product, 1)) for _ in range(3)]

    async def take_over() -> None:
        await Order.filter(id=placed[0].id).update(attempts=2)

    after_claim(monkeypatch, resources, take_over)
    assert await process_all(resources, ids(placed)) == [None, COMPLETED, COMPLETED]
    assert (await Order.get(id=placed[0].id)).status is OrderStatus.PROCESSING
    assert await on_hand(product) == 3


async def test_two_workers_at_once_share_the_orders(resources: Resources) -> None:
    product, buyer = await make_product(on_hand=25), await make_user()
    placed = ids([await make_order(buyer, (product, 1)) for _ in range(40)])

    halves = await asyncio.gather(
        process_all(resources, placed), process_all(resources, placed[::-1]), process_all(resources, placed)
    )

    outcomes = [status for half in halves for status in half if status is not None]
    assert sorted(outcomes) == [COMPLETED] * 25 + [FAILED] * 15
    assert await Order.filter(attempts=1).count() == 40
    assert await OrderEvent.filter(status=OrderStatus.PROCESSING).count() == 40
    assert await on_hand(product) == 0


async def test_batches_of_shuffled_products_do_not_deadlock(resources: Resources) -> None:
    shuffled = random.Random(7)
    products = [await make_product(on_hand=1_000) for _ in range(6)]
    buyers = [await make_user() for _ in range(3)]
    placed = [
        await make_order(shuffled.choice(buyers), *((product, 1) for product in shuffled.sample(products, 4)))
        for _ in range(60)
    ]
    shuffled.shuffle(placed)

    outcomes = await asyncio.gather(
        *(process_all(resources, ids(placed[start : start + 10])) for start in range(0, 60, 10))
    )

    assert [status for batch in outcomes for status in batch] == [COMPLETED] * 60
    assert await Order.filter(attempts=1).count() == 60
    assert sum([1_000 - await on_hand(product) for product in products]) == 240


async def test_a_batch_costs_as_many_statements_as_one_order(resources: Resources) -> None:
    product, buyer = await make_product(), await make_user()
    placed = ids([await make_order(buyer, (product, 1)) for _ in range(21)])
    counts = []
    for some in (placed[:1], placed[1:]):
        with record_statements() as statements:
            await OrderBatches(resources).process_batch([Wanted(order_id) for order_id in some])
        counts.append([statement.split()[0] for statement in statements])
    # Claim; begin, hold, lock the products, write, commit.
    assert counts == [["WITH", "BEGIN;", "WITH", "WITH", "WITH", "COMMIT;"]] * 2


@pytest.mark.parametrize(("stock", "status"), [(1_000, COMPLETED), (0, FAILED)])
async def test_many_workers_that_want_the_same_products_put_nothing_off(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, stock: int, status: OrderStatus
) -> None:
    """Each meets locks of the others, again and again; that is a queue, and nobody holds anything."""
    # Whatever is locked seems to be held at first.
    monkeypatch.setattr("tasks.order_batches.LOOKS", (0.0, 0.001, 0.002, SECONDS))
    monkeypatch.setattr("tasks.order_batches.LOCK_TIMEOUT", SECONDS)
    monkeypatch.setattr("tasks.order_batches.PRODUCT_TIMEOUT", SECONDS)
    shuffled = random.Random(5)
    products, buyer = [await make_product(on_hand=stock) for _ in range(3)], await make_user()
    placed = ids(
        [
            await make_order(buyer, *((product, 1) for product in shuffled.sample(products, number % 3 + 1)))
            for number in range(120)
        ]
    )
    workers = [OrderBatches(resources, worker=f"worker {number}") for number in range(6)]
    async with asyncio.timeout(SECONDS):
        outcomes = await asyncio.gather(
            *(worker.process(placed[number::6]) for number, worker in enumerate(workers))
        )
    assert outcomes == [[status] * 20] * 6
    assert await Order.filter(attempts=1).count() == 120
    assert await OrderFailure.all().count() == 0


@pytest.mark.parametrize("stock", [5, 0])
async def test_a_settlement_is_seen_in_its_product_and_a_new_order_is_not(
    resources: Resources, superuser: asyncpg.Connection, stock: int
) -> None:
    """That tells a product whose lock is had in turn from one that is held: also while orders of it are placed."""
    product, buyer = await make_product(on_hand=stock), await make_user()
    placed = await make_order(buyer, (product, 1))
    claims = [Claim(placed.id, buyer.id, token=0, is_last=False, placed_at=0.0)]

    async def look() -> dict[int, str]:
        async with superuser.transaction():
            await superuser.fetch("SELECT FROM products WHERE id = $1 FOR NO KEY UPDATE", product.id)
            return await read_locked(claims)

    before = await look()
    await make_order(buyer, (product, 1))
    assert list(before) == [product.id]
    assert unchanged(before, await look()) == {product.id}
    await process(resources, placed.id)
    assert unchanged(before, await look()) == set()
    assert await read_locked(claims) == {}
    assert await StockMovement.filter(reason="sale").count() == (1 if stock else 0)
    assert await on_hand(product) == (4 if stock else 0)


async def test_orders_that_were_put_off_are_tried_again_together(
    resources: Resources, superuser: asyncpg.Connection
) -> None:
    product, buyer = await make_product(), await make_user()
    placed = ids([await make_order(buyer, (product, 1)) for _ in range(20)])
    batches = OrderBatches(resources)
    async with superuser.transaction():
        await superuser.fetch("SELECT FROM products WHERE id = $1 FOR NO KEY UPDATE", product.id)
        assert await batches.process(placed) == [None] * 20
    assert await OrderFailure.filter(attempt=1, error="LockNotAvailableError").count() == 20
    assert await batches.process(placed) == [None] * 20  # their pause is not over
    await Order.filter(id__in=placed).update(due_at=timezone.now() - timedelta(seconds=1))
    with record_statements() as statements:
        assert await batches.process(placed) == [COMPLETED] * 20
    assert sum("UPDATE products" in statement for statement in statements) <= 2
    assert await Order.filter(attempts=2).count() == 20
    assert [await history(await Order.get(id=order_id)) for order_id in placed] == [STEPS] * 20


async def test_orders_that_are_final_cost_no_statement_each(resources: Resources) -> None:
    """What the sweep has sent again comes when the first message has done it all."""
    product, buyer = await make_product(), await make_user()
    placed = ids([await make_order(buyer, (product, 1)) for _ in range(20)])
    batches = OrderBatches(resources)
    await batches.process(placed)
    with record_statements() as statements:
        assert await batches.process(placed) == [None] * 20
    assert (
        len(statements) <= 3
    )  # a claim for the first, one for the others, and a look for those of a lost worker


async def test_every_step_is_published_after_its_commit(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[OrderStatus]] = []

    async def look() -> None:
        seen.append([order.status for order in await Order.all().order_by("id")])

    monkeypatch.setattr(resources, "redis", PublishingRedis(resources.redis, look))
    product, buyers = await make_product(), [await make_user(), await make_user()]
    placed = [await make_order(buyer, (product, 1)) for buyer in buyers]
    channels = [order_channel(placed[0].id), orders_channel(buyers[1].id)]
    async with resources.events.subscribe(*channels) as events, asyncio.timeout(10):
        await process_all(resources, ids(placed))
        published = [await anext(events) for _ in range(4)]
    assert published == ["changed", str(placed[1].id)] * 2
    assert seen == [[OrderStatus.PROCESSING] * 2, [COMPLETED] * 2]


async def test_an_order_that_ends_its_worker_takes_no_other_along(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, buyer = await make_product(), await make_user()
    placed = ids([await make_order(buyer, (product, 1)) for _ in range(12)])
    killer, killed = placed[3], asyncio.Event()

    async def kill(claims: Sequence[Claim], **options: Any) -> Settled:
        if any(claim.order_id == killer and not claim.is_last for claim in claims):
            killed.set()
            await asyncio.Event().wait()
        return await settle(claims, **options)

    monkeypatch.setattr("tasks.order_batches.settle", kill)
    mates = Order.filter(id__in=placed).exclude(id=killer)
    lives = 0
    while not await Order.filter(id=killer, status=FAILED).exists():
        lives += 1
        killed.clear()
        before = asyncio.all_tasks()
        working = asyncio.create_task(OrderBatches(resources).process(placed))
        dying = asyncio.create_task(killed.wait())
        async with asyncio.timeout(SECONDS):
            await asyncio.wait([working, dying], return_when=asyncio.FIRST_COMPLETED)
        for task in asyncio.all_tasks() - before:
            await cancel_and_wait(task)
        await Order.filter(id__in=placed, status=OrderStatus.PROCESSING).update(due_at=timezone.now())
        if lives == 2:
            # They were in its first batch; now it dies alone, after those that came before it.
            assert await mates.filter(status=COMPLETED).count() == 3
            # Its lease is the longer, the more often it was tried: the others have their turn without it.
            await OrderBatches(resources).process([order_id for order_id in placed if order_id != killer])
    # Of the first attempt nobody knows whose fault its end was; the last one only fails the order.
    assert lives == resources.settings.order_max_attempts + 2
    assert {(order.status, order.attempts) for order in await mates} == {(COMPLETED, 1)}
    assert (await Order.get(id=killer)).failure_code is FailureCode.PROCESSING_ERROR


@pytest.mark.parametrize("locked_first", [True, False])
async def test_orders_that_wait_for_a_locked_product_hold_no_other_product_meanwhile(
    resources: Resources, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, locked_first: bool
) -> None:
    # Nobody is put off while the test looks.
    monkeypatch.setattr("tasks.order_batches.PRODUCT_TIMEOUT", SECONDS)
    products = [await make_product(), await make_product()]
    locked, free = products if locked_first else products[::-1]
    buyer = await make_user()
    both = ids([await make_order(buyer, (free, 1), (locked, 1)) for _ in range(20)])
    others = ids([await make_order(buyer, (free, 1)) for _ in range(20)])
    async with superuser.transaction():
        await superuser.fetch("SELECT FROM products WHERE id = $1 FOR NO KEY UPDATE", locked.id)
        workers = [OrderBatches(resources), OrderBatches(resources)]
        working = [
            asyncio.create_task(workers[number // 10 % 2].process(pair))
            for number, pair in enumerate(zip(both, others, strict=True))
        ]

        async def are_settled() -> bool:
            return await Order.filter(id__in=others, status=COMPLETED).count() == len(others)

        await until(are_settled)
        assert not await Order.filter(id__in=both, status=COMPLETED).exists()
    assert await asyncio.gather(*working) == [[COMPLETED, COMPLETED]] * 20
    assert await Order.filter(attempts=1).count() == 40
    assert (await on_hand(locked), await on_hand(free)) == (80, 60)


async def test_a_product_found_held_before_its_lock_is_waited_for_holds_up_nobody(
    resources: Resources, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a batch waits for a connection."""
    held, free, buyer = await make_product(), await make_product(), await make_user()
    waiting, other = ids([await make_order(buyer, (product, 1)) for product in (held, free)])
    may_begin, looks = asyncio.Event(), list[dict[int, str]]()

    async def begin_late(claims: Sequence[Claim], **options: Any) -> Settled:
        await may_begin.wait()
        return await settle(claims, **options)

    async def look(claims: Iterable[Claim]) -> dict[int, str]:
        looks.append(await read_locked(claims))
        if len(looks) == 3:
            may_begin.set()
        return looks[-1]

    monkeypatch.setattr("tasks.order_batches.settle", begin_late)
    monkeypatch.setattr("tasks.order_batches.read_locked", look)
    async with superuser.transaction():
        await superuser.fetch("SELECT FROM products WHERE id = $1 FOR UPDATE", held.id)
        assert await OrderBatches(resources).process([waiting, other]) == [None, COMPLETED]
    assert [set(seen) for seen in looks[:3]] == [{held.id}] * 3


async def test_a_fault_beside_it_keeps_no_settlement_from_being_published(
    resources: Resources, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two products are waited for at once: what is settled of the one is committed when orders of the other fault."""
    monkeypatch.setattr("tasks.order_batches.PRODUCT_TIMEOUT", 20.0)
    products, buyer = [await make_product(), await make_product()], await make_user()
    good, bad = ids([await make_order(buyer, (product, 1)) for product in products])
    is_committed, has_faulted, published = asyncio.Event(), asyncio.Event(), list[int]()
    faults = [RuntimeError("a fault")]

    async def fault(claims: Sequence[Claim], **options: Any) -> Settled:
        if claims[0].order_id == bad and faults:
            asyncio.get_running_loop().call_later(0.01, has_faulted.set)
            raise faults.pop()
        return await settle(claims, **options)

    async def publish(resources: Resources, orders: Sequence[tuple[int, int]]) -> None:
        if orders and await Order.filter(id=orders[0][0], status=COMPLETED).exists():
            is_committed.set()
            await has_faulted.wait()
            published.extend(order_id for order_id, _ in orders)

    monkeypatch.setattr("tasks.order_batches.settle", fault)
    monkeypatch.setattr("tasks.order_batches.publish_orders", publish)
    other = await asyncpg.connect(resources.settings.database_url)
    async with asyncio.timeout(SECONDS):
        async with other.transaction():
            await other.fetch("SELECT FROM products WHERE id = $1 FOR UPDATE", products[1].id)
            async with superuser.transaction():
                await superuser.fetch("SELECT FROM products WHERE id = $1 FOR UPDATE", products[0].id)
                working = asyncio.create_task(OrderBatches(resources).process([good, bad]))

                async def both_are_waited_for() -> bool:
                    await superuser.fetch("SELECT pg_stat_clear_snapshot()")
                    return bool(await superuser.fetchval(WAITING_FOR_PRODUCTS, f"%{AWAIT_PRODUCT.strip()}%"))

                await until(both_are_waited_for)
            await is_committed.wait()
        await other.close()
        assert await working == [COMPLETED, COMPLETED]
    assert published == [good, bad]


WAITING_FOR_PRODUCTS = """
SELECT count(*) = 2 FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND datname = current_database() AND query LIKE $1
"""


async def test_concurrent_tasks_of_a_worker_share_transactions(resources: Resources) -> None:
    product, buyer = await make_product(), await make_user()
    placed = ids([await make_order(buyer, (product, 1)) for _ in range(30)])
    together = OrderBatches(resources)
    outcomes = await asyncio.gather(*(together.process([order_id]) for order_id in placed))
    assert outcomes == [[COMPLETED]] * 30
    moments = {event.created_at for event in await OrderEvent.filter(status=COMPLETED)}
    assert len(moments) < 30
    (total,) = await StockMovement.filter(reason="sale").annotate(sum=Sum("delta")).values("sum")
    assert total["sum"] == -30
