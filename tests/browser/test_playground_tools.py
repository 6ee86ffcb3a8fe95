"""What the page adds to GraphiQL: examples, links, code to copy, and keys; in a real browser."""

import json
import subprocess
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from tests.browser.chromium import Browser, Page
from tests.browser.graphiql import (
    QUERY,
    VARIABLES,
    choose,
    needs_assets,
    open_playground,
    open_tab,
    press,
    sign_in,
    titles,
)
from tests.browser.stand_in import Stage, app, served, stage

pytestmark = [pytest.mark.slow, needs_assets]

EXAMPLES = ["Browse products", "Place an order", "Watch it live", "Errors as data"]
NOTICE = "document.querySelector('#notice span').textContent"
ACTIVE = "document.querySelector('.graphiql-tab-active .graphiql-tab-button')?.textContent"
FOCUS = "document.activeElement"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """Address of the stand-in."""
    with served(app()) as address:
        yield address


@pytest.fixture
def origin(stand_in: str) -> str:
    """Address of the stand-in, in place of the real service's, as at the start."""
    stage.__init__()  # type: ignore[misc]
    return stand_in


@pytest.fixture
def acting(origin: str) -> Stage:
    """What the stand-in has seen."""
    return stage


def visit(page: Page, link: str) -> None:
    """Follow a link; the page takes the document out of its address."""
    page.call("Page.navigate", url=link)
    page.wait_for(
        "document.readyState === 'complete' && document.querySelector('.graphiql-query-editor .CodeMirror')"
    )


def copied(page: Page) -> str:
    """Return what was copied last, and forget it."""
    page.wait_for("globalThis.written")
    text: str = page.evaluate("written")
    page.evaluate("globalThis.written = null")
    return text


def catch_copies(page: Page) -> None:
    """Keep what the page puts on the clipboard, which a headless browser has none of."""
    page.evaluate("navigator.clipboard.writeText = async (text) => { globalThis.written = text; }")


def edit(page: Page, query: str, variables: str = "") -> None:
    """Put a document into the open tab, and wait until GraphiQL has read it."""
    page.evaluate(f"{QUERY}.setValue({json.dumps(query)}); {VARIABLES}.setValue({json.dumps(variables)})")
    page.wait_for(f"{QUERY}.operations?.length > 0")


def test_the_menu_brings_a_closed_example_back_and_shows_an_open_one(page: Page, origin: str) -> None:
    open_playground(page, origin)
    for left in range(len(EXAMPLES) - 1, 0, -1):
        # Not by the mouse: GraphiQL lays its tabs out anew, and a button may go between its press and its release.
        page.evaluate("document.querySelector('.graphiql-tab-active .graphiql-tab-close').click()")
        # A single one has no button.
        shown = left if left > 1 else 0
        page.wait_for(f"document.querySelectorAll('.graphiql-tab-button').length === {shown}")
    choose(page, "Examples", "Place an order")
    page.wait_for(f"{ACTIVE} === 'Place an order'")
    page.wait_for(f"{VARIABLES}.getValue().includes('productId')")
    assert "createOrder" in page.evaluate(f"{QUERY}.getValue()")
    choose(page, "Examples", "Watch it live")
    page.wait_for(f"{ACTIVE} === 'Watch it live'")
    page.wait_for(f"{QUERY}.getValue().includes('orderEvents')")
    choose(page, "Examples", "Place an order")
    page.wait_for(f"{ACTIVE} === 'Place an order'")
    page.wait_for(f"{QUERY}.getValue().includes('createOrder')")
    assert len(titles(page)) == 3


def test_a_shared_link_opens_as_a_tab_elsewhere_and_runs_nothing(
    page: Page, browser: Browser, origin: str, acting: Stage
) -> None:
    open_playground(page, origin)
    catch_copies(page)
    sign_in(page, "ada")
    query, variables = "query A { me }\nquery B($x: Int) { me # + & = % 100 €\n}", '{"x": "a+b & ☃"}'
    page.evaluate(
        "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1)"
        """.CodeMirror.setValue('{"X-Secret": "mine"}')"""
    )
    edit(page, query, variables)
    page.evaluate("[...document.querySelectorAll('.tools button')][1].click()")
    link = copied(page)
    address, _, fragment = link.partition("#")
    assert address == f"{origin}/graphql"
    assert parse_qs(fragment) == {
        "query": [query],
        "variables": ['{"x":"a+b & ☃"}'],
        "operationName": ["A"],
    }
    with browser.page() as other:
        visit(other, link)
        other.wait_for(f"{NOTICE}.startsWith('Opened from a link')")
        other.wait_for(f"{QUERY}.operationName === 'A'")
        assert other.evaluate(f"{QUERY}.getValue()") == query
        assert json.loads(other.evaluate(f"{VARIABLES}.getValue()")) == json.loads(variables)
        assert other.evaluate("location.href") == f"{origin}/graphql"
        assert titles(other) == [*EXAMPLES, "A"]
        assert other.problems == []
    assert acting.seen == []


def test_a_link_put_into_the_same_page_opens_too(page: Page, origin: str) -> None:
    open_playground(page, origin)
    page.evaluate("location.hash = 'query=query+Other+%7B+me+%7D'")
    page.wait_for(f"{ACTIVE} === 'Other' && {QUERY}.getValue() === 'query Other {{ me }}'")


@pytest.mark.parametrize(
    ("fragment", "told"),
    [
        ("nonsense", "holds no document"),
        ("query=", "holds no document"),
        ("variables=%7B%7D", "holds no document"),
        ("query=%E0%A4%A", "damaged"),
        ("query=%FF%FE", "damaged"),
        ("query={me}&variables=[1]", "not a JSON object"),
        ("query={me}&variables=null", "not a JSON object"),
        ("query={me}&variables=%7B", "not a JSON object"),
        ("query={me}&variables=" + '{"a":' * 9_000 + "1" + "}" * 9_000, "nested too deeply"),
        ("query=" + "a" * 100_001, "too long"),
        ("query=<script>alert(1)</script>", "Opened from a link"),
        ("query=" + "{a" * 20_000, "nested too deeply"),
        ("query={me}&operationName=<b>", "Opened from a link"),
    ],
)
def test_a_broken_link_is_a_sentence_and_the_page_works_on(
    page: Page, origin: str, fragment: str, told: str
) -> None:
    visit(page, f"{origin}/graphql#{fragment}")
    page.wait_for(f"{NOTICE}.includes({json.dumps(told)})")
    page.click("#notice button")
    page.wait_for(f"{NOTICE} === ''")
    open_tab(page, "Place an order")


NODE = ["node", "--input-type=module", "--eval"]


@pytest.mark.parametrize("signed_in", [False, True])
def test_code_for_curl_and_fetch_runs(page: Page, origin: str, acting: Stage, signed_in: bool) -> None:
    open_playground(page, origin)
    catch_copies(page)
    if signed_in:
        sign_in(page, "ada")
    query = "query A { me }\nquery It($n: Int!) { products(first: $n) { totalCount } me # it's `${x}` \\n\n}"
    edit(page, query, '{"n": 3}')
    page.evaluate("document.querySelector('.graphiql-execute-button').focus()")
    page.wait_for(f"{QUERY}.operationName === 'A'")
    for name, command in (("curl", ["sh", "-c"]), ("fetch", NODE)):
        choose(page, "Copy as", name)
        code = copied(page)
        assert f"{origin}/graphql" in code
        assert "access-1" not in code
        assert ("YOUR_ACCESS_TOKEN" in code) == signed_in
        ran = subprocess.run([*command, code], capture_output=True, text=True, timeout=60)
        assert '"me"' in ran.stdout or "me: 'me'" in ran.stdout or "NOT_AUTHENTICATED" in ran.stdout, ran
    assert acting.seen == ["Bearer YOUR_ACCESS_TOKEN" if signed_in else None] * 2


def test_what_cannot_be_copied_as_code_is_said(page: Page, origin: str) -> None:
    open_playground(page, origin)
    edit(page, "query A { me }", "{")
    choose(page, "Copy as", "curl")
    page.wait_for(f"{NOTICE} === 'The variables are not JSON.'")
    page.evaluate(f"{QUERY}.setValue('nothing'); {VARIABLES}.setValue('')")
    choose(page, "Copy as", "Apollo")
    page.wait_for(f"{NOTICE}.startsWith('There is no operation here')")


def test_what_the_clipboard_refuses_is_shown_to_be_copied(page: Page, origin: str) -> None:
    open_playground(page, origin)
    page.evaluate("navigator.clipboard.writeText = async () => { throw new Error('refused'); }")
    choose(page, "Copy as", "curl")
    page.wait_for("document.getElementById('copy-by-hand').open")
    assert page.evaluate("getSelection().toString() || document.activeElement.value").startswith("curl ")


def test_prettify_keeps_comments(page: Page, origin: str) -> None:
    open_playground(page, origin)
    edit(
        page,
        "# top\nquery A($n:Int=3 # how many\n){# open\n  products(first:$n){totalCount}# besides\n\n  # above\n"
        "  me\n  # dangling\n}\n# last",
        '{"n":1}',
    )
    page.click("[aria-label^='Prettify']")
    page.wait_for(f"{QUERY}.lineCount() > 12")
    assert page.evaluate(f"{QUERY}.getValue()") == (
        "# top\nquery A(\n  $n: Int = 3 # how many\n) { # open\n  products(first: $n) {\n    totalCount\n"
        "  } # besides\n\n  # above\n  me\n  # dangling\n}\n# last\n"
    )
    assert page.evaluate(f"{VARIABLES}.getValue()") == '{\n  "n": 1\n}'


def test_prettify_by_its_key_leaves_what_cannot_be_parsed(page: Page, origin: str) -> None:
    open_playground(page, origin)
    page.evaluate(f"{QUERY}.setValue('query A {{ me # x\\n'); {QUERY}.focus()")
    press(page, "P", ctrl=True, shift=True)
    page.wait_for(f"{NOTICE}.startsWith('The query is left as it is: Syntax Error')")
    assert page.evaluate(f"{QUERY}.getValue()") == "query A { me # x\n"
    page.evaluate(f"{QUERY}.setValue('{{me}} # x'); {QUERY}.focus()")
    press(page, "P", ctrl=True, shift=True)
    page.wait_for(f"{QUERY}.getValue() === '{{\\n  me\\n}} # x\\n'")


def test_merging_says_that_comments_go(page: Page, origin: str) -> None:
    open_playground(page, origin)
    edit(page, "query A { ...F } # x\nfragment F on Query { me }")
    page.click("[aria-label^='Merge']")
    page.wait_for(f"{NOTICE}.startsWith('Merging drops comments')")


@pytest.mark.parametrize("editor", [".graphiql-query-editor", ".graphiql-editor-tool"])
def test_escape_and_tab_leave_an_editor(page: Page, origin: str, editor: str) -> None:
    open_playground(page, origin)
    field = f"document.querySelector('{editor} .CodeMirror').CodeMirror"
    assert "Esc then Tab leaves it" in page.text()
    for shift in (False, True):
        page.evaluate(f"{field}.setValue('x'); {field}.focus()")
        press(page, "Tab")
        page.wait_for(f"{field}.getValue() !== 'x'")
        page.evaluate(f"{field}.setValue('x')")
        press(page, "Escape")
        press(page, "Shift", shift=True) if shift else None
        press(page, "Tab", shift=shift)
        page.wait_for(f"!{field}.hasFocus()")
        assert page.evaluate(f"{field}.getValue()") == "x"


def test_tab_leaves_the_answer(page: Page, origin: str) -> None:
    open_playground(page, origin)
    answer = "document.querySelector('.result-window .CodeMirror').CodeMirror"
    page.evaluate(f"{answer}.focus()")
    press(page, "Tab")
    page.wait_for(f"!{answer}.hasFocus()")


@pytest.mark.parametrize("modifier", ["ctrl", "meta"])
def test_ctrl_k_searches_the_docs_from_anywhere(page: Page, origin: str, modifier: str) -> None:
    open_playground(page, origin)
    # With the schema there, and so its search.
    page.click("[aria-label='Show Documentation Explorer']")
    page.wait_for("document.querySelector('.graphiql-doc-explorer-search input')")
    page.click("[aria-label='Hide Documentation Explorer']")
    page.wait_for("!document.querySelector('.graphiql-plugin').textContent")
    page.evaluate(f"{QUERY}.focus()")
    press(page, "k", **{modifier: True})
    page.wait_for(f"{FOCUS}.matches('.graphiql-doc-explorer-search input')")
    assert page.evaluate(f"{FOCUS}.getAttribute('aria-label')") == "Search the docs"


def test_every_input_has_a_name(page: Page, origin: str) -> None:
    open_playground(page, origin)
    edit(page, "query A { products(first: 1, filter: { inStock: true }) { totalCount } }")
    unnamed = """[...document.querySelectorAll('input, select, textarea')].filter((input) =>
        !input.labels?.length && !input.ariaLabel && !input.getAttribute('aria-labelledby'))
        .map((input) => input.outerHTML)"""
    for plugin in ("Documentation Explorer", "GraphiQL Explorer"):
        page.click(f"[aria-label='Show {plugin}']")
        page.wait_for("document.querySelector('.graphiql-plugin :is(input, select)')")
        page.wait_for(f"({unnamed}).length === 0")
    page.wait_for("document.querySelector('[data-arg-name=inStock] select')?.ariaLabel === 'inStock'")
    page.evaluate(f"{QUERY}.focus()")
    press(page, "f", ctrl=True)
    page.wait_for("document.querySelector('.CodeMirror-search-field')?.ariaLabel")
    names = "[...document.querySelectorAll('.CodeMirror textarea')].map((area) => area.ariaLabel)"
    assert page.evaluate(names) == ["Query", "Variables", "Headers", "Response"]


@pytest.mark.parametrize("width", [390, 768])
def test_with_the_docs_open_all_is_in_reach(page: Page, origin: str, width: int) -> None:
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=850, deviceScaleFactor=1, mobile=False
    )
    open_playground(page, origin)
    page.click("[aria-label='Show Documentation Explorer']")
    page.wait_for("document.querySelector('.graphiql-plugin').textContent.includes('Query')")
    if width < 720:
        page.click("[aria-label='Hide Documentation Explorer']")
        page.wait_for("!document.querySelector('.graphiql-plugin').textContent")
    for part in (".graphiql-query-editor .CodeMirror", ".result-window", ".tools"):
        box = page.evaluate(f"document.querySelector('{part}').getBoundingClientRect().toJSON()")
        assert 0 <= box["left"] < box["right"] <= width, part
        assert 0 < box["top"] < box["bottom"] <= 850, part
        assert box["width"] >= (220 if part == ".tools" else 340), part
    assert page.evaluate("document.documentElement.scrollWidth") == width
    choose(page, "Examples", "Watch it live")
    page.wait_for(f"{ACTIVE} === 'Watch it live'")
