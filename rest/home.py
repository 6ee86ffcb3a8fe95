"""``GET /``: what this is, whether it works, and where its doors are; in development a demo order to watch.

A page for people, and JSON for programs.
"""

from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from core.demo_people import CUSTOMER
from core.http.headers import find_header
from core.http.media_types import takes_html
from core.http.pages import read_template, render_page
from core.settings import Settings
from graph.endpoint.bar import HOME, STYLESHEET, render_bar
from graph.endpoint.http import PATH
from graph.endpoint.schema_files import SDL_PATH

#: The addresses for programs, by their names.
DOORS = {
    "graphql": PATH,
    "rest": "/api/v1",
    "docs": "/docs",
    "reference": "/redoc",
    "openapi": "/openapi.json",
    "health": "/health/ready",
}
#: What stands on the page: the name of each door, its address, and what is behind it.
_PLAYGROUND = ("GraphiQL", PATH, "Write and run GraphQL in the browser; clients POST to the same address.")
_DOCS = (("Swagger UI", "/docs", "REST v1, to try out."), ("ReDoc", "/redoc", "REST v1, to read."))
_SCHEMA = ("GraphQL schema", SDL_PATH, "The schema in the definition language, for code generators.")
_OPENAPI = ("OpenAPI", "/openapi.json", "REST v1 as a document, for programs.")
_HEALTH = ("Health", "/health/ready", "Whether this process can work: PostgreSQL and Redis.")
_METRICS = ("Metrics", "/metrics", "What Prometheus collects.")

_HERE = Path(__file__).parent
_PAGES = _HERE / "pages"
_ONE_DAY = 24 * 3600


def home_routes(settings: Settings) -> list[Route]:
    """Return ``GET /``, and the icon that browsers ask for by themselves.

    Args:
        settings: say which doors are open, and whether there may be a demo.
    """
    doors = DOORS | ({"schema": SDL_PATH} if settings.offers_schema else {})

    async def home(request: Request) -> Response:
        if not takes_html(find_header(request.scope, b"accept")):
            return JSONResponse(doors)
        html = read_template(_PAGES / "home.html").substitute(
            bar=render_bar(HOME, playground=settings.shows_playground),
            bar_css=STYLESHEET,
            # Its scripts are some of the playground's.
            demo=_demo() if settings.shows_playground and not settings.is_production else "",
            doors=_doors(settings),
        )
        own = ["'self'"]
        return render_page(html, {"script-src": own, "style-src": own, "img-src": own, "connect-src": own})

    return [
        Route("/", home, include_in_schema=False),
        Route("/favicon.ico", _icon, include_in_schema=False),
    ]


async def _icon(_: Request) -> Response:
    headers = {"Cache-Control": f"public, max-age={_ONE_DAY}"}
    return FileResponse(
        _HERE / "static" / "favicon.ico", headers=headers, media_type="image/vnd.microsoft.icon"
    )


def _doors(settings: Settings) -> str:
    pages = [_PLAYGROUND] * settings.shows_playground + [*_DOCS]
    programs = [_SCHEMA] * settings.offers_schema + [_OPENAPI]
    operations = [_HEALTH] + [_METRICS] * settings.metrics
    return "\n".join(
        f'      <li><a href="{address}"><b>{escape(name)}</b> <code>{address}</code>'
        f"<span>{escape(words)}</span></a></li>"
        for name, address, words in (*pages, *programs, *operations)
    )


def _demo() -> str:
    """Return the part of the page that places an order; it holds a demo password."""
    return read_template(_PAGES / "demo.html").substitute(
        email=escape(CUSTOMER.email), password=escape(CUSTOMER.password), name=escape(CUSTOMER.full_name)
    )
