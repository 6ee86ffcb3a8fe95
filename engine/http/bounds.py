"""uvicorn's HTTP protocol with bounds: on a head, on requests that wait, and on the time that either may take.

uvicorn 0.54 keeps whatever a client sends as a head, has no time for the first one, and reads on after each answer
whatever number of requests wait already (CWE-770).
"""

import asyncio
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from engine.http.connection import Connection
from engine.http.limits import ConnectionLimits

#: Bytes that are parsed at once: no more requests than stand in them are begun while an answer is due.
SLICE = 4096
#: Seconds that a connection without a request has for one that is on its way, when the server ends.
LAST_SECONDS = 0.5


class _Flow(FlowControl):
    """Reads nothing as long as something that was read waits for an answer before it is parsed."""

    holds = False

    def resume_reading(self) -> None:
        if self.read_paused and not self.holds:
            super().resume_reading()


class BoundedProtocol(Connection, HttpToolsProtocol):
    """Keeps no more of what a client sends than a head (or trailers) within *limits*, a slice, and one read.

    Of a body it keeps what uvicorn's flow control lets in: 64 kB and one read. A head that is too large is answered
    with 431, or 414 (RFC 6585 section 5, RFC 9110 section 15.5.15), one that takes too long with 408, one that is
    malformed with 400, and a connection too many with 429.
    """

    flow: _Flow
    #: What was read and not parsed yet. (Of the class, as all that is rarely set: CPython 3.11 is slower at the
    #: attributes of an object with more than thirty.)
    _arrived: bytes | memoryview = b""
    #: What a head that cannot be parsed is answered with.
    _refusal = 400
    _is_refused = False
    #: Whether the server ends, so that the next request is the last one.
    _is_ending = False
    url = b""

    def __init__(self, *args: Any, limits: ConnectionLimits | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.limits = limits or ConnectionLimits()
        self.headers = []
        #: Bytes that the parser may have kept: all since the end of a head, or since a part of a body.
        self._kept = 0
        self._head_timer: asyncio.TimerHandle | None = None
        #: What is being answered; further requests may wait behind it.
        self._answered: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, unless the sender has too many connections."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self.sender = self.limits.admit(self.client[0]) if self.client else None
        if self.limits.is_exceeded(self.sender):
            self._is_refused = True
            self._write_refusal(429)
            self.transport.close()
            self.require_progress()
        else:
            self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything, and tell the application."""
        self._stop_head_timer()
        self._drop_requests()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, or keep it until the answer that is due has been given."""
        self._unset_keepalive_if_required()
        cycle = self.cycle
        if (cycle is None or cycle.response_complete) and len(data) <= SLICE and not self._arrived:
            self._parse(data)
        else:
            self._arrived = memoryview(b"".join((self._arrived, data)))
            self._parse_arrived()

    def _is_answer_due(self) -> bool:
        """Tell whether a request is whole and not answered, or another waits for its turn."""
        cycle = self.cycle
        return (
            cycle is not None and not cycle.response_complete and (not cycle.more_body or bool(self.pipeline))
        )

    def _parse_arrived(self) -> None:
        while self._arrived:
            if self._is_answer_due():
                self.flow.holds = True
                self.flow.pause_reading()
                return
            part, self._arrived = self._arrived[:SLICE], self._arrived[SLICE:]
            self._parse(part)
        if self.flow.holds:
            self.flow.holds = False
            self.flow.resume_reading()

    def _parse(self, part: bytes | memoryview) -> None:
        if self._is_refused:
            return
        self._kept += len(part)
        try:
            try:
                self.parser.feed_data(part)
            except HttpParserUpgrade as offer:
                if self.take_offer(memoryview(part)[offer.args[0] :]):
                    self._arrived = b""  # no client sends frames before its handshake is answered
                    return
            if self._kept > self.limits.head_bytes or len(self.headers) > self.limits.head_fields:
                raise self._too_large()
        except HttpParserError:
            self._refuse(self._refusal)
            return
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._start_head_timer()

    def take_offer(self, rest: memoryview) -> bool:
        """Begin what a request offers to go on in, or go on in HTTP.

        Args:
            rest: what stands behind the head with the offer.

        Returns:
            Whether another protocol has taken the connection over.

        Raises:
            HttpParserError: the rest is malformed.
        """
        raise NotImplementedError

    def _too_large(self) -> HttpParserError:
        self._refusal = 414 if len(self.url) > self.limits.head_bytes // 2 else 431
        return HttpParserError("The head is too large")

    def on_headers_complete(self) -> None:
        """Begin the request. What fields come behind its body (trailers) are none of its headers."""
        if self._kept > self.limits.head_bytes or len(self.headers) > self.limits.head_fields:
            raise self._too_large()
        self._kept = 0
        if self._head_timer is not None:
            self._stop_head_timer()
        HttpToolsProtocol.on_headers_complete(self)
        self.headers = []
        if self._is_ending and self.cycle is not None:
            self.cycle.keep_alive = False
        if not self.pipeline:
            self._answered = self.cycle

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on."""
        self._kept = 0
        HttpToolsProtocol.on_body(self, body)

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        if self.pipeline:
            self._answered = self.pipeline[-1][0]
        HttpToolsProtocol.on_response_complete(self)
        if self.transport.is_closing():
            self.require_progress()
        elif self._arrived:
            self._unset_keepalive_if_required()
            self._parse_arrived()

    def shutdown(self) -> None:
        """End with the server: with the present answer, or the next one if its request comes at once.

        A connection closed with a request in it is reset, and its client cannot know whether anything was done.
        """
        if self._is_answer_due():
            super().shutdown()
        else:
            self._is_ending = True
            self.loop.call_later(LAST_SECONDS, self._end)

    def _end(self) -> None:
        if self in self.connections:  # neither lost nor another protocol's
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is idle or refused."""
        super().timeout_keep_alive_handler()
        self.require_progress()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._on_head_timeout)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_head_timeout(self) -> None:
        """Answer 408 to a part of a head; close silently where nobody has begun one (RFC 9110 section 15.5.9)."""
        if self._kept:
            self._refuse(408)
        else:
            self.timeout_keep_alive_handler()

    def _refuse(self, status: int) -> None:
        """Answer *status* and close in stages, reading on for a while (RFC 9112 section 9.6).

        At once, with more on its way, would reset the connection before the client has read why.
        """
        self._is_refused = True
        self._stop_head_timer()
        self._drop_requests()
        self._write_refusal(status)
        self.transport.write_eof()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _write_refusal(self, status: int) -> None:
        headers, body = self.limits.refuse(status)
        headers = [
            *self.server_state.default_headers,
            *headers,
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))

    def _drop_requests(self) -> None:
        """Answer nothing more. uvicorn tells the application only of the last request, which may wait for its turn."""
        if self._arrived:
            self._arrived = b""
        self.pipeline.clear()
        for cycle in (self._answered, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
