"""Each example tab of the playground, run one by one against the real service."""

import pytest

from tests.browser.chromium import Page
from tests.browser.graphiql import (
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
    open_tab(page, "Order")
    run(page)
    answers(page, '"status": "PENDING"')
    open_tab(page, "WatchItLive")
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
    open_tab(page, "EveryError")
    choose(page, "EveryError")
    answers(page, "endedSession")
    assert codes(page) == ["REFRESH_TOKEN_INVALID", "INVALID_QUANTITY", "INVALID_PRODUCT", "ADMIN_REQUIRED"]
    choose(page, "TopLevelErrors")
    answers(page, "inOrder")
    assert codes(page) == ["ORDER_NOT_FOUND", "VALIDATION_ERROR", "ADMIN_REQUIRED"]
