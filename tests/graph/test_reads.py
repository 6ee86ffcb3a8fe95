"""The columns that an operation reads are read, and no others; what the resolvers themselves need is always there."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from core.resources import Resources
from engine.postgres import Row, model_of, record_statements
from graph.resolvers.context import Context
from graph.resolvers.order_events import event_cursor, list_order_events, watch_order_events
from graph.resolvers.orders import get_order, list_orders, why_not_cancel
from graph.resolvers.pagination import Keyset, Offset, Ordering, Page
from graph.resolvers.products import get_product, list_products
from graph.resolvers.sessions import get_session, list_sessions
from graph.resolvers.users import get_user, list_users
from models import Order, OrderRow, OrderStatus, Product, Session, User
from tasks.orders import process
from tests.client import Client
from tests.factories import make_context_of, make_order, make_product, make_token, make_user
from tests.servers import SECONDS

pytestmark = pytest.mark.anyio

NOTHING: frozenset[str] = frozenset()
NESTED = """
{ orders { nodes { id status total { amount } items { quantity product { name } } } pageInfo { hasNextPage } } }
"""


async def shop(resources: Resources) -> Context:
    """Make a user with a finished order, and return the user's context."""
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1))
    await process(resources, order.id)
    return await make_context_of(resources, user)


async def test_resolvers_ask_rows_for_nothing_that_is_not_always_read(resources: Resources) -> None:
    ctx = await shop(resources)
    user = ctx.require_user()
    order: OrderRow = await get_order(ctx, 1, columns=NOTHING)
    assert (order.id, order.user_id) == (1, user.id)
    refusal = why_not_cancel(user, order)
    assert refusal
    assert "completed" in refusal.message
    assert (await get_product(ctx, 1, columns=NOTHING)).id == 1
    assert (await get_user(ctx, user.id, columns=NOTHING)).id == user.id
    (session,) = await list_sessions(ctx, user_id=user.id, columns=NOTHING)
    assert (await get_session(ctx, session.id, columns=NOTHING)).user_id == user.id
    rows: list[Row] = [order, session]
    for window in (Keyset(), Keyset(last=2), Offset()):
        for resolver in (list_orders, list_products, list_users):
            page: Page[Any] = await resolver(ctx, window=window, columns=NOTHING)
            assert page.cursor(page.rows[0])
            rows += page.rows
    assert {model_of(type(row)) for row in rows} == {Order, Product, Session, User}


async def test_a_cursor_needs_no_more_than_the_order_of_its_list(resources: Resources) -> None:
    ctx = await shop(resources)
    for column in ("name", "price", "created_at"):
        page = await list_products(ctx, window=Keyset(), ordering=Ordering(column), columns=NOTHING)
        after = Keyset(after=page.cursor(page.rows[0]))
        assert not (await list_products(ctx, window=after, ordering=Ordering(column))).rows


async def test_a_log_ends_with_its_last_event_whatever_is_read(resources: Resources) -> None:
    ctx = await shop(resources)
    async with asyncio.timeout(SECONDS):
        events = watch_order_events(ctx, order_id=1, columns=NOTHING)
        watched = [event_cursor(event) async for event in events]
    page = await list_order_events(ctx, 1, columns=NOTHING)
    assert [event_cursor(event) for event in page.events] == watched
    assert (await list_order_events(ctx, 1)).events[-1].status is OrderStatus.COMPLETED


async def test_a_nested_list_reads_the_columns_that_it_shows(client: Client) -> None:
    user = await make_user()
    await make_order(user, (await make_product(), 2))
    token = await make_token(client.resources, user)
    with record_statements() as statements:
        answer = await client.graphql(NESTED, token=token)
    assert answer.data["orders"]["nodes"][0]["items"][0]["quantity"] == 2
    pages = [text for text in statements if "sessions" not in text]
    assert len(pages) == 3
    for unread in ("shipping_address", "updated_at", "description", "price", "attempts", "password_hash"):
        assert not any(f'"{unread}"' in text for text in pages), unread


@pytest.mark.parametrize(
    "path", ["/orders", "/orders/1", "/orders/1/events", "/users", "/users/1", "/products"]
)
async def test_rest_reads_the_columns_that_it_shows(client: Client, path: str) -> None:
    user = await make_user()
    await make_order(user, (await make_product(), 2))
    token = await make_token(client.resources, user)
    with record_statements() as statements:
        response = await client.v1("GET", path, token=token)
    assert response.status_code == 200
    columns = set(_columns(response.json()))
    pages = [text for text in statements if "sessions" not in text]
    assert pages
    for column in ("shipping_address", "updated_at", "description", "attempts", "password_hash", "full_name"):
        if any(f'"{column}"' in text for text in pages):
            assert column in columns, column


def _columns(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict):
        for name, value in answer.items():
            yield name
            yield from _columns(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _columns(value)
