"""Swagger UI and ReDoc, in a real browser that can reach nothing but our server."""

import pytest

from tests.browser.chromium import Page

pytestmark = pytest.mark.slow


def test_authorize_signs_in_and_is_remembered(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    page.click("button.authorize")
    for field, value in (("username", "ada@example.com"), ("password", "tandem-user-demo")):
        page.click(f".dialog-ux input[name={field}], .dialog-ux #oauth_{field}")
        page.type(value)
    page.click(".dialog-ux button.authorize")
    page.wait_for("document.querySelector('.dialog-ux').textContent.includes('Logout')")
    page.open(f"{origin}/docs?again")
    page.click("#operations-default-me_api_v1_users_me_get .opblock-summary-control")
    # Swagger UI resolves an operation a moment after showing it, and cannot execute it before.
    page.wait_for(
        "ui.specSelectors.specResolvedSubtree(['paths', '/api/v1/users/me', 'get'])?.get('operationId')"
    )
    page.click("button.execute")
    page.wait_for("document.body.textContent.includes('rest-ada@example.com')")


def test_redoc_shows_the_operations_and_finds_one(page: Page, origin: str) -> None:
    page.open(f"{origin}/redoc")
    page.wait_for("document.body.innerText.includes('My account')")
    page.click("input[placeholder^=Search]")
    page.type("account")
    page.wait_for(
        "document.querySelector('[data-role=\"search:results\"]')?.textContent.includes('My account')"
    )
