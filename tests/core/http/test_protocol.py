"""Answers on the wire: head and body together, a stream's head without waiting for what it has to say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from core.http.protocol import HttpProtocol

pytestmark = pytest.mark.anyio

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
STREAM = {"type": "http.response.start", "status": 200, "headers": []}


class Wire(asyncio.Transport):
    """Takes down each write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


Ask = Callable[[Callable[[Send], Awaitable[None]], bytes], Wire]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Send a request to an application that answers as told."""
    protocols: list[HttpProtocol] = []

    def send_request(answer: Callable[[Send], Awaitable[None]], request: bytes) -> Wire:
        async def app(_: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await answer(send)

        config = uvicorn.Config(app, server_header=False, date_header=False, log_config=None)
        config.load()
        protocol = HttpProtocol(config, uvicorn.server.ServerState(), {})
        protocols.append(protocol)
        wire = Wire()
        protocol.connection_made(wire)
        protocol.data_received(request)
        return wire

    yield send_request
    for protocol in protocols:
        protocol.connection_lost(None)


async def turns(number: int = 4) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_head_and_body_leave_in_one_write(ask: Ask) -> None:
    async def answer(send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"ok"})

    wire = ask(answer, GET + GET)
    await turns(8)
    assert wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"] * 2


async def test_the_head_of_a_stream_does_not_wait_for_its_body(ask: Ask) -> None:
    goes_on = asyncio.Event()

    async def answer(send: Send) -> None:
        await send(STREAM)
        await goes_on.wait()
        for body in (b"a", b"b"):
            await send({"type": "http.response.body", "body": body, "more_body": body == b"a"})

    wire = ask(answer, GET)
    await turns()
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    assert wire.written == [head]
    goes_on.set()
    await turns()
    assert wire.written == [head, b"1\r\na\r\n", b"1\r\nb\r\n0\r\n\r\n"]


async def test_what_is_held_is_written_before_the_connection_closes(ask: Ask) -> None:
    async def answer(send: Send) -> None:
        await send(START)
        raise ValueError

    wire = ask(answer, GET)
    await turns()
    assert wire.closed
    assert wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"]


async def test_a_client_that_asks_first_is_told_to_continue(ask: Ask) -> None:
    async def answer(send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"ok"})

    wire = ask(answer, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n1")
    await turns()
    assert b"".join(wire.written) == (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    )
