"""GraphQL over HTTP (POST, and GET for queries), with streams and WebSockets at the same address."""

from typing import Any, cast
from urllib.parse import parse_qsl

import orjson
from graphql import OperationType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.resources import Resources
from graph.endpoint.messages import Answer, OperationRequest
from graph.endpoint.playground import render_playground
from graph.endpoint.request_errors import (
    MEDIA_TYPE,
    RESPONSE_MEDIA_TYPE,
    DocumentError,
    ProtocolError,
)
from graph.endpoint.sockets import SocketEndpoint
from graph.endpoint.streams import StreamTransport, stream_response, stream_transport
from graph.operation import Operations

#: Where the endpoint is.
PATH = "/graphql"

_BY_METHOD = {
    "GET": frozenset({OperationType.QUERY}),
    "POST": frozenset({OperationType.QUERY, OperationType.MUTATION}),
}
#: The parameters of a request and their types (GraphQL over HTTP, section 5.1).
_PARAMETERS: dict[str, type] = {
    "query": str,
    "documentId": str,
    "operationName": str,
    "variables": dict,
    "extensions": dict,
}


class GraphQLEndpoint:
    """The ASGI application behind ``/graphql``."""

    def __init__(self, resources: Resources) -> None:
        self._shows_demo = not resources.settings.is_production
        self.operations = Operations(resources)
        self.sockets = SocketEndpoint(resources, self.operations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.sockets(scope, receive, send)
            return
        sent, accept = _media_types(scope)
        response = await self._respond(scope, receive, sent, accept)
        if isinstance(response, Answer):
            await _send(send, response, accept)
        else:
            await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, sent: str, accept: str) -> Answer | Response:
        method = scope["method"]
        try:
            if method not in _BY_METHOD:
                raise ProtocolError("GraphQL only supports GET and POST requests.", status=405)
            parameters = _read_query(scope) if method == "GET" else _read_body(sent, await _body(receive))
            if method == "GET" and _wants_page(parameters, accept):
                return render_playground(demo=self._shows_demo)
            request = _operation_request(parameters)
        except ProtocolError as error:
            return Answer(None, [error.errors[0].formatted], request_error=error)
        transport, allowed = stream_transport(accept), _BY_METHOD[method]
        if transport is not None:
            allowed = transport.allows(allowed)
        answer = await self.operations.run(request, scope["state"]["caller"], allowed)
        if isinstance(answer, Answer) and (transport is None or _begins_no_stream(answer)):
            return answer
        # Without a stream no subscription is allowed, of which there would be more than one answer.
        return stream_response(cast("StreamTransport", transport), answer)


def _media_types(scope: Scope) -> tuple[str, str]:
    """Return the media type of the body, and those that the client accepts."""
    sent = accept = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            sent = value
        elif name == b"accept":
            accept = value
    return sent.partition(b";")[0].strip().decode("latin-1"), accept.decode("latin-1")


def _read_query(scope: Scope) -> dict[str, Any]:
    query = scope.get("query_string", b"").decode("latin-1")
    parameters: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = _decode(parameters[name])
    return parameters


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def _read_body(media_type: str, body: bytes) -> Any:
    if media_type != MEDIA_TYPE:
        # Nothing that a form of another site can send without asking first.
        raise ProtocolError("Unsupported content type")
    return _decode(body)


def _decode(text: str | bytes) -> Any:
    try:
        # Refuses invalid UTF-8 and bottomless nesting.
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ProtocolError("Unable to parse request body as JSON") from None


def _wants_page(parameters: dict[str, Any], accept: str) -> bool:
    """Tell whether a browser opens the address; a document may be named instead of sent."""
    if not parameters.keys().isdisjoint(("query", "documentId", "extensions")):
        return False
    return "text/html" in accept or "*/*" in accept


def _operation_request(parameters: Any) -> OperationRequest:
    if not isinstance(parameters, dict):
        raise ProtocolError("The request body must be one JSON object; batches are refused")
    get = parameters.get
    for name, kind in _PARAMETERS.items():
        if not isinstance(get(name), kind | None):
            word = "an object" if kind is dict else "a string"
            raise ProtocolError(f"The GraphQL operation's `{name}` must be {word} or null")
    return OperationRequest(
        get("query"), get("operationName"), get("variables"), get("extensions"), get("documentId")
    )


def _begins_no_stream(answer: Answer) -> bool:
    return isinstance(answer.request_error, DocumentError)


async def _send(send: Send, answer: Answer, accept: str) -> None:
    """Choose media type and status by what the client accepts (GraphQL over HTTP, section 6)."""
    media_type, status, headers = MEDIA_TYPE, 200, []
    error = answer.request_error
    if isinstance(error, ProtocolError):
        status = error.status
        if status == 405:
            headers.append((b"allow", error.allow.encode()))
    elif RESPONSE_MEDIA_TYPE in accept:
        media_type = RESPONSE_MEDIA_TYPE
        if error is not None:
            status = error.status
    if not isinstance(error, ProtocolError | DocumentError):
        media_type += "; charset=utf-8"
    body = answer.encode()
    headers += [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]
    # Not by way of a Response, which takes as long as all of the above.
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
