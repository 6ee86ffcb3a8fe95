"""Requests to both faces that offer another protocol, on real connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
import pytest

from tests.factories import PASSWORD, make_user
from tests.graph.conftest import Live, Serve
from tests.servers import SECONDS

pytestmark = pytest.mark.anyio

OFFERS = {
    "h2c, as Java's client": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n",
    "a WebSocket, as a proxy for sockets": "Connection: upgrade\r\nUpgrade: websocket\r\n",
    "several, over several lines": "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: a\r\nUpgrade: b, c\r\n",
}
#: Asked for by nobody, and answered by 401 where a body is taken for a request.
SMUGGLED = b"DELETE /api/v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Wire:
    """One connection, on which bytes are written as they are."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *segments: bytes) -> None:
        for segment in segments:
            self.writer.write(segment)
            await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the next answer."""
        async with asyncio.timeout(SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body


@asynccontextmanager
async def wire(live: Live) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def post(path: str, offer: str, body: bytes, more: str = "Content-Type: application/json\r\n") -> bytes:
    length = f"Content-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n{OFFERS[offer]}{more}{length}\r\n".encode() + body


@pytest.mark.parametrize("offer", OFFERS)
async def test_a_sign_in_that_offers_another_protocol_signs_in(serve: Serve, offer: str) -> None:
    live = await serve()
    user = await make_user()
    body = orjson.dumps({"username": user.email, "password": PASSWORD})
    async with wire(live) as connection:
        for _ in range(3):
            request = post("/api/v1/auth/login", offer, body)
            # The body in a segment of its own is what was taken for the next request.
            await connection.send(request[: -len(body)], body)
            status, _, answer = await connection.answer()
            assert status == 200, answer
            assert orjson.loads(answer)["access_token"]


@pytest.mark.parametrize("offer", OFFERS)
async def test_a_mutation_that_offers_another_protocol_is_answered(serve: Serve, offer: str) -> None:
    async with wire(await serve()) as connection:
        request = post("/graphql", offer, b'{"query": "{ __typename }"}')
        await connection.send(request * 3)
        for _ in range(3):
            status, _, body = await connection.answer()
            assert (status, orjson.loads(body)) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.parametrize("offer", OFFERS)
async def test_a_body_is_never_a_request(serve: Serve, offer: str) -> None:
    async with wire(await serve()) as connection:
        for path in ("/graphql", "/api/v1/auth/login", "/nothing"):
            request = post(path, offer, SMUGGLED)
            await connection.send(request[: -len(SMUGGLED)], SMUGGLED)
            await connection.send(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
            statuses = [(await connection.answer())[0] for _ in range(2)]
            assert statuses == [{"/graphql": 400, "/nothing": 404}.get(path, 422), 200]


@pytest.mark.parametrize("offered", ["websocket", "h2c, WebSocket"])
async def test_sockets_are_opened_whatever_else_is_offered(serve: Serve, offered: str) -> None:
    handshake = (
        f"GET /graphql HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: {offered}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    async with wire(await serve()) as connection, asyncio.timeout(SECONDS):
        await connection.send(handshake.encode())
        head = await connection.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
