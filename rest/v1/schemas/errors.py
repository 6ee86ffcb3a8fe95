"""What every error of v1 looks like."""

from dataclasses import dataclass

from core.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class ErrorOut:
    """An error: ``detail`` for people, ``error_code`` for programs."""

    detail: str
    error_code: ErrorCode


@dataclass(frozen=True, slots=True)
class ProblemOut:
    """One thing wrong with the input. ``field`` is a path, its parts separated by dots."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class InvalidInputOut:
    """An error of the input, with everything that is wrong."""

    detail: str
    error_code: ErrorCode
    errors: list[ProblemOut]
