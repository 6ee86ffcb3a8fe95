"""What becomes of one WebSocket: the status of its handshake, and the code that it is closed with."""

from contextlib import suppress

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from core.http.response_headers import add_headers

#: Close codes (RFC 6455 section 7.4.1).
_NORMAL, _NONE, _INTERNAL_ERROR = 1000, 1005, 1011


class ObservedSocket:
    """The two channels of a WebSocket (ASGI), seen from outside; every answer to its handshake gets the usual headers.

    Args:
        scope: its state has the ``request_id``.
        receive: of the server.
        send: of the server.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        #: Of the answer to the handshake; 0 if there was none.
        self.status = 0
        #: The first that was sent or received; 0 while the socket is open, and if it never was.
        self.close_code = 0
        #: Whether something could not be sent because the client had left.
        self.is_gone = False

    async def receive(self) -> Message:
        """Return the next message of the client."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._note_close(message.get("code", _NONE))
        return message

    async def send(self, message: Message) -> None:
        """Send one message to the client.

        Raises:
            OSError: it has left.
        """
        match message["type"]:
            case "websocket.accept":
                self.status = 101
                add_headers(message, self._scope)
            case "websocket.http.response.start":
                self.status = message["status"]
                add_headers(message, self._scope)
            case "websocket.close":
                # What a server makes of it before the handshake is answered.
                self.status = self.status or 403
                self._note_close(message.get("code", _NORMAL))
        try:
            await self._send(message)
        except OSError:
            self.is_gone = True
            raise

    async def fail(self, answer: Response) -> None:
        """End the socket after a defect: by *answer* to its handshake or, where that was answered, by 1011."""
        with suppress(OSError):
            if not self.status:
                await answer(self._scope, self.receive, self.send)
            elif self.status == 101 and not self.close_code:
                await self.send({"type": "websocket.close", "code": _INTERNAL_ERROR})

    def _note_close(self, code: int) -> None:
        if self.status == 101 and not self.close_code:
            self.close_code = code
