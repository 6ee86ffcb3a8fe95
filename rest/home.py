"""``GET /``: what this is and where its doors are, as a page for people and as JSON for programs."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from core.http.headers import find_header
from core.http.media_types import JSON, Accept
from graph.endpoint.http import PATH

#: What each door is, for the page; programs get the addresses by their names.
DOORS = {
    "graphql": (PATH, "GraphQL: GraphiQL in a browser, the endpoint for everything else"),
    "rest": ("/api/v1", "REST v1, for clients that speak it"),
    "docs": ("/docs", "REST v1, interactive (Swagger UI)"),
    "reference": ("/redoc", "REST v1, to read (ReDoc)"),
    "openapi": ("/openapi.json", "REST v1, for programs (OpenAPI)"),
    "health": ("/health/ready", "whether this process can work"),
}
#: Nothing stands behind these addresses by themselves.
_NO_PAGES = ("rest",)

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tandem</title>
<meta name="viewport" content="width=device-width">
<h1>Tandem</h1>
<p>An order API with two faces.</p>
<ul>
{items}
</ul>
</html>
"""
_HEADERS = {"Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"}


def home_route() -> Route:
    """Return ``GET /``."""

    async def home(request: Request) -> Response:
        accept = Accept(find_header(request.scope, b"accept"))
        if not accept.names("text/html") or accept.quality("text/html") < accept.quality(JSON):
            return JSONResponse({name: address for name, (address, _) in DOORS.items()})
        items = "\n".join(
            f'<li><a href="{address}">{address}</a>: {words}</li>'
            for name, (address, words) in DOORS.items()
            if name not in _NO_PAGES
        )
        return HTMLResponse(_PAGE.format(items=items), headers=_HEADERS)

    return Route("/", home, include_in_schema=False)
