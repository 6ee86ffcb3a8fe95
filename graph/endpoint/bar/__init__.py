"""The bar over every page that a browser gets: where one is, and the way to the other pages."""

from functools import cache
from html import escape
from pathlib import Path

from starlette.routing import Mount

from core.http.pages import PageFiles

#: Where ``bar.css`` is, which has the colours of all pages, too, and what scripts of several pages share. Not below a
#: page, which may be switched off.
STATIC_PATH = "/bar"
STYLESHEET = f"{STATIC_PATH}/bar.css"

HOME = "/"
#: The other pages, and what they are called.
PLAYGROUND = "/graphql"
PAGES = {PLAYGROUND: "GraphiQL", "/docs": "REST docs", "/redoc": "ReDoc"}

_HERE = Path(__file__).parent


def render_bar(current: str, *, playground: bool) -> str:
    """Return the beginning of a ``<header class="bar">``: the name, which leads home, and links to the pages.

    Args:
        current: the address of the page itself.
        playground: whether GraphiQL is open here.
    """
    links = "\n".join(
        f'        <a href="{address}"{_mark(address, current)}>{escape(name)}</a>'
        for address, name in PAGES.items()
        if playground or address != PLAYGROUND
    )
    return f"""      <a class="brand" href="{HOME}"{_mark(HOME, current)}>{_icon()} Tandem</a>
      <nav aria-label="Pages">
{links}
      </nav>"""


def bar_route() -> Mount:
    """Return the route of what all pages share."""
    return Mount(STATIC_PATH, PageFiles(directory=_HERE / "static"))


def _mark(address: str, current: str) -> str:
    return ' aria-current="page"' if address == current else ""


@cache
def _icon() -> str:
    icon = (_HERE.parent / "playground" / "static" / "icon.svg").read_text(encoding="utf-8").strip()
    # In HTML an icon needs no name space, and its size is the bar's.
    return icon.replace(
        '<svg xmlns="http://www.w3.org/2000/svg" ', '<svg width="20" height="20" aria-hidden="true" '
    )
