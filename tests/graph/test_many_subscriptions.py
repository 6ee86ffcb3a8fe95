"""Many subscriptions of one user: how many there may be, and what an event costs them all together."""

from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest

from engine.postgres import Select, record_statements
from graph.resolvers.order_events import event_cursor
from models import OrderEventRow, User
from tasks.orders import process
from tests.factories import make_order, make_token
from tests.graph.conftest import Live, Serve, Socket
from tests.graph.documents import global_id
from tests.graph.test_subscriptions import WATCH, errors_of, new_order, streamed
from tests.servers import until

pytestmark = pytest.mark.anyio

ORDER = "status total { amount } items { unitPrice { amount } }"
OF_ORDER = f"subscription ($id: ID) {{ orderEvents(orderId: $id) {{ status order {{ {ORDER} }} }} }}"
OF_USER = f"subscription ($after: String) {{ orderEvents(after: $after) {{ status order {{ {ORDER} }} }} }}"
MANY = 50


async def signed_in(live: Live, user: User) -> Socket:
    socket = await live.socket()
    await socket.init(await make_token(live.client.resources, user))
    return socket


async def statements_of(serve: Serve, document: str, subscriptions: int) -> int:
    """Return how many statements it takes to tell so many subscriptions that their order was settled."""
    with record_statements() as statements:
        live = await serve()
    user, order = await new_order()
    await make_order(user)
    first, _ = (await Select(OrderEventRow).where(user_id=user.id).fetch(None, ("id",))).rows
    socket = await signed_in(live, user)
    variables = {"after": event_cursor(first)} if "$after" in document else {"id": global_id(order)}
    ids = {await socket.subscribe(document, **variables) for _ in range(subscriptions)}
    assert {(await socket.receive())["id"] for _ in ids} == ids
    statements.clear()
    await process(live.client.resources, order.id)
    told: set[str] = set()
    while told != ids:
        message = await socket.receive()
        if b'"COMPLETED"' in orjson.dumps(message):
            told.add(message["id"])
    return len(statements)


@pytest.mark.parametrize("document", [WATCH, OF_ORDER, OF_USER], ids=["order", "its events", "all events"])
async def test_an_event_takes_as_many_statements_for_many_as_for_one(serve: Serve, document: str) -> None:
    one = await statements_of(serve, document, 1)
    many = await statements_of(serve, document, MANY)
    # The claim and the settlement may be told together or not; who comes to a batch in flight waits for the next one.
    assert 1 <= one <= 18
    assert many <= 30


def codes(message: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in errors_of(message)]


async def test_a_user_has_so_many_subscriptions_over_all_sockets_and_streams(serve: Serve) -> None:
    live = await serve(subscriptions_per_user=3)
    user, order = await new_order()
    other, others_order = await new_order()
    sockets = [await signed_in(live, user) for _ in range(2)]
    for socket in sockets:
        await socket.subscribe(WATCH, id=global_id(order))
        assert codes(await socket.receive()) == []
    async with AsyncExitStack() as stack:
        stream = await stack.enter_async_context(streamed(live, user, order, "text/event-stream"))
        assert "errors" not in await anext(stream)
        refused = await sockets[0].subscribe(WATCH, id=global_id(order))
        message = await sockets[0].receive()
        assert (message["id"], codes(message)) == (refused, ["RATE_LIMITED"])
        assert await sockets[0].receive() == {"id": refused, "type": "complete"}
        async with streamed(live, user, order, "text/event-stream") as late:
            assert [error["extensions"]["code"] for error in (await anext(late))["errors"]] == [
                "RATE_LIMITED"
            ]
        # Others have their own, and queries are no subscriptions.
        socket = await signed_in(live, other)
        await socket.subscribe(WATCH, id=global_id(others_order))
        assert codes(await socket.receive()) == []
        await sockets[1].subscribe("{ me { id } }")
        assert codes(await sockets[1].receive()) == []
    # Whichever way one ends, there is room for another.
    await sockets[0].connection.close()
    await until(lambda: live.client.resources.subscriptions == {user.id: 1, other.id: 1})
    await sockets[1].receive()
    await sockets[1].subscribe(WATCH, id=global_id(order))
    assert codes(await sockets[1].receive()) == []
    for socket in (*sockets, await signed_in(live, other)):
        await socket.connection.close()
    await process(live.client.resources, others_order.id)
    await until(lambda: not live.client.resources.subscriptions)
