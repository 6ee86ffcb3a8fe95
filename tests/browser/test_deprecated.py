"""Swagger UI and ReDoc say what is deprecated, why, and what to use instead."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from graph.endpoint.bar import bar_route
from rest.docs import docs_routes
from rest.v1 import routes
from rest.v1.openapi import build_document
from tests.browser.chromium import Browser
from tests.browser.contrast import low_contrasts
from tests.browser.stand_in import served
from tests.test_deprecations import ENDING, EXAMPLE, STAYING, TOLD

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """Address of the docs' pages, with the document of the example's deprecations."""
    document = build_document(routes.routes, EXAMPLE)
    described = Route("/openapi.json", lambda _: JSONResponse(document))
    with served(Starlette(routes=[described, bar_route(), *docs_routes()])) as address:
        yield address


def shown(reason: str) -> str:
    return reason.replace("`", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_swagger_opens_where_the_link_leads_and_says_why(browser: Browser, pages: str, scheme: str) -> None:
    link = TOLD["link"].partition(">")[0].removeprefix("<")
    with browser.page() as page:
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.open(pages + link)
        block = "document.querySelector('#operations-Products-listProducts')"
        page.wait_for(f"{block}.innerText.includes({shown(ENDING.reason)!r})")
        assert page.evaluate(f"getComputedStyle({block}).opacity") == "1"
        assert "line-through" in page.evaluate(
            f"getComputedStyle({block}.querySelector('.opblock-summary-path__deprecated')).textDecoration"
        )
        assert low_contrasts(page) == []
        page.open(f"{pages}/docs?parameters#/Orders/listOrders")
        page.wait_for(
            "[...document.querySelectorAll('#operations-Orders-listOrders tr')].some((row) =>"
            " row.querySelector('.parameter__deprecated')?.textContent === 'deprecated'"
            f" && row.innerText.includes({shown(ENDING.reason)!r}))"
        )
        assert low_contrasts(page) == []
        assert page.problems == []


def test_redoc_says_so_too(browser: Browser, pages: str) -> None:
    with browser.page() as page:
        page.open(f"{pages}/redoc")
        for reason in (ENDING.reason, STAYING.reason):
            page.wait_for(f"document.body.innerText.includes({shown(reason)!r})")
        assert page.problems == []
