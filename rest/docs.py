"""The pages that explain REST v1 in a browser: Swagger UI at ``/docs``, ReDoc at ``/redoc``.

Both libraries come from the wheel ``fastapi-offline``, so no request leaves the machine. The pages are ours
and not FastAPI's, because those start the libraries from an inline script, which a strict
Content-Security-Policy refuses.
"""

import json
import secrets
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from core.demo_people import DEMO_PEOPLE
from core.http.pages import REVALIDATED, PageFiles, read_template, render_page
from graph.endpoint.bar import STYLESHEET, render_bar

STATIC_PATH = "/docs/static"

_ADDRESSES = {"swagger": "/docs", "redoc": "/redoc"}
_HERE = Path(__file__).parent
_LIBRARIES = Path(str(files("fastapi_offline"))) / "static"
#: What is replaced in ReDoc's script: the address of its maker's logo, by an image that cannot be shown, which ReDoc
#: then leaves out (nothing else in it asks another host for anything); and a colour that its themes have no name for.
_REPLACED = {
    b"https://cdn.redoc.ly/redoc/logo-mini.svg": b"data:,",
    b"#0e7c86": b"var(--pattern)",
}


def docs_routes(
    *,
    openapi_url: str = "/openapi.json",
    title: str = "Tandem REST API",
    demo: bool = False,
    playground: bool = False,
) -> list[BaseRoute]:
    """Return the routes of both pages and of their files.

    Args:
        openapi_url: where the OpenAPI document is served, on the same origin.
        title: the name of the API in the pages' titles.
        demo: offer to sign in as one of the demo people with one click; development only, for the page then holds
            the demo passwords.
        playground: whether GraphiQL is open here, for the links between the pages.
    """

    def page(name: str) -> Response:
        people = _sign_ins() if demo else []
        bar = render_bar(_ADDRESSES[name], playground=playground)
        return _page(name, bar=bar, openapi_url=openapi_url, title=title, people=json.dumps(people))

    async def swagger(_: Request) -> Response:
        return page("swagger")

    async def redoc(_: Request) -> Response:
        return page("redoc")

    return [
        Route(f"{STATIC_PATH}/redoc.standalone.js", _redoc_script, include_in_schema=False),
        # Our files first, then the libraries' own.
        Mount(STATIC_PATH, PageFiles(directory=_HERE / "static", packages=[("fastapi_offline", "static")])),
        Route(_ADDRESSES["swagger"], swagger, include_in_schema=False),
        Route(_ADDRESSES["redoc"], redoc, include_in_schema=False),
    ]


async def _redoc_script(_: Request) -> Response:
    return Response(_patched_redoc(), media_type="text/javascript", headers=REVALIDATED)


@cache
def _patched_redoc() -> bytes:
    script = (_LIBRARIES / "redoc.standalone.js").read_bytes()
    for found, instead in _REPLACED.items():
        script = script.replace(found, instead)
    return script


def _page(name: str, *, bar: str, **texts: str) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = read_template(_HERE / "pages" / f"{name}.html").substitute(
        base=STATIC_PATH,
        nonce=nonce,
        bar=bar,
        bar_css=STYLESHEET,
        **{key: escape(text) for key, text in texts.items()},
    )
    policy = {
        "script-src": ["'self'"],
        "style-src": ["'self'", f"'nonce-{nonce}'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        # ReDoc builds its search index in a worker made from a blob.
        "worker-src": ["blob:" if name == "redoc" else "'none'"],
    }
    return render_page(html, policy)


def _sign_ins() -> list[dict[str, str]]:
    return [
        {"label": person.label, "email": person.email, "password": person.password} for person in DEMO_PEOPLE
    ]
