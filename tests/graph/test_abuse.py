"""Those who come to hurt are refused, in JSON and with a code.

How long that takes is measured by ``benchmarks.hostile_documents``.
"""

import asyncio
from contextlib import suppress
from typing import Any

import orjson
import pytest
from graphql import parse
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from core.settings import Environment, Settings
from engine.graphql.schema import core_schema
from graph.endpoint.limits import Limits, Measures, too_many_values
from graph.endpoint.overlapping_fields import MAX_PAIRS, is_hard_to_merge
from graph.schema import build_schema
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_order, make_product, make_token, make_user
from tests.graph.conftest import Serve, Socket
from tests.graph.documents import global_id
from tests.graph.hostile import bomb, conflicting, hostile_requests, mesh, ring, wide_bomb
from tests.servers import SECONDS, until

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
HOSTILE = hostile_requests()


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("environment", Environment)
async def test_a_hostile_request_is_refused(
    client_with: ClientWith, name: str, environment: Environment
) -> None:
    client = await client_with(environment=environment)
    response = await client.rest.post("/graphql", content=HOSTILE[name], headers=JSON)
    assert response.status_code in (200, 400), response.text[:200]
    answer = response.json()
    assert not answer.get("data")
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    # Three are not wrong as such, and only come to nothing.
    assert codes <= {"VALIDATION_ERROR", "NOT_AUTHENTICATED", "PERSISTED_QUERY_NOT_FOUND"}, answer
    # What was sent is not sent back.
    assert len(response.content) < 20_000


# Work, in what is looked at rather than in time


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        pytest.param(bomb(22), 1 + 2**22, id="bomb"),
        pytest.param(bomb(140), 1 + 2**140, id="bomb without end"),
        pytest.param(wide_bomb(20, 40), 1 + 40**20, id="wide bomb"),
        pytest.param(ring(150), 1 + 150, id="ring"),
    ],
)
def test_a_document_is_measured_without_being_spread_out(document: str, fields: int) -> None:
    """Whoever spread these would not live to see the end."""
    assert Measures(core_schema(build_schema()), parse(document)).take(None, None).fields == fields


@pytest.mark.parametrize(
    "document",
    [
        "{ " + "me { id } " * 142 + "}",
        "{ " + "... { me { id } } " * 142 + "}",
        "{ ...A ...B } " + " ".join(f"fragment {name} on Query {{ {'me { id } ' * 71} }}" for name in "AB"),
        "{ me { id } } fragment Unused on Query { " + "me { id } " * 142 + "}",
        "{ " + "me { id id id } " * 60 + "}",
        "{ " + "x: me { id } " * 142 + "}",
        ring(150),
        mesh(100),
        conflicting(101, 1) + " " + conflicting(101, 1).replace("F", "G"),
        # Nothing but spreads: no field to compare, but each of them is looked at.
        mesh(60).replace("id ", ""),
    ],
)
def test_documents_that_are_hard_to_merge_are_known(document: str) -> None:
    assert is_hard_to_merge(parse(document))


@pytest.mark.parametrize(
    "document",
    [
        "{ me { id } }",
        "{ " + "me { id } " * 100 + "}",
        "{ " + " ".join(f"a{n}: me {{ id }}" for n in range(1000)) + "}",
        # Components that each bring a fragment, all of which ask for the id.
        "{ me { "
        + " ".join(f"...F{n}" for n in range(60))
        + " } } "
        + " ".join(f"fragment F{n} on User {{ id email fullName }}" for n in range(60)),
        "{ ...F ...F ...F } fragment F on Query { me { id } }",
        bomb(22),
    ],
)
def test_ordinary_documents_are_not(document: str) -> None:
    assert not is_hard_to_merge(parse(document))


def test_a_field_is_compared_with_each_of_its_namesakes_and_so_is_what_is_below() -> None:
    # Each two of n fields `me`, and below them each two of n fields `id`.
    most = max(n for n in range(1000) if 2 * (n * (n - 1) // 2) <= MAX_PAIRS)
    assert not is_hard_to_merge(parse("{ " + "me { id } " * most + "}"))
    assert is_hard_to_merge(parse("{ " + "me { id } " * (most + 1) + "}"))
    assert MAX_PAIRS > 100 * 99 / 2


def test_the_values_of_variables_are_counted_at_every_depth() -> None:
    limits = Limits.of(Settings.model_construct())
    for allowed in (None, {}, {"a": 1}, {"a": [1] * 9_999}, {"a": [{"b": 1}] * 4_999}):
        assert too_many_values(allowed, limits) is None
    for refused in ({"a": [1] * 10_000}, {"a": [{"b": 1}] * 5_000}, {"a": [[[1] * 100] * 10] * 10}):
        assert too_many_values(refused, limits)


# HTTP


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "text/plain; application/json",
        "text/plain; x=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonx",
        "application/json-patch+json",
        "application/graphql",
        "",
    ],
)
async def test_what_a_form_can_send_without_asking_starts_nothing(client: Client, media_type: str) -> None:
    content = orjson.dumps({"query": "{ products { totalCount } }"})
    response = await client.rest.post("/graphql", content=content, headers={"Content-Type": media_type})
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_body_without_end_is_cut_off(serve: Serve) -> None:
    live = await serve(max_body_bytes=50_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    head = (
        b"POST /graphql HTTP/1.1\r\nHost: tandem.test\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    writer.write(head)
    answer = asyncio.create_task(reader.readline())
    sent = 0
    async with asyncio.timeout(SECONDS):
        while not answer.done() and sent < 100_000_000:
            writer.write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0)
            sent += 0x1000
        assert b"413" in await answer
    writer.close()
    # Something is under way in the buffers of the system; the rest was never read.
    assert sent < 20_000_000


async def test_an_address_may_be_as_hostile_as_a_body(client: Client) -> None:
    for parameters in (
        {"query": bomb(22)},
        {"query": "{ __typename }", "variables": "[" * 5_000},
        {"query": "{ __typename }", "variables": "\ud83d"},
        {"query": "{ __typename }", "variables": "[]"},
        {"query": "{ __typename }", "extensions": "1"},
        {"query": "{ __typename }", "extensions": '{"persistedQuery": 1}'},
        {"query": " ", "documentId": ""},
        {"extensions": " "},
    ):
        encoded = {key: value.encode(errors="surrogatepass") for key, value in parameters.items()}
        response = await client.rest.get("/graphql", params=encoded, headers={"Accept": "*/*"})
        assert response.status_code in (200, 400)
        assert response.json()["errors"][0]["extensions"]["code"] in (
            "VALIDATION_ERROR",
            "PERSISTED_QUERY_NOT_FOUND",
        )


# WebSocket


async def flood(socket: Socket) -> None:
    """Send messages as fast as can be, and stop when the socket is closed."""
    with suppress(ConnectionClosed):
        for _ in range(200):
            await socket.send("ping")


async def test_a_socket_that_floods_is_closed(serve: Serve) -> None:
    live = await serve(websocket_messages_per_second=5)
    socket = await live.socket()
    await socket.init()
    await flood(socket)
    assert await socket.closed() == (4429, "Too many messages")


async def test_a_socket_may_send_many_messages_at_once_when_it_begins(serve: Serve) -> None:
    live = await serve(websocket_messages_per_second=10)
    socket = await live.socket()
    await socket.init()
    for _ in range(39):
        await socket.send("ping")
    assert [(await socket.receive())["type"] for _ in range(39)] == ["pong"] * 39


async def test_a_flood_before_the_sign_in_is_no_better(serve: Serve) -> None:
    live = await serve(websocket_messages_per_second=1)
    socket = await live.socket()
    await flood(socket)
    assert (await socket.closed())[0] == 4429


async def test_a_socket_that_never_begins_is_closed_even_if_it_talks(serve: Serve) -> None:
    live = await serve(websocket_init_seconds=0.2)
    socket = await live.socket()
    await socket.send("ping")
    assert (await socket.closed())[0] == 4408


async def test_a_message_too_large_closes_the_socket(serve: Serve) -> None:
    live = await serve(max_body_bytes=2_000)
    socket = await live.socket()
    await socket.init()
    await socket.subscribe("{ __typename }" + " " * 1_000)
    assert (await socket.receive())["type"] == "next"
    assert (await socket.receive())["type"] == "complete"
    await socket.subscribe("{ __typename }" + " " * 2_000)
    assert (await socket.closed())[0] == 1009


@pytest.mark.parametrize(
    "message",
    [
        b"\x00\x01",
        b'{"type": "ping"}',
        "[" * 100_000,
        '{"type": "ping", "payload": ' + '{"a":' * 100_000,
        "9" * 100_000,
        "\ud7ff" * 100,
        '"connection_init"',
        '{"type": {}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": null, "extensions": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": {}}}',
    ],
)
async def test_a_message_that_is_none_closes_the_socket(serve: Serve, message: str | bytes) -> None:
    live = await serve()
    socket = await live.socket()
    await socket.init()
    await socket.connection.send(message)
    assert (await socket.closed())[0] == 4400


@pytest.mark.parametrize(
    "payload",
    [
        {"query": bomb(22)},
        {"query": "{" + "a " * 5_000 + "}"},
        {"query": "{ me { " + "orders { nodes { user { " * 10 + "id" + "} } } " * 10 + "} }"},
        {"query": "{ nonsense }"},
        {"query": "{ nodes(ids: []) { id } }", "variables": {"a": [1] * 20_000}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"documentId": 1},
        {"documentId": "x"},
        {},
    ],
)
async def test_a_hostile_operation_is_refused_and_the_socket_goes_on(
    serve: Serve, payload: dict[str, Any]
) -> None:
    live = await serve()
    socket = await live.socket()
    await socket.init()
    await socket.send("subscribe", id="1", payload=payload)
    message = await socket.receive()
    assert (message["type"], message["id"]) == ("error", "1")
    assert message["payload"][0]["extensions"]["code"] in ("VALIDATION_ERROR", "PERSISTED_QUERY_NOT_FOUND")
    await socket.subscribe("{ __typename }")
    assert (await socket.receive())["type"] == "next"


async def test_a_socket_carries_as_many_operations_as_the_setting_says(serve: Serve) -> None:
    live = await serve(websocket_max_operations=2)
    client = live.client
    user = await make_user()
    order = await make_order(user, (await make_product(), 1))
    socket = await live.socket()
    await socket.init(await make_token(client.resources, user))
    for _ in range(3):
        await socket.subscribe("subscription($id: ID!) { orderUpdated(id: $id) { id } }", id=global_id(order))
    messages = [await socket.receive() for _ in range(3)]
    assert sorted(message["type"] for message in messages) == ["error", "next", "next"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://tandem.test.evil.example", "http://localhost.evil"]
)
async def test_a_page_of_another_origin_opens_no_socket(serve: Serve, origin: str) -> None:
    live = await serve(cors_origins=("https://shop.example",))
    with pytest.raises(InvalidStatus) as refused:
        await live.socket(origin=Origin(origin))
    assert refused.value.response.status_code == 403
    await live.socket(origin=Origin("https://shop.example"))


async def test_a_socket_of_another_protocol_is_closed(serve: Serve) -> None:
    live = await serve()
    async with connect(
        f"ws://127.0.0.1:{live.port}/graphql", subprotocols=[Subprotocol("graphql-ws")]
    ) as connection:
        await connection.wait_closed()
        assert connection.close_code == 4406


async def test_sockets_that_are_torn_off_leave_nothing_behind(serve: Serve) -> None:
    live = await serve()
    before = len(asyncio.all_tasks())
    for _ in range(20):
        socket = await live.socket()
        await socket.init()
        await socket.subscribe("{ products { totalCount } }")
        socket.connection.transport.abort()
    await until(lambda: len(asyncio.all_tasks()) <= before + 5)
