"""One browser and one stand-in server for this folder; each test gets a page as on a first visit."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import EXECUTABLE, Browser, Page, chromium
from tests.browser.stand_in import Stage, app, served, stage


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """Address of the stand-in."""
    with served(app()) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser, started once."""
    if EXECUTABLE is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, origin: str, acting: Stage) -> Iterator[Page]:
    """A page as on a first visit; afterwards, nothing may have gone wrong in it or left the machine."""
    with browser.page() as fresh:
        yield fresh
        fresh.evaluate("0")
        assert fresh.problems == []
        assert fresh.outside(origin) == []


@pytest.fixture
def acting() -> Stage:
    """The stand-in's behaviour, as at the start."""
    stage.__init__()  # type: ignore[misc]
    return stage
