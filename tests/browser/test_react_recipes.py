"""The recipes in React of ``docs/recipes.md``, built as they stand there and clicked through on the real service."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, Page
from tests.browser.front_end import served, visitor
from tests.clients.node import require_packages, run_tool
from tests.clients.service import Service, Stage
from tests.clients.test_recipes import write_recipes

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

INDEX = """<!doctype html><link rel="icon" href="data:,">
<div id="root"></div><script type="module" src="/src/main.tsx"></script>"""
#: What a front end has around the recipes: it signs in and shows the one that the address names.
MAIN = """
import { createRoot } from 'react-dom/client';
import { Shop as Apollo } from './ApolloShop';
import { Shop as Urql } from './UrqlShop';
import { signIn } from './session.js';
const Shop = location.search === '?urql' ? Urql : Apollo;
await signIn('ada@example.com', 'tandem-user-demo');
createRoot(document.getElementById('root')!).render(<Shop shippingAddress="12 Analytical Row" />);
"""
PRODUCTS = "[...document.querySelectorAll('ul li')].map((item) => item.textContent)"
STATUSES = "[...document.querySelectorAll('ol li')].map((item) => item.textContent)"


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[str]:
    """Origin of a page with the recipes in it."""
    require_packages()
    project = tmp_path_factory.mktemp("recipes")
    write_recipes(project, service.graphql_url.removesuffix("/graphql"))
    (project / "index.html").write_text(INDEX)
    (project / "src" / "main.tsx").write_text(MAIN)
    (project / "tsconfig.json").write_text('{"compilerOptions": {"jsx": "react-jsx"}}')
    # The development build of React and of the clients, which warns of what it finds wrong.
    run_tool("vite", "build", "--mode", "development", cwd=project, NODE_ENV="development")
    with served(project / "dist") as origin:
        yield origin


@pytest.fixture(params=["apollo", "urql"])
def page(request: pytest.FixtureRequest, browser: Browser, recipes: str, origin: str) -> Iterator[Page]:
    """The page of one client, signed in, with its two lists there."""
    with visitor(browser, recipes, origin) as fresh:
        fresh.open(f"{recipes}/?{request.param}")
        fresh.wait_for(f"{PRODUCTS}.length > 0 && {STATUSES}.length > 0")
        yield fresh


def press(page: Page, label: str) -> None:
    """Click the button that says *label*."""
    button = f"[...document.querySelectorAll('button')].find((one) => one.textContent === '{label}')"
    page.wait_for(button)
    page.evaluate(f"{button}.id = 'pressed'")
    page.click("#pressed")
    page.evaluate("document.querySelector('#pressed')?.removeAttribute('id')")


@pytest.mark.parametrize(("shown", "more"), [(PRODUCTS, "More products"), (STATUSES, "Earlier orders")])
async def test_pages_of_nodes_and_of_edges_accumulate(
    page: Page, stage: Stage, shown: str, more: str
) -> None:
    first = page.evaluate(shown)
    press(page, more)
    page.wait_for(f"{shown}.length > {len(first)}")
    assert page.evaluate(shown)[: len(first)] == first


async def test_an_order_is_placed_and_its_status_seen_live(page: Page, stage: Stage) -> None:
    page.click("ul button")
    page.wait_for(f"{STATUSES}[0] === 'PENDING'")
    await stage.work()
    page.wait_for(f"{STATUSES}[0] === 'PROCESSING'")
    await stage.finish()
    page.wait_for(f"{STATUSES}[0] === 'COMPLETED'")


def test_signing_out_leaves_no_token_and_no_list(page: Page) -> None:
    press(page, "Sign out")
    page.wait_for("document.body.innerText === 'Signed out'")
    page.wait_for("localStorage.length === 0")
