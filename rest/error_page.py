"""An error as a page with words, for a person whose browser was to show something else."""

from html import escape
from http import HTTPStatus
from pathlib import Path

from starlette.responses import Response

from core.errors import AppError, RateLimited
from core.http.pages import read_template, render_page
from graph.endpoint.bar import STYLESHEET

_TEMPLATE = Path(__file__).parent / "pages" / "error.html"
_WAIT = "Too many requests came from your address within a minute."


def render_error_page(error: AppError) -> Response:
    """Return the whole answer: its status and headers are those that a program gets.

    Args:
        error: of a whole request; of one that may be repeated, the page says when.
    """
    wait = error.headers.get("Retry-After")
    html = read_template(_TEMPLATE).substitute(
        bar_css=STYLESHEET,
        status=error.status,
        title=escape(HTTPStatus(error.status).phrase),
        message=escape(_WAIT if isinstance(error, RateLimited) else error.message),
        advice=f"You can try again in {escape(wait)} seconds." if wait else "",
    )
    page = render_page(html, {"style-src": ["'self'"], "img-src": ["'self'"]})
    page.status_code = error.status
    page.headers.update(error.headers)
    return page
