"""GraphiQL as somebody uses it: where things are on the page, and what is done with them."""

import json

import pytest

from graph.endpoint.playground import ASSETS, manifest
from tests.browser.chromium import Page

RESPONSE = "document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()"
VARIABLES = "document.querySelector('.graphiql-editor-tool .CodeMirror').CodeMirror"
QUERY = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"
STATUS = "document.querySelector('.status-line').textContent"

needs_assets = pytest.mark.skipif(
    not all((ASSETS / asset.path).is_file() for asset in manifest()),
    reason="GraphiQL's files are not here (run graph/endpoint/playground/fetch-assets.sh)",
)


def open_playground(page: Page, origin: str) -> None:
    """Load the page and wait for its editor."""
    page.open(f"{origin}/graphql")
    page.wait_for("document.querySelector('.graphiql-query-editor .CodeMirror')")


def sign_in(page: Page, label: str) -> None:
    """Sign in with one click as somebody whose email begins with *label*."""
    page.click(f"button[data-email^={label}]")
    page.wait_for("document.getElementById('who').getClientRects().length > 0")


def open_tab(page: Page, title: str) -> None:
    """Open one of the example tabs, whose title is its operation's name in words."""
    tabs = "[...document.querySelectorAll('.graphiql-tab-button')]"
    page.evaluate(f"{tabs}.find((tab) => tab.textContent === '{title}').click()")
    _wait_for_name(page, "".join(word[0].upper() + word[1:] for word in title.split()))


def titles(page: Page) -> list[str]:
    """Return the titles of the open tabs."""
    return list(
        page.evaluate("[...document.querySelectorAll('.graphiql-tab-button')].map((tab) => tab.textContent)")
    )


def choose(page: Page, menu: str, item: str) -> None:
    """Choose from one of the menus beside the tabs."""
    tools = "[...document.querySelectorAll('.tools button')]"
    page.evaluate(f"{tools}{_by_text(menu + ' ▾')}.dataset.chosen = ''")
    page.click("[data-chosen]")
    page.wait_for("document.querySelector('[role=menuitem]')")
    page.evaluate("delete document.querySelector('[data-chosen]').dataset.chosen")
    page.evaluate(f"[...document.querySelectorAll('[role=menuitem]')]{_by_text(item)}.click()")
    page.wait_for("!document.querySelector('[role=menuitem]')")


def press(page: Page, key: str, **modifiers: bool) -> None:
    """Press a key, and let it go, as somebody at the keyboard."""
    bits = sum(bit for name, bit in (("ctrl", 2), ("meta", 4), ("shift", 8)) if modifiers.get(name))
    code = {"Tab": 9, "Escape": 27}.get(key, ord(key[0].upper()))
    for kind in ("rawKeyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, modifiers=bits)


def _by_text(text: str) -> str:
    return f".find(({{ textContent }}) => textContent === {json.dumps(text)})"


def run(page: Page, query: str | None = None) -> None:
    """Send what the editor holds, or *query*, whose second word is the operation's name."""
    if query:
        page.evaluate(f"{QUERY}.setValue({json.dumps(query)})")
        _wait_for_name(page, query.split()[1])
    page.click(".graphiql-execute-button")


def answers(page: Page, text: str) -> None:
    """Wait until the response holds *text*."""
    page.wait_for(f"{RESPONSE}.includes({json.dumps(text)})")


def _wait_for_name(page: Page, operation: str) -> None:
    """GraphiQL reads the operation's name a moment after the text has changed, and sends it along."""
    page.wait_for(f"{QUERY}.operationName === '{operation}'")
