"""Placing an order in one statement: what it costs, and what happens when requests meet in the database."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from tortoise import timezone
from tortoise.connection import get_connections
from tortoise.exceptions import IntegrityError

from core.errors import IdempotencyKeyReused, InvalidProduct
from core.resources import Resources
from core.settings import Settings
from engine.postgres import declared_columns, record_statements
from graph.resolvers.order_placement import NewItem, PlacedOrder, create_order
from models import IdempotencyKey, Order, OrderEvent, OrderItem, OrderRow, OrderStatus, Product, User
from tasks.broker import broker_for
from tasks.events import orders_channel
from tests.factories import make_context_of, make_product, make_user
from tests.servers import SECONDS, until

pytestmark = pytest.mark.anyio

Place = Callable[..., Coroutine[Any, Any, PlacedOrder]]


async def placing(resources: Resources, user: User) -> Place:
    """Return what places orders of this user, given products or their ids and quantities."""
    ctx = await make_context_of(resources, user)

    async def place(*lines: tuple[Product | int | None, int], key: str | None = None) -> PlacedOrder:
        items = [
            NewItem(product.id if isinstance(product, Product) else product, quantity)
            for product, quantity in lines
        ]
        return await create_order(ctx, items=items, shipping_address="1 Main St", idempotency_key=key)

    return place


@pytest.fixture
async def place(resources: Resources) -> Place:
    return await placing(resources, await make_user())


async def statements(placed: Coroutine[Any, Any, object]) -> list[str]:
    with record_statements() as recorded:
        await placed
    return [statement.split()[0] for statement in recorded]


@pytest.mark.parametrize("key", [None, "key"])
async def test_an_order_costs_one_statement_however_many_lines_it_has(place: Place, key: str | None) -> None:
    products = [await make_product() for _ in range(30)]
    assert await statements(place(*((product, 1) for product in products), key=key)) == ["WITH"]
    if key:
        assert await statements(place(*((product, 1) for product in products), key=key)) == ["WITH"]
    assert await Order.all().count() == 1


async def test_the_order_that_is_returned_is_the_row_that_is_stored(place: Place, settings: Settings) -> None:
    mug, kettle = await make_product(name="Mug", price=5), await make_product(name="Kettle", price=7)
    placed = (await place((kettle, 2), (mug, 1), (kettle, 3), key="key")).order

    stored = await Order.get()
    for name in declared_columns(OrderRow):
        assert getattr(placed, name) == getattr(stored, name)
    assert (placed.status, placed.version, placed.attempts) == (OrderStatus.PENDING, 1, 0)
    assert placed.due_at == placed.created_at + timedelta(seconds=settings.order_resend_seconds)
    lines = await OrderItem.all().order_by("id")
    assert [(line.product_name, line.quantity, line.accepted_price, line.unit_price) for line in lines] == [
        ("Kettle", 2, 7, 0),
        ("Mug", 1, 5, 0),
        ("Kettle", 3, 7, 0),
    ]
    event = await OrderEvent.get()
    assert (event.order_id, event.user_id, event.actor_id) == (placed.id, placed.user_id, placed.user_id)
    assert event.status is OrderStatus.PENDING


async def test_a_used_key_goes_before_products_that_are_gone(place: Place) -> None:
    product = await make_product()
    first = await place((product, 1), key="key")
    await Product.filter(id=product.id).update(archived_at=timezone.now())

    again = await place((product, 1), key="key")
    assert (again.order.id, again.replayed) == (first.order.id, True)
    with pytest.raises(IdempotencyKeyReused):
        await place((999_999, 1), key="key")
    with pytest.raises(InvalidProduct):
        await place((product, 1), key="another")


@pytest.mark.parametrize("bad", [None, 0, -1, 999_999, 2**31, 2**63, "archived"])
async def test_one_bad_product_and_nothing_is_stored(place: Place, bad: Any) -> None:
    product, archived = await make_product(), await make_product(archived_at=timezone.now())
    with pytest.raises(InvalidProduct) as refusal:
        await place((product, 1), (archived if bad == "archived" else bad, 1), (product, 2), key="key")
    assert refusal.value.field == ("items", "1", "product_id")
    counts = [await model.all().count() for model in (Order, OrderItem, OrderEvent, IdempotencyKey)]
    assert counts == [0, 0, 0, 0]


async def _somebody_waits() -> bool:
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    (row,) = await get_connections().get("default").execute_query_dict(query)
    return bool(row["n"])


@pytest.mark.parametrize("ending", ["same", "different", "rolled back"])
async def test_a_key_that_another_request_is_just_using(
    place: Place, resources: Resources, database_url: str, ending: str
) -> None:
    """The second request waits for the first one's end and then goes by what that was."""
    product = await make_product()
    first = await place((product, 1), key="key")
    key = await IdempotencyKey.get()
    await key.delete()
    other = await asyncpg.connect(database_url)
    try:
        transaction = other.transaction()
        await transaction.start()
        await other.execute(
            "INSERT INTO idempotency_keys (user_id, key, request_hash, order_id, expires_at)"
            " VALUES ($1, 'key', $2, $3, now() + interval '1 day')",
            key.user_id,
            "0" * 64 if ending == "different" else key.request_hash,
            first.order.id,
        )
        second = asyncio.create_task(place((product, 1), key="key"))
        await until(_somebody_waits)
        assert not second.done()
        await (transaction.rollback() if ending == "rolled back" else transaction.commit())
        if ending == "different":
            with pytest.raises(IdempotencyKeyReused):
                await second
        else:
            placed = await second
            assert placed.replayed is (ending == "same")
            assert (placed.order.id == first.order.id) is (ending == "same")
    finally:
        await other.close()
    expected = 2 if ending == "rolled back" else 1
    counts = [await model.all().count() for model in (Order, OrderItem, OrderEvent)]
    assert counts == [expected] * 3


async def test_an_expired_key_is_taken_over_by_one_of_many(place: Place) -> None:
    product = await make_product()
    first = await place((product, 1), key="key")
    await IdempotencyKey.all().update(expires_at=timezone.now() - timedelta(seconds=1))
    placed = await asyncio.gather(*(place((product, 1), key="key") for _ in range(8)))
    assert {outcome.order.id for outcome in placed}.isdisjoint({first.order.id})
    assert len({outcome.order.id for outcome in placed}) == 1
    assert sum(not outcome.replayed for outcome in placed) == 1
    counts = [await model.all().count() for model in (Order, OrderItem, OrderEvent, IdempotencyKey)]
    assert counts == [2, 2, 2, 1]


async def test_all_orders_placed_at_once_are_sent_and_announced_once_each(
    resources: Resources, redis_url: str
) -> None:
    product, user = await make_product(), await make_user()
    place = await placing(resources, user)
    async with (
        resources.events.subscribe(orders_channel(user.id)) as news,
        asyncio.timeout(SECONDS),
        Redis.from_url(redis_url) as redis,
    ):
        placed = await asyncio.gather(*(place((product, 1)) for _ in range(30)))
        heard = [await anext(news) for _ in range(30)]
        messages: Any = await redis.xrange("tandem:tasks")
    order_ids = sorted(outcome.order.id for outcome in placed)
    assert sorted(map(int, map(str, heard))) == order_ids
    formatter = broker_for(resources.settings).formatter
    sent = [formatter.loads(fields[b"data"]).args[0] for _, fields in messages]
    assert sorted(order_id for some in sent for order_id in some) == order_ids


async def test_a_repetition_is_neither_sent_nor_announced_again(place: Place, resources: Resources) -> None:
    product = await make_product()
    for _ in range(2):
        await place((product, 1), key="key")
    assert await resources.redis.xlen("tandem:tasks") == 1


async def test_orders_that_come_together_are_placed_in_one_statement_each_as_if_alone(
    resources: Resources,
) -> None:
    product, other = await make_product(price=100), await make_product(price=200)
    users = [await make_user() for _ in range(3)]
    places = [await placing(resources, user) for user in users]
    with record_statements() as recorded:
        outcomes = await asyncio.gather(
            places[0]((product, 1), key="a"),
            places[0]((product, 1), key="a"),
            places[1]((product, 1), key="a"),
            places[0]((other, 2), key="a"),
            places[1]((2**30, 1)),
            places[2]((product, 3), (other, 1)),
            places[2]((product, 3), (other, 1)),
            return_exceptions=True,
        )
    first, again, elses, reused, missing, one, two = outcomes
    assert sum("INSERT INTO idempotency_keys" in statement for statement in recorded) == 1
    placed = [outcome for outcome in outcomes if isinstance(outcome, PlacedOrder)]
    assert len(placed) == 5
    assert isinstance(first, PlacedOrder)
    assert isinstance(again, PlacedOrder)
    assert (first.order.id, first.replayed, again.replayed) == (again.order.id, False, True)
    assert isinstance(reused, IdempotencyKeyReused)
    assert isinstance(missing, InvalidProduct)
    assert len({outcome.order.id for outcome in placed}) == 4
    assert await Order.all().count() == 4
    for outcome, user, lines in ((elses, users[1], 1), (one, users[2], 2), (two, users[2], 2)):
        assert isinstance(outcome, PlacedOrder)
        assert (outcome.order.user_id, outcome.replayed) == (user.id, False)
        assert await OrderItem.filter(order_id=outcome.order.id).count() == lines


async def test_an_order_that_the_database_refuses_takes_no_other_with_it(
    resources: Resources,
) -> None:
    product, gone = await make_product(), await make_user()
    place, place_for_nobody = await placing(resources, await make_user()), await placing(resources, gone)
    await gone.delete()  # so that an order of this user violates a foreign key
    outcomes = await asyncio.gather(
        place((product, 1), key="mine"),
        place_for_nobody((product, 1)),
        place((product, 2)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [PlacedOrder, IntegrityError, PlacedOrder]
    assert await Order.all().count() == 2
    assert await IdempotencyKey.all().count() == 1
