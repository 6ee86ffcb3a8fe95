"""graphql-transport-ws: what one socket may do, and for how long.

The protocol: github.com/graphql/graphql-over-http, rfcs/GraphQLOverWebSocket.md.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation as SocketOperation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types.unset import UNSET, UnsetType

from core.deadline import within_deadline
from core.errors import AppError, AuthenticationError, RateLimited, error_classes
from core.http.caller import Caller, read_bearer
from core.http.client_name import declared_name
from core.http.cross_origin import allows_origin, log_refused_origin
from core.http.rate_limit import count_request
from core.http.request_log import log_request
from core.json_reader import parse_json
from core.resources import Resources
from engine.cancellation import cancel_and_wait
from graph.endpoint.error_presentation import present
from graph.endpoint.messages import Answer, OperationRequest
from graph.endpoint.request_errors import ProtocolError, render_request_error
from graph.endpoint.text_socket import Pace, TextSocket
from graph.operation import Operations
from graph.resolvers.context import Anonymous, Context, SignedIn, Viewer, find_viewer
from graph.resolvers.notifications import while_signed_in

#: What an operation of a socket that was signed in meets when it is so no more.
SIGN_IN_ENDED = {error.code.value for error in error_classes(AuthenticationError)}
FOREIGN_ORIGIN = ProtocolError("Pages of this origin may not open a WebSocket", status=403)
#: Close code: as the protocol has it for initialisations, HTTP's 429.
TOO_MANY = 4429


@dataclass(slots=True)
class SocketContext:
    """Who is at the other end of a socket. Each operation on it has a context of its own."""

    resources: Resources
    caller: Caller
    viewer: Viewer
    #: Of the handshake.
    scope: Scope
    #: Strawberry puts the payload of ``connection_init`` here.
    connection_params: dict[str, Any] | None = None


class SocketHandler(BaseGraphQLTransportWSHandler[SocketContext, None]):
    """graphql-transport-ws, with operations counted and the socket closed when the sign-in ends."""

    view: "SocketEndpoint"

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
        payload: Any = message["payload"]
        # Strawberry keeps no more of the payload than this, and hands it on as it is.
        payload["query"] = OperationRequest.read(payload)
        await super().handle_subscribe(message)

    def _is_full(self) -> bool:
        return len(self.operations) >= self.context.resources.settings.websocket_max_operations

    async def run_operation(self, operation: SocketOperation[SocketContext, None]) -> None:
        """Run the operation, and send what comes of it."""
        request = cast("OperationRequest", operation.query)
        started = time.perf_counter()
        noted: dict[str, Any] = {}
        codes: dict[str, None] = {}
        try:
            answers = await self.view.operations.run(request, self.context.caller, state=noted)
            if isinstance(answers, Answer):
                codes |= dict.fromkeys(answers.codes)
                await self._send(operation, answers)
            else:
                async with aclosing(answers):
                    async for answer in answers:
                        codes |= dict.fromkeys(answer.codes)
                        await self._send(operation, answer)
        except Exception as error:
            await self.handle_task_exception(error)
        finally:
            seconds = time.perf_counter() - started
            log_request(self.context.scope, seconds, operation=noted.get("operation"), codes=list(codes))
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _send(self, operation: SocketOperation[SocketContext, None], answer: Answer) -> None:
        """Send one answer, but close the socket instead of telling an operation that the sign-in has ended.

        An operation that has got an answer is over for the client, and would not be sent again.
        """
        if self.watch is not None and (reason := _end_of_sign_in(answer.errors)):
            await self._end_sign_in(reason)
            return
        if answer.request_error is not None or answer.was_stopped:
            message: Any = {"id": operation.id, "type": "error", "payload": answer.errors}
        else:
            message = {"id": operation.id, "type": "next", "payload": answer.fragment}
        await operation.send_operation_message(message)

    async def _refuse(self, message: SubscribeMessage, reason: AppError) -> None:
        error = present(GraphQLError("", original_error=reason))
        await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Accept or refuse the sign-in, and watch over it from then on."""
        if message.get("payload") is None:
            # The protocol allows null, which Strawberry refuses.
            message["payload"] = {}
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self.watch is None and isinstance(self.context.viewer, SignedIn):
            self.watch = asyncio.create_task(self._close_when_signed_out())

    async def _close_when_signed_out(self) -> None:
        try:
            async with aclosing(while_signed_in(self._context())) as notifications:
                async for _ in notifications:
                    pass
        except AuthenticationError as error:
            await self._end_sign_in(error.message)

    def _context(self) -> Context:
        return Context(self.context.resources, self.context.caller, self.context.viewer)

    async def _end_sign_in(self, reason: str) -> None:
        if not self.signed_out:
            self.signed_out = True
            # 4403 lets graphql-ws try again, with whatever token its connectionParams then yield.
            await self.websocket.close(code=4403, reason=reason)

    async def send_message(self, message: Message) -> None:
        """Send one message, unless the socket was closed because its sign-in has ended."""
        if not self.signed_out:
            await super().send_message(message)

    async def shutdown(self) -> None:
        """End everything that this socket started."""
        if self.watch:
            await cancel_and_wait(self.watch)
        await super().shutdown()


def _end_of_sign_in(errors: Sequence[Any]) -> str | None:
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


class SocketEndpoint(GraphQL[SocketContext, None]):
    """The ASGI application of the sockets: Strawberry's handshake, and our handler behind it.

    Args:
        operations: runs what the sockets ask for.
    """

    graphql_transport_ws_handler_class = SocketHandler
    websocket_adapter_class = TextSocket

    def __init__(self, resources: Resources, operations: Operations) -> None:
        settings = resources.settings
        self.resources = resources
        self.operations = operations
        super().__init__(
            cast("Any", None),  # no operation is run past *operations*
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=settings.websocket_init_seconds),
            # The handler counts by the settings, and refuses in our words.
            max_subscriptions_per_connection=None,
        )

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:  # noqa: ARG002
        """Tell whether a page of another origin may open a socket: who may read answers may."""
        if allows_origin(self.resources.settings, origin):
            return True
        log_refused_origin(origin)
        return False

    async def get_context(
        self,
        request: Request | WebSocket,
        response: Response | WebSocket,  # noqa: ARG002
    ) -> SocketContext:
        caller = request.state.caller
        return SocketContext(self.resources, caller, await self._find_viewer(caller), request.scope)

    async def _find_viewer(self, caller: Caller) -> Viewer:
        work = find_viewer(self.resources, caller.credentials)
        viewer = await within_deadline(self.resources.settings.deadline_seconds, work)
        caller.is_signed_in = isinstance(viewer, SignedIn)
        return viewer

    async def reject_websocket(self, request: WebSocket) -> WebSocket:
        """Tell a page of an origin that is not allowed why its handshake is refused; Strawberry's 403 is empty."""
        await request.send_denial_response(render_request_error(FOREIGN_ORIGIN))
        return request

    async def on_ws_connect(self, context: SocketContext) -> UnsetType | dict[str, object] | None:
        """Sign a socket in by ``{"authorization": "Bearer …"}`` in its ``connection_init``.

        Without one it stays as its handshake was, as does the name of its client. A token that is not good is refused
        with 4403, upon which graphql-ws asks its ``connectionParams`` again.
        """
        params = {key.lower(): value for key, value in (context.connection_params or {}).items()}
        if name := declared_name(params):
            context.caller = replace(context.caller, client_name=name)
        header = params.get("authorization")
        if header is not None:
            credentials = read_bearer(str(header), self.resources.tokens)
            context.caller = replace(context.caller, credentials=credentials)
            context.viewer = await self._find_viewer(context.caller)
            context.scope["state"]["caller"] = context.caller  # whom the log names from now on
            if isinstance(context.viewer, Anonymous):
                raise ConnectionRejectionError
        return cast("UnsetType", UNSET)

    def decode_json(self, data: str | bytes) -> object:
        """Decode one message, as a body is decoded."""
        return parse_json(data)
