"""The example shop, built from its sources and clicked through against the real service."""

import json
from collections.abc import Iterator

import asyncpg
import pytest

from core.demo_people import CUSTOMER
from tests.browser.chromium import Browser, Page
from tests.browser.front_end import SHOP, copy_of_the_shop, run_script, served, visitor
from tests.clients.node import FOLDER, require_packages
from tests.clients.service import Service, Stage

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

#: Counts exchanges of refresh tokens, loses as many answers to orders as ``lose`` says, spoils a token when told, and
#: sends no cancellation before ``held``. ``signedOut`` is what the server has said to that.
DISTURBANCE = """
globalThis.exchanges = 0; globalThis.lose = 0; globalThis.spoil = false; globalThis.held = null;
const reallyFetch = globalThis.fetch;
globalThis.fetch = async (address, init = {}) => {
    const body = String(init.body);
    if (body.includes('mutation Refresh')) exchanges += 1;
    if (spoil && init.headers?.authorization) {
        spoil = false;
        init = { ...init, headers: { ...init.headers, authorization: 'Bearer spoiled' } };
    }
    if (body.includes('mutation CancelOrder')) await held;
    const answer = await reallyFetch(address, init);
    if (body.includes('mutation Logout')) globalThis.signedOut = (await answer.clone().json()).data.logout.signedOut;
    if (lose > 0 && body.includes('mutation CreateOrder')) {
        lose -= 1;
        throw new TypeError('Failed to fetch');
    }
    return answer;
};
"""
NAMES = "[...document.querySelectorAll('#catalogue h3')].map((name) => name.textContent)"
ORDERS = "document.querySelectorAll('#orders li').length"
NEWEST = "document.querySelector('#orders li')"
NUMBER = f"Number({NEWEST}.querySelector('h3').textContent.match(/\\d+/)[0])"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[str]:
    """Origin of the shop, which is not the service's."""
    require_packages()
    project = copy_of_the_shop(tmp_path_factory.mktemp("shop"))
    run_script(project, "build", VITE_TANDEM_URL=service.graphql_url.removesuffix("/graphql"))
    with served(project / "dist") as origin:
        yield origin


@pytest.fixture
def page(browser: Browser, shop: str, origin: str) -> Iterator[Page]:
    """The shop as on a first visit, its catalogue there."""
    with visitor(browser, shop, origin) as fresh:
        fresh.call("Page.addScriptToEvaluateOnNewDocument", source=DISTURBANCE)
        fresh.open(f"{shop}/")
        fresh.wait_for(f"{NAMES}.length > 0")
        yield fresh


def sign_in(page: Page) -> None:
    """Sign in as whom the form offers, and wait for the orders."""
    page.click(".sign-in button")
    page.wait_for(f"{ORDERS} > 0")


def fill(page: Page, selector: str, text: str) -> None:
    """Replace the text of an input."""
    page.click(selector)
    page.evaluate("document.activeElement.select()")
    page.type(text)


def put_in_cart(page: Page, name: str, pieces: int = 1) -> None:
    """Search for a product and add it."""
    fill(page, "[type=search]", name)
    page.wait_for(f"{NAMES}.join() === {json.dumps(name)}")
    page.click("#catalogue li button")
    for _ in range(pieces - 1):
        page.click("#cart [aria-label^='One more']")
    fill(page, "[name=address]", "12 Analytical Row, London")


def order(page: Page, name: str, pieces: int = 1) -> None:
    """Order a product, and wait for the order above the earlier ones."""
    put_in_cart(page, name, pieces)
    check_out(page)
    assert f"{pieces} \N{MULTIPLICATION SIGN} {name}" in page.evaluate(f"{NEWEST}.textContent")


def check_out(page: Page) -> None:
    """Order what is in the cart."""
    before = page.evaluate(NUMBER)
    page.click("#cart > button")
    page.wait_for(f"{NUMBER} > {before}")


def newest_is(page: Page, status: str) -> None:
    page.wait_for(f"{NEWEST}.dataset.status === {json.dumps(status)}")


def test_its_packages_are_those_that_the_tests_build_it_with() -> None:
    own, tested = (json.loads((folder / "package.json").read_text()) for folder in (SHOP, FOLDER))
    lock = (SHOP / "package-lock.json").read_text()
    packages = own["dependencies"] | own["devDependencies"]
    assert packages.items() <= tested["dependencies"].items()
    for name, version in packages.items():
        assert json.loads(lock)["packages"][f"node_modules/{name}"]["version"] == version
    assert '"resolved"' not in lock


def test_pages_of_the_catalogue_accumulate(page: Page) -> None:
    first = page.evaluate(NAMES)
    page.click(".more")
    page.wait_for(f"{NAMES}.length > {len(first)}")
    both = page.evaluate(NAMES)
    assert both[: len(first)] == first
    assert len(set(both)) == len(both)


def test_a_search_asks_for_words_and_not_for_letters(page: Page) -> None:
    page.click("[type=search]")
    page.evaluate(
        "(globalThis.searches = [], globalThis.asked = globalThis.fetch, globalThis.fetch = (...all) =>"
        " { searches.push(JSON.parse(all[1].body).variables.filter.search); return asked(...all); })"
    )
    # All letters within one turn of the page: no time passes between them.
    page.evaluate("""(() => {
        const input = document.activeElement;
        const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
        for (const text of ['k', 'ke', 'ket', 'kettle']) {
            set.call(input, text);
            input.dispatchEvent(new Event('input', { bubbles: true }));
        }
    })()""")
    page.wait_for(f"{NAMES}.length === 1 && {NAMES}[0].toLowerCase().includes('kettle')")
    assert page.evaluate("searches") == ["kettle"]
    fill(page, "[type=search]", "no such thing")
    page.wait_for("document.body.textContent.includes('Nothing is called “no such thing”')")


async def test_an_order_is_placed_and_its_status_seen_live(page: Page, stage: Stage) -> None:
    sign_in(page)
    order(page, "Enamel camping mug", 2)
    newest_is(page, "PENDING")
    assert "$29.00" in page.evaluate(f"{NEWEST}.textContent")
    assert "Nothing in it yet" in page.text()
    left = "document.querySelector('#catalogue small').textContent"
    before = int(page.evaluate(left).split()[0])
    await stage.work()
    newest_is(page, "PROCESSING")
    await stage.finish()
    newest_is(page, "COMPLETED")
    # The stock in the catalogue comes with the event, too.
    page.wait_for(f"{left} === '{before - 2} left'")
    assert page.evaluate(f"{NEWEST}.querySelector('button') === null")


async def test_an_open_order_is_cancelled(page: Page, stage: Stage) -> None:
    sign_in(page)
    order(page, "Enamel camping mug")
    page.click("#orders li button")
    newest_is(page, "CANCELLED")
    assert page.evaluate(f"{NEWEST}.querySelector('button') === null")


async def test_a_cancellation_that_comes_too_late_is_told_by_its_code(page: Page, stage: Stage) -> None:
    sign_in(page)
    order(page, "Enamel camping mug")
    page.evaluate("globalThis.held = new Promise((resolve) => { globalThis.release = resolve }), 0")
    page.click("#orders li button")
    await stage.work()
    newest_is(page, "PROCESSING")
    await stage.finish()
    newest_is(page, "COMPLETED")
    page.evaluate("release()")
    page.wait_for(f"{NEWEST}.textContent.includes('ORDER_NOT_CANCELLABLE')")
    assert "Too late" in page.evaluate(f"{NEWEST}.textContent")


async def test_more_than_there_is_fails_with_its_code(page: Page) -> None:
    sign_in(page)
    order(page, "Wireless headphones", 3)
    newest_is(page, "FAILED")
    text = page.evaluate(f"{NEWEST}.textContent")
    assert "not enough of it left" in text
    assert "OUT_OF_STOCK" in text


async def test_a_price_that_has_changed_is_shown_before_it_is_agreed_to(page: Page, service: Service) -> None:
    sign_in(page)
    put_in_cart(page, "Hammock")
    connection = await asyncpg.connect(service.database_url)
    await connection.execute("UPDATE products SET price = price + 100 WHERE name = 'Hammock'")
    await connection.close()
    button = "document.querySelector('#cart > button').textContent"
    assert "69.00" in page.evaluate(button)
    before = page.evaluate(NUMBER)
    page.click("#cart > button")
    page.wait_for("document.querySelector('#cart .error')?.textContent.includes('PRICE_CHANGED')")
    page.wait_for(f"{button}.includes('70.00')")
    assert page.evaluate(NUMBER) == before
    check_out(page)
    assert "$70.00" in page.evaluate(f"{NEWEST}.textContent")


async def test_an_order_whose_answers_are_lost_is_placed_once(page: Page, shop: str, stage: Stage) -> None:
    sign_in(page)
    order(page, "Enamel camping mug")
    before = page.evaluate(NUMBER)
    put_in_cart(page, "Enamel camping mug")
    page.evaluate("globalThis.lose = 3")
    page.click("#cart > button")
    page.wait_for("document.querySelector('#cart .error')?.textContent.includes('NETWORK')")
    assert page.evaluate("lose") == 0
    # The cart and its key survive a reload.
    page.open(shop)
    page.wait_for(f"{ORDERS} > 0 && {NUMBER} === {before + 1}")
    page.click("#cart > button")
    page.wait_for("document.querySelector('#cart').textContent.includes('Nothing in it yet')")
    order(page, "Enamel camping mug")
    page.wait_for(f"{NUMBER} === {before + 2}")


def test_a_reload_exchanges_the_refresh_token_once_for_all_that_wait_for_it(page: Page, shop: str) -> None:
    sign_in(page)
    assert page.evaluate("exchanges") == 0
    page.open(shop)
    page.wait_for(f"document.querySelector('#sign-out') && {ORDERS} > 0 && {NAMES}.length > 0")
    assert page.evaluate("exchanges") == 1


def test_a_token_that_is_refused_is_renewed_and_the_request_repeated(page: Page) -> None:
    sign_in(page)
    put_in_cart(page, "Enamel camping mug")
    page.evaluate("globalThis.spoil = true")
    check_out(page)
    assert page.evaluate("[spoil, exchanges]") == [False, 1]
    page.problems[:] = [problem for problem in page.problems if "401" not in problem]


def test_signing_out_ends_the_session_and_leaves_nothing_of_the_person(page: Page) -> None:
    sign_in(page)
    put_in_cart(page, "Enamel camping mug")
    page.click("#sign-out")
    page.wait_for("globalThis.signedOut")
    page.wait_for("document.querySelector('.sign-in') && !document.querySelector('#orders')")
    assert page.evaluate("localStorage.length") == 0
    page.wait_for("!(document.body.innerHTML + sessionStorage.cart).includes('Analytical')")
    # The catalogue is for everybody, and is read again.
    page.wait_for(f"{NAMES}.length > 0")


def test_a_wrong_password_is_told_by_its_code(page: Page) -> None:
    fill(page, "[name=email]", CUSTOMER.email)
    fill(page, "[name=password]", "wrong")
    page.click(".sign-in button")
    page.wait_for("document.querySelector('.sign-in .error')")
    text = page.evaluate("document.querySelector('.sign-in .error').textContent")
    assert "do not belong together" in text
    assert "INVALID_CREDENTIALS" in text
