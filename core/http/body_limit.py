"""The layer that reads a request's body, as it may be sent and as far as it may go."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.deadline import within_deadline
from core.errors import BodyTooLarge, DeadlineExceeded, UnsupportedMediaType
from core.http import Render
from core.http.disconnection import current_receive

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
        announced, encoding = _announced(scope) if scope["type"] == "http" else (None, b"")
        if announced is None:
            await self.app(scope, receive, send)
            return
        try:
            if announced > self.max_bytes:
                raise BodyTooLarge
            body = await within_deadline(self.body_timeout, self._read(receive))
            if encoding and body and _is_encoded(encoding):
                raise UnsupportedMediaType(ENCODED, header="Accept-Encoding", accepted="identity")
        except (BodyTooLarge, UnsupportedMediaType, DeadlineExceeded) as error:
            refusal = BodyTooLarge() if isinstance(error, DeadlineExceeded) else error
            await self.render(scope, refusal)(scope, receive, send)
            return
        if body is None:  # the client has disconnected
            return
        pending = [body]

        async def receive_buffered() -> Message:
            if pending:
                return {"type": "http.request", "body": pending.pop(), "more_body": False}
            return await receive()

        before = current_receive.set(receive)
        try:
            await self.app(scope, receive_buffered, send)
        finally:
            current_receive.reset(before)

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


def _announced(scope: Scope) -> tuple[int | None, bytes]:
    """Return how many bytes the body is said to have, and its encoding.

    That is 0 if no size is said, None if there is no body.
    """
    size, encoding = None, b""
    for name, value in scope["headers"]:
        if name == b"content-length":
            size = int(value)
        elif name == b"transfer-encoding":
            size = size or 0
        elif name == b"content-encoding":
            encoding += b"," + value
    return size, encoding


def _is_encoded(encoding: bytes) -> bool:
    """Tell whether a ``Content-Encoding`` is more than ``identity`` (RFC 9110 section 8.4)."""
    return any(coding.strip() not in (b"", b"identity") for coding in encoding.lower().split(b","))
