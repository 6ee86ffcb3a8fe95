"""Errors as data: what a mutation's payload says when the input or the rules are at fault."""

import strawberry
from strawberry.utils.str_converters import to_camel_case

from core.errors import AppError, ErrorCode


@strawberry.type(description="An error of a mutation that the caller can put right.")
class UserError:
    """One problem."""

    code: ErrorCode = strawberry.field(description="What went wrong, for programs.")
    message: str = strawberry.field(description="What went wrong, for people: a sentence in English.")
    field: list[str] | None = strawberry.field(
        description="The path of the input at fault, from the outside in, such as"
        ' `["input", "items", "0", "quantity"]`; null if the fault is with no single field.'
    )
    retry_after: int | None = strawberry.field(
        default=None,
        description="The number of seconds until the next attempt can succeed, after `RATE_LIMITED` and"
        " `SERVICE_UNAVAILABLE`; null where waiting does not help.",
    )


@strawberry.type
class Payload:
    """The part that all payloads share. Their other bases say what a mutation has to show, and come first."""

    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )


def user_errors(error: AppError) -> list[UserError]:
    """Return *error* as data; one entry for each problem of a failed validation."""
    return [
        UserError(
            code=error.code,
            message=problem.message,
            field=_input_path(problem.field),
            retry_after=error.retry_after,
        )
        for problem in error.as_problems()
    ]


def _input_path(field: tuple[str, ...]) -> list[str] | None:
    return ["input", *map(to_camel_case, field)] if field else None
