"""The SQL of a run, which GraphiQL shows in development, against the real service."""

import pytest

from tests.browser.chromium import Page
from tests.browser.graphiql import RESPONSE, STATUS, answers, needs_assets, open_playground, run

pytestmark = [pytest.mark.slow, needs_assets]

ENTRIES = "[...document.querySelectorAll('#statements li')]"


def test_the_statements_of_a_run_are_behind_the_status_line(page: Page, origin: str) -> None:
    open_playground(page, origin)
    run(page, "query Two { a: products(first: 2) { nodes { id } } b: users(first: 1) { nodes { id } } }")
    answers(page, '"nodes"')
    page.wait_for(f"/· 1 SQL query$/.test({STATUS})")
    assert not page.evaluate(f"{RESPONSE}.includes('milliseconds')")
    page.click(".status-line button")
    page.wait_for("document.getElementById('sql').open")
    assert page.evaluate(f"{ENTRIES}.length") == 1
    assert page.evaluate(f"/^\\d+ rows? · [0-9.]+ ms$/.test({ENTRIES}[0].querySelector('p').textContent)")
    assert 'FROM "products"' in page.evaluate(f"{ENTRIES}[0].querySelector('pre').textContent")
    page.click("#sql .primary")
    page.wait_for("!document.getElementById('sql').open")
