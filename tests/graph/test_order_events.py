"""The event log: nothing lost, nothing doubled, in order."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import asyncpg
import pytest

from core.errors import NotAuthenticated, NotOwner, TokenInvalid, ValidationFailed
from core.http.caller import Caller
from core.resources import Resources
from engine.postgres import Select, record_statements
from graph.resolvers.context import Context, make_context
from graph.resolvers.order_events import event_cursor, events_until, list_order_events, watch_order_events
from graph.resolvers.order_placement import NewItem, create_order
from graph.resolvers.orders import cancel_order, get_order
from graph.resolvers.pagination import Ordering, encode_cursor
from graph.resolvers.users import set_user_active
from graph.types.nodes import encode_id
from models import MAX_ID, Order, OrderEvent, OrderEventRow, OrderRow, OrderStatus
from tasks.events import user_channel
from tasks.orders import process
from tests.client import Client
from tests.factories import make_admin, make_context_of, make_order, make_product, make_user
from tests.servers import SECONDS, is_subscribed, until

pytestmark = pytest.mark.anyio


async def take(events: AsyncGenerator[OrderEventRow, None], count: int) -> list[OrderEventRow]:
    async with asyncio.timeout(SECONDS):
        return [await anext(events) for _ in range(count)]


async def test_an_order_is_replayed_then_followed_to_its_end(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1))
    ctx = await make_context_of(resources, user)
    async with aclosing(watch_order_events(ctx, order_id=order.id)) as events:
        (first,) = await take(events, 1)
        assert first.status is OrderStatus.PENDING
        await process(resources, order.id)
        async with asyncio.timeout(SECONDS):
            rest = [event.status async for event in events]
    assert rest == [OrderStatus.PROCESSING, OrderStatus.COMPLETED]


async def test_a_finished_order_is_replayed_and_ends_at_once(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1))
    await process(resources, order.id)
    ctx = await make_context_of(resources, user)
    async with asyncio.timeout(SECONDS):
        statuses = [event.status async for event in watch_order_events(ctx, order_id=order.id)]
    assert statuses == [OrderStatus.PENDING, OrderStatus.PROCESSING, OrderStatus.COMPLETED]


@pytest.mark.parametrize("end", [OrderStatus.COMPLETED, OrderStatus.FAILED, OrderStatus.CANCELLED])
async def test_after_the_last_event_of_a_finished_order_the_log_ends_at_once(
    resources: Resources, end: OrderStatus
) -> None:
    user, product = await make_user(), await make_product(on_hand=1)
    order = await make_order(user, (product, 2 if end is OrderStatus.FAILED else 1))
    ctx = await make_context_of(resources, user)
    if end is OrderStatus.CANCELLED:
        await cancel_order(ctx, order.id)
    else:
        await process(resources, order.id)
    last = (await list_order_events(ctx, order.id)).events[-1]
    assert last.status is end
    async with asyncio.timeout(SECONDS):
        assert [
            event async for event in watch_order_events(ctx, order_id=order.id, after=event_cursor(last))
        ] == []


async def test_the_events_of_an_order_go_no_further_than_its_status(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1))
    ctx = await make_context_of(resources, user)
    before = await get_order(ctx, order.id)
    await process(resources, order.id)
    events = await ctx.loaders.events.load(order.id)
    assert [event.status for event in events][-1] is OrderStatus.COMPLETED
    assert [event.status for event in events_until(before.status, events)] == [OrderStatus.PENDING]
    now = await get_order(await make_context_of(resources, user), order.id)
    assert events_until(now.status, events) == events


async def test_the_field_events_goes_no_further_than_the_status_beside_it(client: Client) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1))
    # As when a worker settles the order between the two statements.
    await OrderEvent.create(order_id=order.id, status=OrderStatus.PROCESSING)
    document = "query ($id: ID!) { order(id: $id) { events { cursor } } }"
    answer = await client.graphql(document, {"id": encode_id("Order", order.id)}, user=user)
    assert len(answer.data["order"]["events"]) == 1


async def test_a_cursor_goes_on_where_it_stands(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1))
    ctx = await make_context_of(resources, user)
    async with aclosing(watch_order_events(ctx, order_id=order.id)) as events:
        (seen,) = await take(events, 1)
    await process(resources, order.id)
    cursor = event_cursor(seen)
    again = [event.status async for event in watch_order_events(ctx, order_id=order.id, after=cursor)]
    assert again == [OrderStatus.PROCESSING, OrderStatus.COMPLETED]
    page = await list_order_events(ctx, order.id, after=cursor)
    assert [event.status for event in page.events] == again
    assert not page.has_next
    assert (await list_order_events(ctx, order.id, limit=1)).has_next


async def test_an_empty_cursor_is_as_none(client: Client) -> None:
    user, product = await make_user(), await make_product()
    ctx = await make_context_of(client.resources, user)
    order = await make_order(user, (product, 1))
    for after in (None, ""):
        assert [event.status for event in (await list_order_events(ctx, order.id, after=after)).events] == [
            OrderStatus.PENDING
        ]
        async with aclosing(watch_order_events(ctx, order_id=order.id, after=after)) as events:
            assert (await take(events, 1))[0].status is OrderStatus.PENDING
        answer = await client.v1(
            "GET", f"/orders/{order.id}/events", user=user, params={"after": after or ""}
        )
        assert [event["status"] for event in answer.json()["items"]] == ["pending"]
        # Of all one's orders, the log begins now.
        async with aclosing(watch_order_events(ctx, after=after)) as events:
            following = asyncio.ensure_future(anext(events))
            await until(partial(_is_placed_and_seen, ctx, product.id, following))
            assert (await following).order_id != order.id


async def _is_placed_and_seen(
    ctx: Context, product_id: int, following: asyncio.Future[OrderEventRow]
) -> bool:
    await create_order(ctx, items=[NewItem(product_id, 1)], shipping_address="here")
    return following.done()


async def test_the_viewers_log_begins_now_and_has_all_orders(resources: Resources) -> None:
    user, stranger, product = await make_user(), await make_user(), await make_product()
    before = await make_order(user, (product, 1))
    ctx, other = await make_context_of(resources, user), await make_context_of(resources, stranger)
    items = [NewItem(product.id, 1)]
    seen: list[OrderEventRow] = []

    async def watch() -> None:
        async with aclosing(watch_order_events(ctx)) as events:
            while True:
                seen.append(await anext(events))

    async def has_begun() -> bool:
        await create_order(other, items=items, shipping_address="elsewhere")
        await create_order(ctx, items=items, shipping_address="here")
        return bool(seen)

    watching = asyncio.create_task(watch())
    await until(has_begun)
    last = (await create_order(ctx, items=items, shipping_address="there")).order
    await cancel_order(ctx, last.id)
    await until(lambda: (seen[-1].order_id, seen[-1].status) == (last.id, OrderStatus.CANCELLED))
    watching.cancel()
    log = await OrderEvent.filter(user_id=user.id, id__gte=seen[0].id).order_by("id")
    assert [event.id for event in seen] == [event.id for event in log]
    assert before.id not in [event.order_id for event in seen]


async def test_nothing_is_lost_or_doubled_among_many_at_once(resources: Resources) -> None:
    user, product = await make_user(), await make_product(on_hand=1_000)
    ctx = await make_context_of(resources, user)
    await make_order(user)
    (marker,) = (await Select(OrderEventRow).fetch()).rows

    async def trade() -> None:
        placed = await create_order(ctx, items=[NewItem(product.id, 1)], shipping_address="here")
        await process(resources, placed.order.id)

    seen: list[int] = []
    trading = asyncio.gather(*(trade() for _ in range(30)))
    while len(seen) < 90:  # a reconnect after every seventh event
        cursor = event_cursor(marker)
        async with aclosing(watch_order_events(ctx, after=cursor)) as events:
            for event in await take(events, min(7, 90 - len(seen))):
                seen.append(event.id)
                marker = event
    await trading
    in_log = [event.id for event in await OrderEvent.filter(user_id=user.id).order_by("id")]
    assert seen == sorted(seen)
    assert seen == in_log[-90:]


async def test_an_event_committed_late_is_not_passed_over(resources: Resources, database_url: str) -> None:
    user, product = await make_user(), await make_product()
    slow, quick = await make_order(user, (product, 1)), await make_order(user, (product, 1))
    ctx = await make_context_of(resources, user)
    (newest,) = (await list_order_events(ctx, quick.id)).events
    connection = await asyncpg.connect(database_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        insert = "INSERT INTO order_events (order_id, status) VALUES ($1, 'processing') RETURNING id"
        early = await connection.fetchval(insert, slow.id)
        await process(resources, quick.id)
        async with aclosing(watch_order_events(ctx, after=event_cursor(newest))) as events:
            with record_statements() as statements:
                coming = asyncio.create_task(take(events, 3))
            # It has looked, found that it must wait, and looks again.
            await until(lambda: sum("pg_try_advisory" in statement for statement in statements) >= 3)
            assert not coming.done()
            await transaction.commit()
            seen = [event.id for event in await coming]
    finally:
        await connection.close()
    later = await OrderEvent.filter(order_id=quick.id, status__not=OrderStatus.PENDING).order_by("id")
    assert seen == [early, *(event.id for event in later)]


async def test_only_who_may_see_the_order_may_see_its_log(resources: Resources) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1), status=OrderStatus.CANCELLED)
    stranger, admin = (
        await make_context_of(resources, await make_user()),
        await make_context_of(resources, await make_admin()),
    )
    with pytest.raises(NotOwner):
        await list_order_events(stranger, order.id)
    with pytest.raises(NotOwner):
        await take(watch_order_events(stranger, order_id=order.id), 1)
    assert len((await list_order_events(admin, order.id)).events) == 1
    nobody = await make_context(resources, Caller(NotAuthenticated(), "", ""))
    with pytest.raises(NotAuthenticated):
        await take(watch_order_events(nobody), 1)


@pytest.mark.parametrize("number", [0, 999_999, MAX_ID + 1, 2**63 - 1, 10**19 - 1])
async def test_the_log_of_an_order_that_cannot_be_is_no_other_log(client: Client, number: int) -> None:
    user, product = await make_user(), await make_product()
    await make_order(user, (product, 1), status=OrderStatus.CANCELLED)
    query = "subscription ($order: ID!) { orderEvents(orderId: $order) { cursor } }"
    stream = await client.rest.post(
        "/graphql",
        json={"query": query, "variables": {"order": encode_id("Order", number)}},
        headers=await client.headers(user) | {"Accept": "text/event-stream"},
    )
    assert stream.text.count("event: next") == 1
    assert "ORDER_NOT_FOUND" in stream.text
    assert stream.text.rstrip().endswith("event: complete\ndata:")
    answer = await client.v1("GET", f"/orders/{number}/events", user=user)
    assert answer.json()["error_code"] in ("ORDER_NOT_FOUND", "VALIDATION_ERROR")


async def test_a_cursor_of_another_list_is_refused(resources: Resources) -> None:
    user = await make_user()
    order = await make_order(user, status=OrderStatus.CANCELLED)
    ctx = await make_context_of(resources, user)
    (row,) = (await Select(OrderRow).fetch()).rows
    elsewhere = encode_cursor(Ordering("id"), row)
    for cursor in ("x", elsewhere):
        with pytest.raises(ValidationFailed):
            await list_order_events(ctx, order.id, after=cursor)


async def test_the_log_ends_with_the_sign_in(resources: Resources) -> None:
    user, admin = await make_user(), await make_admin()
    ctx, by = await make_context_of(resources, user), await make_context_of(resources, admin)
    async with aclosing(watch_order_events(ctx)) as events:
        coming = asyncio.ensure_future(take(events, 1))
        await until(lambda: is_subscribed(resources.redis, user_channel(user.id)))
        await set_user_active(by, user.id, is_active=False)
        with pytest.raises(TokenInvalid):
            await coming


async def test_an_event_leads_to_its_order(client: Client) -> None:
    user, product = await make_user(), await make_product()
    order = await make_order(user, (product, 1))
    answer = await client.graphql(
        "{ orders { nodes { id events { cursor status order { id } } } } }", user=user
    )
    (node,) = answer.data["orders"]["nodes"]
    (event,) = (await Select(OrderEventRow).fetch()).rows
    assert node["events"] == [
        {
            "cursor": event_cursor(event),
            "status": "PENDING",
            "order": {"id": node["id"]},
        }
    ]
    assert await Order.get(id=order.id) == order


async def test_the_history_of_an_order_begins_after_a_cursor(client: Client) -> None:
    user, product = await make_user(), await make_product()
    order, other = await make_order(user, (product, 1)), await make_order(user, (product, 1))
    await process(client.resources, order.id)
    document = (
        "query($id: ID!, $after: String) { order(id: $id) { events(after: $after) { cursor status } } }"
    )

    async def events(after: str | None) -> list[dict[str, str]]:
        answer = await client.graphql(
            document, {"id": encode_id("Order", order.id), "after": after}, user=user
        )
        found: list[dict[str, str]] = answer.data["order"]["events"]
        return found

    whole = await events(None)
    assert [event["status"] for event in whole] == ["PENDING", "PROCESSING", "COMPLETED"]
    assert await events("") == whole
    assert await events(whole[0]["cursor"]) == whole[1:]
    assert await events(whole[2]["cursor"]) == []
    variables = {"id": encode_id("Order", other.id), "after": "x"}
    assert (await client.graphql(document, variables, user=user)).codes == ["VALIDATION_ERROR"]
