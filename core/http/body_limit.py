"""The layer that reads a request's body, as it may be sent and as far as it may go."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import BodyTooLarge, UnsupportedMediaType
from core.http import Render
from core.http.headers import find_header

ENCODED = "Request body must be sent without Content-Encoding"


class BodyLimit:
    """Reads the whole body before anybody parses it.

    Answers 413 when it is too large or takes too long, and 415 when it is compressed, or encoded in another way.

    Args:
        app: what serves the request.
        max_bytes: of a body.
        render: words the errors 413 and 415.
        body_timeout: seconds that a client may take to send its body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, render: Render, body_timeout: float = 30) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.render = render
        self.body_timeout = body_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = _announced_size(scope) if scope["type"] == "http" else None
        if announced is None:
            await self.app(scope, receive, send)
            return
        try:
            if announced > self.max_bytes:
                raise BodyTooLarge
            async with asyncio.timeout(self.body_timeout):
                body = await self._read(receive)
            if body and _is_encoded(scope):
                raise UnsupportedMediaType(ENCODED, header="Accept-Encoding", accepted="identity")
        except (BodyTooLarge, UnsupportedMediaType, TimeoutError) as error:
            refusal = BodyTooLarge() if isinstance(error, TimeoutError) else error
            await self.render(scope, refusal)(scope, receive, send)
            return
        if body is None:  # the client has disconnected
            return
        pending = [body]

        async def receive_buffered() -> Message:
            if pending:
                return {"type": "http.request", "body": pending.pop(), "more_body": False}
            return await receive()

        await self.app(scope, receive_buffered, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body; None if the client has disconnected."""
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.max_bytes:
                raise BodyTooLarge
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)


def _announced_size(scope: Scope) -> int | None:
    """Return how many bytes the body is said to have, 0 if that is not said, None if there is no body."""
    size = None
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
        if name == b"transfer-encoding":
            size = 0
    return size


def _is_encoded(scope: Scope) -> bool:
    """Tell whether the body is said to be compressed or encoded (RFC 9110 section 8.4)."""
    codings = find_header(scope, b"content-encoding").lower().split(b",")
    return any(coding.strip() not in (b"", b"identity") for coding in codings)
