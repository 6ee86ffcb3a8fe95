"""GraphQL over HTTP (POST, GET for queries, SSE, multipart) and over WebSocket, at one address."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import orjson
from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.http.streaming import HTTPStreamTransport, MultipartSubscriptionTransport, SSETransport
from strawberry.schema import BaseSchema
from strawberry.subscriptions import (
    GRAPHQL_SSE_PROTOCOL,
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.unset import UNSET, UnsetType

from core.caller import read_bearer
from core.errors import (
    AppError,
    AuthenticationError,
    ErrorCode,
    NotAuthenticated,
    RateLimited,
    TokenExpired,
    TokenInvalid,
)
from core.middleware import count_request
from core.resources import Resources
from graph.context import Anonymous, Context, SignedIn, find_viewer, make_context
from graph.extensions import present
from graph.live import while_signed_in
from graph.playground import render_playground

#: Where the endpoint is.
PATH = "/graphql"
MEDIA_TYPE = "application/json"
RESPONSE_MEDIA_TYPE = "application/graphql-response+json"
#: What an operation of a socket that was signed in meets when it is so no more.
SIGN_IN_ENDED = {error.code.value for error in (NotAuthenticated, TokenExpired, TokenInvalid)}
#: Bytes.
MAX_CLOSE_REASON = 123
#: At once on one socket; a page rarely watches more than a dozen things.
MAX_OPERATIONS = 100


def render_error(error: AppError) -> Response:
    """Render an error of the whole request as GraphQL clients expect it."""
    body = {"errors": [{"message": error.message, "extensions": {"code": error.code.value}}]}
    response = Response(orjson.dumps(body), error.status, media_type=MEDIA_TYPE)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """graphql-transport-ws, with operations counted and the socket closed when the sign-in ends."""

    watch: asyncio.Task[None] | None = None
    signed_out = False

    async def handle_message(self, message: Message) -> None:
        """Close the socket upon what is no message of the protocol; Strawberry would fail on it."""
        if _is_message(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Not a message of graphql-transport-ws")

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Count the operation like a request of its own, then run it."""
        if self.connection_acknowledged:
            caller = self.context.caller
            quota = await count_request(self.context.resources, caller.credentials, caller.address)
            if quota and quota.exceeded:
                await self._refuse(message, RateLimited(retry_after=quota.retry_after))
                return
            if len(self.operations) >= MAX_OPERATIONS and message["id"] not in self.operations:
                await self._refuse(message, RateLimited("Too many operations at once on this socket"))
                return
        await super().handle_subscribe(message)

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


class EventStream(SSETransport):
    """Server-sent events, ended by LF: between CRLF, urql 6 does not find them. Both are right by the standard."""

    def accepts(self, accept: str) -> bool:
        """Stream to a client that wants events rather than JSON, or nothing else.

        urql names both on every request, JSON first unless it subscribes.
        """
        stream, json = accept.find(self.headers["Content-Type"]), accept.find("application/")
        return stream >= 0 and not 0 <= json < stream

    def encode_event(self, event: str, data: str | None = None) -> str:
        """Encode one event."""
        return super().encode_event(event, data).replace("\r\n", "\n")

    def encode_comment(self, comment: str) -> str:
        """Encode a sign of life."""
        return super().encode_comment(comment).replace("\r\n", "\n")


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
        and isinstance(operation.get("query"), str)
        and isinstance(operation.get("operationName"), str | None)
        and isinstance(operation.get("variables"), dict | None)
    )


class TextSocket(ASGIWebSocketAdapter):
    """Sends text frames, as the protocol wants, although our encoder makes bytes."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send one message."""
        try:
            await self.ws.send_text(orjson.dumps(message).decode())
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close with as much of *reason* as a close frame holds (RFC 6455 section 5.5)."""
        await super().close(code, reason.encode()[:MAX_CLOSE_REASON].decode(errors="ignore"))


class GraphQLEndpoint(GraphQL[Context, None]):
    """The ASGI application behind ``/graphql``."""

    graphql_transport_ws_handler_class = SocketHandler
    websocket_adapter_class = TextSocket
    stream_transport_classes_by_protocol: Mapping[str, type[HTTPStreamTransport]] = {
        MULTIPART_SUBSCRIPTION_PROTOCOL: MultipartSubscriptionTransport,
        GRAPHQL_SSE_PROTOCOL: EventStream,
    }

    def __init__(self, schema: BaseSchema, resources: Resources) -> None:
        super().__init__(
            schema,
            subscription_protocols=(
                GRAPHQL_TRANSPORT_WS_PROTOCOL,
                GRAPHQL_SSE_PROTOCOL,
                MULTIPART_SUBSCRIPTION_PROTOCOL,
            ),
            connection_init_wait_timeout=timedelta(seconds=10),
            allowed_origins=resources.settings.cors_origins,
        )
        self.resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        try:
            await super().__call__(scope, receive, send)
        except _Refused as refused:
            await refused.response(scope, receive, send)

    async def run(self, request: Any, context: Any = UNSET, root_value: Any = UNSET) -> Any:
        """Run the request; what Strawberry refuses in plain text is refused as JSON."""
        try:
            return await super().run(request, context, root_value)
        except HTTPException as error:
            raise _Refused(error) from None

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        """Build the context; a socket's sign-in comes with its ``connection_init``."""
        return await make_context(self.resources, request.state.caller)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Choose the media type by the Accept header (GraphQL over HTTP, section 6.3)."""
        response = await super().get_sub_response(request)
        accepted = request.headers.get("accept", "")
        response.media_type = RESPONSE_MEDIA_TYPE if RESPONSE_MEDIA_TYPE in accepted else MEDIA_TYPE
        return response

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Sign a socket in by ``{"authorization": "Bearer …"}`` in its ``connection_init``.

        Without one it stays as its handshake was. A token that is not good is refused with 4403, upon which
        graphql-ws asks its ``connectionParams`` again.
        """
        params = {key.lower(): value for key, value in (context.connection_params or {}).items()}
        header = params.get("authorization")
        if header is not None:
            credentials = read_bearer(str(header), self.resources.tokens)
            context.caller = replace(context.caller, credentials=credentials)
            context.viewer = await find_viewer(credentials)
            if isinstance(context.viewer, Anonymous):
                raise ConnectionRejectionError
        return cast("UnsetType", UNSET)

    def parse_json(self, data: str | bytes) -> Any:
        """Parse a body, which must be an object (or a list, which is refused later as a batch)."""
        parsed = super().parse_json(data)
        if not isinstance(parsed, dict | list):
            raise HTTPException(400, "The request body must be a JSON object")
        if isinstance(parsed, dict) and not isinstance(parsed.get("operationName"), str | None):
            raise HTTPException(400, "The GraphQL operation's `operationName` must be a string or null")
        return parsed

    def decode_json(self, data: str | bytes) -> object:
        """Decode with orjson, which refuses invalid UTF-8 and bottomless nesting."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> str | bytes:
        """Encode with orjson."""
        return orjson.dumps(data)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """Leave out ``data`` where nothing was executed (GraphQL specification, section 7.1)."""
        if result.errors:
            # Errors of the extensions themselves come past the one that words all others.
            result.errors = [error if _has_code(error) else present(error) for error in result.errors]
        response = await super().process_result(request, result)
        if isinstance(result, PreExecutionError):
            response.pop("data", None)
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """Answer 400 for what was never executed, where the client knows the newer media type."""
        response = super().create_response(response_data, sub_response)
        media_type = sub_response.media_type or MEDIA_TYPE
        response.headers["content-type"] = f"{media_type}; charset=utf-8"
        if media_type == RESPONSE_MEDIA_TYPE and "data" not in response_data:
            response.status_code = 400
        return response

    async def render_graphql_ide(self, request: Request) -> Response:  # noqa: ARG002
        """Show GraphiQL."""
        return render_playground(demo=not self.resources.settings.is_production)


def _has_code(error: GraphQLError) -> bool:
    return "code" in (error.extensions or {})


class _Refused(Exception):
    """A request that never became an operation."""

    def __init__(self, error: HTTPException) -> None:
        body = {
            "errors": [
                {"message": error.reason, "extensions": {"code": ErrorCode.VALIDATION_ERROR.value}},
            ]
        }
        headers = {"Allow": "GET, POST"} if error.status_code == 405 else {}
        self.response = Response(orjson.dumps(body), error.status_code, headers, MEDIA_TYPE)
