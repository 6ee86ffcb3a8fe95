"""The operations of v1 twice: on the route class of v1, and on FastAPI's own, to compare how they read requests."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
