"""What a caller sees of an error: a code always, our own words, and nothing internal."""

import logging
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions.mask_errors import MaskErrors

from core.errors import AppError, ErrorCode, InternalError, RateLimited
from core.http.layers import current_request_id
from engine.postgres.outages import is_away

logger = logging.getLogger("tandem.graphql")

#: Characters; GraphQL's messages repeat what the client wrote, at whatever length.
MAX_MESSAGE = 300
#: Instead of what names fields and types, where the schema is a secret.
UNFIT = "The request does not fit the schema"


class PresentErrors(MaskErrors):
    """Gives every error a code, and hides what is none of the caller's business.

    Strawberry's extension knows where errors turn up (results, streams, deferred parts); this one says what
    becomes of them.

    Args:
        tell_schema: whether GraphQL's own messages may name what the schema holds.
    """

    def __init__(self, *, tell_schema: bool) -> None:
        super().__init__(should_mask_error=lambda _: True)
        self.tell_schema = tell_schema

    def present_all(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        """Return *errors* as the caller may see them."""
        return self._process_errors(errors)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        """Return *error* as the caller may see it."""
        return present(error) if self.tell_schema else present(without_names(error))

    def _process_errors(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        shown = super()._process_errors(errors)
        unfit = [error for error in shown if error.message == UNFIT]
        # How many there are, and where, would tell which names are right.
        return [error for error in shown if error.message != UNFIT] + unfit[:1]


def without_names(error: GraphQLError) -> GraphQLError:
    """Return *error* without what GraphQL says of the schema in it: names, types and "Did you mean"."""
    if not _is_of_graphql(error) or isinstance(error, GraphQLSyntaxError) or has_code(error):
        return error
    return GraphQLError(UNFIT, path=error.path)


def present(error: GraphQLError) -> GraphQLError:
    """Return *error* as the caller may see it: ours with their code, GraphQL's own as they are."""
    cause = error.original_error
    if _is_of_graphql(error):
        return _with_code(error, shorten(error.message), ErrorCode.VALIDATION_ERROR)
    if isinstance(cause, AppError):
        extra = {"retryAfter": cause.retry_after} if isinstance(cause, RateLimited) else {}
        return _with_code(error, cause.message, cause.code, extra)
    if isinstance(cause, RecursionError):
        return _with_code(error, "The document is nested too deeply", ErrorCode.VALIDATION_ERROR)
    logger.error(
        "A resolver failed at %s (request %s): %r",
        error.path,
        current_request_id.get(),
        cause,
        exc_info=None if is_away(cause) else cause,
    )
    return _with_code(error, InternalError.default_message, ErrorCode.INTERNAL_ERROR)


def shorten(message: str) -> str:
    """Return *message*, or its beginning if it is long."""
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def has_code(error: GraphQLError) -> bool:
    """Return whether somebody has said already what *error* is."""
    return "code" in (error.extensions or {})


def _is_of_graphql(error: GraphQLError) -> bool:
    cause = error.original_error
    return cause is None or isinstance(cause, GraphQLError) or _is_about_the_request(cause)


def _is_about_the_request(cause: BaseException) -> bool:
    # Strawberry's own complaints about the choice of an operation.
    return type(cause).__module__ == "strawberry.schema.exceptions"


def _with_code(
    error: GraphQLError, message: str, code: ErrorCode, extra: dict[str, Any] | None = None
) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=(error.extensions or {}) | {"code": code.value} | (extra or {}),
    )
