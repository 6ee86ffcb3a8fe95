"""uvicorn's HTTP protocol, except that an answer's head and body leave in one write.

uvicorn 0.54 writes the head of an answer when it is started and the body when that is sent: two system calls and
two segments for every answer, of which each costs more than making a small answer does.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class HeldHead:
    """The transport of one answer: its first write waits for the second, but not longer than the loop's turn.

    A stream may have nothing to say for a while, and its client must learn that it is open.
    """

    __slots__ = ("_head", "_loop", "_transport", "_wrote")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None
        self._wrote = False

    def write(self, data: bytes) -> None:
        """Write *data*, now or at the end of the turn."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head + data)
        elif self._wrote:
            self._transport.write(data)
        else:
            self._wrote = True
            self._head = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Write what is held, and close the connection."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            if not self._transport.is_closing():
                self._transport.write(head)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol on top of httptools, with :class:`HeldHead`."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.transport = cast("asyncio.Transport", HeldHead(self.transport, self.loop))
        super()._start_asgi_task(cycle, app)
