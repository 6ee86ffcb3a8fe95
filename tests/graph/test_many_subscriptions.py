"""Many subscriptions of one user: how many there may be, and what an event costs them all together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest

from engine.postgres import Select, record_statements
from graph.endpoint import messages
from graph.resolvers import orders
from graph.resolvers.order_events import event_cursor
from models import OrderEventRow, User
from tasks.events import publish_orders
from tasks.orders import process
from tests.factories import make_admin, make_order, make_token
from tests.graph.conftest import Live, Serve, Socket
from tests.graph.documents import global_id, mutate
from tests.graph.test_subscriptions import WATCH, errors_of, new_order, streamed
from tests.servers import SECONDS, until

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


@dataclass
class Work:
    """What this process has executed and encoded since the last look."""

    executed: int = 0
    encoded: int = 0

    def take(self) -> tuple[int, int]:
        """Return both counts, and begin anew."""
        taken = self.executed, self.encoded
        self.executed = self.encoded = 0
        return taken


@pytest.fixture
def counted_work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Count how often a resolver of the document runs, and how often an answer is encoded."""
    work, encode = Work(), messages.encode

    def count_execution(*args: Any) -> Any:
        work.executed += 1
        return orders.why_not_cancel(*args)

    def count_encoding(message: Any) -> bytes:
        # Messages around an answer hold its bytes, and no data.
        work.encoded += isinstance(message, dict) and "data" in message
        return encode(message)

    monkeypatch.setattr("graph.types.orders.why_not_cancel", count_execution)
    monkeypatch.setattr("graph.endpoint.messages.encode", count_encoding)
    return work


SHARED = """subscription ($after: String) {
    orderEvents(after: $after) { cursor status order { shippingAddress viewerCan { cancel { allowed } } } }
}"""


async def read_stream(lines: AsyncIterator[str]) -> dict[str, Any]:
    """Return the next event of an event stream."""
    async for line in lines:
        if line.startswith("data: {"):
            return dict(orjson.loads(line.removeprefix("data: ")))
    raise AssertionError("the stream has ended")


@asynccontextmanager
async def event_stream(live: Live, token: str, after: str) -> AsyncIterator[AsyncIterator[str]]:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    body = {"query": SHARED, "variables": {"after": after}}
    async with (
        httpx.AsyncClient(timeout=SECONDS) as client,
        client.stream("POST", f"http://127.0.0.1:{live.port}/graphql", json=body, headers=headers) as answer,
    ):
        yield answer.aiter_lines()


async def test_an_event_is_executed_and_encoded_once_for_equal_subscriptions(
    serve: Serve, counted_work: Work
) -> None:
    live = await serve()
    user, order = await new_order()
    await make_order(user)
    first, second = (await Select(OrderEventRow).where(user_id=user.id).fetch(None, ("id",))).rows
    after = event_cursor(first)
    token = await make_token(live.client.resources, user)
    async with AsyncExitStack() as stack:
        sockets = [await live.socket() for _ in range(2)]
        for socket in sockets:
            await socket.init(token)
            for _ in range(10):
                await socket.subscribe(SHARED, after=after)
        streams = [await stack.enter_async_context(event_stream(live, token, after)) for _ in range(3)]

        async def receive() -> list[Any]:
            """Return the next event of each subscription."""
            told = [await read_stream(stream) for stream in streams]
            for socket in sockets:
                received = [await socket.receive() for _ in range(10)]
                assert {message["id"] for message in received} == {str(number) for number in range(1, 11)}
                told += [message["payload"] for message in received]
            return told

        told = await receive()
        assert told == [told[0]] * 23
        assert told[0]["data"]["orderEvents"]["cursor"] == event_cursor(second)
        counted_work.take()
        cursors = []
        for number in range(3):
            await make_order(user, shipping_address=f"{number} Shared Street")
            await publish_orders(live.client.resources, [(order.id, user.id)])
            told = await receive()
            assert told == [told[0]] * 23
            event = told[0]["data"]["orderEvents"]
            assert event["order"] == {
                "shippingAddress": f"{number} Shared Street",
                "viewerCan": {"cancel": {"allowed": True}},
            }
            cursors.append(event["cursor"])
        assert len(set(cursors)) == 3
        # Not 69: whoever comes to an execution that has begun waits for the next one, and all of them go along then.
        executed, encoded = counted_work.take()
        assert 3 <= executed <= 9
        assert encoded == executed


async def test_other_rights_other_sessions_and_other_variables_share_nothing(
    serve: Serve, counted_work: Work
) -> None:
    live = await serve()
    user, order = await new_order()
    document = """subscription ($id: ID!, $with: Boolean!) {
        orderUpdated(id: $id) { status shippingAddress @include(if: $with) viewerCan { cancel { allowed } }
            user { email } }
    }"""
    admin = await make_admin()
    subscriptions = []
    for viewer in (user, user, admin):
        socket = await signed_in(live, viewer)
        subscriptions.append(
            (socket, await socket.subscribe(document, id=global_id(order), **{"with": True}))
        )
        await socket.receive()
    await socket.subscribe(document, id=global_id(order), **{"with": False})
    assert "shippingAddress" not in (await socket.receive())["payload"]["data"]["orderUpdated"]
    assert counted_work.take() == (4, 4)


async def test_one_that_ends_or_loses_its_rights_takes_nothing_from_its_equals(serve: Serve) -> None:
    live = await serve()
    resources = live.client.resources
    user, order = await new_order()
    await make_order(user)
    first, _ = (await Select(OrderEventRow).where(user_id=user.id).fetch(None, ("id",))).rows
    token = await make_token(resources, user)
    gone, kept = await live.socket(), await live.socket()
    for socket in (gone, kept):
        await socket.init(token)
        await socket.subscribe(SHARED, after=event_cursor(first))
        await socket.receive()
    other = await signed_in(live, user)
    await other.subscribe(SHARED, after=event_cursor(first))
    await other.receive()
    gone.connection.transport.abort()
    await make_order(user)
    await publish_orders(resources, [(order.id, user.id)])
    for socket in (kept, other):
        assert (await socket.receive())["type"] == "next"
    await mutate(live.client, "logout", token=token)
    assert (await kept.closed())[0] == 4403
    await make_order(user)
    await publish_orders(resources, [(order.id, user.id)])
    assert (await other.receive())["type"] == "next"


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
