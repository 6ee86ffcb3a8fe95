"""GraphQL over HTTP (POST, GET for queries, SSE, multipart) and over WebSocket, at one address."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.http.parse_content_type import parse_content_type
from strawberry.http.streaming import HTTPStreamTransport, MultipartSubscriptionTransport, SSETransport
from strawberry.subscriptions import (
    GRAPHQL_SSE_PROTOCOL,
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
)
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.unset import UNSET, UnsetType

from core.errors import AppError, DeadlineExceeded
from core.http.caller import read_bearer
from core.resources import Resources
from graph.endpoint.documents import PersistedDocuments
from graph.endpoint.errors import has_code, present
from graph.endpoint.playground import render_playground
from graph.endpoint.request_errors import (
    MEDIA_TYPE,
    RESPONSE_MEDIA_TYPE,
    Refused,
    render_error,
    render_refusal,
)
from graph.endpoint.sockets import SocketHandler, TextSocket
from graph.resolvers.context import Anonymous, Context, find_viewer, make_context
from graph.schema import build_schema
from graph.shortcut import Shortcut

#: Where the endpoint is.
PATH = "/graphql"


#: The parameters of a request and their types (GraphQL over HTTP, section 5.1).
_PARAMETERS: dict[str, type] = {
    "query": str,
    "documentId": str,
    "operationName": str,
    "variables": dict,
    "extensions": dict,
}


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


class GraphQLEndpoint(GraphQL[Context, None]):
    """The ASGI application behind ``/graphql``."""

    graphql_transport_ws_handler_class = SocketHandler
    websocket_adapter_class = TextSocket
    stream_transport_classes_by_protocol: Mapping[str, type[HTTPStreamTransport]] = {
        MULTIPART_SUBSCRIPTION_PROTOCOL: MultipartSubscriptionTransport,
        GRAPHQL_SSE_PROTOCOL: EventStream,
    }

    def __init__(self, resources: Resources) -> None:
        settings = resources.settings
        self.resources = resources
        self.documents = PersistedDocuments(
            resources.redis, settings.manifest, only_trusted=settings.graphql_only_trusted
        )
        schema = build_schema(settings, self.documents)
        self._shortcut = Shortcut(resources, schema, self.documents)
        super().__init__(
            schema,
            subscription_protocols=(
                GRAPHQL_TRANSPORT_WS_PROTOCOL,
                GRAPHQL_SSE_PROTOCOL,
                MULTIPART_SUBSCRIPTION_PROTOCOL,
            ),
            connection_init_wait_timeout=timedelta(seconds=settings.websocket_init_seconds),
            # The handler counts by the settings, and refuses in our words.
            max_subscriptions_per_connection=None,
            allowed_origins=settings.cors_origins,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        try:
            if scope["type"] == "http":
                unread = await self._shortcut.serve(scope, receive, send)
                if unread is None:
                    return
                receive = unread
            await super().__call__(scope, receive, send)
        except Refused as refused:
            await refused.response(scope, receive, send)

    async def run(self, request: Any, context: Any = UNSET, root_value: Any = UNSET) -> Any:
        """Run the request; what Strawberry refuses in plain text is refused as JSON."""
        try:
            return await super().run(request, context, root_value)
        except HTTPException as error:
            raise Refused(render_refusal(error)) from None
        except AppError as error:
            newer = RESPONSE_MEDIA_TYPE in request.headers.get("accept", "")
            # The older media type has 200 for whatever was understood as a request.
            raise Refused(render_error(error, error.status if newer else 200, newer=newer)) from None

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

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """Show GraphiQL to those who ask for nothing else; a document may be named instead of sent."""
        asked = {"documentId", "extensions"} & request.query_params.keys()
        return not asked and super().should_render_graphql_ide(request)

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """Read one request (GraphQL over HTTP, section 5.1), and find the document that it may only name.

        Raises:
            HTTPException: it is no request, or a batch of them.
            AppError: the document is not known, or not allowed.
        """
        if request.method == "GET":
            data = self.parse_query_params(request.query_params)
        elif parse_content_type(request.content_type or "")[0] == MEDIA_TYPE:
            data = self.parse_json(await request.get_body())
        else:
            # Nothing that a form of another site can send without asking first.
            raise HTTPException(400, "Unsupported content type")
        if not isinstance(data, dict):
            raise HTTPException(400, "The request body must be one JSON object; batches are refused")
        for name, kind in _PARAMETERS.items():
            if not isinstance(data.get(name), kind | None):
                word = "an object" if kind is dict else "a string"
                raise HTTPException(400, f"The GraphQL operation's `{name}` must be {word} or null")
        extensions = data.get("extensions")
        query = await self.documents.find(data.get("query"), extensions, data.get("documentId"))
        transport = self._get_stream_transport_from_headers(request.headers)
        return GraphQLRequestData(
            query=query,
            variables=data.get("variables"),
            operation_name=data.get("operationName"),
            extensions=extensions,
            protocol=transport.protocol if transport else "http",
        )

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
            result.errors = [error if has_code(error) else present(error) for error in result.errors]
        response = await super().process_result(request, result)
        if isinstance(result, PreExecutionError) and not _was_stopped(result):
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


def _was_stopped(result: ExecutionResult) -> bool:
    codes = [(error.extensions or {}).get("code") for error in result.errors or ()]
    return DeadlineExceeded.code.value in codes
