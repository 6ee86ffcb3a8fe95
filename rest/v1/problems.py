"""How v1 words what is wrong with parameters and bodies."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.errors import Problem

INVALID_JSON = Problem(("body",), "Request body is not valid JSON")
INVALID_FORM = Problem(("body",), "Request body is not a valid form in UTF-8")


def describe_problems(error: ValidationError, location: tuple[str, ...]) -> list[Problem]:
    """Turn what Pydantic finds wrong into sentences that name the fields.

    Args:
        error: of one parameter, or of a body.
        location: the place of that in the request, and its name there.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [_describe((*location, *details["loc"])[1:], details) for details in found]


def missing_problem(location: tuple[str, ...]) -> Problem:
    """Return what is wrong when there is nothing at *location*."""
    if location == ("body",):
        return Problem(location, "Request body is required")
    name = ".".join(location[1:])
    return Problem(location[1:], f"{name} is required")


def _describe(path: tuple[int | str, ...], details: ErrorDetails) -> Problem:
    if not path:
        return Problem(("body",), "Request body must be a JSON object sent as application/json")
    field = tuple(map(str, path))
    name = ".".join(field)
    if details["type"] == "missing":
        return Problem(field, f"{name} is required")
    if details["type"] == "model_type":
        return Problem(field, f"{name} must be a JSON object")
    text = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Problem(field, f"{name} {text[:1].lower()}{text[1:]}")
