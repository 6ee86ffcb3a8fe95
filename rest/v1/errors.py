"""How v1 words an error: ``{"detail", "error_code"}``, and ``errors`` beside them when the input is at fault."""

from urllib.parse import quote

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import Scope

from core.database import shown_error
from core.errors import (
    AppError,
    AuthenticationError,
    InternalError,
    MethodNotAllowed,
    NotAuthenticated,
    RouteNotFound,
)
from core.metrics import observe_error
from rest.v1.json_response import JsonResponse
from rest.v1.schemas.errors import ErrorOut, InvalidInputOut, ProblemOut

#: What may stand in a query as it is (RFC 3986 section 3.4), and the percent sign.
_QUERY_CHARACTERS = "%:@!$&'()*+,;=/?[]"
#: What ``WWW-Authenticate`` says to whoever has sent no token, and one that is not taken (RFC 6750 section 3).
CHALLENGE, INVALID_TOKEN = "Bearer", 'Bearer error="invalid_token"'
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def error_view(error: AppError) -> ErrorOut | InvalidInputOut:
    """Return what the body of the answer says."""
    if error.status != 422:
        return ErrorOut(error.message, error.code)
    return InvalidInputOut(
        error.message,
        error.code,
        [ProblemOut(".".join(problem.field), problem.message) for problem in error.as_problems()],
    )


def render_error(error: AppError) -> Response:
    """Return the whole answer, with the headers that its status asks for (RFC 9110, RFC 6750 section 3)."""
    observe_error("rest", error.code)
    response = JsonResponse(error_view(error), error.status)
    response.headers.update(error.headers)
    if error.status == 401:
        refused = isinstance(error, AuthenticationError) and not isinstance(error, NotAuthenticated)
        response.headers["WWW-Authenticate"] = INVALID_TOKEN if refused else CHALLENGE
    return response


def install_error_handlers(app: FastAPI) -> None:
    """Let *app* answer what its routes do not render themselves in the words of v1: no route, and defects."""
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_defect)


async def _on_defect(_: Request, error: Exception) -> Response:
    # Starlette raises it again after the answer, so that it still reaches the log.
    return render_error(shown_error(error))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """Reword what the router raises."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = getattr(error, "headers", None) or {}
    if status == 405:
        response = render_error(MethodNotAllowed())
        allowed = _methods_of(request, request.scope["path"])
        response.headers["Allow"] = ", ".join(allowed) or headers.get("Allow", "")
        return response
    path = request.scope["path"].rstrip("/")
    if status == 404 and path != request.scope["path"] and _methods_of(request, path):
        return _redirect(path, request.scope["query_string"])
    return render_error(RouteNotFound() if status == 404 else InternalError())


def _redirect(path: str, query: bytes) -> Response:
    """Lead to an address of this server, by its path alone.

    Starlette's own redirects name scheme and host as this process sees them: behind a proxy that ends TLS, clients
    would repeat their passwords and tokens in the clear.
    """
    # What is not ASCII is percent-encoded byte by byte: to read it as a text would need to know its encoding.
    return RedirectResponse(f"{path}?{quote(query, safe=_QUERY_CHARACTERS)}" if query else path)


def _methods_of(request: Request, path: str) -> list[str]:
    """Return the methods of an address; a route of its own stands behind each, and knows only itself."""
    app: FastAPI = request.app
    allowed = []
    for method in METHODS:
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": request.scope.get("root_path", ""),
            "headers": [],
        }
        if any(route.matches(scope)[0] is Match.FULL for route in app.routes):
            allowed.append(method)
    return allowed
