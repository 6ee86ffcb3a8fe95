"""What a client sees of an error: a code always, our own words, and nothing internal."""

import logging
import re
from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from core.database import shown_error
from core.errors import AppError, ErrorCode, InternalError
from core.metrics import observe_error
from core.request_id import current_request_id

logger = logging.getLogger("tandem.graphql")

#: Characters; GraphQL's messages repeat what the client wrote, at whatever length.
MAX_MESSAGE = 300
#: Where GraphQL's messages repeat an input: it may hold a password, and front ends log and report messages.
_REPEATED_INPUT = re.compile(r"(?:, found| non string value): .*", re.DOTALL)
#: Instead of what names fields and types, where the schema is a secret.
UNFIT = "The request does not fit the schema"


def present_all(errors: Sequence[GraphQLError], *, tells_schema: bool) -> list[GraphQLError]:
    """Return *errors* as the client may see them.

    Args:
        tells_schema: whether GraphQL's own messages may name what the schema holds.
    """
    if tells_schema:
        return [present(error) for error in errors]
    shown = [present(without_names(error)) for error in errors]
    unfit = [error for error in shown if error.message == UNFIT]
    # How many there are, and where, would tell which names are right.
    return [error for error in shown if error.message != UNFIT] + unfit[:1]


def without_names(error: GraphQLError) -> GraphQLError:
    """Return *error* without what GraphQL says of the schema in it: names, types and "Did you mean"."""
    told = isinstance(error, GraphQLSyntaxError) or "code" in (error.extensions or {})
    return error if told or _cause(error) else GraphQLError(UNFIT, path=error.path)


def present(error: GraphQLError) -> GraphQLError:
    """Return *error* as the client may see it: ours with their code, GraphQL's own as they are."""
    cause = _cause(error)
    if cause is None:
        message = shorten(_REPEATED_INPUT.sub(_without_input, error.message))
        return _with_code(error, message, ErrorCode.VALIDATION_ERROR)
    shown = shown_error(cause)
    if not isinstance(cause, AppError):
        logger.error(
            "A resolver failed at %s (request %s): %r",
            error.path,
            current_request_id.get(),
            cause,
            exc_info=cause if isinstance(shown, InternalError) else None,
        )
    extra = {} if shown.retry_after is None else {"retryAfter": shown.retry_after}
    return _with_code(error, shown.message, shown.code, extra)


def shorten(message: str) -> str:
    """Return *message*, or its beginning if it is long."""
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def _without_input(found: re.Match[str]) -> str:
    return f"{found[0].partition(':')[0].removesuffix(', found')}."


def _cause(error: GraphQLError) -> Exception | None:
    """Return what a resolver has raised; None if the error is GraphQL's own."""
    cause = error.original_error
    return None if isinstance(cause, GraphQLError) else cause


def _with_code(
    error: GraphQLError, message: str, code: ErrorCode, extra: dict[str, Any] | None = None
) -> GraphQLError:
    observe_error("graphql", code)
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=(error.extensions or {}) | {"code": code.value} | (extra or {}),
    )
