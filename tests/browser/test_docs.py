"""Swagger UI and ReDoc of the real service, in a real browser that can reach nothing but our server."""

import json
from typing import Any

import httpx
import pytest

from core.demo_people import CUSTOMER
from rest.v1.twins import TWINS
from tests.browser.chromium import Page
from tests.browser.contrast import low_contrasts
from tests.browser.graphiql import QUERY, RESPONSE, VARIABLES, needs_assets, open_playground, run, sign_in
from tests.clients.service import Stage

pytestmark = pytest.mark.slow


#: What the examples of these operations are answered with, unchanged, after one click on the customer.
BY_THE_CUSTOMER = (
    ("post", "/api/v1/auth/login", 200),
    ("post", "/api/v1/auth/refresh", 200),
    ("get", "/api/v1/auth/me", 200),
    ("get", "/api/v1/users/{user_id}", 200),
    ("patch", "/api/v1/users/{user_id}", 200),
    ("post", "/api/v1/orders", 201),
    ("get", "/api/v1/orders", 200),
    ("get", "/api/v1/orders/{order_id}", 200),
    ("get", "/api/v1/orders/{order_id}/events", 200),
    ("get", "/api/v1/products", 200),
    ("get", "/api/v1/products/{product_id}", 200),
)
PAGES = ("graphql", "docs", "redoc")
#: Of an operation with its answers; it was 5,380 pixels when each answer described its headers.
MAX_HEIGHT = 2_000


def authorize(page: Page, email: str = CUSTOMER.email, password: str = CUSTOMER.password) -> None:
    """Sign in with the dialog behind Authorize, which has the focus where one types."""
    page.click("button.authorize")
    page.wait_for("document.activeElement.name === 'email'")
    page.type(email)
    page.click("#sign-in input[name=password]")
    page.type(password)
    page.click("#sign-in button[type=submit]")


def sign_in_as(page: Page, number: int) -> None:
    """Sign in as one of the demo people with one click in the dialog."""
    page.click("button.authorize")
    page.click(f"#sign-in [role=group] button:nth-child({number})")
    page.wait_for("!document.querySelector('#sign-in') && document.querySelector('button.authorize.locked')")


def set_scheme(page: Page, scheme: str) -> None:
    """Let the system prefer light or dark colours."""
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def wait_for_page(page: Page, name: str) -> None:
    """Wait until a page has drawn itself."""
    ready = {"graphql": ".graphiql-container", "docs": ".opblock", "redoc": "#docs h1"}[name]
    page.wait_for(f"document.querySelector('{ready}')")


def open_operation(page: Page, method: str, path: str) -> str:
    """Unfold an operation, wait until it can be executed, and return the selector of its block."""
    spec = f"ui.specSelectors.specResolvedSubtree(['paths', '{path}', '{method}'])"
    page.wait_for(f"ui.specSelectors.specJson().getIn(['paths', '{path}', '{method}'])")
    operation = page.evaluate(f"ui.specSelectors.specJson().getIn(['paths', '{path}', '{method}']).toJS()")
    block = f"#operations-{operation['tags'][0]}-{operation['operationId']}"
    page.click(f"{block} .opblock-summary-control")
    # Swagger UI resolves an operation a moment after showing it, and cannot execute it before.
    page.wait_for(f"{spec}?.get('operationId') && document.querySelector('{block} button.execute')")
    return block


def fill_in(page: Page, selector: str, text: str) -> None:
    """Replace the text of an input."""
    page.click(selector)
    page.evaluate("document.activeElement.select()")
    page.type(text)


def execute(page: Page, block: str, status: int) -> dict[str, Any]:
    """Execute an operation, wait for its answer, and return the body."""
    page.click(f"{block} button.execute")
    live = f"document.querySelector('{block} .live-responses-table .response')"
    page.wait_for(f"{live}?.querySelector('.response-col_status').textContent.includes('{status}')")
    body: dict[str, Any] = json.loads(
        page.evaluate(f"{live}.querySelector('.highlight-code code').textContent")
    )
    return body


def test_authorize_signs_in_and_is_remembered(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    authorize(page)
    page.wait_for("document.querySelector('button.authorize.locked')")
    page.open(f"{origin}/docs?again")
    me = execute(page, open_operation(page, "get", "/api/v1/auth/me"), 200)
    assert me["email"] == CUSTOMER.email
    page.click("button.authorize")
    page.wait_for(f"document.querySelector('#sign-in').textContent.includes('Signed in as {CUSTOMER.email}')")
    page.click("#sign-in button:not(.primary)")
    page.wait_for("document.querySelector('#sign-in input[name=email]')")


def test_a_refused_sign_in_says_why_and_stays_open(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    authorize(page, password="not the password")
    page.wait_for(
        "document.querySelector('#sign-in [role=alert]').textContent === 'Invalid email or password'"
    )
    assert page.evaluate("document.querySelectorAll('#sign-in input').length") == 3
    # What the browser itself says of a 401.
    page.problems = [problem for problem in page.problems if "401" not in problem]


def test_examples_can_be_executed_as_they_are(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    sign_in_as(page, 2)
    for method, path, status in BY_THE_CUSTOMER:
        execute(page, open_operation(page, method, path), status)


def test_an_administrators_examples_can_be_executed(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    sign_in_as(page, 1)
    execute(page, open_operation(page, "get", "/api/v1/users"), 200)
    created = execute(page, open_operation(page, "post", "/api/v1/users"), 201)
    assert created["email"] == "newuser@example.com"


def test_headers_are_described_once_and_errors_are_folded(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    block = open_operation(page, "post", "/api/v1/orders")
    page.wait_for(f"document.querySelectorAll('{block} tr.folded').length === 8")
    assert page.evaluate(f"document.querySelector('{block}').offsetHeight") < MAX_HEIGHT
    names = page.evaluate(f"document.querySelector('{block} .header-names').textContent")
    described = page.evaluate("document.querySelector('.info details').textContent")
    for name in names.removeprefix("Headers: ").split(", "):
        assert described.count(name) == 1
    page.click(f"{block} tr.folded button")
    page.wait_for(f"document.querySelector('{block} tr.response[data-code=\"400\"]')")
    assert "INVALID_PRODUCT" in page.text()


@pytest.mark.parametrize("name", PAGES)
def test_one_bar_leads_to_all_pages(page: Page, origin: str, name: str) -> None:
    page.open(f"{origin}/{name}")
    wait_for_page(page, name)
    links = page.evaluate("[...document.querySelectorAll('header.bar a')].map((a) => a.getAttribute('href'))")
    assert links == ["/", *(f"/{other}" for other in PAGES)]
    current = page.evaluate(
        "[...document.querySelectorAll('.bar [aria-current=page]')].map((a) => a.getAttribute('href'))"
    )
    assert current == [f"/{name}"]
    icon = page.evaluate("document.querySelector('.bar svg').getBoundingClientRect().width")
    assert icon == 20
    following = PAGES[(PAGES.index(name) + 1) % len(PAGES)]
    page.click(f".bar a[href='/{following}']")
    page.wait_for(f"location.pathname === '/{following}' && document.readyState === 'complete'")
    wait_for_page(page, following)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["docs", "redoc"])
def test_texts_can_be_read_in_light_and_dark(page: Page, origin: str, name: str, scheme: str) -> None:
    set_scheme(page, scheme)
    page.open(f"{origin}/{name}")
    wait_for_page(page, name)
    colour = "getComputedStyle(document.{}).backgroundColor"
    ground = page.evaluate(colour.format({"docs": "documentElement", "redoc": "body"}[name]))
    assert (ground in ("rgb(28, 32, 34)", "rgb(20, 26, 38)")) == (scheme == "dark")
    if name == "docs":
        open_operation(page, "patch", "/api/v1/users/{user_id}")
        block = open_operation(page, "get", "/api/v1/products/{product_id}")
        execute(page, block, 200)
        page.click(f"{block} tr.folded button")
        page.click("button.authorize")
    else:
        page.wait_for("document.body.innerText.includes('Create order')")
    assert low_contrasts(page) == []


@pytest.mark.parametrize("width", [390, 768])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_narrow_window(page: Page, origin: str, name: str, width: int) -> None:
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
    )
    page.open(f"{origin}/{name}")
    wait_for_page(page, name)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_graphiql_shows_what_the_schema_says_of_itself(page: Page, origin: str) -> None:
    page.open(f"{origin}/graphql")
    page.click("button[aria-label='Show Documentation Explorer']")
    page.wait_for("document.body.innerText.includes('An order API')")


def test_an_order_is_placed_and_found(page: Page, origin: str) -> None:
    page.open(f"{origin}/docs")
    sign_in_as(page, 2)
    block = open_operation(page, "post", "/api/v1/orders")
    body = {"items": [{"product_id": 1, "quantity": 2}], "shipping_address": "1 Main Street"}
    fill_in(page, f"{block} textarea.body-param__text", json.dumps(body))
    placed = execute(page, block, 201)
    assert placed["status"] == "pending"
    block = open_operation(page, "get", "/api/v1/orders/{order_id}")
    fill_in(page, f"{block} input[placeholder=order_id]", str(placed["id"]))
    found = execute(page, block, 200)
    assert (found["id"], found["shipping_address"]) == (placed["id"], body["shipping_address"])


def test_redoc_shows_the_operations_and_finds_one(page: Page, origin: str) -> None:
    page.open(f"{origin}/redoc")
    page.wait_for("document.body.innerText.includes('Create order')")
    page.click("input[placeholder^=Search]")
    page.type("create order")
    page.wait_for(
        "document.querySelector('[data-role=\"search:results\"]')?.textContent.includes('Create order')"
    )


def links_to_twins(page: Page, origin: str) -> dict[str, str]:
    """Return where "The same in GraphQL" of each operation leads, by operation id."""
    page.open(f"{origin}/docs")
    page.wait_for("document.querySelector('.opblock')")
    links = {}
    for path, operations in page.evaluate("ui.specSelectors.specJson().get('paths').toJS()").items():
        for method, operation in operations.items():
            block = open_operation(page, method, path)
            page.click(f"{block} .twin summary")
            twin = TWINS[operation["operationId"]]
            assert (
                page.evaluate(f"document.querySelector('{block} .twin pre').innerText")
                == twin.document.strip()
            )
            links[operation["operationId"]] = page.evaluate(f"document.querySelector('{block} .twin a').href")
            page.click(f"{block} .opblock-summary-control")
    return links


def open_twin(page: Page, operation_id: str, link: str) -> None:
    """Follow a link to GraphiQL, and wait until it has read what the link holds."""
    document = json.dumps(TWINS[operation_id].document.strip())
    page.call("Page.navigate", url=link)
    is_shown = f"location.hash === '' && {QUERY}.getValue().trim() === {document}"
    page.wait_for(f"{is_shown} && {QUERY}.operations?.length === 1 && {RESPONSE} === ''")


def answer(page: Page) -> Any:
    """Run what is open, and return the value of its only field, which was answered without an error."""
    run(page)
    page.wait_for(f"{RESPONSE}.trimEnd().endsWith('}}')")
    given = json.loads(page.evaluate(RESPONSE))
    assert "errors" not in given, given
    (value,) = given["data"].values()
    assert not value.get("errors"), given
    return value


def edit_input(page: Page, field: str, value: str) -> None:
    """Change one field of the input in the editor of variables."""
    variables = json.loads(page.evaluate(f"{VARIABLES}.getValue()"))
    variables["input"][field] = value
    page.evaluate(f"{VARIABLES}.setValue({json.dumps(json.dumps(variables))})")


#: These first: what they answer is what the examples of others stand for.
MAKING = ("login", "createUser", "createOrder")


@needs_assets
@pytest.mark.anyio
async def test_every_operation_leads_to_its_twin_which_runs(page: Page, origin: str, stage: Stage) -> None:
    links = links_to_twins(page, origin)
    assert set(links) == set(TWINS)
    made: dict[str, Any] = {}
    open_playground(page, origin)
    sign_in(page, "admin")
    for operation_id in (*MAKING, *(set(links) - set(MAKING))):
        open_twin(page, operation_id, links[operation_id])
        match operation_id:
            case "createUser":
                edit_input(page, "email", "twin@example.com")
            case "refreshToken":
                edit_input(page, "refreshToken", made["login"]["refreshToken"])
            case "cancelOrder":
                edit_input(page, "id", made["createOrder"]["order"]["id"])
            case "deleteUser":
                edit_input(page, "id", made["createUser"]["user"]["id"])
        made[operation_id] = answer(page)
    assert made["cancelOrder"]["order"]["status"] == "CANCELLED"


def test_redoc_leads_to_the_same_places(page: Page, origin: str) -> None:
    document = httpx.get(f"{origin}/openapi.json").json()
    links = {
        origin + operation["externalDocs"]["url"]
        for path in document["paths"].values()
        for operation in path.values()
    }
    page.open(f"{origin}/redoc")
    page.wait_for("document.body.innerText.includes('Create order')")
    shown = "[...document.querySelectorAll('a[href^=\"/graphql#\"]')].map((link) => link.href)"
    assert sorted(page.evaluate(shown)) == sorted(links)
