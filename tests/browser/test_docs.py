"""Swagger UI and ReDoc of the real service, in a real browser that can reach nothing but our server."""

import json
from typing import Any

import pytest

from core.demo_people import CUSTOMER
from tests.browser.chromium import Page

pytestmark = pytest.mark.slow


def authorize(page: Page) -> None:
    """Sign in with Swagger UI's own dialog."""
    page.click("button.authorize")
    for field, value in (("username", CUSTOMER.email), ("password", CUSTOMER.password)):
        page.click(f".dialog-ux #oauth_{field}")
        page.type(value)
    page.click(".dialog-ux button.authorize")
    page.wait_for("document.querySelector('.dialog-ux').textContent.includes('Logout')")


def open_operation(page: Page, method: str, path: str) -> str:
    """Unfold an operation, wait until it can be executed, and return the selector of its block."""
    spec = f"ui.specSelectors.specResolvedSubtree(['paths', '{path}', '{method}'])"
    page.wait_for(f"ui.specSelectors.specJson().getIn(['paths', '{path}', '{method}'])")
    operation = page.evaluate(f"ui.specSelectors.specJson().getIn(['paths', '{path}', '{method}']).toJS()")
    block = f"#operations-{operation['tags'][0]}-{operation['operationId']}"
    page.click(f"{block} .opblock-summary-control")
    # Swagger UI resolves an operation a moment after showing it, and cannot execute it before.
    page.wait_for(f"{spec}?.get('operationId') && document.querySelector('{block} button.execute')")
    return block


def fill_in(page: Page, selector: str, text: str) -> None:
    """Replace the text of an input."""
    page.click(selector)
    page.evaluate("document.activeElement.select()")
    page.type(text)


def execute(page: Page, block: str, status: int) -> dict[str, Any]:
    """Execute an operation, wait for its answer, and return the body."""
    page.click(f"{block} button.execute")
    live = f"document.querySelector('{block} .live-responses-table .response')"
    page.wait_for(f"{live}?.querySelector('.response-col_status').textContent.includes('{status}')")
    body: dict[str, Any] = json.loads(
        page.evaluate(f"{live}.querySelector('.highlight-code code').textContent")
    )
    return body


def test_authorize_signs_in_and_is_remembered(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    authorize(page)
    page.open(f"{origin}/docs?again")
    me = execute(page, open_operation(page, "get", "/api/v1/auth/me"), 200)
    assert me["email"] == CUSTOMER.email


def test_an_order_is_placed_and_found(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    authorize(page)
    page.click(".dialog-ux .btn-done")
    block = open_operation(page, "post", "/api/v1/orders")
    body = {"items": [{"product_id": 1, "quantity": 2}], "shipping_address": "1 Main Street"}
    fill_in(page, f"{block} textarea.body-param__text", json.dumps(body))
    placed = execute(page, block, 201)
    assert placed["status"] == "pending"
    block = open_operation(page, "get", "/api/v1/orders/{order_id}")
    fill_in(page, f"{block} input[placeholder=order_id]", str(placed["id"]))
    found = execute(page, block, 200)
    assert (found["id"], found["shipping_address"]) == (placed["id"], body["shipping_address"])


def test_redoc_shows_the_operations_and_finds_one(page: Page, origin: str) -> None:
    page.open(f"{origin}/redoc")
    page.wait_for("document.body.innerText.includes('Create order')")
    page.click("input[placeholder^=Search]")
    page.type("create order")
    page.wait_for(
        "document.querySelector('[data-role=\"search:results\"]')?.textContent.includes('Create order')"
    )
