"""What OpenAPI is told of an operation beside its own shape: its errors and who may call it."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import orjson

from core.errors import (
    AppError,
    BodyTooLarge,
    DeadlineExceeded,
    InternalError,
    NotAuthenticated,
    Problem,
    RateLimited,
    ServiceUnavailable,
    TokenExpired,
    TokenInvalid,
    UnsupportedMediaType,
    ValidationFailed,
)
from rest.v1.errors import error_view
from rest.v1.json_response import to_json
from rest.v1.schemas.errors import ErrorOut, InvalidInputOut

BEARER_SCHEME = "Bearer"

Responses = dict[int | str, dict[str, Any]]

#: For ``openapi_extra`` of operations that need a sign-in.
SIGNED_IN: dict[str, Any] = {"security": [{BEARER_SCHEME: []}]}

#: What every operation can answer.
ALWAYS: tuple[AppError, ...] = (RateLimited(), InternalError(), ServiceUnavailable(), DeadlineExceeded())
#: Beside those: what an operation that needs a sign-in can answer.
REFUSED: tuple[AppError, ...] = (NotAuthenticated(), TokenInvalid(), TokenExpired())
#: Beside those: what an operation with a body can answer before anybody looks into it.
UNREADABLE: tuple[AppError, ...] = (BodyTooLarge(), UnsupportedMediaType())
#: What a list answers when the page is out of bounds.
BAD_PAGE = ValidationFailed(Problem(("page_size",), "page_size must be between 1 and 100"))


def responses(*errors: AppError) -> Responses:
    """Return the ``responses`` of an operation: these errors, with an example for each, and :data:`ALWAYS`."""
    by_status: dict[int, list[AppError]] = {}
    for error in (*errors, *ALWAYS):
        by_status.setdefault(error.status, []).append(error)
    return {status: _response(status, group) for status, group in sorted(by_status.items())}


def _response(status: int, errors: Iterable[AppError]) -> dict[str, Any]:
    messages: dict[str, None] = {}
    examples: dict[str, Any] = {}
    for error in errors:
        messages[error.message] = None
        # The same code may come with several wordings; each is worth an example.
        name = error.code.value if error.code.value not in examples else f"{error.code.value}_{len(examples)}"
        examples[name] = {"summary": error.message, "value": orjson.loads(to_json(error_view(error)))}
    return {
        "model": InvalidInputOut if status == 422 else ErrorOut,
        "description": f"{HTTPStatus(status).phrase}: {'; '.join(messages)}",
        "content": {"application/json": {"examples": examples}},
    }
