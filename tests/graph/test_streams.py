"""Answers as streams: what stands on the wire, for clients of HTTP/1.1 and 1.0."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

import orjson
import pytest

from tasks.orders import process
from tests.factories import make_order, make_product, make_token, make_user
from tests.graph.conftest import Live, Serve
from tests.graph.documents import global_id
from tests.servers import SECONDS

pytestmark = pytest.mark.anyio

WATCH = "subscription($id: ID!) { orderUpdated(id: $id) { status } }"
MULTIPART = 'multipart/mixed;subscriptionSpec="1.0", application/json'
EVENTS = "text/event-stream"


class Stream:
    """The answer to a subscription, read as bytes."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.head = b""

    async def read_head(self) -> Message:
        """Return the headers."""
        self.head = await self._reader.readuntil(b"\r\n\r\n")
        status, _, headers = self.head.partition(b"\r\n")
        assert status == b"HTTP/1.1 200 OK"
        return message_from_bytes(headers)

    async def until(self, end: bytes) -> bytes:
        """Return what comes, including *end*."""
        return await self._reader.readuntil(end)

    async def rest(self) -> bytes:
        """Return what comes until the connection is closed."""
        return await self._reader.read()


@asynccontextmanager
async def subscribed(live: Live, accept: str, version: str = "1.1") -> AsyncIterator[tuple[Stream, Any]]:
    """Subscribe to a pending order; yields the stream, and what has the order processed."""
    user = await make_user()
    order = await make_order(user, (await make_product(), 1))
    body = orjson.dumps({"query": WATCH, "variables": {"id": global_id(order)}})
    head = (
        f"POST /graphql HTTP/{version}\r\nHost: a\r\nConnection: close\r\nAccept: {accept}\r\n"
        f"Authorization: Bearer {await make_token(live.client.resources, user)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    try:
        async with asyncio.timeout(SECONDS):
            writer.write(head.encode() + body)
            yield Stream(reader), lambda: process(live.client.resources, order.id)
    finally:
        writer.close()
        await writer.wait_closed()


def unchunked(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        body, data = body + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return body


def parts_of(content_type: str, body: bytes) -> list[Message]:
    """Return the parts of a multipart body in which nothing is malformed."""
    message = message_from_bytes(b"Content-Type: %b\r\n\r\n%b" % (content_type.encode(), body))
    assert not message.defects
    parts = [part for part in message.walk() if part is not message]
    assert parts
    for part in parts:
        assert part.get_content_type() == "application/json"
        assert part["Content-Length"] == str(len(part.get_payload()))
    return parts


@pytest.mark.parametrize("accept", [EVENTS, MULTIPART])
async def test_no_proxy_keeps_a_stream_back(serve: Serve, accept: str) -> None:
    async with subscribed(await serve(), accept) as (stream, _):
        headers = await stream.read_head()
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Cache-Control"] == "no-store, no-transform"


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_multipart_is_what_its_content_type_says(serve: Serve, version: str) -> None:
    async with subscribed(await serve(), MULTIPART, version) as (stream, process_order):
        headers = await stream.read_head()
        assert headers["Content-Type"] == 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
        # The first state is here, with the delimiter that tells that it is whole, before there is a second one.
        body = await stream.until(b'"PENDING"}}}}\r\n--graphql')
        await process_order()
        body += await stream.rest()
    if version == "1.1":
        body = unchunked(body)
    assert body.startswith(b"--graphql\r\n")
    assert body.endswith(b"\r\n--graphql--\r\n")
    payloads = [orjson.loads(str(part.get_payload())) for part in parts_of(headers["Content-Type"], body)]
    states = [payload["payload"]["data"]["orderUpdated"]["status"] for payload in payloads if payload]
    assert (states[0], states[-1]) == ("PENDING", "COMPLETED")


@pytest.mark.parametrize("accept", [EVENTS, MULTIPART])
async def test_a_client_of_http_1_0_gets_no_chunks(serve: Serve, accept: str) -> None:
    async with subscribed(await serve(), accept, "1.0") as (stream, process_order):
        headers = await stream.read_head()
        assert headers["Transfer-Encoding"] is None
        assert headers["Connection"] == "close"
        assert (await stream.until(b"\n")).startswith(
            b"--graphql\r\n" if accept is MULTIPART else b"event: next\n"
        )
        await stream.until(b'"PENDING"')
        await process_order()
        rest = await stream.rest()
        assert b'"COMPLETED"' in rest
        assert rest.endswith(b"--graphql--\r\n" if accept is MULTIPART else b"event: complete\ndata: \n\n")


async def test_an_error_before_the_first_part_is_a_whole_multipart_body(serve: Serve) -> None:
    live = await serve()
    body = orjson.dumps({"query": WATCH, "variables": {"id": "x"}})
    answer = await live.client.rest.post(
        "/graphql", content=body, headers={"Accept": MULTIPART, "Content-Type": "application/json"}
    )
    parts = parts_of(answer.headers["content-type"], answer.content)
    payloads = [orjson.loads(str(part.get_payload())).get("payload", {}) for part in parts]
    assert any("errors" in payload for payload in payloads)
