"""graphql-transport-ws: what one socket may do, and for how long.

The protocol: github.com/graphql/graphql-over-http, rfcs/GraphQLOverWebSocket.md.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from json import JSONDecodeError
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)

from core.errors import (
    AppError,
    AuthenticationError,
    NotAuthenticated,
    Problem,
    RateLimited,
    TokenExpired,
    TokenInvalid,
    ValidationFailed,
)
from core.http.layers import count_request
from graph.endpoint.errors import present
from graph.resolvers.context import Context, SignedIn
from graph.resolvers.notifications import while_signed_in

#: What an operation of a socket that was signed in meets when it is so no more.
SIGN_IN_ENDED = {error.code.value for error in (NotAuthenticated, TokenExpired, TokenInvalid)}
#: Bytes.
MAX_CLOSE_REASON = 123
#: Close codes: RFC 6455 section 7.4.1, and, as the protocol has it for initialisations, HTTP's 429.
TOO_BIG, TOO_MANY = 1009, 4429
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


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """graphql-transport-ws, with operations counted and the socket closed when the sign-in ends."""

    #: The endpoint, whose module imports this one.
    view: Any

    watch: asyncio.Task[None] | None = None
    signed_out = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.pace = Pace(self.context.resources.settings.websocket_messages_per_second)

    async def handle_message(self, message: Message) -> None:
        """Close the socket upon a flood, and upon what is no message of the protocol; Strawberry would fail on it."""
        if not self.pace.allows_one_more():
            await self.websocket.close(code=TOO_MANY, reason="Too many messages")
        elif _is_message(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Not a message of graphql-transport-ws")

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Count the operation like a request of its own, then run it."""
        if self.connection_acknowledged:
            quota = await count_request(self.context.resources, self.context.caller)
            if quota and quota.exceeded:
                await self._refuse(message, RateLimited(retry_after=quota.retry_after))
                return
            if self._is_full() and message["id"] not in self.operations:
                await self._refuse(message, RateLimited("Too many operations at once on this socket"))
                return
            try:
                await self._find_document(message)
            except AppError as error:
                await self._refuse(message, error)
                return
        await super().handle_subscribe(message)

    def _is_full(self) -> bool:
        return len(self.operations) >= self.context.resources.settings.websocket_max_operations

    async def _find_document(self, message: SubscribeMessage) -> None:
        operation: Any = message["payload"]
        operation["query"] = await self.view.documents.find(
            operation.get("query"), operation.get("extensions"), operation.get("documentId")
        )
        if not operation["query"]:
            raise ValidationFailed(Problem((), "The operation has no document"))

    async def _refuse(self, message: SubscribeMessage, reason: AppError) -> None:
        error = present(GraphQLError("", original_error=reason))
        await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Accept or refuse the sign-in, and watch over it from then on."""
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self.watch is None and isinstance(self.context.viewer, SignedIn):
            self.watch = asyncio.create_task(self._close_when_signed_out())

    async def _close_when_signed_out(self) -> None:
        try:
            async with aclosing(while_signed_in(self.context)) as occasions:
                async for _ in occasions:
                    pass
        except AuthenticationError as error:
            await self._end_sign_in(error.message)

    async def _end_sign_in(self, reason: str) -> None:
        if not self.signed_out:
            self.signed_out = True
            # 4403 lets graphql-ws try again, with whatever token its connectionParams then yield.
            await self.websocket.close(code=4403, reason=reason)

    async def send_message(self, message: Message) -> None:
        """Send one message, but close the socket instead of telling an operation that the sign-in has ended.

        An operation that has got an answer is over for the client, and would not be sent again.
        """
        if self.watch is not None and (reason := _end_of_sign_in(message)):
            await self._end_sign_in(reason)
        if not self.signed_out:
            await super().send_message(message)

    async def shutdown(self) -> None:
        """End everything that this socket started."""
        if self.watch:
            self.watch.cancel()
            with suppress(asyncio.CancelledError):
                await self.watch
        await super().shutdown()


def _end_of_sign_in(message: Message) -> str | None:
    errors: Sequence[Any] = ()
    if message["type"] == "next":
        errors = message["payload"].get("errors", ())
    elif message["type"] == "error":
        errors = message["payload"]
    for error in errors:
        if error.get("extensions", {}).get("code") in SIGN_IN_ENDED:
            return str(error["message"])
    return None


def _is_message(message: Any) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] in ("subscribe", "complete") and not isinstance(message.get("id"), str):
        return False
    if message["type"] != "subscribe":
        return True
    operation = message.get("payload")
    return (
        isinstance(operation, dict)
        and isinstance(operation.get("query"), str | None)
        and isinstance(operation.get("extensions"), dict | None)
        and isinstance(operation.get("operationName"), str | None)
        and isinstance(operation.get("variables"), dict | None)
    )


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
        except JSONDecodeError:
            raise NonJsonMessageReceived from None
        except KeyError:
            raise NonTextMessageReceived from None
        except WebSocketDisconnect:
            pass

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send one message."""
        try:
            await self.ws.send_text(orjson.dumps(message).decode())
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close with as much of *reason* as a close frame holds (RFC 6455 section 5.5)."""
        await super().close(code, reason.encode()[:MAX_CLOSE_REASON].decode(errors="ignore"))
