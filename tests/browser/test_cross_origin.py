"""A shop's page of another origin, in a real browser: what it may send, and what it can read of the answers (CORS)."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.browser.chromium import Browser, Page
from tests.clients.service import Service

pytestmark = pytest.mark.slow

PRODUCTION = {"TANDEM_ENVIRONMENT": "production"}
#: As Apollo Client, Sentry and OpenTelemetry add them to the requests of a front end.
ADDED = {
    "apollographql-client-name": "shop",
    "apollographql-client-version": "1.0",
    "apollo-require-preflight": "true",
    "baggage": "sentry-environment=shop",
    "sentry-trace": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "x-requested-with": "XMLHttpRequest",
}
COUNTED = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}


class _BlankPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A shop</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """Origin of a page that is none of the API's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _BlankPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@contextmanager
def front_end(browser: Browser, shop: str) -> Iterator[Page]:
    with browser.page() as page:
        page.open(f"{shop}/")
        yield page


def fetch(page: Page, url: str, headers: dict[str, str], body: object = None) -> dict[str, Any]:
    """Return what the page's script can read of an answer, or the name of the error that it gets instead."""
    init: dict[str, Any] = {"headers": headers}
    if body is not None:
        init |= {"method": "POST", "body": json.dumps(body)}
    script = """(async () => {
        const answer = await fetch(%s, %s);
        return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.json() };
    })().catch((error) => ({ error: error.name }))"""
    answer: dict[str, Any] = page.evaluate(script % (json.dumps(url), json.dumps(init)))
    return answer


@pytest.mark.parametrize("environment", ["development", "production"])
def test_a_page_that_is_let_in_sends_what_clients_send_and_reads_our_headers(
    browser: Browser, service: Service, shop: str, environment: str
) -> None:
    settings = {"TANDEM_RATE_LIMIT_USER": "100", "TANDEM_RATE_LIMIT_ANONYMOUS": "1"}
    if environment == "production":
        settings |= PRODUCTION | {"TANDEM_CORS_ORIGINS": shop}
    headers = ADDED | {
        "authorization": f"Bearer {service.sign_in()}",
        "content-type": "application/json",
        "idempotency-key": f"a page of {environment}",
    }
    with service.another(**settings) as api, front_end(browser, shop) as page:
        orders = f"http://{api.address}/api/v1/orders"
        query = "{ me { email } products(first: 1, filter: {inStock: true}) { nodes { databaseId } } }"
        asked = fetch(page, api.graphql_url, headers, {"query": query})
        (product,) = asked["body"]["data"]["products"]["nodes"]
        wish = {
            "items": [{"product_id": product["databaseId"], "quantity": 1}],
            "shipping_address": "1 Main Street",
        }
        placed, replayed = (fetch(page, orders, headers, wish) for _ in range(2))
        listed = fetch(page, orders, headers)
        assert page.problems == []
        # The second of one window is refused; between two of these three no new one begins.
        strangers = [fetch(page, f"http://{api.address}/api/v1/products", ADDED) for _ in range(3)]
        log = api.log.read_text()
    assert [answer["status"] for answer in (asked, placed, replayed, listed)] == [200, 201, 201, 200]
    for answer in (asked, placed, replayed, listed, *strangers):
        assert {"x-request-id"} | COUNTED <= answer["headers"].keys()
    assert asked["headers"]["x-ratelimit-limit"] == "100"
    assert replayed["headers"]["idempotent-replayed"] == "true"
    assert replayed["body"] == placed["body"]
    refused = next(answer for answer in strangers if answer["status"] == 429)
    assert 1 <= int(refused["headers"]["retry-after"]) <= 60
    assert "TANDEM_CORS" not in log


def test_in_production_a_page_that_no_setting_names_reads_nothing_and_the_log_says_why(
    browser: Browser, service: Service, shop: str
) -> None:
    headers = ADDED | {"authorization": f"Bearer {service.sign_in()}", "content-type": "application/json"}
    reason = f"Refused a page of '{shop}': TANDEM_CORS_ORIGINS does not name this origin"
    with service.another(**PRODUCTION) as api, front_end(browser, shop) as page:
        rest = f"http://{api.address}/api/v1"
        answers = [
            fetch(page, api.graphql_url, headers, {"query": "{ me { email } }"}),
            fetch(page, f"{rest}/orders", headers),
            # This one the browser sends without asking first.
            fetch(page, f"{rest}/products", {}),
        ]
        log = api.log.read_text()
        blocked = [problem for problem in page.problems if "blocked by CORS policy" in problem]
    assert answers == [{"error": "TypeError"}] * 3
    assert len(blocked) == 3
    # Told once: equal warnings are folded.
    assert log.count(reason) == 1


def test_a_header_that_no_setting_names_is_refused_and_let_through_by_one(
    browser: Browser, service: Service, shop: str
) -> None:
    origins = {"TANDEM_CORS_ORIGINS": shop}
    with service.another(**PRODUCTION, **origins) as api, front_end(browser, shop) as page:
        assert fetch(page, f"http://{api.address}/api/v1/products", {"x-tenant": "1"}) == {
            "error": "TypeError"
        }
        assert "TANDEM_CORS_HEADERS does not name 'x-tenant'" in api.log.read_text()
    named = origins | {"TANDEM_CORS_HEADERS": "X-Tenant"}
    with service.another(**PRODUCTION, **named) as api, front_end(browser, shop) as page:
        assert fetch(page, f"http://{api.address}/api/v1/products", {"x-tenant": "1"})["status"] == 200
