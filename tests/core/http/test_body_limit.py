"""A body is read as far as it may go, and for as long as it may take."""

import asyncio

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from core.errors import AppError
from core.http.body_limit import BodyLimit

pytestmark = pytest.mark.anyio

CHUNKED = [(b"transfer-encoding", b"chunked")]


async def serve(messages: list[Message], headers: list[tuple[bytes, bytes]]) -> list[bytes | int]:
    """Return what the application has read, or the status that it was spared by."""
    seen: list[bytes | int] = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        seen.append((await receive())["body"])

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Message) -> None:
        if "status" in message:
            seen.append(message["status"])

    def render(_: Scope, error: AppError) -> Response:
        return Response(status_code=error.status)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    await BodyLimit(app, max_bytes=5, render=render, body_timeout=0.05)(scope, receive, send)
    return seen


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("messages", "headers", "expected"),
    [
        ([part(b"abc"), part(b"de"), part(b"", more=False)], CHUNKED, [b"abcde"]),
        ([part(b"abcde", more=False)], [(b"content-length", b"5")], [b"abcde"]),
        ([part(b"abc"), part(b"def"), part(b"", more=False)], CHUNKED, [413]),
        ([], [(b"content-length", b"6")], [413]),
        ([part(b"abc"), {"type": "http.disconnect"}], CHUNKED, []),
        # It drips.
        ([part(b"abc")], CHUNKED, [413]),
    ],
)
async def test_a_body_comes_whole_or_not_at_all(
    messages: list[Message], headers: list[tuple[bytes, bytes]], expected: list[bytes | int]
) -> None:
    assert await serve(messages, headers) == expected
