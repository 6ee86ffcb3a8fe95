"""The heads of answers are what uvicorn writes, byte for byte, also where it refuses to write one."""

from collections.abc import Sequence
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http import httptools_impl
from uvicorn.server import ServerState

from engine.http import HttpProtocol
from engine.http.answering import MAX_JOINED
from tests.engine.http.test_protocol import Transport
from tests.servers import until

pytestmark = pytest.mark.anyio

Headers = list[tuple[bytes, bytes]]

LENGTH = (b"content-length", b"2")
HEADERS: dict[str, Headers] = {
    "none": [],
    "the length": [LENGTH],
    "some": [(b"content-type", b"text/plain"), LENGTH, (b"x-some", b"a\tb \xe4")],
    "equal ones": [(b"vary", b"Origin"), LENGTH, (b"vary", b"Accept")],
    "no values": [LENGTH, (b"x-some", b""), (b"x-more", b"")],
    "two lengths": [LENGTH, (b"content-length", b"3")],
    "a wrong length": [(b"content-length", b"3")],
    "no number": [(b"content-length", b"two")],
    "capitals": [(b"Content-Length", b"2"), (b"X-Some", b"a")],
    "chunks": [(b"transfer-encoding", b"chunked")],
    "chunks and a length": [LENGTH, (b"transfer-encoding", b"chunked")],
    "the last answer": [LENGTH, (b"connection", b"x, Close")],
    "another line": [LENGTH, (b"x-some", b"a\r\nset-cookie: b")],
    "only half an end of a line": [LENGTH, (b"x-some", b"a\nb")],
    "the other half": [LENGTH, (b"x-some", b"a\rb")],
    "the halves in two values": [LENGTH, (b"x-some", b"a\r"), (b"x-more", b"\nb")],
    "a null": [LENGTH, (b"x-some", b"a\0b")],
    "DEL": [LENGTH, (b"x-some", b"\x7f")],
    "a line in a name": [LENGTH, (b"x-some\r\nx-more", b"a")],
    "a colon in a name": [LENGTH, (b"x-some: a, x-more", b"a")],
    "a space in a name": [LENGTH, (b"x some", b"a")],
}
REQUESTS = {
    "GET": b"GET / HTTP/1.1\r\n\r\n",
    "HEAD": b"HEAD / HTTP/1.1\r\n\r\n",
    "the last request": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "one that waits for 100": b"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
}


#: Bodies in the parts that they are sent in.
BODIES: dict[str, list[bytes]] = {
    "whole": [b"ok"],
    "in parts": [b"o", b"k"],
    "an empty part first": [b"", b"ok"],
    "an empty part last": [b"ok", b""],
    "too short": [b"o"],
    "too short, in parts": [b"o", b""],
    "too long": [b"okay"],
    "too long, in parts": [b"ok", b"ay"],
    "none": [b""],
    "never": [],
}


async def answer(
    kind: Any, request: bytes, headers: Headers, status: int = 200, body: Sequence[bytes] = (b"ok",)
) -> tuple[bytes, bool, list[str]]:
    """Return what is written for a request, whether the connection is closed, and what the application is told."""
    told: list[str] = []

    async def app(_: Scope, __: Receive, send: Send) -> None:
        parts = [
            {"type": "http.response.body", "body": part, "more_body": number < len(body)}
            for number, part in enumerate(body, start=1)
        ]
        for message in ({"type": "http.response.start", "status": status, "headers": headers}, *parts):
            try:
                await send(message)
            except (RuntimeError, ValueError) as error:
                told.append(str(error))
                raise

    config = uvicorn.Config(app, interface="asgi3", proxy_headers=False, access_log=False, log_config=None)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    protocol, transport = kind(config, state, {}), Transport()
    protocol.connection_made(transport)
    protocol.data_received(request)
    await until(lambda: not state.tasks)
    return transport.written, transport.closed, told


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_what_is_written_is_what_uvicorn_writes(request_: bytes) -> None:
    for name, headers in HEADERS.items():
        if b"/1.0" in request_ and not {header.lower() for header, _ in headers} & {b"content-length"}:
            continue  # not chunked by us, who differ there on purpose
        for status in (200, 204, 304, 404, 503):
            # Twice: names are remembered.
            for _ in range(2):
                ours = await answer(HttpProtocol, request_, headers, status)
                theirs = await answer(httptools_impl.HttpToolsProtocol, request_, headers, status)
                assert ours == theirs, (name, status)


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("parts", BODIES.values(), ids=BODIES)
async def test_bodies_are_written_as_uvicorn_writes_them(request_: bytes, parts: list[bytes]) -> None:
    for headers in ([LENGTH], [(b"content-length", b"0")]):
        ours = await answer(HttpProtocol, request_, headers, body=parts)
        theirs = await answer(httptools_impl.HttpToolsProtocol, request_, headers, body=parts)
        if parts:
            assert ours == theirs
        else:  # of an answer without its end, nothing is written
            assert ours[1:] == theirs[1:]


@pytest.mark.parametrize(
    ("size", "writes"), [(0, 1), (2, 1), (MAX_JOINED, 1), (MAX_JOINED + 1, 2)], ids=lambda value: str(value)
)
async def test_head_and_body_leave_together_unless_much_is_copied_for_it(size: int, writes: int) -> None:
    headers = [(b"content-length", b"%d" % size)]
    written: list[bytes] = []

    class Counted(HttpProtocol):
        def connection_made(self, transport: Any) -> None:
            transport.write = written.append
            super().connection_made(transport)

    await answer(Counted, REQUESTS["GET"], headers, body=[b"x" * size])
    assert len(written) == writes
    expected = await answer(httptools_impl.HttpToolsProtocol, REQUESTS["GET"], headers, body=[b"x" * size])
    assert b"".join(written) == expected[0]


async def test_no_header_of_a_usual_answer_is_searched_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = [(b"content-type", b"text/plain"), LENGTH, (b"x-some", b"a")]
    expected = await answer(HttpProtocol, REQUESTS["GET"], usual)
    for name in ("HEADER_RE", "HEADER_VALUE_RE"):
        monkeypatch.setattr(httptools_impl, name, None)
    assert await answer(HttpProtocol, REQUESTS["GET"], usual) == expected
