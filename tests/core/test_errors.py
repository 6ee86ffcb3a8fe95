"""The error tree is whole: its picture, its codes, its statuses."""

import re

from core import errors
from core.errors import AppError, ErrorCode, RateLimited, ValidationFailed, code_descriptions, error_classes


def family(kind: type[AppError] = AppError) -> list[type[AppError]]:
    return [kind, *(member for child in kind.__subclasses__() for member in family(child))]


def drawn() -> dict[str, tuple[int | None, str | None]]:
    """Return what the docstring's picture says of each class: its status and its code, where it says one."""
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"[    │├└─]*(\w+) +(?:(\d{3}))? *([A-Z_]{6,})?", line):
            status = int(match[2]) if match[2] else None
            found[match[1]] = (status, match[3])
    return found


def test_every_class_is_in_the_picture_with_its_code() -> None:
    picture = drawn()
    for kind in family()[1:]:
        assert kind.__name__ in picture, kind
        status, code = picture[kind.__name__]
        assert status in (None, kind.status), kind
        assert code == (kind.code.value if "code" in vars(kind) else None), kind


def test_every_code_belongs_to_an_error() -> None:
    assert {kind.code for kind in error_classes()} == set(ErrorCode)


def test_every_error_has_a_status_a_sentence_and_a_description() -> None:
    for kind in error_classes():
        error = kind()
        assert 400 <= error.status < 600
        assert error.message == kind.default_message
        assert re.fullmatch(r"[A-Z].+\.", kind.description()), kind


def test_a_code_of_several_errors_means_all_of_them() -> None:
    descriptions = code_descriptions()
    assert set(descriptions) == {code.name for code in ErrorCode}
    kinds = [kind for kind in error_classes() if kind.code is ErrorCode.VALIDATION_ERROR]
    assert {ValidationFailed, errors.BodyTooLarge, errors.HeadTooLarge} < set(kinds)
    assert descriptions["VALIDATION_ERROR"] == " Or: ".join(kind.description() for kind in kinds)


def test_a_failed_validation_says_its_first_problem() -> None:
    problem = errors.Problem(("items", "0"), "It is wrong")
    error = ValidationFailed(problem, errors.Problem(("b",), "So is this"))
    assert (error.message, error.field) == ("It is wrong", ("items", "0"))


def test_nobody_is_told_to_come_back_at_once() -> None:
    assert RateLimited(retry_after=0).retry_after == 1
