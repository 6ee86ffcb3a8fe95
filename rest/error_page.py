"""An error as a page with words, for a person whose browser was to show something else."""

from functools import cache
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template

from starlette.responses import Response

from core.errors import AppError, RateLimited
from core.http.pages import render_page

_HERE = Path(__file__).parent
_WAIT = "Too many requests came from your address within a minute."


def render_error_page(error: AppError) -> Response:
    """Return the whole answer: its status and headers are those that a program gets.

    Args:
        error: of a whole request; of one that may be repeated, the page says when.
    """
    wait = error.headers.get("Retry-After")
    html = _template().substitute(
        status=error.status,
        title=escape(HTTPStatus(error.status).phrase),
        message=escape(_WAIT if isinstance(error, RateLimited) else error.message),
        advice=f"You can try again in {escape(wait)} seconds." if wait else "",
    )
    page = render_page(html, {"style-src": ["'self'"], "img-src": ["'self'"]})
    page.status_code = error.status
    page.headers.update(error.headers)
    return page


@cache
def _template() -> Template:
    return Template((_HERE / "pages" / "error.html").read_text(encoding="utf-8"))
