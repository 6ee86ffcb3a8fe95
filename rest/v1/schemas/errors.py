"""What every error of v1 looks like."""

from dataclasses import dataclass
from typing import Annotated

from core.errors import ErrorCode
from rest.v1.schemas.bounds import OF_ERROR, FieldPath, Message


@dataclass(frozen=True, slots=True)
class ErrorOut:
    """An error: ``detail`` for people, ``error_code`` for programs."""

    detail: Message
    error_code: ErrorCode


@dataclass(frozen=True, slots=True)
class ProblemOut:
    """One thing wrong with the input. ``field`` is a path, its parts separated by dots."""

    field: FieldPath
    message: Message


@dataclass(frozen=True, slots=True)
class InvalidInputOut:
    """An error of the input, with everything that is wrong."""

    detail: Message
    error_code: ErrorCode
    errors: Annotated[list[ProblemOut], OF_ERROR]
