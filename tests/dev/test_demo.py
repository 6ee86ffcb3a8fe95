"""The sample data: complete, consistent, and added only once."""

import pytest
from tortoise.connection import get_connections

from core.errors import NotAuthenticated
from core.http.caller import Caller
from core.resources import Resources
from dev.demo import ADMIN, CUSTOMER, Loaded, load_demo
from graph.resolvers.context import Anonymous, Context
from models import Order, OrderEvent, OrderItem, OrderStatus, Product, User
from tasks.orders import process
from tests.client import Client
from tests.factories import make_product, make_user

pytestmark = pytest.mark.anyio

#: What no shop may have: stock that its ledger does not explain, or a bill that its lines do not add up to.
CONTRADICTIONS = """
SELECT 'stock', id FROM products
WHERE on_hand <> (SELECT coalesce(sum(delta), 0) FROM stock_movements WHERE product_id = products.id)
UNION ALL
SELECT 'total', id FROM orders
WHERE total <> (SELECT sum(quantity * unit_price) FROM order_items WHERE order_id = orders.id)
UNION ALL
SELECT 'status', id FROM orders
WHERE status <> (SELECT status FROM order_events WHERE order_id = orders.id ORDER BY id DESC LIMIT 1)
UNION ALL
SELECT 'sold', id FROM orders
WHERE (status = 'completed') <> EXISTS (SELECT FROM stock_movements WHERE order_id = orders.id)
"""


@pytest.fixture
def ctx(resources: Resources) -> Context:
    reason = NotAuthenticated()
    return Context(resources, Caller(reason, "", "tandem"), Anonymous(reason))


async def contradictions() -> list[dict[str, object]]:
    found: list[dict[str, object]] = await get_connections().get("default").execute_query_dict(CONTRADICTIONS)
    return found


async def test_everything_is_there_once_and_adds_up(ctx: Context) -> None:
    assert await load_demo(ctx) == Loaded(users=2, products=40, orders=8)
    assert await contradictions() == []
    assert {order.status for order in await Order.all()} == {
        OrderStatus.COMPLETED,
        OrderStatus.FAILED,
        OrderStatus.CANCELLED,
        OrderStatus.PENDING,
    }
    assert await Product.filter(on_hand=0).count() >= 3
    assert await Product.filter(archived_at__isnull=False).count() == 1
    assert await load_demo(ctx) == Loaded(users=0, products=0, orders=0)
    assert (await Product.all().count(), await Order.all().count()) == (40, 8)


async def test_the_personas_can_sign_in(client: Client, ctx: Context) -> None:
    await load_demo(ctx)
    for persona in (ADMIN, CUSTOMER):
        body = {"username": persona.email, "password": persona.password}
        answer = await client.v1("POST", "/auth/login", json=body)
        assert answer.status_code == 200
        me = await client.v1("GET", "/auth/me", token=answer.json()["access_token"])
        assert me.json()["is_admin"] is persona.is_admin


async def test_the_open_order_can_be_processed(ctx: Context) -> None:
    await load_demo(ctx)
    order = await Order.get(status=OrderStatus.PENDING)
    assert await process(ctx.resources, order.id) is OrderStatus.COMPLETED
    assert await contradictions() == []


async def test_what_is_there_already_is_left_alone(ctx: Context) -> None:
    mine = await make_product(name="Hammock", price=1, on_hand=0)
    ada = await make_user(email="ADA@example.com", full_name="Another Ada")
    assert await load_demo(ctx) == Loaded(users=1, products=39, orders=0)
    await mine.refresh_from_db()
    assert (mine.price, mine.on_hand) == (1, 0)
    assert [user.id for user in await User.filter(full_name="Another Ada")] == [ada.id]
    assert await OrderItem.all().count() == await OrderEvent.all().count() == 0
    assert await contradictions() == []
