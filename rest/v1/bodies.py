"""Reads request bodies: JSON, and for sign-ins the form of an OAuth 2 client."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final

from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from core.errors import Problem, ValidationFailed
from rest.v1.problems import INVALID_JSON

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
#: Stands for an empty body, and for a parameter that is not there.
MISSING: Final = object()

#: Returns the parsed body of a request, not validated yet, or MISSING.
BodyReader = Callable[[Request], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Marks a body, in ``Annotated``, that another function than :func:`read_json` reads."""

    read: BodyReader


async def read_json(request: Request) -> Any:
    """Return the parsed body; as bytes, which no model takes, when it is not sent as JSON.

    Raises:
        ValidationFailed: it is not valid JSON.
    """
    try:
        body = await request.body()
        if not body:
            return MISSING
        return json.loads(body) if _is_json(request.headers.get("content-type", "")) else body
    except (ValueError, RecursionError, ClientDisconnect):
        raise ValidationFailed(INVALID_JSON) from None


async def read_json_or_form(request: Request) -> Any:
    """Return parsed JSON, or the fields of the form of an OAuth 2 client (RFC 6749 section 4.3.2).

    Raises:
        ValidationFailed: it is neither.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == FORM:
        try:
            return dict(await request.form())
        except HTTPException:  # it has too many fields
            raise ValidationFailed(INVALID_JSON) from None
    body = await request.body()
    if not body:
        return MISSING
    if media_type != JSON:
        raise ValidationFailed(Problem(("body",), f"Request body must be sent as {JSON} or {FORM}"))
    try:
        return from_json(body)
    except ValueError:
        raise ValidationFailed(INVALID_JSON) from None


def _is_json(content_type: str) -> bool:
    if content_type == JSON:
        return True
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (
        subtype == "json" or subtype.endswith("+json")
    )
