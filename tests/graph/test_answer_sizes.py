"""No answer is larger than the setting allows, whichever way it goes."""

import asyncio
from typing import Any

import orjson
import pytest

from tests.conftest import ClientWith
from tests.factories import make_product
from tests.graph.conftest import Serve
from tests.servers import SECONDS

pytestmark = pytest.mark.anyio

#: 40 products with a description of 1,000 characters each.
MANY = "{ products(first: 40) { nodes { description } } }"
FEW = "{ products(first: 2) { nodes { description } } }"
MOST = 10_000


async def make_products() -> None:
    for _ in range(40):
        await make_product(description="x" * 1000)


def assert_too_large(payload: dict[str, Any]) -> None:
    assert payload["data"] is None
    (error,) = payload["errors"]
    assert error["extensions"]["code"] == "ANSWER_TOO_LARGE"


async def test_an_answer_that_is_too_large_is_an_error(client_with: ClientWith) -> None:
    client = await client_with(max_answer_bytes=MOST)
    await make_products()
    answer = await client.rest.post("/graphql", json={"query": MANY})
    assert len(answer.content) < MOST
    assert_too_large(answer.json())
    assert (
        len((await client.rest.post("/graphql", json={"query": FEW})).json()["data"]["products"]["nodes"])
        == 2
    )


async def test_it_is_one_on_a_socket_and_in_a_stream(serve: Serve) -> None:
    live = await serve(max_answer_bytes=MOST)
    await make_products()
    socket = await live.socket()
    await socket.init()
    await socket.subscribe(MANY)
    message = await socket.receive()
    assert message["type"] == "next"
    assert_too_large(message["payload"])
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    body = orjson.dumps({"query": MANY})
    writer.write(
        b"POST /graphql HTTP/1.0\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    async with asyncio.timeout(SECONDS):
        events = await reader.read()
    writer.close()
    (data,) = [line for line in events.split(b"\n") if line.startswith(b"data: {")]
    assert_too_large(orjson.loads(data.removeprefix(b"data: ")))
