"""uvicorn's cycle of one request, with the head of an answer checked and written as a whole."""

from collections.abc import Coroutine
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from engine.http.limits import Headers

#: What names consist of (RFC 9110 section 5.6.2), in lower case.
_NAME = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
#: What nobody takes for the end of a line, or of a text: tabs, and no other control (RFC 9110 section 5.5).
_VALUE = bytes(byte for byte in range(256) if byte == 9 or (byte >= 32 and byte != 127))
#: More follows from these than a line.
_OF_CONNECTION = frozenset((b"connection", b"transfer-encoding"))
#: Names that were found to be right, and how many are remembered.
_plain_names: set[bytes] = set()
MAX_NAMES = 200
#: Bytes of the longest body that is copied behind its head.
MAX_JOINED = 65_536


class Cycle(RequestResponseCycle):
    """Writes what is usual in few steps: uvicorn 0.54 searches each name and each value for what must not be there.

    Head and body of most answers leave in one write, and so in one packet. Whatever is unusual, or wrong, is left to
    uvicorn.
    """

    #: A head that waits for its body; what has no length announced, as a stream, begins at once.
    _head = b""

    def send(self, message: Any) -> Coroutine[Any, Any, None]:
        """Write a message, or refuse it as uvicorn does."""
        if self._head:
            message = self._behind_head(message)
        elif message["type"] == "http.response.start" and self._is_plain():
            head = _plain_head(message["status"], [*self.default_headers, *message.get("headers", ())])
            if head is not None:
                return self._begin(*head)
        return super().send(message)

    def _behind_head(self, message: Any) -> Any:
        """Return the message with the head before its body if that is the whole of it; else write the head first."""
        head, self._head = self._head, b""
        body = message.get("body", b"")
        is_whole = len(body) == self.expected_content_length and not message.get("more_body")
        if not is_whole or len(body) > MAX_JOINED or self.scope["method"] == "HEAD":
            self.transport.write(head)
            return message
        self.expected_content_length += len(head)
        return {**message, "body": head + body}

    def _is_plain(self) -> bool:
        return self.keep_alive and not (
            self.response_started or self.disconnected or self.flow.write_paused or self.access_log
        )

    async def _begin(self, head: bytes, length: int) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        self.chunked_encoding = False
        self.expected_content_length = length
        self._head = head


def _plain_head(status: int, headers: Headers) -> tuple[bytes, int] | None:
    """Return the head of an answer and the length of its body, which the head tells; None for any other head."""
    names = [name for name, _ in headers]
    if b"content-length" not in names or not (_plain_names.issuperset(names) or _learn(names)):
        return None
    length = headers[names.index(b"content-length")][1]
    lines = b"\r\n".join(map(b": ".join, headers))
    if not length.isdigit() or lines.translate(None, _VALUE) != b"\r\n" * (len(names) - 1):
        return None
    return b"%b%b\r\n\r\n" % (STATUS_LINE[status], lines), int(length)


def _learn(names: list[bytes]) -> bool:
    """Remember names of headers if all of them are plain; tell whether they are."""
    is_plain = _OF_CONNECTION.isdisjoint(names) and not b"".join(names).translate(None, _NAME)
    if is_plain and len(_plain_names) < MAX_NAMES:
        _plain_names.update(names)
    return is_plain
