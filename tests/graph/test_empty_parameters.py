"""Parameters of a request that are empty or null: as if they were left out, whichever way it comes."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from tests.client import Client
from tests.factories import make_token, make_user
from tests.graph.conftest import Serve, Socket

pytestmark = pytest.mark.anyio

ONE = "query A { __typename }"
TWO = "query A { __typename } query B { __typename }"
#: What is added to a request.
EMPTY: list[dict[str, Any]] = [
    {"operationName": ""},
    {"documentId": ""},
    {"operationName": "", "documentId": ""},
    {"operationName": None, "documentId": None, "variables": None, "extensions": None},
]
#: Of an address alone, where all is text.
EMPTY_IN_ADDRESS = [*EMPTY[:3], {"variables": "", "extensions": ""}]
JSON = {"Accept": "application/json"}
EVENTS = {"Accept": "text/event-stream"}

Ask = Callable[[Client, dict[str, Any]], Awaitable[Any]]


def event(text: str) -> Any:
    return orjson.loads(text.split("data: ")[1].split("\n")[0])


async def by_post(client: Client, request: dict[str, Any]) -> Any:
    return (await client.rest.post("/graphql", json=request, headers=JSON)).json()


async def by_get(client: Client, request: dict[str, Any]) -> Any:
    return (await client.rest.get("/graphql", params=request, headers=JSON)).json()


async def by_posted_stream(client: Client, request: dict[str, Any]) -> Any:
    return event((await client.rest.post("/graphql", json=request, headers=EVENTS)).text)


async def by_stream(client: Client, request: dict[str, Any]) -> Any:
    return event((await client.rest.get("/graphql", params=request, headers=EVENTS)).text)


WAYS = [
    *((way, more) for way in (by_post, by_posted_stream) for more in EMPTY),
    *((way, more) for way in (by_get, by_stream) for more in EMPTY_IN_ADDRESS),
]


@pytest.mark.parametrize(("ask", "more"), WAYS)
async def test_an_empty_parameter_is_as_if_left_out(client: Client, ask: Ask, more: dict[str, Any]) -> None:
    for document in (ONE, TWO):
        expected = await ask(client, {"query": document})
        assert ("errors" in expected) == (document == TWO)
        assert await ask(client, {"query": document} | more) == expected


@pytest.mark.parametrize("more", EMPTY)
async def test_it_is_the_same_on_a_socket(serve: Serve, more: dict[str, Any]) -> None:
    socket = await (await serve()).socket()
    await socket.init()
    for document, type in ((ONE, "next"), (TWO, "error")):
        await socket.send("subscribe", id=document, payload={"query": document} | more)
        answer = await socket.receive()
        assert answer["type"] == type
        if type == "next":
            assert answer["payload"]["data"] == {"__typename": "Query"}
            assert (await socket.receive())["type"] == "complete"
        else:
            assert "Must provide operation name" in answer["payload"][0]["message"]


@pytest.mark.parametrize("empty", [{"query": ""}, {"documentId": ""}, {"query": "", "documentId": ""}])
async def test_a_request_of_nothing_asks_for_nothing(client: Client, empty: dict[str, str]) -> None:
    for ask in (by_post, by_get):
        assert await ask(client, empty) == await ask(client, {})
    # A browser that sends an empty form gets the page.
    page = await client.rest.get("/graphql", params=empty, headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("empty", [{}, {"extensions": ""}, {"documentId": ""}])
async def test_an_empty_document_leaves_the_other_way_to_name_one(
    client: Client, empty: dict[str, str]
) -> None:
    answer = await by_get(client, {"query": "", "documentId": "unknown"} | empty)
    if empty.get("documentId") == "":
        assert answer["errors"][0]["extensions"]["code"] == "VALIDATION_ERROR"
    else:
        assert answer["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def signs_in(socket: Socket, **parts: Any) -> bool:
    """Initialise a socket, and tell whether it is signed in then."""
    await socket.send("connection_init", **parts)
    assert (await socket.receive())["type"] == "connection_ack"
    await socket.send("subscribe", id="1", payload={"query": "{ me { id } }"})
    answer = await socket.receive()
    return "errors" not in answer["payload"] and answer["type"] == "next"


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"payload": None},
        {"payload": {}},
        {"payload": {"authorization": None}},
    ],
)
async def test_a_socket_is_initialised_with_nothing(serve: Serve, parts: dict[str, Any]) -> None:
    live = await serve()
    assert not await signs_in(await live.socket(), **parts)
    token = await make_token(live.client.resources, await make_user())
    # It stays as its handshake was.
    handshake = {"additional_headers": {"Authorization": f"Bearer {token}"}}
    assert await signs_in(await live.socket(**handshake), **parts)


@pytest.mark.parametrize("payload", [[], "", 0, False, "x"])
async def test_a_payload_that_is_no_object_closes_the_socket(serve: Serve, payload: Any) -> None:
    socket = await (await serve()).socket()
    await socket.send("connection_init", payload=payload)
    assert (await socket.closed())[0] == 4400
