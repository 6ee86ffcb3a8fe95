"""The page that a browser gets from ``GET /graphql``: GraphiQL, served by us.

Its scripts and styles are fetched once by ``fetch-assets.sh`` and checked against ``assets.sha384``. Where
they are missing, the page names the same files on a public CDN, with their integrity values, and says so.

The Content-Security-Policy allows no inline script, no inline style and no eval, on either path.
"""

import json
import secrets
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from core.demo_people import DEMO_PEOPLE
from core.http.pages import PageFiles, read_template, render_page
from graph.endpoint.bar import PLAYGROUND, STYLESHEET, render_bar

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
#: Not below /graphql, whose requests are counted: one look at the page would use up a minute's allowance.
STATIC_PATH = "/playground"
CDN = "https://unpkg.com"

#: Example tabs, in their order: ``examples/NAME.graphql``, and its variables, if any, in ``NAME.json``.
EXAMPLES = ("browse", "order", "watch", "errors")
#: The same for administrators, in the folder ``operate``: what hangs, why, once more, where did the stock go, is all
#: well, who uses what.
QUESTIONS = ("stuck", "why", "again", "stock", "status", "usage")

_ONE_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Asset:
    """One third-party file, ``path`` being ``PACKAGE@VERSION/FILE`` on the CDN and in the assets folder."""

    path: str
    integrity: str

    def tag(self, *, local: bool) -> str:
        """Return the element that loads the file, from us or (checked by the browser) from the CDN."""
        if local:
            address, check = f"{STATIC_PATH}/assets/{self.path}", ""
        else:
            address, check = f"{CDN}/{self.path}", f' integrity="{self.integrity}" crossorigin="anonymous"'
        if self.path.endswith(".css"):
            return f'    <link rel="stylesheet" href="{address}"{check} />'
        return f'    <script defer src="{address}"{check}></script>'


@cache
def manifest() -> tuple[Asset, ...]:
    """Return the files named in ``assets.sha384``, in the order in which the page loads them."""
    assets = []
    for line in (HERE / "assets.sha384").read_text(encoding="utf-8").splitlines():
        digest, path = line.split(maxsplit=1)
        assets.append(Asset(path, "sha384-" + b64encode(bytes.fromhex(digest)).decode()))
    return tuple(assets)


def render_playground(*, demo: bool, tells_schema: bool = True, assets: Path = ASSETS) -> HTMLResponse:
    """Return the page with its security headers.

    Args:
        demo: offer to sign in as one of the demo people with one click; development only, for the page then holds
            the demo passwords.
        tells_schema: whether introspection is answered; otherwise the page says so, and has no examples, which
            would tell of the schema too.
        assets: folder of the fetched files.
    """
    nonce = secrets.token_urlsafe(16)
    local = all((assets / asset.path).is_file() for asset in manifest())
    tags = [asset.tag(local=local) for asset in manifest()]
    page = read_template(HERE / "page.html").substitute(
        base=STATIC_PATH,
        nonce=nonce,
        bar=render_bar(PLAYGROUND, playground=True),
        bar_css=STYLESHEET,
        styles="\n".join(tag for tag in tags if "<link" in tag),
        scripts="\n".join(tag for tag in tags if "<script" in tag),
        demo_people=_sign_in_buttons() if demo else "",
        sign_in_label="Other…" if demo else "Sign in",
        banner="\n".join([*([] if local else [_BANNER]), *([] if tells_schema else [_NO_SCHEMA])]),
        schema="told" if tells_schema else "hidden",
        examples=_examples() if tells_schema else "[]",
    )
    return render_page(page, _policy(nonce, local=local))


def render_no_playground() -> PlainTextResponse:
    """Return what a browser is told where there is no page for it."""
    return PlainTextResponse(_NO_PLAYGROUND, status_code=404, headers={"Cache-Control": "no-store"})


def playground_routes(assets: Path = ASSETS) -> list[BaseRoute]:
    """Return the routes of the page's own files and of the fetched ones in *assets*, all below ``/playground``."""
    return [
        Mount(f"{STATIC_PATH}/assets", _Assets(directory=assets, check_dir=False)),
        Mount(STATIC_PATH, PageFiles(directory=HERE / "static")),
    ]


class _Assets(StaticFiles):
    """Serves what the manifest names and nothing else; the version is in the path, so it never changes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if all(path != asset.path for asset in manifest()):
            raise HTTPException(status_code=404)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = f"public, max-age={_ONE_YEAR}, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _policy(nonce: str, *, local: bool) -> dict[str, list[str]]:
    # Exact addresses, not the CDN's host: anybody can publish a script on that host.
    remote = [] if local else [f"{CDN}/{asset.path}" for asset in manifest()]
    scripts = [address for address in remote if address.endswith(".js")]
    styles = [address for address in remote if address.endswith(".css")]
    return {
        "script-src": ["'self'", *scripts],
        # The nonce is for the <style> elements that GraphiQL's dialogs and menus add; see nonce.js.
        "style-src": ["'self'", f"'nonce-{nonce}'", *styles],
        # GraphiQL's stylesheet carries its fonts and cursors as data.
        "font-src": ["data:"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
    }


_BANNER = """    <p class="banner" role="status">
      GraphiQL comes from a public CDN (unpkg.com, checked by integrity hashes): its files are not here.
      With npm installed, <code>graph/endpoint/playground/fetch-assets.sh</code> makes this page self-contained.
    </p>"""

_NO_SCHEMA = """    <p class="banner" role="status">
      Introspection is off on this server, so there are no docs, no completion and no examples here.
      Operations run as ever. <code>TANDEM_GRAPHQL_INTROSPECTION=true</code> opens it.
    </p>"""
_NO_PLAYGROUND = (
    "This is a GraphQL endpoint for programs: send it POST requests with a JSON body. "
    "The playground for browsers is off on this server (TANDEM_PLAYGROUND=true opens it).\n"
)


def _sign_in_buttons() -> str:
    return "\n".join(
        f'        <button type="button" data-email="{escape(person.email)}"'
        f' data-password="{escape(person.password)}">Sign in as {escape(person.label)}</button>'
        for person in DEMO_PEOPLE
    )


@cache
def _examples() -> str:
    tabs = [_tab(HERE / "examples" / name) for name in EXAMPLES]
    tabs += [{**_tab(HERE / "operate" / name), "operate": True} for name in QUESTIONS]
    # A data block ends at the first "</script", whatever the JSON says.
    return json.dumps(tabs).replace("<", "\\u003c")


def _tab(path: Path) -> dict[str, Any]:
    variables = path.with_suffix(".json")
    return {
        "name": path.name,
        "query": path.with_suffix(".graphql").read_text(encoding="utf-8").rstrip(),
        "variables": variables.read_text(encoding="utf-8").rstrip() if variables.exists() else None,
    }
