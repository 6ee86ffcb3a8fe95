"""Requests that never become an operation: why, and with which status (GraphQL over HTTP, section 6.4)."""

from collections.abc import Sequence

import orjson
from graphql import GraphQLError, OperationType
from starlette.responses import Response

from core.errors import AppError, ErrorCode
from core.http.media_types import JSON
from core.metrics import observe_error

RESPONSE_MEDIA_TYPE = "application/graphql-response+json"

_WORDS = {
    OperationType.QUERY: "queries",
    OperationType.MUTATION: "mutations",
    OperationType.SUBSCRIPTION: "subscriptions",
}


class RequestError(Exception):
    """Nothing was executed (GraphQL specification, section 7.1.6).

    Args:
        errors: what is wrong, as graphql-core tells it.
        status: the HTTP status for clients that know the newer media type; others get 200, as for whatever was
            understood as a request.
    """

    def __init__(self, errors: Sequence[GraphQLError], *, status: int = 400) -> None:
        super().__init__(*errors)
        self.errors = errors
        self.status = status


class DocumentError(RequestError):
    """The document that a request names is not known, or not allowed: no stream is begun to say so."""

    def __init__(self, error: AppError) -> None:
        super().__init__([GraphQLError(error.message, original_error=error)], status=error.status)


class ProtocolError(RequestError):
    """What was sent cannot be run by the way that it came: its status is the same for all clients.

    Args:
        allow: the methods for the header ``Allow`` of a 405.
    """

    def __init__(self, message: str, *, status: int = 400, allow: str = "GET, HEAD, POST") -> None:
        super().__init__([refusal(message)], status=status)
        self.allow = allow


def not_allowed(kind: OperationType, allowed: frozenset[OperationType]) -> ProtocolError:
    """Return the error of an operation of a type that cannot be run by the way that it came."""
    if kind is OperationType.SUBSCRIPTION:
        return ProtocolError(
            "A subscription needs a stream: a WebSocket (graphql-transport-ws), or the header Accept with"
            ' text/event-stream or multipart/mixed;subscriptionSpec="1.0"'
        )
    if kind is OperationType.MUTATION and OperationType.QUERY in allowed:
        # GraphQL over HTTP, section 5.2.
        return ProtocolError("A mutation must be sent with POST", status=405, allow="POST")
    return ProtocolError(f"{_WORDS[kind]} are not allowed")


def refusal(message: str) -> GraphQLError:
    """Return an error about the request as such; it tells nothing of the schema, so it is never hidden."""
    return GraphQLError(message, extensions={"code": ErrorCode.VALIDATION_ERROR.value})


def error_response(error: AppError, media_type: str) -> Response:
    """Return the answer to a request of which nothing becomes an operation, as GraphQL clients expect it."""
    observe_error("graphql", error.code)
    body = {"errors": [{"message": error.message, "extensions": {"code": error.code.value}}]}
    return Response(
        orjson.dumps(body), error.status, error.headers, media_type=f"{media_type}; charset=utf-8"
    )


def render_request_error(error: RequestError) -> Response:
    """Render an error as a whole answer, where no operation could be asked for yet."""
    body = {"errors": [told.formatted for told in error.errors]}
    return Response(orjson.dumps(body), error.status, media_type=JSON)
