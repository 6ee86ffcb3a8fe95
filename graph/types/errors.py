"""Errors as data: what a mutation's payload says when the input or the rules are at fault."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case

from core.errors import AppError, AuthenticationError, ErrorCode, InternalError, Problem, ValidationFailed
from graph.resolvers.context import Context


@strawberry.type(description="Something that the caller can put right.")
class UserError:
    """One problem."""

    code: ErrorCode = strawberry.field(description="What went wrong, for programs.")
    message: str = strawberry.field(description="What went wrong, for people.")
    field: list[str] | None = strawberry.field(
        description='The path of the input at fault, such as `["input", "items", "0", "quantity"]`.'
    )


def user_errors(error: AppError) -> list[UserError]:
    """Return *error* as data; one entry for each problem of a failed validation."""
    problems = error.problems if isinstance(error, ValidationFailed) else ()
    problems = problems or (Problem(error.field or (), error.message),)
    return [
        UserError(code=error.code, message=problem.message, field=_input_path(problem.field))
        for problem in problems
    ]


def _input_path(field: tuple[str, ...]) -> list[str] | None:
    return ["input", *map(to_camel_case, field)] if field else None


P = TypeVar("P")


async def payload(
    ctx: Context,
    kind: Callable[..., P],
    call: Callable[[], Awaitable[Any]],
    fields: Callable[[Any], dict[str, Any]],
) -> P:
    """Call a resolver and put what it returns, or its error, into the payload *kind*.

    A request without a valid sign-in is not the input's fault, and a defect is nobody's: both stay errors at
    the top level, where a client refreshes its token, or gives up, in one place.

    Fields below the payload see what the mutation did, also when an earlier one of the same document has loaded
    the same rows: mutations run one after the other (GraphQL specification, section 6.2.2).

    Args:
        ctx: gets fresh loaders.
        call: reads the input and calls the resolver; what is wrong with the input is raised here too.
        fields: picks the payload's fields from what the resolver returned.
    """
    ctx.load_afresh()
    try:
        result = await call()
    except (AuthenticationError, InternalError):
        raise
    except AppError as error:
        return kind(errors=user_errors(error))
    return kind(errors=[], **fields(result))
