"""The front page of the real service: its health, and one click that places an order and follows it."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, Page
from tests.browser.graphiql import QUERY, RESPONSE, VARIABLES, needs_assets, open_tab, run
from tests.clients.service import Service

pytestmark = pytest.mark.slow

OUTCOME = "document.getElementById('outcome').textContent"
MESSAGE = "document.getElementById('demo-message').textContent"
REACHED = "[...document.querySelectorAll('#steps .reached')].map((step) => step.dataset.status)"


def open_front_page(page: Page, origin: str) -> None:
    page.open(f"{origin}/")
    page.wait_for("document.getElementById('health').textContent === 'Healthy: PostgreSQL and Redis answer.'")


def place(page: Page) -> int:
    """Place an order, wait until it is followed, and return its number."""
    before = page.evaluate("document.getElementById('item').textContent")
    page.click("#place:enabled")
    page.wait_for(f"{REACHED}.length && document.getElementById('item').textContent !== {before!r}")
    return int(page.evaluate("document.getElementById('item').textContent.match(/^Order (\\d+) of /)[1]"))


def rewrite(page: Page, part: str, new: str) -> None:
    """Let the page send something else in its requests."""
    page.evaluate(f"""(() => {{
        const real = fetch;
        globalThis.fetch = (address, init) => real(
            address, init?.body ? {{ ...init, body: init.body.replace({part!r}, {new!r}) }} : init);
    }})()""")


@pytest.fixture
def broken(browser: Browser) -> Iterator[Page]:
    """A page in which something goes wrong, which the browser's console has then."""
    with browser.page() as page:
        yield page


@pytest.mark.parametrize("again", [False, True])
def test_one_click_places_an_order_and_shows_each_status_as_it_comes(
    page: Page, origin: str, service: Service, again: bool
) -> None:
    async def follow() -> None:
        async with service.stage() as stage:
            place(page)
            assert page.evaluate(REACHED) == ["PENDING"]
            await stage.work()
            await asyncio.to_thread(page.wait_for, f"{REACHED}.length === 2")
            assert page.evaluate(REACHED) == ["PENDING", "PROCESSING"]
            assert page.evaluate(OUTCOME) == ""
            await stage.finish()
            await asyncio.to_thread(page.wait_for, f"/^Total: \\d+\\.\\d\\d USD$/.test({OUTCOME})")
            assert page.evaluate(REACHED) == ["PENDING", "PROCESSING", "COMPLETED"]

    open_front_page(page, origin)
    asyncio.run(follow())
    if again:
        asyncio.run(follow())
    text = page.text()
    assert "of Ada Lovelace: 1 \N{MULTIPLICATION SIGN} " in text
    assert page.evaluate(MESSAGE) == ""


def test_an_order_that_nobody_takes_up_keeps_nobody_from_placing_another(
    page: Page, origin: str, service: Service
) -> None:
    async def twice() -> None:
        async with service.stage() as stage:
            first, second = place(page), place(page)
            assert second > first
            await stage.work()
            await stage.finish()
            await asyncio.to_thread(page.wait_for, f"{OUTCOME}.startsWith('Total')")

    open_front_page(page, origin)
    asyncio.run(twice())
    assert f"Order {place(page)} of" in page.text()
    assert page.evaluate(MESSAGE) == ""


@needs_assets
def test_the_playground_is_signed_in_and_shows_the_order(page: Page, origin: str) -> None:
    open_front_page(page, origin)
    number = place(page)
    page.wait_for(f"{OUTCOME}.startsWith('Total')")
    page.click("#next a")
    page.wait_for(
        "document.querySelector('.graphiql-tab-active')?.innerText.includes('The order you placed')"
    )
    page.wait_for("document.getElementById('who').innerText.includes('Ada Lovelace')")
    page.wait_for(f"document.querySelector('.graphiql-query-editor .CodeMirror') && {QUERY}.operationName")
    run(page)
    page.wait_for(f"JSON.parse({RESPONSE}).data?.order.databaseId === {number}")
    assert page.evaluate(f"JSON.parse({RESPONSE}).data.order.status") == "COMPLETED"
    open_tab(page, "Watch it live")
    page.wait_for(f"JSON.parse({VARIABLES}.getValue()).after")
    run(page)
    # Other orders of the same customer may go on meanwhile.
    events = f"JSON.parse({RESPONSE}).newestFirst.map(({{ data }}) => data.orderEvents)"
    statuses = (
        f"{events}.filter(({{ order }}) => order.databaseId === {number}).map(({{ status }}) => status)"
    )
    page.wait_for(f"{RESPONSE}.includes('newestFirst') && {statuses}.join() === 'COMPLETED,PROCESSING'")


def test_a_sign_in_that_has_ended_is_made_anew(page: Page, origin: str) -> None:
    open_front_page(page, origin)
    place(page)
    page.evaluate("""sessionStorage.setItem('tandem.session', JSON.stringify(
        { ...JSON.parse(sessionStorage.getItem('tandem.session')), accessToken: 'ended' }))""")
    open_front_page(page, origin)
    place(page)
    page.wait_for(f"{OUTCOME}.startsWith('Total')")


def test_a_stream_that_breaks_is_said_and_goes_on_where_it_broke(
    page: Page, origin: str, service: Service
) -> None:
    async def break_off() -> None:
        async with service.stage() as stage:
            place(page)
            page.evaluate("cut.abort()")
            page.wait_for(f"{MESSAGE}.includes('does not answer at {origin}')")
            assert "is kept" in page.evaluate(MESSAGE)
            await stage.work()
            await stage.finish()
            page.click("#follow")
            await asyncio.to_thread(page.wait_for, f"{OUTCOME}.startsWith('Total')")
            assert page.evaluate(REACHED) == ["PENDING", "PROCESSING", "COMPLETED"]
            assert page.evaluate(MESSAGE) == ""

    open_front_page(page, origin)
    page.evaluate("""(() => {
        globalThis.cut = new AbortController();
        const real = fetch;
        globalThis.fetch = (address, init) => {
            const streams = init?.headers?.accept === "text/event-stream";
            if (streams) globalThis.fetch = real;
            return real(address, streams ? { ...init, signal: cut.signal } : init);
        };
    })()""")
    asyncio.run(break_off())


def test_an_order_whose_answer_was_lost_is_not_placed_twice(page: Page, origin: str) -> None:
    open_front_page(page, origin)
    page.evaluate("""(() => {
        const real = fetch;
        globalThis.fetch = async (address, init) => {
            const answer = await real(address, init);
            if (!init?.body?.includes("createOrder")) return answer;
            globalThis.fetch = real;
            globalThis.lost = (await answer.json()).data.createOrder.order.databaseId;
            throw new TypeError("Failed to fetch");
        };
    })()""")
    page.click("#place")
    page.wait_for(f"{MESSAGE}.includes('does not answer at {origin}')")
    assert place(page) == page.evaluate("lost")


def test_a_server_that_is_gone_is_said(broken: Page, service: Service) -> None:
    with service.another() as gone:
        open_front_page(broken, f"http://{gone.address}")
        place(broken)
        broken.wait_for(f"{OUTCOME}.startsWith('Total')")
    broken.click("#place:enabled")
    said = f"Tandem does not answer at http://{gone.address}."
    broken.wait_for(f"{MESSAGE} === {f'{said} Is it still running?'!r}")
    broken.wait_for(f"document.getElementById('health').textContent === {said!r}")


def test_who_must_wait_is_told_how_long(broken: Page, service: Service) -> None:
    with service.another(TANDEM_RATE_LIMIT_USER="1") as limited:
        open_front_page(broken, f"http://{limited.address}")
        broken.click("#place")
        broken.wait_for(f"/^Too many requests: try again in \\d+ seconds\\.$/.test({MESSAGE})")


def test_an_empty_shop_is_said(page: Page, origin: str) -> None:
    open_front_page(page, origin)
    rewrite(page, "first: 10", "first: 0")
    page.click("#place")
    page.wait_for(f"{MESSAGE}.startsWith('Everything is sold out.')")


def test_an_order_that_fails_says_why(page: Page, origin: str) -> None:
    open_front_page(page, origin)
    rewrite(page, '"quantity":1', '"quantity":1000000')
    place(page)
    page.wait_for(f"{OUTCOME} === 'It failed: it is sold out. Nothing was taken from the stock.'")
    assert page.evaluate("document.querySelector('#steps .bad').innerText").startswith("Failed")


def test_a_demo_person_who_is_not_there_is_said(page: Page, origin: str) -> None:
    open_front_page(page, origin)
    page.evaluate("document.getElementById('place').dataset.email = 'nobody@example.com'")
    page.click("#place")
    page.wait_for(f"{MESSAGE}.startsWith('nobody@example.com could not sign in: ')")


@pytest.mark.parametrize("width", [390, 768, 1400])
def test_the_page_fits_its_window(page: Page, origin: str, width: int) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=True)
    open_front_page(page, origin)
    place(page)
    page.wait_for(f"{OUTCOME}.startsWith('Total')")
    assert page.evaluate("document.documentElement.scrollWidth") == width
