"""Front ends that are built as their developers would, and served from an origin of their own."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from graph.schema import SDL_PATH
from tests.browser.chromium import Browser, Page
from tests.clients.node import run_tool
from tests.clients.service import ROOT

SHOP = ROOT / "examples" / "shop"


def copy_of_the_shop(folder: Path) -> Path:
    """Copy the example shop and the schema, as they stand to each other, to where files may be generated."""
    shutil.copy(SDL_PATH, folder)
    made = shutil.ignore_patterns("node_modules", "dist", "generated")
    return shutil.copytree(SHOP, folder / "examples" / "shop", ignore=made)


def run_script(project: Path, name: str, **environment: str) -> None:
    """Run a script of *project*'s package.json, whose commands are those of the clients' packages."""
    script: str = json.loads((project / "package.json").read_text())["scripts"][name]
    for command in script.split(" && "):
        run_tool(*command.split(), cwd=project, **environment)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the files of *folder*, and yield the origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def visitor(browser: Browser, *origins: str) -> Iterator[Page]:
    """Yield a page as on a first visit; afterwards, nothing may have gone wrong in it or left *origins*."""
    with browser.page() as page:
        yield page
        page.evaluate("0")
        assert page.problems == []
        hosts = tuple(origin.partition("://")[2] + "/" for origin in origins)
        assert [
            url for url in page.outside(origins[0]) if not url.partition("://")[2].startswith(hosts)
        ] == []
