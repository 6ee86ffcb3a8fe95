"""uvicorn's WebSocket protocol, with what a client can make it keep bounded."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from engine.http.connection import Connection
from engine.http.limits import ConnectionLimits

#: Of one message. Their bytes are bounded (``ws_max_size``), but an empty one takes memory, too.
MAX_FRAGMENTS = 1_000


class WebSocketProtocol(Connection, WebSocketsSansIOProtocol):
    """uvicorn's protocol on top of websockets, which answers pings and sends messages whether they are taken or not.

    Args:
        sender: of the connection that is taken over, which is released with it.
    """

    def __init__(self, *args: Any, limits: ConnectionLimits, sender: str | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.limits = limits
        self.sender = sender

    def data_received(self, data: bytes) -> None:
        """Read frames, as long as their answers are taken: each ping is answered at once."""
        super().data_received(data)
        if not self.writable.is_set():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Write and read again."""
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """Take another fragment of a message, or close with 1009."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        elif not self.close_sent:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "The message has too many fragments")
            self.handle_parser_exception()

    async def send(self, message: Any) -> None:
        """Send one message of the application, once those before it are taken."""
        # All who wait are woken at once, and the first may fill the buffer again.
        while not self.writable.is_set():
            await self.writable.wait()
        await super().send(message)

    async def run_asgi(self) -> None:
        """Run the application; the connection is closed when it ends."""
        await super().run_asgi()
        self.require_progress()
