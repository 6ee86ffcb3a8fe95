"""Requests that offer to go on in another protocol, whatever is offered and however they are cut into segments."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.server import ServerState

from engine.http import HttpProtocol
from tests.servers import SECONDS, until

pytestmark = pytest.mark.anyio

#: What an attacker would like to be parsed as a request.
BODY = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:])
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

OFFERS = {
    "something unknown": b"Connection: Upgrade\r\nUpgrade: x\r\n",
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n",
    "a WebSocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + KEY,
    "a WebSocket among others": b"Connection: Upgrade\r\nUpgrade: h2c, WebSocket\r\n" + KEY,
    "lists": b"connection: keep-alive, UPGRADE\r\nupgrade: TLS/1.0, IRC/6.9\r\n",
    "several lines": b"Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n",
    "nothing and something": b"Upgrade:\r\nConnection: ,upgrade,\r\nUpgrade: x\r\n",
}
SOCKETS = {"a WebSocket", "a WebSocket among others"}
BODIES = {
    "POST, counted": (b"POST", b"Content-Length: %d\r\n" % len(BODY), BODY),
    "POST, chunked": (b"POST", b"Transfer-Encoding: chunked\r\n", CHUNKED),
    "POST, empty": (b"POST", b"Content-Length: 0\r\n", b""),
    "GET, counted": (b"GET", b"Content-Length: %d\r\n" % len(BODY), BODY),
    "GET, chunked": (b"GET", b"Transfer-Encoding: chunked\r\n", CHUNKED),
    "PURGE, none": (b"PURGE", b"", b""),
}


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 80), "peername": ("127.0.0.1", 5)})
        self.written = b""
        self.closed = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def write_eof(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def connect(app: ASGIApp, transport: Transport | None = None) -> tuple[HttpProtocol, Transport]:
    """Return a protocol that serves *app* on a transport."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=HttpProtocol,
        ws="websockets-sansio",
        proxy_headers=False,
        access_log=False,
        log_config=None,
    )
    config.load()
    protocol, transport = HttpProtocol(config, ServerState(), {}), transport or Transport()
    protocol.connection_made(transport)
    return protocol, transport


class Connection:
    """A connection to an application that notes what requests it gets, and answers them with their bodies."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.heads: list[dict[bytes, bytes]] = []
        self.sockets: list[Scope] = []
        self.answered = asyncio.Condition()
        #: Nothing is answered before it is set.
        self.go = asyncio.Event()
        self.go.set()
        self.protocol, self.transport = connect(self._serve)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            self.sockets.append(scope)
            await receive()
            await send({"type": "websocket.accept"})
        else:
            body = b""
            while True:
                message = await receive()
                body += message["body"]
                if not message["more_body"]:
                    break
            await self.go.wait()
            self.requests.append((scope["method"], scope["path"], body))
            self.heads.append(dict(scope["headers"]))
            length = (b"content-length", b"%d" % len(body))
            await send({"type": "http.response.start", "status": 200, "headers": [length]})
            await send({"type": "http.response.body", "body": body})
        async with self.answered:
            self.answered.notify_all()

    def feed(self, *segments: bytes) -> None:
        """Let segments arrive."""
        for segment in segments:
            # As a transport does once a protocol has given the connection over, or has closed it.
            if not self.transport.closed:
                (self.transport.protocol or self.protocol).data_received(segment)

    async def until_answered(self, path: str) -> None:
        """Wait for the answer to the request of *path*."""
        async with asyncio.timeout(SECONDS), self.answered:
            await self.answered.wait_for(lambda: path in [request[1] for request in self.requests])

    async def until_opened(self) -> None:
        """Wait for a WebSocket."""
        async with asyncio.timeout(SECONDS), self.answered:
            await self.answered.wait_for(lambda: self.sockets)

    def end(self) -> None:
        """Lose the connection."""
        (self.transport.protocol or self.protocol).connection_lost(None)


def requests_with(offer: str, body: str) -> bytes:
    method, framing, content = BODIES[body]
    return b"%b /first HTTP/1.1\r\nHost: a\r\n%b%b\r\n%b" % (method, OFFERS[offer], framing, content)


def cuts(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """Yield *data* whole, in every pair of segments, and byte by byte."""
    yield (data,)
    for place in range(1, len(data)):
        yield data[:place], data[place:]
    yield tuple(data[place : place + 1] for place in range(len(data)))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("offer", OFFERS)
async def test_a_request_is_answered_as_without_its_offer(offer: str, body: str) -> None:
    method, _, content = BODIES[body]
    expected = [(method.decode(), "/first", BODY if content else b""), ("GET", "/last", b"")]
    for segments in cuts(requests_with(offer, body) + LAST):
        connection = Connection()
        connection.feed(*segments)
        await connection.until_answered("/last")
        assert connection.requests == expected, segments
        assert connection.transport.written.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert not connection.sockets
        assert not connection.transport.closed
        connection.end()


@pytest.mark.parametrize("offer", OFFERS)
async def test_offers_may_come_again_and_again(offer: str) -> None:
    many = 300
    connection = Connection()
    connection.feed(b"".join(requests_with(offer, "POST, counted") for _ in range(many)) + LAST)
    await connection.until_answered("/last")
    assert connection.requests == [("POST", "/first", BODY)] * many + [("GET", "/last", b"")]
    connection.end()


async def test_all_other_fields_reach_the_application() -> None:
    fields = b"X-Empty:\r\nX-Bytes: \xe4\xff\r\nCookie: a=1; b=2\r\nX-Inner: a:  b\r\n"
    connection = Connection()
    connection.feed(b"GET /first?a=%20 HTTP/1.1\r\n" + fields + OFFERS["h2c"] + b"\r\n" + LAST)
    await connection.until_answered("/last")
    assert connection.heads[0] == {
        b"x-empty": b"",
        b"x-bytes": b"\xe4\xff",
        b"cookie": b"a=1; b=2",
        b"x-inner": b"a:  b",
        b"connection": b"Upgrade, HTTP2-Settings",
        b"http2-settings": b"AAEAAEAAAAIAAAAB",
    }
    connection.end()


async def test_trailers_offer_nothing() -> None:
    trailers = CHUNKED[:-2] + OFFERS["a WebSocket"] + b"\r\n"
    connection = Connection()
    connection.feed(b"POST /first HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + trailers + LAST)
    await connection.until_answered("/last")
    assert connection.requests == [("POST", "/first", BODY), ("GET", "/last", b"")]
    connection.end()


@pytest.mark.parametrize("offer", sorted(SOCKETS))
async def test_a_get_without_a_body_opens_a_socket(offer: str) -> None:
    for segments in cuts(b"GET /socket HTTP/1.1\r\nHost: a\r\n%b\r\n" % OFFERS[offer]):
        connection = Connection()
        connection.feed(*segments)
        await connection.until_opened()
        assert connection.transport.written.startswith(b"HTTP/1.1 101 "), segments
        assert [scope["path"] for scope in connection.sockets] == ["/socket"]
        connection.end()


async def test_a_socket_may_be_opened_behind_an_answer_but_not_before_it() -> None:
    connection = Connection()
    handshake = b"GET /socket HTTP/1.1\r\nHost: a\r\n%b\r\n" % OFFERS["a WebSocket"]
    connection.go.clear()
    connection.feed(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + handshake + LAST)
    connection.go.set()
    await connection.until_answered("/last")
    assert [path for _, path, _ in connection.requests] == ["/first", "/socket", "/last"]
    assert not connection.sockets
    connection.feed(handshake)
    await connection.until_opened()
    connection.end()


@pytest.mark.parametrize("version", [b"1.0", b"2.0"])
async def test_other_versions_open_no_socket(version: bytes) -> None:
    connection = Connection()
    connection.feed(b"GET /first HTTP/%b\r\nHost: a\r\n%b\r\n" % (version, OFFERS["a WebSocket"]))
    await connection.until_answered("/first")
    assert not connection.sockets
    connection.end()


@pytest.mark.parametrize("target", [b"/first", b"a:80"])
async def test_a_tunnel_is_refused_with_what_is_sent_into_it(target: bytes) -> None:
    head = b"CONNECT %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (target, len(BODY))
    for segments in cuts(head + BODY):
        connection = Connection()
        connection.feed(*segments)
        assert connection.transport.written.startswith(b"HTTP/1.1 400 ")
        assert connection.transport.closed
        assert not connection.requests
        connection.end()


@pytest.mark.parametrize("offer", OFFERS)
async def test_what_is_malformed_behind_an_offer_is_refused(offer: str) -> None:
    connection = Connection()
    connection.feed(requests_with(offer, "POST, counted") + b"nonsense\r\n\r\n")
    assert b"HTTP/1.1 400 " in connection.transport.written
    assert connection.transport.closed
    connection.end()


class Streaming:
    """An application that sends an answer in parts."""

    def __init__(self, *messages: Message) -> None:
        self.messages = messages
        self.done = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for message in self.messages:
            await send(message)
        self.done.set()


async def written_by(app: Streaming, request: bytes) -> tuple[bytes, bytes, bool]:
    """Return head and body of an answer as they are written, and whether the connection is closed then."""
    protocol, transport = connect(app)
    protocol.data_received(request)
    async with asyncio.timeout(SECONDS):
        await app.done.wait()
    head, _, body = transport.written.partition(b"\r\n\r\n")
    closed = transport.closed
    protocol.connection_lost(None)
    return head.lower(), body, closed


START: dict[str, Any] = {"type": "http.response.start", "status": 200}
PARTS: list[Message] = [
    {"type": "http.response.body", "body": b"one", "more_body": True},
    {"type": "http.response.body", "body": b"", "more_body": True},
    {"type": "http.response.body", "body": b"three"},
]


@pytest.mark.parametrize("version", [b"0.9", b"1.0"])
@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"])
async def test_an_answer_of_unknown_length_to_an_old_client_ends_with_the_connection(
    version: bytes, connection: bytes
) -> None:
    request = b"GET / HTTP/%b\r\n%b\r\n" % (version, connection)
    head, body, closed = await written_by(Streaming(START, *PARTS), request)
    assert (b"transfer-encoding" in head, b"connection: close" in head) == (False, True)
    assert (body, closed) == (b"onethree", True)


@pytest.mark.parametrize("status", [200, 204, 304])
async def test_an_old_client_is_sent_no_body_where_there_is_none(status: int) -> None:
    app = Streaming(START | {"status": status}, {"type": "http.response.body"})
    head, body, closed = await written_by(app, b"HEAD / HTTP/1.0\r\n\r\n")
    assert (b"transfer-encoding" in head, body, closed) == (False, b"", True)


async def test_an_answer_of_known_length_says_it_to_an_old_client() -> None:
    start = START | {"headers": [(b"Content-Length", b"8")]}
    head, body, _ = await written_by(Streaming(start, *PARTS), b"GET / HTTP/1.0\r\n\r\n")
    assert b"content-length: 8" in head
    assert body == b"onethree"


async def test_others_get_chunks() -> None:
    head, body, closed = await written_by(Streaming(START, *PARTS), b"GET / HTTP/1.1\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert (body, closed) == (b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n", False)


async def test_a_request_that_comes_while_the_server_ends_is_answered_as_the_last_one() -> None:
    connection = Connection()
    connection.protocol.shutdown()
    assert not connection.transport.closed
    connection.feed(LAST)
    await connection.until_answered("/last")
    head, _, body = connection.transport.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in head.lower()
    assert (body, connection.transport.closed) == (b"", True)
    connection.end()


async def test_a_connection_without_a_request_ends_soon_after_the_server() -> None:
    connection = Connection()
    connection.feed(LAST)
    await connection.until_answered("/last")
    connection.protocol.shutdown()
    await until(lambda: connection.transport.closed)
    connection.end()
