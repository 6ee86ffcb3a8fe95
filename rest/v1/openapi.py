"""The OpenAPI document of v1: what FastAPI derives from the routes, and what it cannot know."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from core.deprecations import DEPRECATIONS, Deprecations
from core.http.media_types import FORM, JSON
from core.request_id import MAX_REQUEST_ID, REQUEST_ID
from core.resources import SIGN_IN_WINDOW
from graph.resolvers.pagination import MAX_BIGINT
from rest.v1.demo_examples import use_demo_examples
from rest.v1.deprecation import mark_deprecated
from rest.v1.errors import CHALLENGE, INVALID_TOKEN
from rest.v1.openapi_document import Json, operations, resolve
from rest.v1.openapi_responses import BEARER_SCHEME
from rest.v1.openapi_twins import show_twins
from rest.v1.schemas.bounds import text, whole_number

TITLE = "Tandem"
VERSION = "v1"
DESCRIPTION = """\
Orders over REST, for clients that speak version 1; the GraphQL schema at `/graphql` is the primary face.

`POST /api/v1/auth/login` gives an access token (30 minutes) and a refresh token (7 days); send the first one as
`Authorization: Bearer {access_token}`. Every error is `{"detail", "error_code"}`; 422 adds `errors`, a list of
`{"field", "message"}`. Amounts are numbers with two decimals in the shop's one currency; times are UTC.

<details><summary>Headers of answers</summary>

| Header | Status | Meaning |
|---|---|---|
{headers}

</details>
"""
TAGS = [
    {"name": "Authentication", "description": "Signing in, staying signed in."},
    {"name": "Users", "description": "People who sign in; administrators create and remove them."},
    {"name": "Orders", "description": "Orders are accepted at once and processed in the background."},
    {"name": "Products", "description": "What can be ordered; read-only, open to everybody."},
]


#: Relative to where the document is: of this server nobody else knows by which name it is called.
SERVERS = [
    {"url": "/", "description": "This server, in production or local development.", "x-internal": False}
]
LICENSE = {"name": "MIT", "identifier": "MIT"}
#: The document knows neither who that is nor how to get at them.
CONTACT = {"name": "The operator of this server"}


def _header(description: str, type: str, example: object, **words: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": type, **words}, "example": example}


HEADERS = {
    "X-RateLimit-Limit": _header(
        "Requests allowed in each minute.", "integer", 100, **whole_number(1, MAX_BIGINT)
    ),
    "X-RateLimit-Remaining": _header(
        "Requests left in this minute.", "integer", 95, **whole_number(0, MAX_BIGINT)
    ),
    "X-RateLimit-Reset": _header(
        "End of this minute, in seconds since 1970.", "integer", 1642252800, **whole_number(0, MAX_BIGINT)
    ),
    "X-Request-ID": _header(
        "Name this to support.",
        "string",
        "5f0c9a1be27d4e83",
        **text(MAX_REQUEST_ID, f"^{REQUEST_ID.pattern.decode()}$"),
    ),
    "Link": _header(
        "Where the operation is described, with what does the same in GraphQL (RFC 5829).",
        "string",
        '</docs#/Orders/getOrder>; rel="successor-version"',
        **text(300, r'^<[^>]+>; rel="successor-version"'),
    ),
    "Access-Control-Allow-Origin": _header(
        "The origin of the page that asks, if its pages may read the answer (`TANDEM_CORS_ORIGINS`).",
        "string",
        "https://shop.example.com",
        **text(300, r"^[^/]+://[^/]+$"),
    ),
    "Retry-After": _header(
        "Seconds until the next attempt can succeed; not with `DEADLINE_EXCEEDED`.",
        "integer",
        42,
        **whole_number(1, SIGN_IN_WINDOW),
    ),
    "Accept": _header("What the body can be sent as.", "string", JSON, enum=[JSON, f"{JSON}, {FORM}"]),
    "Accept-Encoding": _header("How the body can be encoded.", "string", "identity", const="identity"),
    "WWW-Authenticate": _header(
        "How to sign in (RFC 6750).", "string", "Bearer", enum=[CHALLENGE, INVALID_TOKEN]
    ),
    "Location": _header(
        "Address of what was created.",
        "string",
        "/api/v1/orders/1001",
        **text(30, r"^/api/v1/(orders|users)/[1-9][0-9]*$"),
    ),
    "Idempotent-Replayed": _header(
        "`true` when the Idempotency-Key was used before.", "string", "true", const="true"
    ),
}
_REPLAYED = "Idempotent-Replayed"
_ON_EVERY_ANSWER = (
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
    "Link",
    "Access-Control-Allow-Origin",
)
_BY_STATUS = {
    "201": ("Location",),
    "401": ("WWW-Authenticate",),
    "415": ("Accept", "Accept-Encoding"),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}

#: Not OAuth 2's password flow: OAuth 2.1 is without it, and sign-ins are JSON.
SECURITY_SCHEMES = {
    BEARER_SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token from `POST /api/v1/auth/login`, verified by the advice of RFC8725.",
    },
}


_NULL = {"type": "null"}
#: Says of the codes of errors that they are not all there will be: that one comes breaks no promise.
_OPEN_ENUM = {
    "description": "What went wrong, for programs: the same codes in GraphQL and REST. There will be more of them:"
    " treat one that you do not know by the status of the answer.",
    "x-open-enum": True,
}


def install_openapi(
    app: FastAPI,
    routes: Sequence[BaseRoute],
    *,
    demo: bool = False,
    playground: bool = False,
    deprecations: Deprecations = DEPRECATIONS,
) -> None:
    """Make ``app.openapi()`` (and so ``/openapi.json``) describe v1 in full; made once, when first asked for.

    Args:
        app: the application.
        routes: those of v1.
        demo: whether the examples are such as can be executed against the sample data; development only, for they
            hold a demo password.
        playground: whether GraphiQL is open here, for links to it.
        deprecations: what is marked in it.
    """
    made: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not made:
            made.append(build_document(routes, deprecations))
            if demo:
                use_demo_examples(made[0])
            show_twins(made[0], playground=playground)
        return made[0]

    app.openapi = openapi  # type: ignore[method-assign]


def build_document(routes: Sequence[BaseRoute], deprecations: Deprecations = DEPRECATIONS) -> dict[str, Any]:
    """Return the document of *routes*, with the examples of the contract."""
    document = get_openapi(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION.replace("{headers}", _header_rows()),
        routes=routes,
        tags=TAGS,
        servers=SERVERS,
        contact=CONTACT,
        license_info=LICENSE,
    )
    # What needs a sign-in says so itself.
    document["security"] = []
    components = document["components"]
    schemas = components["schemas"]
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = [_in_order(document, schema, value) for value in schema["examples"]]
    schemas["ErrorCode"] |= _OPEN_ENUM
    components["securitySchemes"] = SECURITY_SCHEMES
    components["headers"] = dict(HEADERS)
    for operation in operations(document):
        _document_answers(operation)
        for parameter in operation.get("parameters", []):
            parameter["schema"] = _without_null(parameter["schema"])
    mark_deprecated(document, deprecations)
    return document


def print_openapi(routes: Sequence[BaseRoute]) -> str:
    """Return the document as JSON to read and to compare."""
    return orjson.dumps(
        build_document(routes), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    ).decode()


def _header_rows() -> str:
    """Return the rows of the table that describes each header once."""
    places = {name: ["all"] for name in _ON_EVERY_ANSWER} | {_REPLAYED: ["201"]}
    for status, names in _BY_STATUS.items():
        for name in names:
            places.setdefault(name, []).append(status)
    return "\n".join(
        f"| `{name}` | {', '.join(places[name])} | {header['description']} |"
        for name, header in HEADERS.items()
    )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that can be left out, but has no way to say null."""
    if "anyOf" not in schema:
        return schema
    branch: dict[str, Any]
    (branch,) = (branch for branch in schema["anyOf"] if branch.get("type") != "null")
    rest: dict[str, Any] = {name: value for name, value in schema.items() if name != "anyOf"}
    # OpenAPI 3.1 allows other words beside $ref.
    return branch | rest


def _in_order(document: Json, schema: Json, value: Any) -> Any:
    """Return an example with its keys in the order of the shape: Pydantic sorts them by name, FastAPI drops nulls."""
    schema = resolve(document, schema)
    if isinstance(value, list):
        return [_in_order(document, schema["items"], item) for item in value]
    if isinstance(value, dict):
        return {
            name: _in_order(document, inner, value.get(name))
            for name, inner in schema["properties"].items()
            if name in value or (name in schema.get("required", ()) and _NULL in inner.get("anyOf", ()))
        }
    return value


def _document_answers(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if int(status) < 400:
            response["description"] = HTTPStatus(int(status)).phrase
        names = (*_ON_EVERY_ANSWER, *_BY_STATUS.get(status, ()))
        if status == "201" and operation["operationId"] == "createOrder":
            names += (_REPLAYED,)
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
