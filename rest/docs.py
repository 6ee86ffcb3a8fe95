"""The pages that explain REST v1 in a browser: Swagger UI at ``/docs``, ReDoc at ``/redoc``.

Both libraries come from the wheel ``fastapi-offline``, so no request leaves the machine. The pages are ours
and not FastAPI's, because those start the libraries from an inline script, which a strict
Content-Security-Policy refuses.
"""

import secrets
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from core.http.pages import REVALIDATED, PageFiles, render_page

STATIC_PATH = "/docs/static"

_HERE = Path(__file__).parent
_LIBRARIES = Path(str(files("fastapi_offline"))) / "static"
#: ReDoc shows its maker's logo from this address; nothing else in it asks another host for anything.
_REMOTE_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


def docs_routes(*, openapi_url: str = "/openapi.json", title: str = "Tandem REST API") -> list[BaseRoute]:
    """Return the routes of both pages and of their files.

    Args:
        openapi_url: where the OpenAPI document is served, on the same origin.
        title: the name of the API in the pages' titles.
    """

    async def swagger(_: Request) -> Response:
        return _page("swagger", openapi_url, title)

    async def redoc(_: Request) -> Response:
        return _page("redoc", openapi_url, title)

    return [
        Route(f"{STATIC_PATH}/redoc.standalone.js", _redoc_script, include_in_schema=False),
        # Our files first, then the libraries' own.
        Mount(STATIC_PATH, PageFiles(directory=_HERE / "static", packages=[("fastapi_offline", "static")])),
        Route("/docs", swagger, include_in_schema=False),
        Route("/redoc", redoc, include_in_schema=False),
    ]


async def _redoc_script(_: Request) -> Response:
    return Response(_redoc_without_remote_logo(), media_type="text/javascript", headers=REVALIDATED)


@cache
def _redoc_without_remote_logo() -> bytes:
    script = (_LIBRARIES / "redoc.standalone.js").read_bytes()
    # An image that cannot be shown: ReDoc then leaves it out.
    return script.replace(_REMOTE_LOGO, b"data:,")


def _page(name: str, openapi_url: str, title: str) -> Response:
    nonce = secrets.token_urlsafe(16)
    template = Template((_HERE / "pages" / f"{name}.html").read_text(encoding="utf-8"))
    html = template.substitute(
        base=STATIC_PATH, nonce=nonce, openapi_url=escape(openapi_url), title=escape(title)
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
