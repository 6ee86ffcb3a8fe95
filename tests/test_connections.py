"""What one connection, or one address, may take of a process: heads, requests that wait, answers that nobody reads."""

import asyncio
import socket
import tracemalloc
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect as open_websocket

from core.http.caller import sender_network
from core.http.connections import connection_limits, refuse
from core.settings import Settings
from engine.http import ConnectionLimits
from tests.engine.http.test_protocol import KEY, Transport
from tests.engine.http.test_protocol import connect as connect_to
from tests.servers import SECONDS, serving, until

pytestmark = pytest.mark.anyio

MEGABYTE = 1_000_000
#: What one connection may keep: a head, a slice of requests, one read, and what Python needs for it.
MOST = 1.5 * MEGABYTE
GET = b"GET / HTTP/1.1\r\n\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + KEY
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
#: Five megabytes each that begin, and do not end, a head or the trailers of a body.
ENDLESS = {
    "header lines": (431, b"GET / HTTP/1.1\r\n", b"a: b\r\n"),
    "a header": (431, b"GET / HTTP/1.1\r\na: ", b"b"),
    "the name of a header": (431, b"GET / HTTP/1.1\r\n", b"b"),
    "a handshake": (431, b"GET / HTTP/1.1\r\n" + UPGRADE, b"a: b\r\n"),
    "a target": (414, b"GET /", b"a"),
    "a query": (414, b"GET /?", b"a"),
    "empty lines": (431, b"", b"\r\n"),
    "trailers": (431, CHUNKED, b"a: b\r\n"),
    "a trailer": (431, CHUNKED + b"a: ", b"b"),
}


def endless(name: str) -> tuple[int, bytes, list[bytes]]:
    """Return the status that is due, and segments."""
    status, begin, more = ENDLESS[name]
    segment = more * (65_536 // len(more))
    return status, begin, [segment] * (5 * MEGABYTE // len(segment))


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request with an empty body, once it is whole."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


class Noted(Transport):
    """Notes whether it is read from."""

    reads = True

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True


def noted(app: Any) -> tuple[Any, Noted]:
    """Return a protocol that serves *app*, and its transport."""
    transport = Noted()
    return connect_to(app, transport)[0], transport


def kept_by(work: Callable[[], object]) -> int:
    """Return how many bytes are in use after *work* that were not before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ENDLESS)
async def test_a_head_without_an_end_is_refused_before_memory_grows(name: str) -> None:
    status, begin, segments = endless(name)
    protocol, transport = connect_to(nothing)
    taken = 0

    def send() -> None:
        nonlocal taken
        protocol.data_received(begin)
        for segment in segments:
            if transport.closed:
                return
            protocol.data_received(segment)
            taken += len(segment)

    assert kept_by(send) < MOST
    assert transport.written.startswith(b"HTTP/1.1 %d " % status)
    assert taken <= 2 * 65_536
    protocol.connection_lost(None)


@pytest.mark.parametrize("name", ENDLESS)
async def test_who_sends_a_head_without_an_end_can_read_why_it_is_refused(
    settings: Settings, name: str
) -> None:
    status, begin, segments = endless(name)
    async with serving(nothing, connection_limits(settings)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.writelines([begin, *segments])
        async with asyncio.timeout(SECONDS):
            answer = await reader.readuntil(b"}")
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nx-request-id: " in head
    assert b"\r\nconnection: close" in head
    assert set(orjson.loads(body)) == {"detail", "error_code"}


@pytest.mark.parametrize("status", [400, 408, 414, 429, 431])
async def test_refusals_are_worded_as_rest_words_them(status: int) -> None:
    headers, body = refuse(status)
    assert orjson.loads(body)["error_code"] == ("RATE_LIMITED" if status == 429 else "VALIDATION_ERROR")
    assert {b"x-request-id", b"x-content-type-options", b"content-type"} <= dict(headers).keys()
    assert (b"retry-after" in dict(headers)) == (status == 429)


async def assert_answered(lines: bytes, status: int) -> None:
    protocol, transport = connect_to(nothing)
    protocol.data_received(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    await until(lambda: bool(transport.written))
    assert transport.written.startswith(b"HTTP/1.1 %d " % status)
    protocol.connection_lost(None)


@pytest.mark.parametrize(("lines", "status"), [(100, 200), (101, 431)])
async def test_a_head_may_have_a_hundred_lines(lines: int, status: int) -> None:
    await assert_answered(b"a: b\r\n" * lines, status)


@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (65_536, 431), (70_000, 431)])
async def test_a_head_may_have_sixty_kilobytes(size: int, status: int) -> None:
    await assert_answered(b"a: " + b"b" * size + b"\r\n", status)


async def test_trailers_are_no_headers() -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await nothing(scope, receive, send)

    protocol, transport = connect_to(app)
    protocol.data_received(CHUNKED + b"Authorization: Bearer stolen\r\n\r\n")
    await until(lambda: bool(transport.written))
    assert [name for name, _ in scopes[0]["headers"]] == [b"transfer-encoding"]
    protocol.connection_lost(None)


async def test_requests_behind_an_answer_that_is_due_are_not_begun() -> None:
    """Each answer lets another 256 kB be read: as many requests waited as could be sent."""
    answers = asyncio.Semaphore(0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answers.acquire()
        await nothing(scope, receive, send)

    protocol, transport = noted(app)
    read = GET * (256_000 // len(GET))
    assert kept_by(lambda: protocol.data_received(read)) < MOST
    for answered in range(1, 200):
        assert not transport.reads
        assert len(protocol.pipeline) * len(GET) <= 4096
        answers.release()
        await until(lambda answered=answered: transport.written.count(b"200 OK") == answered)  # type: ignore[misc]
    for _ in range(len(read)):
        answers.release()
    await until(lambda: transport.written.count(b"200 OK") == len(read) // len(GET))
    assert transport.reads
    protocol.connection_lost(None)


async def test_a_stream_ends_with_its_connection_though_a_request_waits_behind_it() -> None:
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        ended.append(scope["path"])

    protocol, _ = connect_to(app)
    protocol.data_received(b"GET /stream HTTP/1.1\r\n\r\n" + GET)
    await asyncio.sleep(0)
    protocol.connection_lost(None)
    await until(lambda: ended == ["/stream"])


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\n" + UPGRADE, b"HTTP/1.1 408 "),
        (GET + b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 "),
    ],
)
async def test_half_a_request_does_not_stay_open(sent: bytes, answer: bytes) -> None:
    async with serving(nothing, ConnectionLimits(head_seconds=0.1)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(SECONDS):
            received = await reader.read()
        writer.close()
    assert received.startswith(answer)
    assert bool(received) == bool(answer)


async def test_one_address_has_a_bound_of_connections() -> None:
    limits = ConnectionLimits(connections=2, refuse=refuse)
    async with serving(nothing, limits) as port:
        first, second = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in (first, second):
            writer.write(GET)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(SECONDS):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 429 ")
        for _, each in (first, second):
            each.close()

        async def is_served() -> bool:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            answer = await reader.readline()
            writer.close()
            return answer.startswith(b"HTTP/1.1 200 ")

        await until(is_served)


async def test_a_websocket_counts_as_long_as_it_is_open() -> None:
    limits = ConnectionLimits(connections=1)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async with serving(app, limits) as port:
        async with open_websocket(f"ws://127.0.0.1:{port}/"):
            reader, _ = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(SECONDS):
                assert (await reader.read()).startswith(b"HTTP/1.1 429 ")
        await until(lambda: not limits.counted)


def test_who_counts_as_one_sender(settings: Settings) -> None:
    trusted = settings.model_copy(update={"trusted_proxies": ("10.0.0.0/8",)}).proxy_networks
    assert sender_network("10.1.2.3", trusted) is None
    assert sender_network("::ffff:10.1.2.3", trusted) is None
    assert sender_network("192.0.2.1", trusted) == sender_network("::ffff:192.0.2.1", trusted)
    assert sender_network("2001:db8::1", trusted) == sender_network("2001:db8::ffff", trusted)
    assert sender_network("2001:db8:0:1::1", trusted) != sender_network("2001:db8::1", trusted)


BIG = b"x" * 8 * MEGABYTE


class Unread:
    """An application that sends more than is taken, and notes when it has ended and what waits to be sent."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await (self._socket if scope["type"] == "websocket" else self._http)(scope, receive, send)
        except OSError:
            pass
        finally:
            self.ended.set()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        gone = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        part: dict[str, Any] = {"type": "http.response.body", "body": BIG, "more_body": True}
        while not gone.done() and scope["path"] == "/stream":
            await send(part)
            self.sent += 1
        await send(part | {"more_body": False})
        await gone

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

        async def send_on() -> None:
            while True:
                await send({"type": "websocket.send", "bytes": BIG})
                self.sent += 1

        async with asyncio.TaskGroup() as senders:
            for _ in range(20):
                senders.create_task(send_on())


async def send_and_not_read(port: int, request: bytes) -> socket.socket:
    """Send a request, and never read its answer."""
    client, loop = socket.socket(), asyncio.get_running_loop()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, request)
    return client


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /answer HTTP/1.1\r\n",
        b"GET /answer HTTP/1.1\r\nConnection: close\r\n",
        b"GET /answer HTTP/1.0\r\n",
        b"GET /stream HTTP/1.1\r\n",
        b"GET /stream HTTP/1.0\r\n",
        b"GET /socket HTTP/1.1\r\nHost: a\r\n" + UPGRADE,
    ],
)
async def test_who_takes_no_answer_loses_the_connection(request_head: bytes) -> None:
    app, limits = Unread(), ConnectionLimits(write_seconds=0.2, connections=9)
    async with serving(app, limits) as port:
        with await send_and_not_read(port, request_head + b"\r\n"):
            async with asyncio.timeout(SECONDS):
                await app.ended.wait()
            # What is counted is given back when nothing is kept any more.
            await until(lambda: not limits.counted)
    # One message, or two if the kernel has taken the first: not one of each that waits to send.
    assert app.sent <= 2


class Flooded(Noted):
    """A transport whose client takes nothing."""

    def write(self, data: Any) -> None:
        super().write(data)
        if len(self.written) > 65_536 and self.protocol is not None:
            self.protocol.pause_writing()


async def opened(app: Any, transport: Noted) -> Any:
    """Return the protocol of a WebSocket that is open."""
    protocol, _ = connect_to(app, transport)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n")
    await until(lambda: bool(transport.written))
    return transport.protocol


async def accept(scope: Scope, receive: Receive, send: Send) -> None:
    """Open a WebSocket and wait for its end."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def test_pings_are_not_read_while_their_answers_are_not_taken() -> None:
    transport = Flooded()
    protocol = await opened(accept, transport)
    ping = b"\x89\xfd" + bytes(4) + b"x" * 125
    read = ping * (65_536 // len(ping))
    for _ in range(9):
        if transport.reads:
            protocol.data_received(read)
    assert not transport.reads
    assert len(transport.written) < 3 * len(read)
    protocol.resume_writing()
    await until(lambda: transport.reads)
    protocol.connection_lost(None)


async def test_a_message_has_a_bound_of_fragments() -> None:
    transport = Noted()
    protocol = await opened(accept, transport)
    first, more = b"\x01\x80" + bytes(4), b"\x00\x80" + bytes(4)

    def send() -> None:
        protocol.data_received(first)
        for _ in range(200):
            if not transport.closed:
                protocol.data_received(more * 10_000)

    assert kept_by(send) < 10 * MEGABYTE
    assert transport.closed
    protocol.connection_lost(None)


@pytest.mark.parametrize("head", [b"GET /%b HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nCookie: %b\r\n"])
async def test_a_long_line_of_a_handshake_is_refused(head: bytes) -> None:
    protocol, transport = connect_to(accept)
    protocol.data_received(head % (b"x" * 10_000) + b"Host: a\r\n" + UPGRADE + b"\r\n")
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    protocol.connection_lost(None)


async def test_a_websocket_is_not_opened_behind_an_answer_that_is_not_taken() -> None:
    """Its protocol would not know that nothing may be written."""
    protocol, transport = connect_to(nothing)
    protocol.pause_writing()
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n" + UPGRADE + b"\r\n")
    assert transport.protocol is None
    protocol.connection_lost(None)
