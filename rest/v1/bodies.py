"""Reads request bodies: JSON, and for sign-ins the form of an OAuth 2 client."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from core.errors import Problem, UnsupportedMediaType, ValidationFailed
from core.http.headers import find_header
from core.http.media_types import FORM, JSON, read_media_type
from core.json_reader import InvalidJson, parse_json
from rest.v1.problems import INVALID_FORM, INVALID_JSON

#: Stands for an empty body, and for a parameter that is not there.
MISSING: Final = object()
#: Of one form.
MAX_FIELDS = 1_000

#: Returns the parsed body of a request, not validated yet, or MISSING.
BodyReader = Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Marks a body, in ``Annotated``, that another function than :func:`read_json` reads."""

    read: BodyReader


async def read_json(request: Request) -> Any:
    """Return the parsed body.

    Raises:
        UnsupportedMediaType: it is not sent as JSON.
        ValidationFailed: it is not valid JSON.
    """
    body = await _read(request)
    if not body:
        return MISSING
    if _media_type(request) != JSON:
        raise UnsupportedMediaType
    return _parse_json(body)


async def read_json_or_form(request: Request) -> Any:
    """Return parsed JSON, or the fields of the form of an OAuth 2 client (RFC 6749 section 4.3.2).

    Raises:
        UnsupportedMediaType: it is sent as neither.
        ValidationFailed: it is not valid.
    """
    media_type, body = _media_type(request), await _read(request)
    if media_type == FORM:
        return _parse_form(body)
    if not body:
        return MISSING
    if media_type != JSON:
        raise UnsupportedMediaType(
            f"Request body must be sent as {JSON} or {FORM}", accepted=f"{JSON}, {FORM}"
        )
    return _parse_json(body)


async def _read(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        raise ValidationFailed(INVALID_JSON) from None


def _media_type(request: Request) -> str:
    return read_media_type(find_header(request.scope, b"content-type"))


def _parse_json(body: bytes) -> Any:
    try:
        return parse_json(body)
    except InvalidJson:
        raise ValidationFailed(INVALID_JSON) from None


def _parse_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form in UTF-8; one without a value is as if left out (RFC 6749 section 3.2)."""
    try:
        fields = parse_qsl(body.decode(), errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise ValidationFailed(INVALID_FORM) from None
    found = dict(fields)
    if len(found) < len(fields):
        raise ValidationFailed(Problem(("body",), "Request body must not have a field twice"))
    return found
