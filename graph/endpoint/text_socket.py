"""One WebSocket: text frames of bounded size, at a bounded pace."""

import time
from collections.abc import AsyncGenerator, Mapping

from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected

from core.json_reader import InvalidJson
from graph.endpoint.messages import encode

#: Bytes.
MAX_CLOSE_REASON = 123
#: Close code (RFC 6455 section 7.4.1).
TOO_BIG = 1009
#: How many seconds' worth of messages may come at once: a page that connects anew begins all it had.
BURST_SECONDS = 4


class Pace:
    """A bucket of tokens. *rate* is how many things a second are allowed in the long run."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._left = float(rate * BURST_SECONDS)
        self._counted_at = time.monotonic()

    def allows_one_more(self) -> bool:
        """Count one, and say whether it is within the pace."""
        now = time.monotonic()
        refilled = self._left + (now - self._counted_at) * self._rate
        self._left, self._counted_at = min(refilled, self._rate * BURST_SECONDS) - 1, now
        return self._left >= 0


class TextSocket(ASGIWebSocketAdapter):
    """Sends text frames, as the protocol wants, although our encoder makes bytes; reads none without end."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:  # noqa: ARG002
        """Yield messages of at most as many bytes as a request's body may have.

        The server process has a limit of its own, above which nothing is buffered; this one holds for any server.
        """
        limit = self.view.resources.settings.max_body_bytes  # type: ignore[attr-defined]
        try:
            while self.ws.application_state is not WebSocketState.DISCONNECTED:
                text = await self.ws.receive_text()
                if len(text) > limit:
                    await self.close(TOO_BIG, "The message is too large")
                else:
                    yield self.view.decode_json(text)
        except InvalidJson:
            raise NonJsonMessageReceived from None
        except KeyError:
            raise NonTextMessageReceived from None
        except WebSocketDisconnect:
            pass

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send one message."""
        try:
            await self.ws.send_text(encode(message).decode())
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close with as much of *reason* as a close frame holds (RFC 6455 section 5.5)."""
        await super().close(code, reason.encode()[:MAX_CLOSE_REASON].decode(errors="ignore"))
