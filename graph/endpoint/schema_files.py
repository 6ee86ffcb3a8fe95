"""The schema as files, where it is no secret: for GraphiQL, for code generators, and to read.

They are made once in a process, and a client that has them already is only told so: looking at the schema uses up no
rate limit.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256

import orjson
from graphql import introspection_from_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.http.media_types import JSON
from core.http.pages import REVALIDATED
from engine.graphql import core_schema
from graph.endpoint.playground import STATIC_PATH
from graph.schema import build_schema, print_sdl

SDL_PATH = "/schema.graphql"
#: What the introspection query of GraphiQL gets.
INTROSPECTION_PATH = f"{STATIC_PATH}/schema.json"


def schema_routes(*, playground: bool) -> list[Route]:
    """Return the routes of the schema: in the definition language, and for GraphiQL what introspection answers."""
    routes = [_file_route(SDL_PATH, _sdl, "text/plain")]
    if playground:
        routes.append(_file_route(INTROSPECTION_PATH, _introspection, JSON))
    return routes


def _file_route(path: str, content: Callable[[], tuple[bytes, str]], media_type: str) -> Route:
    # No coroutine, so that it runs in a thread: to make a file takes some tenths of a second.
    def send_file(request: Request) -> Response:
        body, tag = content()
        headers = {**REVALIDATED, "ETag": tag}
        known = request.headers.get("if-none-match", "")
        if tag in known:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    return Route(path, send_file, include_in_schema=False)


@cache
def _sdl() -> tuple[bytes, str]:
    return _tagged(print_sdl().encode())


@cache
def _introspection() -> tuple[bytes, str]:
    return _tagged(orjson.dumps({"data": introspection_from_schema(core_schema(build_schema()))}))


def _tagged(body: bytes) -> tuple[bytes, str]:
    """Return the bytes of a file with its entity tag (RFC 9110 section 8.8.3)."""
    return body, f'"{sha256(body).hexdigest()[:32]}"'
