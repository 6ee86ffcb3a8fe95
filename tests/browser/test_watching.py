"""Watching orders in the playground while tokens end, servers stop and sign-ins are revoked: the real service."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from dev.ports import free_port
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
from tests.clients.service import Process, Service, answering

pytestmark = [pytest.mark.slow, needs_assets]

LIVE = "document.querySelector('.live-state').textContent"
ROWS = "[...document.querySelectorAll('.live-orders li')].map((row) => row.textContent)"
MESSAGE = "document.getElementById('account-message').textContent"
CLEAR = ".live-orders button:nth-last-child(2)"
SWITCH = ".live-orders button:last-child"
#: Counts the sockets that are opened from now on.
COUNT_SOCKETS = """(() => {
    globalThis.sockets = 0;
    globalThis.WebSocket = class extends WebSocket {
        constructor(...given) { super(...given); sockets += 1; }
    };
})()"""
STATUSES = ["PENDING", "PROCESSING", "COMPLETED"]


def place_order(service: Service) -> int:
    """Place an order as Ada, elsewhere than in the page, and return its number."""
    body = {"items": [{"product_id": 1, "quantity": 1}], "shipping_address": "1 Main Street"}
    headers = {"authorization": f"Bearer {service.sign_in()}"}
    address = f"{service.graphql_url.removesuffix('/graphql')}/api/v1/orders"
    return int(httpx.post(address, json=body, headers=headers, timeout=60).json()["id"])


def revoke_all(service: Service) -> None:
    """Sign Ada out everywhere."""
    query = "mutation { revokeOtherSessions(input: {keepCurrent: false}) { revokedCount } }"
    headers = {"authorization": f"Bearer {service.sign_in()}"}
    answer = httpx.post(service.graphql_url, json={"query": query}, headers=headers, timeout=30).json()
    assert answer["data"]["revokeOtherSessions"]["revokedCount"] > 0


def watch(page: Page) -> None:
    """Watch live in the tab for it, and in the pane."""
    open_tab(page, "Watch it live")
    run(page)
    page.wait_for(f"{STATUS}.startsWith('Listening')")
    page.wait_for(f"{LIVE} === 'Listening'")


def wait_for_events(page: Page, *orders: int) -> None:
    """Wait until the tab and the pane have told each event of *orders* once, and nothing else."""
    expected = [[number, status] for number in orders for status in STATUSES]
    told = (
        f"JSON.parse({RESPONSE} || '{{}}').newestFirst?.map"
        "(({ data: { orderEvents: event } }) => [event.order.databaseId, event.status]).reverse()"
    )
    page.wait_for(f"({told})?.length >= {len(expected)}")
    assert page.evaluate(told) == expected
    rows = f"{ROWS}.map((row) => /Order (\\d+)([A-Z]+)/.exec(row)).reverse()"
    page.wait_for(f"{rows}.length >= {len(expected)}")
    assert page.evaluate(f"{rows}.map(([, number, status]) => [Number(number), status])") == expected


@contextmanager
def visit(browser: Browser, api: Process) -> Iterator[Page]:
    """A page where losing the connection is no problem, but everything else is."""
    with browser.page() as page:
        open_playground(page, f"http://{api.address}")
        yield page
        page.evaluate("0")
        assert [problem for problem in page.problems if api.address not in problem] == []


def test_orders_are_followed_beside_whatever_tab_is_open(page: Page, origin: str, service: Service) -> None:
    open_playground(page, origin)
    assert page.evaluate(LIVE) == "Sign in to see them here"
    sign_in(page, "ada")
    page.wait_for(f"{LIVE} === 'Listening'")
    open_tab(page, "Place an order")
    run(page)
    answers(page, '"databaseId"')
    page.wait_for(f"{ROWS}.length === 3")
    first = page.evaluate(f"JSON.parse({RESPONSE}).data.createOrder.order.databaseId")
    assert all(f"Order {first}" in row for row in page.evaluate(ROWS))
    assert [status in row for status, row in zip(reversed(STATUSES), page.evaluate(ROWS), strict=True)]
    page.click(SWITCH)
    page.wait_for(f"{LIVE} === 'Off'")
    second = place_order(service)
    open_playground(page, origin)
    assert page.evaluate(LIVE) == "Off"
    page.click(SWITCH)
    page.wait_for(f"{LIVE} === 'Listening'")
    open_tab(page, "Watch it live")
    third = place_order(service)
    page.wait_for(f"{ROWS}.some((row) => row.includes('Order {third}COMPLETED'))")
    assert not any(f"Order {second}" in row for row in page.evaluate(ROWS))


def test_the_pane_tells_what_it_missed_while_it_was_off(page: Page, origin: str, service: Service) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    watch(page)
    first = place_order(service)
    wait_for_events(page, first)
    page.click(SWITCH)
    second = place_order(service)
    page.wait_for(f"{RESPONSE}.match(/COMPLETED/g)?.length === 2")
    assert len(page.evaluate(ROWS)) == 3
    page.click(SWITCH)
    wait_for_events(page, first, second)
    page.click(CLEAR)
    page.wait_for(f"{ROWS}.length === 0")


def test_watching_goes_on_when_the_token_expires(browser: Browser, service: Service) -> None:
    with service.another(TANDEM_ACCESS_TOKEN_SECONDS="15") as api, visit(browser, api) as page:
        sign_in(page, "ada")
        watch(page)
        first = place_order(service)
        wait_for_events(page, first)
        page.evaluate(COUNT_SOCKETS)
        page.wait_for("sockets >= 2")
        second = place_order(service)
        wait_for_events(page, first, second)
        page.wait_for(f"{STATUS}.startsWith('Listening · 6 events')")
        tokens = [
            hello["payload"]["authorization"]
            for hello in map(json.loads, page.frames_sent)
            if "init" in hello["type"]
        ]
        assert len(set(tokens)) >= 2
        assert page.problems == []


def test_watching_goes_on_when_the_server_is_back(browser: Browser, service: Service) -> None:
    port = free_port()
    with browser.page() as page:
        with answering(service.environment, port=port) as api:
            open_playground(page, f"http://{api.address}")
            sign_in(page, "ada")
            watch(page)
            first = place_order(service)
            wait_for_events(page, first)
        lost = f"Reconnecting… Tandem does not answer at http://{api.address}"
        page.wait_for(f"{STATUS}.startsWith('{lost} · 3 events')")
        page.wait_for(f"{LIVE} === '{lost}'")
        second = place_order(service)
        with answering(service.environment, port=port):
            wait_for_events(page, first, second)
            page.wait_for(f"{STATUS}.startsWith('Listening · 6 events')")
            page.wait_for(f"{LIVE} === 'Listening'")
        page.click(".graphiql-execute-button")
        page.wait_for(f"{STATUS}.startsWith('Closed · 6 events')")
        run(page, "query Me { me { email } }")
        answers(page, f'"message": "Tandem does not answer at http://{api.address}"')
        assert page.evaluate(STATUS) == f"Tandem does not answer at http://{api.address}"
        page.click("#sign-out")
        page.click("button[data-email^=ada]")
        page.wait_for(f"{MESSAGE} === 'Tandem does not answer at http://{api.address}'")


def test_where_nothing_is_known_of_the_time_between_watching_says_so(
    browser: Browser, service: Service
) -> None:
    port = free_port()
    with browser.page() as page:
        with answering(service.environment, port=port) as api:
            open_playground(page, f"http://{api.address}")
            sign_in(page, "ada")
            watch(page)
        page.wait_for(f"{STATUS}.startsWith('Reconnecting…')")
        with answering(service.environment, port=port):
            told = "Listening · 0 events · reconnected, perhaps without what happened meanwhile"
            page.wait_for(f"{STATUS} === '{told}'")


def test_a_server_that_hangs_is_noticed(browser: Browser, service: Service) -> None:
    with service.another() as api, visit(browser, api) as page:
        sign_in(page, "ada")
        watch(page)
        first = place_order(service)
        wait_for_events(page, first)
        os.kill(api.pid, signal.SIGSTOP)
        try:
            page.wait_for(f"{STATUS}.startsWith('Reconnecting…') && {LIVE}.startsWith('Reconnecting…')")
        finally:
            os.kill(api.pid, signal.SIGCONT)
        second = place_order(service)
        wait_for_events(page, first, second)


def test_a_revoked_session_ends_the_sign_in_and_watching(page: Page, origin: str, service: Service) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    watch(page)
    first = place_order(service)
    wait_for_events(page, first)
    revoke_all(service)
    page.wait_for(f"{STATUS}.startsWith('Ended: your session was revoked · 3 events')")
    answers(page, '"ended": "your session was revoked"')
    message = "Your sign-in has ended: your session was revoked. Please sign in again."
    assert page.evaluate(MESSAGE) == message
    assert page.evaluate(LIVE) == "Sign in to see them here"
    assert page.evaluate("document.getElementById('signed-in').hidden")
    sign_in(page, "ada")
    page.wait_for(f"{LIVE} === 'Listening'")
    assert page.evaluate(MESSAGE) == ""


def test_a_run_with_a_revoked_session_ends_the_sign_in(page: Page, origin: str, service: Service) -> None:
    open_playground(page, origin)
    page.click(SWITCH)  # no socket hears of it
    sign_in(page, "ada")
    revoke_all(service)
    run(page, "query Me { me { email } }")
    answers(page, "TOKEN_INVALID")
    assert "your session was revoked" in page.evaluate(MESSAGE)


def test_a_token_in_the_headers_editor_is_the_persons_own_affair(page: Page, origin: str) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    page.evaluate(
        "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1)"
        """.CodeMirror.setValue('{"Authorization": "Bearer mine"}')"""
    )
    open_tab(page, "Watch it live")
    page.evaluate(
        "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1)"
        """.CodeMirror.setValue('{"Authorization": "Bearer mine"}')"""
    )
    run(page)
    page.wait_for(f"{STATUS}.startsWith('Ended: the Authorization header is not, or no longer, good')")
    page.wait_for(f"{LIVE} === 'Listening'")


def test_what_only_one_event_can_answer_is_complete_after_the_last(
    page: Page, origin: str, service: Service
) -> None:
    open_playground(page, origin)
    run(page, "subscription Anonymous { orderEvents { cursor } }")
    page.wait_for(f"{STATUS}.startsWith('Ended: Not authenticated')")
    sign_in(page, "ada")
    open_tab(page, "Place an order")
    run(page)
    answers(page, '"databaseId"')
    page.wait_for(f"{ROWS}.length === 3")
    order = page.evaluate(f"JSON.parse({RESPONSE}).data.createOrder.order.id")
    run(page, f'subscription One {{ orderEvents(orderId: "{order}") {{ status }} }}')
    page.wait_for(f"{STATUS}.startsWith('Complete · 3 events')")
