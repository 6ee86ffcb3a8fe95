"""``orderUpdated`` over WebSocket, SSE and multipart, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from core.settings import Environment
from models import Order, OrderStatus, User
from tasks.events import order_channel
from tasks.orders import process
from tests.factories import make_admin, make_order, make_product, make_token, make_user
from tests.graph.conftest import Live, Serve, Socket
from tests.graph.documents import global_id, mutate
from tests.servers import SECONDS, is_subscribed, until

pytestmark = pytest.mark.anyio

WATCH = """
subscription($id: ID!) {
    orderUpdated(id: $id) { status total { amount } events { status } items { unitPrice { amount } } }
}
"""
OUTCOMES = (
    ["PENDING", "PROCESSING", "COMPLETED"],
    # A change may be told so soon after another that both are seen at once.
    ["PENDING", "COMPLETED"],
)


async def new_order() -> tuple[User, Order]:
    user = await make_user()
    return user, await make_order(user, (await make_product(price=1500), 2))


async def signed_in(live: Live, user: User) -> tuple[Socket, str]:
    token = await make_token(live.client.resources, user)
    socket = await live.socket()
    await socket.init(token)
    return socket, token


async def watching(live: Live, user: User, order: Order) -> tuple[Socket, str]:
    """Open a socket that has seen the order's first state."""
    socket, token = await signed_in(live, user)
    await socket.subscribe(WATCH, id=global_id(order))
    assert status(await socket.receive()) == "PENDING"
    return socket, token


def status(message: dict[str, Any]) -> str:
    assert message["type"] == "next", message
    found: str = message["payload"]["data"]["orderUpdated"]["status"]
    return found


async def rest_of(socket: Socket) -> list[dict[str, Any]]:
    """Return the messages up to the last of the only operation."""
    messages = [await socket.receive()]
    while messages[-1]["type"] == "next":
        messages.append(await socket.receive())
    return messages


async def test_an_order_is_sent_at_once_and_after_each_change_until_it_is_final(serve: Serve) -> None:
    live = await serve()
    user, order = await new_order()
    socket, _ = await watching(live, user, order)
    await process(live.client.resources, order.id)
    messages = await rest_of(socket)
    assert messages[-1]["type"] == "complete"
    assert ["PENDING", *map(status, messages[:-1])] in OUTCOMES
    # Nested fields are those of the event, not what an earlier event had loaded.
    assert messages[-2]["payload"]["data"]["orderUpdated"] == {
        "status": "COMPLETED",
        "total": {"amount": "30.00"},
        "events": [{"status": step} for step in OUTCOMES[0]],
        "items": [{"unitPrice": {"amount": "15.00"}}],
    }


async def test_a_final_order_is_sent_once(serve: Serve) -> None:
    user = await make_user()
    order = await make_order(user, status=OrderStatus.COMPLETED)
    socket, _ = await signed_in(await serve(), user)
    await socket.subscribe(WATCH, id=global_id(order))
    messages = await rest_of(socket)
    assert [message["type"] for message in messages] == ["next", "complete"]


async def test_a_change_that_another_process_made_arrives(serve: Serve) -> None:
    one, other = await serve(), await serve()
    user, order = await new_order()
    socket, token = await watching(one, user, order)
    await mutate(other.client, "cancelOrder", token=token, id=global_id(order))
    messages = await rest_of(socket)
    assert [status(message) for message in messages[:-1]] == ["CANCELLED"]


async def test_several_operations_share_a_socket_and_one_can_be_ended_alone(serve: Serve) -> None:
    live = await serve()
    user, order = await new_order()
    other = await make_order(user, (await make_product(), 1))
    socket, _ = await signed_in(live, user)
    ids = [await socket.subscribe(WATCH, id=global_id(row)) for row in (order, other)]
    assert {(await socket.receive())["id"] for _ in ids} == set(ids)
    await socket.send("complete", id=ids[0])
    query = await socket.subscribe("{ me { databaseId } }")
    assert (await socket.receive())["payload"]["data"]["me"]["databaseId"] == user.id
    assert await socket.receive() == {"id": query, "type": "complete"}
    await process(live.client.resources, order.id)
    await process(live.client.resources, other.id)
    assert {message["id"] for message in await rest_of(socket)} == {ids[1]}


async def test_an_administrator_watches_any_order_and_others_only_their_own(serve: Serve) -> None:
    live = await serve()
    _, order = await new_order()
    await watching(live, await make_admin(), order)
    socket, _ = await signed_in(live, await make_user())
    expected = {"NOT_OWNER": global_id(order), "ORDER_NOT_FOUND": "T3JkZXI6OTk5", "VALIDATION_ERROR": "x"}
    for code, id in expected.items():
        await socket.subscribe(WATCH, id=id)
        messages = await rest_of(socket)
        (error,) = [found for message in messages for found in errors_of(message)]
        assert error["extensions"]["code"] == code
        if messages[-1]["type"] == "next":
            assert (await socket.receive())["type"] == "complete"


def errors_of(message: dict[str, Any]) -> list[Any]:
    payload = message.get("payload", {})
    return payload if isinstance(payload, list) else payload.get("errors", [])


async def test_who_is_not_signed_in_reads_products_but_watches_nothing(serve: Serve) -> None:
    _, order = await new_order()
    socket = await (await serve()).socket()
    await socket.init()
    await socket.subscribe("{ products { nodes { name } } }")
    assert (await socket.receive())["payload"]["data"]["products"]["nodes"]
    assert (await socket.receive())["type"] == "complete"
    await socket.subscribe(WATCH, id=global_id(order))
    (error,) = errors_of(await socket.receive())
    assert error["extensions"]["code"] == "NOT_AUTHENTICATED"


async def test_a_token_in_the_handshake_signs_in_too(serve: Serve) -> None:
    live = await serve()
    user, order = await new_order()
    token = await make_token(live.client.resources, user)
    socket = await live.socket(additional_headers={"Authorization": f"Bearer {token}"})
    await socket.init()
    await socket.subscribe(WATCH, id=global_id(order))
    assert status(await socket.receive()) == "PENDING"


@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": "Bearer nonsense"},
        {"Authorization": "Bearer "},
        {"authorization": ""},
        {"authorization": ["Bearer"]},
    ],
)
async def test_a_sign_in_that_is_not_good_is_refused(serve: Serve, payload: dict[str, Any]) -> None:
    socket = await (await serve()).socket()
    await socket.send("connection_init", payload=payload)
    assert (await socket.closed())[0] == 4403


async def test_an_operation_before_the_sign_in_is_refused(serve: Serve) -> None:
    socket = await (await serve()).socket()
    await socket.subscribe("{ products { totalCount } }")
    assert (await socket.closed())[0] == 4401


async def test_a_socket_that_never_begins_is_closed(serve: Serve) -> None:
    live = await serve(websocket_init_seconds=0.02)
    assert (await (await live.socket()).closed())[0] == 4408


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nonsense",
        "[]",
        "1",
        "null",
        "{}",
        '{"type": 1}',
        '{"type": []}',
        '{"id": 1}',
        '{"type": "nonsense"}',
        '{"type": "' + "ü" * 500 + '"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": [], "payload": {"query": "{ me { id } }"}}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }", "operationName": 1}}',
        '{"type": "complete"}',
        '{"type": "complete", "id": {}}',
        "[" * 5000,
        '{"type": "ping", "payload": {"a": NaN}}',
        '{"type": "ping", "payload": {"a": "\\ud800"}}',
        '\ufeff\ufeff{"type": "ping"}',
    ],
)
async def test_what_is_no_message_closes_the_socket(serve: Serve, message: str) -> None:
    socket = await (await serve()).socket()
    await socket.init()
    await socket.connection.send(message)
    assert (await socket.closed())[0] == 4400


async def test_a_byte_order_mark_in_front_of_a_message_is_skipped(serve: Serve) -> None:
    socket = await (await serve()).socket()
    await socket.init()
    await socket.connection.send('\ufeff{"type": "ping"}')
    assert (await socket.receive())["type"] == "pong"


async def test_a_document_that_is_refused_leaves_the_socket_open(serve: Serve) -> None:
    socket = await (await serve()).socket()
    await socket.init()
    for document in (
        "{",
        "{ nonsense }",
        "query A { me { id } } query B { me { id } }",
        "fragment F on User { id }",
    ):
        await socket.subscribe(document)
        (error,) = errors_of(await socket.receive())
        assert error["extensions"]["code"] == "VALIDATION_ERROR", document
    await socket.send("ping")
    assert (await socket.receive())["type"] == "pong"


async def test_a_socket_carries_a_hundred_operations_at_once(serve: Serve) -> None:
    live = await serve()
    user, order = await new_order()
    socket, _ = await signed_in(live, user)
    for _ in range(101):
        await socket.subscribe(WATCH, id=global_id(order))
    messages = [await socket.receive() for _ in range(101)]
    refused = [message for message in messages if message["type"] == "error"]
    assert [message["payload"][0]["extensions"]["code"] for message in refused] == ["RATE_LIMITED"]


async def test_a_socket_is_closed_when_its_token_expires(serve: Serve) -> None:
    user, order = await new_order()
    for seconds in (3, 10, 30):  # a busy machine needs longer to get as far as watching
        live = await serve(access_token_seconds=seconds)
        token = await make_token(live.client.resources, user)
        socket = await live.socket()
        with suppress(ConnectionClosed):
            await socket.send("connection_init", payload={"authorization": f"Bearer {token}"})
            await socket.subscribe(WATCH, id=global_id(order))
        assert await socket.closed() == (4403, "Token has expired")
        if "next" in [message["type"] for message in socket.received]:
            return
    pytest.fail("every token expired before the order was watched")


@pytest.mark.parametrize(
    "way", ["logout", "disabled", "deleted", "password changed elsewhere", "password changed"]
)
async def test_a_socket_is_closed_when_its_sign_in_ends(serve: Serve, way: str) -> None:
    live, other = await serve(), await serve()
    user, order = await new_order()
    socket, token = await watching(live, user, order)
    admin = await make_admin()
    if way == "logout":
        await mutate(other.client, "logout", token=token)
    elif way == "disabled":
        await mutate(other.client, "setUserActive", user=admin, id=global_id(user), isActive=False)
    elif way == "deleted":
        await other.client.v1("DELETE", f"/users/{user.id}", user=admin)
    else:
        values: dict[str, Any] = {
            "currentPassword": "correct horse battery",
            "newPassword": "another password",
        }
        elsewhere = await make_token(other.client.resources, user)
        by = elsewhere if way == "password changed elsewhere" else token
        assert not (await mutate(other.client, "changePassword", token=by, **values))["errors"]
    assert await socket.closed() == (4403, "Invalid token")


async def test_operations_on_a_socket_count_against_the_limit(serve: Serve) -> None:
    live = await serve(rate_limit_user=2)
    user, _ = await new_order()
    socket, _ = await signed_in(live, user)
    outcomes = []
    for _ in range(3):
        await socket.subscribe("{ me { databaseId } }")
        first = await socket.receive()
        outcomes.append(first["type"])
        if first["type"] == "next":
            await socket.receive()
    assert outcomes == ["next", "next", "error"]
    assert first["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert 1 <= first["payload"][0]["extensions"]["retryAfter"] <= 60


async def test_a_page_of_another_origin_opens_no_socket(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    live = await serve(cors_origins=("https://shop.example",))
    await (await live.socket(origin=Origin("https://shop.example"))).init()
    assert "CORS" not in caplog.text
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        await (await live.socket(origin=Origin("https://evil.example"))).init()
    assert (
        "Refused a page of 'https://evil.example': TANDEM_CORS_ORIGINS does not name this origin"
        in caplog.messages
    )


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]:80"])
async def test_a_page_of_this_machine_opens_sockets_in_development_alone(serve: Serve, origin: str) -> None:
    await (await (await serve()).socket(origin=Origin(origin))).init()
    strict = await serve(environment=Environment.PRODUCTION)
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        await (await strict.socket(origin=Origin(origin))).init()


@asynccontextmanager
async def streamed(live: Live, user: User, order: Order, accept: str) -> AsyncIterator[AsyncIterator[Any]]:
    """Subscribe over HTTP; yields what comes, parsed."""
    headers = await live.client.headers(user) | {"Accept": accept}
    body = {"query": WATCH, "variables": {"id": global_id(order)}}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{live.port}", timeout=SECONDS) as http,
        http.stream("POST", "/graphql", json=body, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(accept.partition(";")[0])
        yield parsed(response)


async def parsed(response: httpx.Response) -> AsyncIterator[Any]:
    """Yield the payload of every line that holds one: of ``data:`` in SSE, of a part in multipart."""
    async for line in response.aiter_lines():
        text = line.removeprefix("data:").strip()
        if text.startswith("{") and text != "{}":
            yield orjson.loads(text)


@pytest.mark.parametrize("accept", ["text/event-stream", 'multipart/mixed;subscriptionSpec="1.0"'])
async def test_the_same_goes_over_plain_http(serve: Serve, accept: str) -> None:
    live = await serve()
    user, order = await new_order()
    statuses = []
    async with asyncio.timeout(SECONDS), streamed(live, user, order, accept) as events:
        async for event in events:
            data = event.get("payload", event)["data"]["orderUpdated"]
            statuses.append(data["status"])
            if statuses == ["PENDING"]:
                await process(live.client.resources, order.id)
    assert statuses in OUTCOMES


@pytest.mark.parametrize("accept", ["text/event-stream", 'multipart/mixed;subscriptionSpec="1.0"'])
async def test_a_stream_ends_with_an_error_when_the_sign_in_ends(serve: Serve, accept: str) -> None:
    live = await serve()
    user, order = await new_order()
    token = await make_token(live.client.resources, await make_admin())
    received = []
    async with asyncio.timeout(SECONDS), streamed(live, user, order, accept) as events:
        async for event in events:
            received.append(event)
            if len(received) == 1:
                await mutate(live.client, "setUserActive", token=token, id=global_id(user), isActive=False)
    assert "TOKEN_INVALID" in orjson.dumps(received[-1]).decode()


async def test_a_watcher_who_goes_away_leaves_nothing_behind(serve: Serve) -> None:
    live = await serve()
    user, order = await new_order()
    for _ in range(3):
        socket, _ = await watching(live, user, order)
        await socket.connection.close()

    async def is_over() -> bool:
        return not await is_subscribed(live.client.resources.redis, order_channel(order.id))

    await until(is_over)
