"""The playground's sign-in in several tabs of one browser: one sign-in, and never one refresh token twice."""

import json
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, Page
from tests.browser.graphiql import (
    RESPONSE,
    STATUS,
    answers,
    needs_assets,
    open_playground,
    open_tab,
    run,
    sign_in,
)
from tests.browser.stand_in import Stage
from tests.browser.test_playground import acting, stand_in
from tests.clients.service import Service

pytestmark = [pytest.mark.slow, needs_assets]

__all__ = ["acting", "stand_in"]

WHO = "document.getElementById('signed-in').hidden ? null : document.getElementById('who').textContent"
STATE = "JSON.parse(localStorage['tandem.session'])"
MESSAGE = "document.getElementById('account-message').textContent"


@pytest.fixture
def tabs(browser: Browser, stand_in: str, acting: Stage) -> Iterator[list[Page]]:
    """Two tabs of one browser, in which nothing may have gone wrong afterwards."""
    with browser.pages(2) as pages:
        yield pages
        for page in pages:
            page.evaluate("0")
            assert page.problems == []


def test_a_second_tab_is_signed_in_and_out_with_the_first(
    tabs: list[Page], stand_in: str, acting: Stage
) -> None:
    first, second = tabs
    open_playground(first, stand_in)
    sign_in(first, "ada")
    open_playground(second, stand_in)
    assert second.evaluate(WHO) == first.evaluate(WHO)
    run(second, "query Me { me }")
    answers(second, '"me": "me"')
    open_tab(first, "Watch it live")
    run(first)
    answers(first, "COMPLETED")
    second.click("#sign-out")
    first.wait_for(f"({WHO}) === null")
    first.wait_for(f"{STATUS}.startsWith('Ended: signed out · 2 events')")
    first.wait_for(f"JSON.parse({RESPONSE}).ended === 'signed out'")
    assert first.evaluate(MESSAGE) == ""
    sign_in(first, "admin")
    second.wait_for(f"({WHO})?.includes('admin')")
    assert acting.signed_out == ["refresh"]


def test_tabs_take_turns_in_refreshing(browser: Browser, service: Service) -> None:
    """A refresh token that is used twice would revoke the session."""
    with service.another(TANDEM_ACCESS_TOKEN_SECONDS="2") as api, browser.pages(2) as tabs:
        for page in tabs:
            open_playground(page, f"http://{api.address}")
        sign_in(tabs[0], "ada")
        for _ in range(4):
            token = tabs[0].evaluate(f"{STATE}.accessToken")
            for page in tabs:
                page.wait_for(f"{STATE}.accessToken !== {json.dumps(token)}")
        for page in tabs:
            run(page, "query Me { me { email } }")
            answers(page, "ada@example.com")
            page.wait_for(f"{MESSAGE} === ''")
            assert page.problems == []


def test_both_tabs_are_told_why_the_sign_in_has_ended(tabs: list[Page], stand_in: str, acting: Stage) -> None:
    first, second = tabs
    open_playground(first, stand_in)
    sign_in(first, "ada")
    open_playground(second, stand_in)
    acting.expired.add("access-1")
    acting.refreshable = False
    run(first, "query Me { me }")
    for page in tabs:
        page.wait_for(
            f"{MESSAGE} === 'Your sign-in has ended: your session was revoked. Please sign in again.'"
        )
        assert page.evaluate(WHO) is None


def test_a_sign_in_whose_tabs_are_long_closed_is_not_found_again(
    tabs: list[Page], stand_in: str, acting: Stage
) -> None:
    """Somebody else may sit at the machine by now. A tab that was open all the time goes on."""
    first, second = tabs
    open_playground(first, stand_in)
    sign_in(first, "ada")
    long_ago = f"{{ ...{STATE}, refreshAt: 0, expiresAt: 0 }}"
    first.evaluate(f"localStorage['tandem.session'] = JSON.stringify({long_ago})")
    open_playground(first, stand_in)
    first.wait_for(f"{STATE}.accessToken === 'access-2'")
    assert "Ada" in first.evaluate(WHO)
    first.evaluate(f"localStorage['tandem.session'] = JSON.stringify({long_ago})")
    open_playground(second, stand_in)
    assert second.evaluate(WHO) is None
    second.wait_for("document.querySelector('.live-state').textContent === 'Sign in to see them here'")
    first.wait_for(f"({WHO}) === null")
    first.wait_for(f"{STATE}.ended === 'signed out'")
    assert acting.signed_out == ["refresh"]


def test_who_must_wait_with_a_run_or_with_watching_is_told_how_long(
    browser: Browser, stand_in: str, acting: Stage
) -> None:
    wait = "Too many requests: try again in 7 seconds."
    with browser.page() as page:
        open_playground(page, stand_in)
        page.evaluate("""(() => {
            const send = fetch;
            globalThis.fetch = async (url, init) => /login/.test(init.body) ? send(url, init)
                : Response.json({ detail: "no" }, { status: 429, headers: { "retry-after": "7" } });
            globalThis.WebSocket = class extends WebSocket {
                constructor(address, protocol) { super(new URL("/nothing", address), protocol); }
            };
        })()""")
        run(page, "query Me { me }")
        answers(page, wait)
        sign_in(page, "ada")
        page.wait_for(f"document.querySelector('.live-state').textContent === 'Reconnecting… {wait}'")
