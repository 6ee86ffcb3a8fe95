"""GraphiQL as a developer meets it, in a real browser that can reach nothing but our server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.demo_people import CUSTOMER
from graph.endpoint.playground import CDN, manifest
from tests.browser.chromium import Browser, Page
from tests.browser.graphiql import (
    QUERY,
    RESPONSE,
    STATUS,
    VARIABLES,
    answers,
    needs_assets,
    open_playground,
    open_tab,
    run,
    sign_in,
    titles,
)
from tests.browser.stand_in import Stage, app, served, stage

pytestmark = [pytest.mark.slow, needs_assets]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """Address of the stand-in."""
    with served(app()) as address:
        yield address


@pytest.fixture
def acting() -> Stage:
    """The stand-in's behaviour, as at the start."""
    stage.__init__()  # type: ignore[misc]
    return stage


@pytest.fixture
def origin(stand_in: str, acting: Stage) -> str:
    """Address of the stand-in, in place of the real service's."""
    return stand_in


def test_a_first_visit_shows_the_examples_and_the_explorer(page: Page, origin: str) -> None:
    open_playground(page, origin)
    assert titles(page) == ["Browse products", "Place an order", "Watch it live", "Errors as data"]
    page.click("[aria-label='Show GraphiQL Explorer']")
    page.wait_for("document.querySelector('.graphiql-plugin').textContent.includes('products')")
    page.click("[aria-label='Show Documentation Explorer']")
    page.wait_for("document.querySelector('.graphiql-plugin').textContent.includes('Query')")


def test_dialogs_and_menus_open_within_the_policy(page: Page, origin: str) -> None:
    open_playground(page, origin)
    page.click("[aria-label='Open settings dialog']")
    page.wait_for("document.querySelector('.graphiql-dialog')")
    assert page.evaluate("getComputedStyle(document.body).overflow") == "hidden"
    page.click(".graphiql-dialog-close")
    page.wait_for("!document.querySelector('.graphiql-dialog')")
    open_tab(page, "Errors as data")
    page.click(".graphiql-execute-button")
    page.wait_for("document.querySelector('[role=menu]')?.textContent.includes('ErrorsAtTheTop')")


def test_one_click_signs_somebody_in_and_another_out(page: Page, origin: str, acting: Stage) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    assert f"{CUSTOMER.full_name} · {CUSTOMER.email}" in page.text()
    run(page, "query Me { me }")
    answers(page, '"me": "me"')
    page.click("#sign-out")
    page.wait_for("document.getElementById('signed-in').hidden")
    run(page)
    answers(page, "NOT_AUTHENTICATED")
    assert acting.seen == ["Bearer access-1", None]
    assert acting.signed_out == ["refresh"]


def test_the_sign_in_survives_a_reload(page: Page, origin: str, acting: Stage) -> None:
    open_playground(page, origin)
    sign_in(page, "admin")
    open_playground(page, origin)
    page.wait_for("document.getElementById('who').textContent.includes('admin')")
    run(page, "query Me { me }")
    answers(page, '"me": "me"')
    assert acting.seen == ["Bearer access-1"]


def test_a_wrong_password_is_said_in_the_form(page: Page, origin: str) -> None:
    open_playground(page, origin)
    page.click("#open-sign-in")
    page.click("#sign-in [name=email]")
    page.type(CUSTOMER.email)
    page.click("#sign-in [name=password]")
    page.type("wrong")
    page.click("#sign-in .primary")
    page.wait_for("document.getElementById('sign-in-error').textContent === 'Invalid email or password'")
    page.click("#sign-in [name=password]")
    page.evaluate("document.activeElement.value = ''")
    page.type(CUSTOMER.password)
    page.click("#sign-in .primary")
    page.wait_for("!document.getElementById('sign-in').open")
    assert f"{CUSTOMER.full_name} · {CUSTOMER.email}" in page.text()


def test_the_headers_editor_wins_over_the_sign_in(page: Page, origin: str, acting: Stage) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    page.evaluate(
        "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1)"
        """.CodeMirror.setValue('{"AUTHORIZATION": "Bearer mine"}')"""
    )
    run(page, "query Me { me }")
    answers(page, '"me": "me"')
    assert acting.seen == ["Bearer mine"]


def test_an_expired_token_is_refreshed_and_the_run_repeated(page: Page, origin: str, acting: Stage) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    acting.expired.add("access-1")
    run(page, "query Me { me }")
    answers(page, '"me": "me"')
    assert acting.seen == ["Bearer access-1", "Bearer access-2"]
    assert acting.refreshed == 1


def test_a_token_is_refreshed_before_it_expires(page: Page, origin: str, acting: Stage) -> None:
    acting.expires_in = 1
    open_playground(page, origin)
    sign_in(page, "ada")
    page.wait_for("JSON.parse(localStorage['tandem.session']).accessToken === 'access-2'")
    assert acting.refreshed == 1


def test_a_sign_in_that_cannot_be_refreshed_ends_and_says_so(page: Page, origin: str, acting: Stage) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    acting.expired.add("access-1")
    acting.refreshable = False
    run(page, "query Me { me }")
    answers(page, "TOKEN_EXPIRED")
    assert "Your sign-in has ended" in page.text()
    assert page.evaluate("localStorage['tandem.session']") == '{"ended":"your session was revoked"}'


def test_the_status_line_tells_time_cost_and_queries(page: Page, origin: str) -> None:
    open_playground(page, origin)
    run(page, "query Count { products { totalCount } }")
    page.wait_for(f"/^[0-9.]+ ms · cost 12 of 1000 · 3 SQL queries$/.test({STATUS})")


def test_an_order_is_placed_and_then_watched_live(page: Page, origin: str, acting: Stage) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    open_tab(page, "Place an order")
    run(page)
    answers(page, '"status": "PENDING"')
    open_tab(page, "Watch it live")
    page.wait_for(f"{VARIABLES}.getValue().includes('after-PENDING')")
    run(page)
    answers(page, '"status": "COMPLETED"')
    statuses = page.evaluate(
        f"JSON.parse({RESPONSE}).newestFirst.map(({{ data }}) => data.orderEvents.status)"
    )
    assert statuses == ["COMPLETED", "PROCESSING"]
    page.wait_for(f"{STATUS} === 'Listening · 2 events · cost 12 of 1000'")
    payload = {"graphql-client-name": "GraphiQL", "authorization": "Bearer access-1"}
    assert json.loads(page.frames_sent[0]) == {"type": "connection_init", "payload": payload}
    assert acting.clients == {"GraphiQL"}
    page.click(".graphiql-execute-button")
    page.wait_for(f"{STATUS} === 'Closed · 2 events · cost 12 of 1000'")
    open_tab(page, "Errors as data")
    page.wait_for(f"{STATUS}.startsWith('Run it')")
    open_tab(page, "Watch it live")
    page.wait_for(f"{STATUS}.startsWith('Closed')")


def test_who_must_wait_is_told_how_long(page: Page, origin: str) -> None:
    open_playground(page, origin)
    page.evaluate(
        "window.fetch = async () => new Response('{}', { status: 429, headers: { 'retry-after': '7' } })"
    )
    page.click("button[data-email^=ada]")
    told = "document.getElementById('account-message').textContent"
    page.wait_for(f"{told} === 'Too many requests: try again in 7 seconds.'")


def test_the_focus_stays_with_the_sign_in(page: Page, origin: str) -> None:
    open_playground(page, origin)
    sign_in(page, "ada")
    page.wait_for("document.activeElement.id === 'sign-out'")
    page.click("#sign-out")
    page.wait_for("document.activeElement.dataset.email === 'admin@example.com'")


def test_a_narrow_window_has_everything_at_full_width(page: Page, origin: str) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=420, height=800, deviceScaleFactor=1, mobile=False)
    open_playground(page, origin)
    page.click("[aria-label='Show Documentation Explorer']")
    page.wait_for("document.querySelector('.graphiql-plugin').textContent.includes('Query')")
    page.click("[aria-label='Hide Documentation Explorer']")
    page.wait_for("!document.querySelector('.graphiql-plugin').textContent")
    run(page, "query Count { products { totalCount } }")
    answers(page, "totalCount")
    for part in (".graphiql-query-editor .CodeMirror", ".result-window", ".status-line"):
        box = page.evaluate(f"document.querySelector('{part}').getBoundingClientRect().toJSON()")
        assert box["left"] >= 0, part
        assert 380 <= box["width"] <= 420, part
        assert 0 < box["top"] < box["bottom"] <= 800, part
    assert page.evaluate("document.documentElement.scrollWidth") == 420


def test_without_files_and_network_the_page_says_what_to_do(
    browser: Browser, origin: str, acting: Stage, tmp_path: Path
) -> None:
    acting.assets = tmp_path
    with browser.page() as page:
        page.open(f"{origin}/graphql")
        page.wait_for("document.querySelector('#graphiql [role=alert]')")
        assert "comes from a public CDN" in page.text()
        assert "GraphiQL could not be loaded" in page.text()
        assert set(page.outside(origin)) == {f"{CDN}/{asset.path}" for asset in manifest()}
        assert not any("Content Security Policy" in problem for problem in page.problems)


def test_the_name_of_the_operation_before_is_not_sent_with_an_edited_query(page: Page, origin: str) -> None:
    open_playground(page, origin)
    page.evaluate(
        "window.sent = []; const send = window.fetch;"
        "window.fetch = (url, init) => { sent.push(JSON.parse(init.body)); return send(url, init); }"
    )
    page.evaluate(
        f"{QUERY}.setValue('{{ products(first: 1) {{ totalCount }} }}');"
        "document.querySelector('.graphiql-execute-button').click()"
    )
    answers(page, "totalCount")
    assert page.evaluate("sent.map((body) => body.operationName ?? null)") == [None]
