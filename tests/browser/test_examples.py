"""Each example tab of the playground, run one by one against the real service."""

import json
import subprocess
from base64 import b64encode
from urllib.parse import urlencode

import httpx
import pytest

from tests.browser.chromium import Page
from tests.browser.graphiql import (
    QUERY,
    RESPONSE,
    STATUS,
    VARIABLES,
    answers,
    needs_assets,
    open_playground,
    open_tab,
    run,
    sign_in,
)
from tests.browser.graphiql import choose as choose_from
from tests.clients.node import FOLDER, require_packages
from tests.clients.service import Service

pytestmark = [pytest.mark.slow, needs_assets]


def choose(page: Page, operation: str) -> None:
    """Run one of several operations, from the menu of the button."""
    page.click(".graphiql-execute-button")
    items = "[...document.querySelectorAll('[role=menuitem]')]"
    page.wait_for(f"{items}.some((item) => item.textContent === '{operation}')")
    page.evaluate(f"{items}.find((item) => item.textContent === '{operation}').click()")


def codes(page: Page) -> list[str]:
    return list(page.evaluate(f'[...{RESPONSE}.matchAll(/"code": "(\\w+)"/g)].map(([, code]) => code)'))


def test_browse(page: Page, origin: str) -> None:
    open_playground(page, origin)
    run(page)
    answers(page, '"hasNextPage"')
    page.wait_for(f"/^[0-9.]+ ms · cost \\d+ of 10000 · \\d+ SQL quer(y|ies)$/.test({STATUS})")


@pytest.mark.parametrize("label", ["admin", "ada"])
def test_order_and_then_watch_it_live(page: Page, origin: str, label: str) -> None:
    open_playground(page, origin)
    sign_in(page, label)
    open_tab(page, "Place an order")
    run(page)
    answers(page, '"status": "PENDING"')
    open_tab(page, "Watch it live")
    page.wait_for(f"JSON.parse({VARIABLES}.getValue()).after")
    run(page)
    answers(page, '"COMPLETED"')
    statuses = page.evaluate(
        f"JSON.parse({RESPONSE}).newestFirst.map(({{ data }}) => data.orderEvents.status)"
    )
    assert statuses == ["COMPLETED", "PROCESSING"]
    page.wait_for(f"{STATUS}.startsWith('Listening · 2 events · cost ')")


def test_every_error(page: Page, origin: str) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    open_tab(page, "Errors as data")
    choose(page, "ErrorsAsData")
    answers(page, "endedSession")
    assert codes(page) == ["REFRESH_TOKEN_INVALID", "INVALID_QUANTITY", "INVALID_PRODUCT", "ADMIN_REQUIRED"]
    choose(page, "ErrorsAtTheTop")
    answers(page, "inOrder")
    assert codes(page) == ["ORDER_NOT_FOUND", "VALIDATION_ERROR", "ADMIN_REQUIRED"]


def test_an_address_with_a_document_shows_it_and_runs_nothing(page: Page, origin: str) -> None:
    parameters = urlencode({"query": "query Mine { products { totalCount } }", "variables": '{"a": 1}'})
    page.call("Page.navigate", url=f"{origin}/graphql?{parameters}")
    page.wait_for(
        "document.querySelector('.graphiql-tab-active .graphiql-tab-button')?.textContent === 'Mine'"
    )
    assert json.loads(page.evaluate(f"{VARIABLES}.getValue()")) == {"a": 1}
    assert page.evaluate("location.href") == f"{origin}/graphql"
    assert page.evaluate(f"{RESPONSE}") == ""


@pytest.mark.parametrize("name", ["curl", "fetch", "Apollo"])
def test_copied_code_watches_an_order(page: Page, origin: str, service: Service, name: str) -> None:
    if name == "Apollo":
        require_packages()
    token, items = service.sign_in(), [{"product_id": 1, "quantity": 1}]
    placed = httpx.post(
        f"{origin}/api/v1/orders",
        json={"items": items, "shipping_address": "1 Main Street"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    ).json()
    id = b64encode(f"Order:{placed['id']}".encode()).decode()
    open_playground(page, origin)
    page.evaluate("navigator.clipboard.writeText = async (text) => { globalThis.written = text; }")
    sign_in(page, "ada")
    page.evaluate(
        f"{QUERY}.setValue('subscription S($id: ID!) {{ orderEvents(orderId: $id) {{ status }} }}');"
        f"{VARIABLES}.setValue({json.dumps(json.dumps({'id': id}))})"
    )
    page.wait_for(f"{QUERY}.operationName === 'S'")
    choose_from(page, "Copy as", name)
    page.wait_for("globalThis.written")
    code = page.evaluate("written").replace("YOUR_ACCESS_TOKEN", token).replace("\ncurl", "\nexec curl")
    # Node has a WebSocket of its own from version 22 on.
    socket = (
        "import { WebSocket } from 'ws';\nglobalThis.WebSocket = WebSocket;\n" if name == "Apollo" else ""
    )
    command = ["sh", "-c"] if name == "curl" else ["node", "--input-type=module", "--eval"]
    with subprocess.Popen(
        [*command, socket + code], cwd=FOLDER, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert any("COMPLETED" in line for line in process.stdout)
        finally:
            process.kill()
