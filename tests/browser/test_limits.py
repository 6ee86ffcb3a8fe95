"""Pages in a browser whose address has no request left."""

import httpx
import pytest

from tests.browser.chromium import Browser
from tests.browser.graphiql import needs_assets, open_playground
from tests.clients.service import Process, Service

pytestmark = pytest.mark.slow


def spend(limited: Process) -> None:
    """Send requests until one is refused; each before it is answered."""
    ask = {"query": "{ __typename }"}
    statuses = list(iter(lambda: httpx.post(limited.graphql_url, json=ask, timeout=30).status_code, 429))
    assert statuses == [200] * len(statuses)


@needs_assets
def test_graphiql_has_its_schema_where_no_request_is_left(browser: Browser, service: Service) -> None:
    with service.another(TANDEM_RATE_LIMIT_ANONYMOUS="20") as limited, browser.page() as page:
        spend(limited)
        for _ in range(2):
            open_playground(page, f"http://{limited.address}")
            page.click("[aria-label='Show Documentation Explorer']")
            page.wait_for("document.querySelector('.graphiql-plugin').textContent.includes('Mutation')")
            page.click("[aria-label='Re-fetch GraphQL schema']")
            page.wait_for("document.querySelector('.graphiql-plugin').textContent.includes('Mutation')")
            page.evaluate("localStorage.removeItem('graphiql:visiblePlugin')")
        assert page.problems == []
        for _ in range(3):  # a new window may begin before any of them
            spend(limited)
            page.open(f"http://{limited.address}/graphql?documentId=x")
            if "Too Many Requests" in page.text():
                break
        assert "Too Many Requests" in page.text()
        assert "try again in" in page.text()
