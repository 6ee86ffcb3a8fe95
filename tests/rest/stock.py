"""The operations of v1 twice: on the route class of v1, and on FastAPI's own, to compare how they read requests.

They differ on purpose in bytes, not in values: :func:`for_stock` writes a request as FastAPI reads what v1 reads.
"""

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Message, Scope

from core.errors import AppError, Problem, ValidationFailed
from core.http.caller import read_caller
from core.resources import Resources
from graph.resolvers.context import Context
from rest.v1 import routes
from rest.v1.errors import install_error_handlers, render_error
from rest.v1.json_response import JsonResponse
from rest.v1.routing import Route, RouteTable


@dataclass(frozen=True)
class Sent:
    """A request, as the server hands it to an application."""

    method: str
    path: str
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""


def is_sent_as_json(sent: Sent) -> bool:
    """Tell whether v1 takes the body: by ``application/json`` alone, in either case, and with any parameters.

    FastAPI takes whatever ends in ``+json``, and the first of several lines.
    """
    lines = [value for name, value in sent.headers if name == b"content-type"]
    return {line.partition(b";")[0].strip().lower() for line in lines} == {b"application/json"}


def reads_body(sent: Sent) -> bool:
    """Tell whether the operation that a request asks for has a body."""
    scope: Scope = {"type": "http", "method": sent.method, "path": sent.path, "root_path": ""}
    route = routes.matches(scope)[1]["route"]
    return route is not None and bool(route.dependant.body_params)


def has_query_in_utf8(sent: Sent) -> bool:
    """Tell whether a query is one for v1. FastAPI puts U+FFFD in the place of what is not UTF-8."""
    try:
        unquote_to_bytes(sent.query).decode()
    except UnicodeDecodeError:
        return False
    return True


def for_stock(sent: Sent) -> Sent:
    """Return a request that FastAPI reads as v1 should read *sent*.

    v1 reads JSON in UTF-8 only, with or without a byte order mark, without ``NaN``, ``Infinity`` and halves of
    surrogate pairs, takes 2.0 for an integer, and decodes a query as UTF-8 where FastAPI takes Latin-1.
    """
    headers = [(name, value) for name, value in sent.headers if name != b"content-type"]
    if is_sent_as_json(sent):
        headers.append((b"content-type", b"application/json"))
    query = quote(sent.query, safe=bytes(range(128))).encode()
    return replace(sent, query=query, headers=headers, body=_rewritten(sent.body) if sent.body else b"")


def _rewritten(body: bytes) -> bytes:
    def refuse(_: str) -> None:
        raise ValueError

    def number(text: str) -> int | float:
        value = float(text)
        return int(value) if value.is_integer() else value

    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=refuse, parse_float=number)
        return json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return b"not JSON"


def echo(declared: APIRoute) -> Any:
    """Return an endpoint of the same signature, which answers with its arguments."""

    async def endpoint(**arguments: Any) -> Response:
        return JsonResponse(
            {name: None if isinstance(value, Context) else repr(value) for name, value in arguments.items()}
        )

    endpoint.__signature__ = inspect.signature(declared.endpoint)  # type: ignore[attr-defined]
    return endpoint


def echoes(resources: Resources) -> tuple[FastAPI, FastAPI]:
    """Return two applications whose operations are declared as those of v1 are: one of ours, one stock."""
    declared = [(route.path, echo(route), sorted(route.methods or ())) for route in routes.routes]
    ours = RouteTable([Route(path, endpoint, methods=methods) for path, endpoint, methods in declared])
    stock = [
        APIRoute(path, endpoint, methods=methods, response_model=None) for path, endpoint, methods in declared
    ]
    return _application(resources, [ours]), _application(resources, stock)


def _application(resources: Resources, served: Sequence[BaseRoute]) -> FastAPI:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.router.routes.extend(served)
    app.state.resources = resources
    install_error_handlers(app)
    # What Starlette's parser of forms raises.
    app.add_exception_handler(400, _render)
    app.add_exception_handler(RequestValidationError, _render)
    app.add_exception_handler(AppError, _render)
    return app


async def _render(_: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        error = ValidationFailed(*map(_problem, error.errors()))
    elif isinstance(error, HTTPException):
        error = ValidationFailed(Problem(("body",), "Request body is not valid JSON"))
    assert isinstance(error, AppError)
    return render_error(error)


def _problem(found: dict[str, Any]) -> Problem:
    """Word what FastAPI finds wrong as v1 does."""
    field = tuple(map(str, found["loc"][1:]))
    name = ".".join(field)
    if found["type"] == "json_invalid":
        return Problem(("body",), "Request body is not valid JSON")
    if not field and found["type"] == "missing":
        return Problem(("body",), "Request body is required")
    if not field:
        return Problem(("body",), "Request body must be a JSON object sent as application/json")
    if found["type"] == "missing":
        return Problem(field, f"{name} is required")
    if found["type"] == "model_attributes_type":
        return Problem(field, f"{name} must be a JSON object")
    text = found["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Problem(field, f"{name} {text[:1].lower()}{text[1:]}")


async def ask(app: FastAPI, sent: Sent) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers and body of the answer to a request that has passed the layers of the application."""
    resources: Resources = app.state.resources
    scope: Scope = {
        "type": "http",
        "method": sent.method,
        "path": sent.path,
        "root_path": "",
        "query_string": sent.query,
        "headers": list(sent.headers),
        "client": ("127.0.0.1", 1),
    }
    scope["state"] = {"caller": read_caller(scope, resources.tokens, ())}
    received: list[Message] = [{"type": "http.request", "body": sent.body, "more_body": False}]
    answered: list[Message] = []

    async def receive() -> Message:
        return received.pop(0)

    async def send(message: Message) -> None:
        answered.append(message)

    await app(scope, receive, send)
    start, *parts = answered
    return start["status"], start["headers"], b"".join(part.get("body", b"") for part in parts)
