"""One browser and one real service for this folder; each test gets a page as on a first visit."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.browser.chromium import EXECUTABLE, Browser, Page, chromium
from tests.clients.service import Service, Stage, running_service


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser, started once."""
    if EXECUTABLE is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def service(postgres_url: str, browser: Browser) -> Iterator[Service]:
    """The whole service with its worker and the sample data; none is started where there is no browser."""
    with running_service(postgres_url) as running:
        yield running


@pytest.fixture
def origin(service: Service) -> str:
    """Address of the service."""
    return service.graphql_url.removesuffix("/graphql")


@pytest.fixture
async def stage(service: Service) -> AsyncIterator[Stage]:
    """A hand on the worker, which rests until a test says otherwise."""
    async with service.stage() as stage:
        yield stage
        await stage.work()
        await stage.finish()


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    """A page as on a first visit; afterwards, nothing may have gone wrong in it or left the machine."""
    with browser.page() as fresh:
        yield fresh
        fresh.evaluate("0")
        assert fresh.problems == []
        assert fresh.outside(origin) == []
