"""uvicorn's HTTP protocol, except where it loses the boundary between two requests, or between answer and client.

uvicorn 0.54 leaves llhttp in the state in which it meets an ``Upgrade``: the message has ended with its head, and the
body is parsed as the next request. Answers of unknown length are chunked by it even to those who cannot read that.
"""

from collections.abc import Iterator, MutableMapping
from functools import partial
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from engine.http.answering import Cycle
from engine.http.bounds import BoundedProtocol
from engine.http.websocket import WebSocketProtocol

_WEBSOCKET = b"websocket"
#: Bytes of a line of a handshake: websockets reads 8,192 with what is around them, and uvicorn fails beyond that.
_MAX_LINE = 8_000


class HttpProtocol(BoundedProtocol):
    """uvicorn's protocol on top of httptools, for any request that offers to go on in another protocol.

    A WebSocket is opened for a GET without a body. Any other offer is ignored, as RFC 9110 section 7.8 allows: the
    request is answered as if it had no ``Upgrade``. CONNECT, after whose head no HTTP follows either, is refused.
    """

    def _should_upgrade(self) -> bool:
        # So no request is begun from what the parser says of a message that it has ended without its body.
        return True

    def take_offer(self, rest: memoryview) -> bool:
        """Open a WebSocket if that is what a request offers, or go on in HTTP behind its head."""
        while not self._opens_websocket():
            self._parse_without_offer()
            try:
                self.parser.feed_data(rest)
            except HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
            else:
                return False
        if len(self.url) > _MAX_LINE or any(
            len(b"".join(field)) > _MAX_LINE for field in self.scope["headers"]
        ):
            self._refusal = 431
            raise HttpParserError("A line of the handshake is too long")
        self.handle_websocket_upgrade()
        return True

    def _parse_without_offer(self) -> None:
        """Parse the head again, without its ``Upgrade``, so that its body is expected next."""
        if self.parser.get_method() == b"CONNECT":
            raise HttpParserError("CONNECT is not supported")
        head = self._head_without_offer()
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(head)

    def _opens_websocket(self) -> bool:
        # RFC 6455 section 4.1 wants GET and HTTP/1.1. An answer that is still due would be written among the frames.
        return (
            self.ws_protocol_class is not None
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and (self.cycle is None or self.cycle.response_complete)
            # Nor would the next protocol learn that the client has not taken it yet.
            and not self.flow.write_paused
            and not self._has_body()
            and _WEBSOCKET in self._offers()
        )

    def _has_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and int(value))
            for name, value in self.scope["headers"]
        )

    def _offers(self) -> Iterator[bytes]:
        for name, value in self.scope["headers"]:
            if name == b"upgrade":
                yield from (protocol.strip().lower() for protocol in value.split(b","))

    def _head_without_offer(self) -> bytes:
        request_line = b"%s %s HTTP/%s\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
        )
        fields = [b"%s: %s\r\n" % field for field in self.scope["headers"] if field[0] != b"upgrade"]
        return b"".join([request_line, *fields, b"\r\n"])

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket protocol, which knows of no other offers beside its own."""
        others = [field for field in self.scope["headers"] if field[0] != b"upgrade"]
        self.scope["headers"] = [*others, (b"upgrade", _WEBSOCKET)]
        sender, self.sender = self.sender, None
        self.ws_protocol_class = partial(WebSocketProtocol, limits=self.limits, sender=sender)  # type: ignore[assignment]
        super().handle_websocket_upgrade()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = Cycle  # uvicorn takes none; it differs in nothing but a method
        if cycle.scope["http_version"] < "1.1":
            app = _delimited_by_close(cycle, app)
        super()._start_asgi_task(cycle, app)


def _delimited_by_close(cycle: RequestResponseCycle, app: Any) -> Any:
    """Return *app* with answers that end with the connection where their length is unknown.

    A client of HTTP/1.0 cannot read chunks (RFC 9112 section 6.1).
    """

    async def delimited(scope: Any, receive: Any, send: Any) -> None:
        until_close = False

        async def send_delimited(message: MutableMapping[str, Any]) -> None:
            nonlocal until_close
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", ())}
                until_close = b"content-length" not in names
                if until_close:
                    cycle.chunked_encoding = cycle.keep_alive = False
            elif until_close:
                # How much uvicorn expects still, which is all that it checks here.
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_delimited)

    return delimited
