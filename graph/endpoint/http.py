"""GraphQL over HTTP (POST, and GET or HEAD for queries), with streams and WebSockets at the same address."""

from types import NoneType
from typing import Any, cast
from urllib.parse import parse_qsl

from graphql import OperationType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.errors import ErrorCode, UnsupportedMediaType
from core.http.headers import find_header
from core.http.media_types import JSON, read_media_type
from core.json_reader import InvalidJson, parse_json
from core.metrics import SOCKETS, observe_error
from core.resources import Resources
from graph.endpoint.bar import PLAYGROUND
from graph.endpoint.messages import Answer, OperationRequest
from graph.endpoint.negotiation import Accepted, accepted, render_error
from graph.endpoint.playground import render_no_playground, render_playground
from graph.endpoint.request_errors import RESPONSE_MEDIA_TYPE, DocumentError, ProtocolError
from graph.endpoint.sockets import SocketEndpoint
from graph.endpoint.streams import StreamTransport, stream_head, stream_response
from graph.operation import Operations

#: Where the endpoint is.
PATH = PLAYGROUND

_BY_METHOD = {
    "GET": frozenset({OperationType.QUERY}),
    # As GET, but without the body, which the server leaves out (RFC 9110 section 9.3.2).
    "HEAD": frozenset({OperationType.QUERY}),
    "POST": frozenset({OperationType.QUERY, OperationType.MUTATION}),
}
#: The parameters of a request and their types (GraphQL over HTTP, section 5.1).
_PARAMETERS: dict[str, tuple[type, ...]] = {
    "query": (str, NoneType),
    "documentId": (str, NoneType),
    "operationName": (str, NoneType),
    "variables": (dict, NoneType),
    "extensions": (dict, NoneType),
}


def is_page_request(scope: Scope, *, shows_playground: bool) -> bool:
    """Tell whether a browser opens the address, and gets a page: nothing is run for it.

    The page shows a document that the address holds, if the client asks for pages by name; one that is only named it
    cannot know. Where there is no playground, the page says so.
    """
    if scope.get("method") not in ("GET", "HEAD"):
        return False
    accept = accepted(scope)
    if not accept.page:
        return False
    try:
        parameters = _read_query(scope)
    except ProtocolError:
        return False
    if not parameters.keys().isdisjoint(("documentId", "extensions")):
        return False
    if "query" in parameters:
        return shows_playground and accept.asks_for_page
    return shows_playground or accept.asks_for_page


class GraphQLEndpoint:
    """The ASGI application behind ``/graphql``."""

    def __init__(self, resources: Resources) -> None:
        self._settings = resources.settings
        self.operations = Operations(resources)
        self.sockets = SocketEndpoint(resources, self.operations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            with SOCKETS.track_inprogress():
                await self.sockets(scope, receive, send)
            return
        accept = accepted(scope)
        response = await self._respond(scope, receive, accept)
        if isinstance(response, Answer):
            if response.errors:
                scope["state"]["codes"] = response.codes
            await _send(send, response, accept.media_type)
        else:
            await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, accept: Accepted) -> Answer | Response:
        method = scope["method"]
        try:
            if method not in _BY_METHOD:
                raise ProtocolError("GraphQL only supports GET and POST requests.", status=405)
            reads = method != "POST"
            if reads and is_page_request(scope, shows_playground=self._settings.shows_playground):
                return self._page()
            parameters = _read_query(scope) if reads else _read_body(scope, await _body(receive))
            request = _operation_request(parameters)
        except ProtocolError as error:
            observe_error("graphql", ErrorCode.VALIDATION_ERROR)
            return Answer(None, [error.errors[0].formatted], request_error=error)
        except UnsupportedMediaType as error:
            return render_error(scope, error)
        transport, allowed = accept.transport, _BY_METHOD[method]
        if transport is not None:
            allowed = transport.allows(allowed)
        state = scope["state"]
        answer = await self.operations.run(request, state["caller"], allowed, state)
        if isinstance(answer, Answer) and (transport is None or _begins_no_stream(answer)):
            return answer
        # Without a stream no subscription is allowed, of which there would be more than one answer.
        respond = stream_head if method == "HEAD" else stream_response
        return respond(cast("StreamTransport", transport), answer)

    def _page(self) -> Response:
        settings = self._settings
        if not settings.shows_playground:
            return render_no_playground()
        return render_playground(demo=not settings.is_production, tells_schema=settings.tells_schema)


def _read_query(scope: Scope) -> dict[str, Any]:
    try:
        query = scope.get("query_string", b"").decode()
        # What is empty is as if it were left out, as whoever fills in a form of them means it.
        parameters: dict[str, Any] = dict(parse_qsl(query, errors="strict"))
    except UnicodeDecodeError:
        raise ProtocolError("The query string is not UTF-8") from None
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _decode(parameters[name])
    return parameters


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def _read_body(scope: Scope, body: bytes) -> Any:
    if read_media_type(find_header(scope, b"content-type")) != JSON:
        # Nothing that a form of another site can send without asking first.
        raise UnsupportedMediaType
    return _decode(body)


def _decode(text: str | bytes) -> Any:
    try:
        return parse_json(text)
    except InvalidJson:
        raise ProtocolError("Unable to parse request body as JSON") from None


def _operation_request(parameters: Any) -> OperationRequest:
    if not isinstance(parameters, dict):
        raise ProtocolError("The request body must be one JSON object; batches are refused")
    get = parameters.get
    for name, kinds in _PARAMETERS.items():
        if not isinstance(get(name), kinds):
            word = "an object" if dict in kinds else "a string"
            raise ProtocolError(f"The GraphQL operation's `{name}` must be {word} or null")
    return OperationRequest.read(parameters)


def _begins_no_stream(answer: Answer) -> bool:
    return isinstance(answer.request_error, DocumentError)


async def _send(send: Send, answer: Answer, media_type: str) -> None:
    """Send an answer; choose the status by its media type (GraphQL over HTTP, section 6)."""
    error = answer.request_error
    is_told_by_status = isinstance(error, ProtocolError) or media_type == RESPONSE_MEDIA_TYPE
    status = error.status if error is not None and is_told_by_status else 200
    body = answer.encode()
    headers = [
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    if isinstance(error, ProtocolError) and status == 405:
        headers.append((b"allow", error.allow.encode()))
    # Not by way of a Response, which takes as long as all of the above.
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
