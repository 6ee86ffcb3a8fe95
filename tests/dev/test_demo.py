"""The sample data: complete, consistent, and added only once."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest
from tortoise import timezone
from tortoise.connection import get_connections

from core.demo_people import CUSTOMER, DEMO_PEOPLE
from core.errors import NotAuthenticated
from core.http.caller import Caller
from core.resources import Resources
from dev.demo import Loaded, load_demo
from dev.demo.trouble import ARCHIVED_MEANWHILE, FAILS_TWICE, SOLD_OUT, TROUBLE
from graph.endpoint import playground
from graph.resolvers.context import Anonymous, Context
from graph.types.nodes import encode_id
from models import FailureCode, Order, OrderEvent, OrderItem, OrderStatus, Product, Session, User
from models.audit import audit
from rest.v1.demo_examples import BODIES, FRESH_IDS, IDS
from tasks.orders import process, process_all
from tests.client import Client
from tests.factories import make_product, make_user
from tests.servers import until

pytestmark = pytest.mark.anyio

#: What no shop may have beside what the audit finds: times that cannot be.
CONTRADICTIONS = """
SELECT 'time', id FROM orders
WHERE created_at > (SELECT min(created_at) FROM order_events WHERE order_id = orders.id)
    OR updated_at < (SELECT max(created_at) FROM order_events WHERE order_id = orders.id) - interval '1 second'
UNION ALL
SELECT 'sale', order_id FROM stock_movements JOIN orders ON orders.id = order_id
WHERE stock_movements.created_at NOT BETWEEN orders.created_at AND orders.updated_at
"""


#: What the sample customer has ordered: how many days ago, and what became of it.
HISTORY = [
    (21, OrderStatus.COMPLETED, None),
    (17, OrderStatus.COMPLETED, None),
    (14, OrderStatus.CANCELLED, None),
    (11, OrderStatus.FAILED, FailureCode.PRODUCT_UNAVAILABLE),
    (8, OrderStatus.COMPLETED, None),
    (4, OrderStatus.FAILED, FailureCode.OUT_OF_STOCK),
    (2, OrderStatus.COMPLETED, None),
    (0, OrderStatus.PENDING, None),
]


@pytest.fixture
def ctx(resources: Resources, owns_demo: None) -> Context:
    reason = NotAuthenticated()
    return Context(resources, Caller(reason, "", "tandem"), Anonymous(reason))


async def contradictions(ctx: Context) -> list[object]:
    found = await get_connections().get("default").execute_query_dict(CONTRADICTIONS)
    return [*found, *await audit(ctx.resources.settings.database_url)]


async def history() -> list[tuple[int, OrderStatus, FailureCode | None]]:
    orders = await Order.all().order_by("id")
    now = timezone.now()
    return [((now - order.created_at).days, order.status, order.failure_code) for order in orders]


async def test_everything_is_there_once_and_adds_up(ctx: Context) -> None:
    assert await load_demo(ctx) == Loaded(users=2, products=43, orders=8)
    assert await contradictions(ctx) == []
    assert await history() == HISTORY
    assert await Product.filter(on_hand=0).count() >= 3
    assert await Product.filter(archived_at__isnull=False).count() == 1
    assert await load_demo(ctx) == Loaded(users=0, products=0, orders=0)
    assert (await Product.all().count(), await Order.all().count()) == (43, 8)


async def test_the_demo_people_can_sign_in(client: Client, ctx: Context) -> None:
    await load_demo(ctx)
    for person in DEMO_PEOPLE:
        body = {"username": person.email, "password": person.password}
        answer = await client.v1("POST", "/auth/login", json=body)
        assert answer.status_code == 200
        me = await client.v1("GET", "/auth/me", token=answer.json()["access_token"])
        assert me.json()["is_admin"] is person.is_admin


async def test_the_examples_of_openapi_are_of_this_data(ctx: Context) -> None:
    await load_demo(ctx)
    customer, first = await User.get(email=CUSTOMER.email), await Order.all().order_by("id").first()
    assert first
    # Of an empty database, whose sequences begin at 1; here other tests have used them.
    assert customer.id - (await User.all().order_by("id").first()).id + 1 == IDS["user_id"]  # type: ignore[union-attr]
    order = await Order.get(id=first.id + IDS["order_id"] - 1)
    assert (order.status, order.user_id) == (OrderStatus.COMPLETED, customer.id)
    assert {
        "deleteUser": await User.all().count() + 1,
        "cancelOrder": await Order.all().count() + 1,
    } == FRESH_IDS
    first_product = await Product.all().order_by("id").first()
    assert first_product
    for item in BODIES["OrderIn"]["items"]:
        product = await Product.get(id=first_product.id + item["product_id"] - 1)
        assert product.on_hand >= 50 * item["quantity"]
        assert product.archived_at is None


async def test_the_open_order_can_be_processed(ctx: Context) -> None:
    await load_demo(ctx)
    order = await Order.get(status=OrderStatus.PENDING)
    assert await process(ctx.resources, order.id) is OrderStatus.COMPLETED
    assert await contradictions(ctx) == []


async def order_of(client: Client, name: str) -> Order:
    """Place an order of a sample product, as somebody who has found it by its name."""
    product = await Product.get(name=name)
    body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": "1 Main Street"}
    answer = await client.v1("POST", "/orders", user=await make_user(), json=body)
    assert answer.status_code == 201
    return await Order.get(id=answer.json()["id"])


async def test_products_make_the_trouble_that_their_names_say(client: Client, ctx: Context) -> None:
    await load_demo(ctx)
    oldest = await Product.all().order_by("created_at", "id").limit(3)
    assert [product.name for product in oldest] == list(TROUBLE)
    # The playground's example tells their ids.
    told = dict(re.findall(r'# (\S+) "(.+)"\n', (playground.HERE / "examples" / "order.graphql").read_text()))
    assert told == {encode_id("Product", product.id): product.name for product in oldest}
    for _ in range(2):  # again and again
        for name, code in (
            (SOLD_OUT, FailureCode.OUT_OF_STOCK),
            (ARCHIVED_MEANWHILE, FailureCode.PRODUCT_UNAVAILABLE),
        ):
            order = await order_of(client, name)
            assert await process(ctx.resources, order.id) is OrderStatus.FAILED
            await order.refresh_from_db()
            assert order.failure_code is code
            assert (await Product.get(name=name)).archived_at is None

        order = await order_of(client, FAILS_TWICE)
        for attempt in (1, 2):
            assert await process(ctx.resources, order.id) is None
            await order.refresh_from_db()
            assert (order.status, order.attempts) == (OrderStatus.PROCESSING, attempt)
            await Order.filter(id=order.id).update(due_at=timezone.now() - timedelta(seconds=1))
        assert await process(ctx.resources, order.id) is OrderStatus.COMPLETED
    assert await contradictions(ctx) == []


async def test_the_customers_event_log_tells_the_story_in_order(ctx: Context) -> None:
    await load_demo(ctx)
    times = [event.created_at for event in await OrderEvent.all().order_by("id")]
    assert times == sorted(times)


async def test_an_interrupted_load_is_completed_by_the_next_one(ctx: Context) -> None:
    first = asyncio.create_task(load_demo(ctx))
    await until(lambda: Order.filter(status=OrderStatus.COMPLETED).exists())
    first.cancel()
    await asyncio.wait([first])
    await load_demo(ctx)
    # One that was interrupted between claim and settlement is, set back in time, overdue: a worker's to complete.
    claimed = await Order.filter(status=OrderStatus.PROCESSING)
    await process_all(ctx.resources, [order.id for order in claimed])
    assert await history() == HISTORY
    assert await contradictions(ctx) == []
    assert await load_demo(ctx) == Loaded(users=0, products=0, orders=0)


async def test_two_loads_at_once_add_everything_once(ctx: Context) -> None:
    loaded = await asyncio.gather(load_demo(ctx), load_demo(ctx))
    assert sorted(load.orders for load in loaded) == [0, 8]
    assert await history() == HISTORY


async def test_nobody_is_left_signed_in(ctx: Context) -> None:
    await load_demo(ctx)
    assert not await Session.filter(revoked_at__isnull=True).exists()


async def test_what_is_there_already_is_left_alone(ctx: Context) -> None:
    mine = await make_product(name="Hammock", price=1, on_hand=0)
    ada = await make_user(email="ada@example.com", full_name="Another Ada")
    assert await load_demo(ctx) == Loaded(users=1, products=42, orders=0)
    await mine.refresh_from_db()
    assert (mine.price, mine.on_hand) == (1, 0)
    assert [user.id for user in await User.filter(full_name="Another Ada")] == [ada.id]
    assert await OrderItem.all().count() == await OrderEvent.all().count() == 0
    assert await contradictions(ctx) == []


ROOT = Path(__file__).parents[2]
#: An address and a password beside each other, in prose, JSON or JavaScript.
SIGN_IN = re.compile(r"([\w.]+@example\.com)\W+(?:password\W+)?(tandem-[a-z]+-demo)")


def test_what_is_written_of_the_demo_people_is_true() -> None:
    known = {(person.email, person.password) for person in DEMO_PEOPLE}
    assert set(SIGN_IN.findall((ROOT / "README.md").read_text())) == known
    for path in (*ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/clients/*.mjs")):
        text = path.read_text()
        assert set(SIGN_IN.findall(text)) <= known, path
        assert len(SIGN_IN.findall(text)) == len(re.findall(r"tandem-[a-z]+-demo", text)), path
