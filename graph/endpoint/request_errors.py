"""How a request is answered that never became an operation: as JSON, with a code."""

import orjson
from cross_web import HTTPException
from starlette.responses import Response
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from core.errors import AppError, ErrorCode, RateLimited
from graph.endpoint.errors import shorten

MEDIA_TYPE = "application/json"
RESPONSE_MEDIA_TYPE = "application/graphql-response+json"

NO_OPERATION = "The document has no operation to run"
MUTATION_BY_GET = "A mutation must be sent with POST"
SUBSCRIPTION_WITHOUT_STREAM = (
    "A subscription needs a stream: a WebSocket (graphql-transport-ws), or the header Accept with text/event-stream"
    ' or multipart/mixed;subscriptionSpec="1.0"'
)


class Refused(Exception):
    """A request that never became an operation."""

    def __init__(self, response: Response) -> None:
        self.response = response


def render_error(error: AppError, status: int | None = None, *, newer: bool = False) -> Response:
    """Render an error of the whole request as GraphQL clients expect it.

    Args:
        status: the error's own if not given.
        newer: whether the client knows the newer media type.
    """
    media_type = RESPONSE_MEDIA_TYPE if newer else MEDIA_TYPE
    response = _render(error.message, error.code, status or error.status, media_type)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def render_refusal(error: HTTPException) -> Response:
    """Render what Strawberry refuses in plain text."""
    status, reason, allowed = error.status_code, error.reason, "GET, POST"
    cause = error.__cause__
    if isinstance(cause, InvalidOperationTypeError):
        if cause.operation_type is OperationType.SUBSCRIPTION:
            reason = SUBSCRIPTION_WITHOUT_STREAM
        elif cause.operation_type is OperationType.MUTATION:
            # GraphQL over HTTP, section 5.2.
            status, reason, allowed = 405, MUTATION_BY_GET, "POST"
    elif isinstance(cause, CannotGetOperationTypeError) and cause.operation_name is None:
        reason = NO_OPERATION
    response = _render(shorten(reason), ErrorCode.VALIDATION_ERROR, status)
    if status == 405:
        response.headers["Allow"] = allowed
    return response


def _render(message: str, code: ErrorCode, status: int, media_type: str = MEDIA_TYPE) -> Response:
    body = {"errors": [{"message": message, "extensions": {"code": code.value}}]}
    return Response(orjson.dumps(body), status, media_type=media_type)
