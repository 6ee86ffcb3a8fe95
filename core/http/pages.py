"""Pages for a browser, under a strict Content-Security-Policy, and the files that they are made of."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

#: Of a file whose address stays the same when it changes: a browser asks again after an upgrade.
REVALIDATED = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


class PageFiles(StaticFiles):
    """Serves the files of a page, which a browser must ask about again after an upgrade."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(REVALIDATED)
        return response


@cache
def read_template(path: Path) -> Template:
    """Return the template of a page, read once in a process."""
    return Template(path.read_text(encoding="utf-8"))


def render_page(html: str, policy: Mapping[str, Sequence[str]]) -> HTMLResponse:
    """Return a page with its security headers.

    Args:
        policy: the sources that the page may use, by directive of the Content-Security-Policy; nothing else is
            allowed.
    """
    directives = {
        "default-src": ["'none'"],
        **policy,
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    headers = {
        "Content-Security-Policy": "; ".join(
            f"{name} {' '.join(sources)}" for name, sources in directives.items()
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, headers=headers)
