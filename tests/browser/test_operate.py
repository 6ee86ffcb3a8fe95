"""Operate: the strip that tells administrators whether all is well, and the six questions, ready to run."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from redis import Redis

from graph.types.nodes import encode_id
from tasks.broker import QUEUE
from tests.browser.chromium import Page
from tests.browser.graphiql import (
    QUERY,
    RESPONSE,
    VARIABLES,
    answers,
    choose,
    needs_assets,
    open_playground,
    run,
    sign_in,
    titles,
)
from tests.clients.service import Service

pytestmark = [pytest.mark.slow, needs_assets]

STRIP = "document.getElementById('system')"
IS_SHOWN = f"{STRIP}.getClientRects().length > 0"
QUESTIONS = [
    *("What hangs", "Why does it hang", "Try it again", "Where did the stock go", "Is all well"),
    "Who uses what",
]
#: Counts the questions of the strip, and has it ask without its pause.
OBSERVE = """
    globalThis.asked = 0;
    const [send, wait] = [fetch, setTimeout];
    globalThis.fetch = (url, init) => { asked += /SystemStrip/.test(init?.body) ? 1 : 0; return send(url, init); };
    globalThis.setTimeout = (act, ms, ...more) => wait(act, ms === 5000 ? 20 : ms, ...more);
"""


def query(service: Service, sql: str, *values: Any) -> Any:
    """Return one value of the service's database."""

    async def fetch() -> Any:
        connection = await asyncpg.connect(service.database_url)
        try:
            return await connection.fetchval(sql, *values)
        finally:
            await connection.close()

    return asyncio.run(fetch())


@contextmanager
def dead_letter(service: Service) -> Iterator[None]:
    """Have one message among the dead letters."""
    redis: Any
    with Redis.from_url(service.environment["TANDEM_REDIS_URL"]) as redis:
        redis.xadd(f"{QUEUE}:dead", {"data": "x", "reason": "a reason"})
        try:
            yield
        finally:
            redis.delete(f"{QUEUE}:dead")


@pytest.fixture
def given_up(service: Service) -> Iterator[int]:
    """An order that was given up, with what it failed for."""
    order_id = query(
        service,
        "UPDATE orders SET status = 'failed', failure_code = 'PROCESSING_ERROR', total = 0, due_at = NULL"
        " WHERE id = (SELECT max(id) FROM orders WHERE status = 'cancelled') RETURNING id",
    )
    query(
        service,
        "INSERT INTO order_failures (order_id, attempt, error, message) VALUES ($1, 1, 'ValueError', 'what broke')",
        order_id,
    )
    yield order_id
    query(
        service,
        "UPDATE orders SET failure_code = 'OUT_OF_STOCK' WHERE id = $1 AND status = 'failed'",
        order_id,
    )


def test_the_strip_is_for_administrators_and_tells_live(page: Page, origin: str, service: Service) -> None:
    open_playground(page, origin)
    page.evaluate(OBSERVE)
    assert not page.evaluate(IS_SHOWN)
    sign_in(page, "ada")
    run(page)
    answers(page, "totalCount")
    assert not page.evaluate(IS_SHOWN)
    assert page.evaluate("asked") == 0
    page.click("#sign-out")
    sign_in(page, "admin")
    page.wait_for(IS_SHOWN)
    page.wait_for(
        f"/ open orders?( · oldest [^·]+)? · 1 worker · 0 dead letters$/.test({STRIP}.firstChild.textContent)"
    )
    with dead_letter(service):
        page.wait_for(f"{STRIP}.dataset.state === 'unwell' && {STRIP}.textContent.includes('1 dead letter')")
        page.wait_for(f"{STRIP}.querySelector('li').textContent.includes('tandem dead list')")


def test_the_strip_asks_only_while_somebody_looks(page: Page, origin: str) -> None:
    open_playground(page, origin)
    page.evaluate(OBSERVE)
    sign_in(page, "admin")
    page.wait_for("asked > 2")
    set_visibility(page, "hidden")
    nothing_is_asked_while_something_runs(page)
    set_visibility(page, "visible")
    before = page.evaluate("asked")
    page.wait_for(f"asked > {before} + 1")
    page.click("#sign-out")
    page.wait_for(f"!({IS_SHOWN})")
    nothing_is_asked_while_something_runs(page)


def set_visibility(page: Page, state: str) -> None:
    page.evaluate(
        f"Object.defineProperty(document, 'visibilityState', {{ value: '{state}', configurable: true }});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )


def nothing_is_asked_while_something_runs(page: Page) -> None:
    before = page.evaluate("asked")
    for number in range(3):
        run(page, f"query Other{number} {{ products(first: 1) {{ totalCount n{number}: totalCount }} }}")
        answers(page, f'"n{number}"')
    assert page.evaluate("asked") == before


def test_the_questions_are_for_administrators(page: Page, origin: str) -> None:
    open_playground(page, origin)
    has_menu = (
        "[...document.querySelectorAll('.tools button')].some((one) => one.textContent === 'Operate ▾')"
    )
    assert not page.evaluate(has_menu)
    sign_in(page, "ada")
    assert not page.evaluate(has_menu)
    page.click("#sign-out")
    sign_in(page, "admin")
    page.wait_for(has_menu)


def test_the_six_questions_are_ready_to_run(page: Page, origin: str, given_up: int) -> None:
    """With the ids of an order that needs it and of its product, and nothing has run by itself."""
    open_playground(page, origin)
    sign_in(page, "admin")
    # The strip moves what is below it as it begins to tell: a click would miss what it was meant for.
    page.wait_for(f"/ open orders?/.test({STRIP}.textContent)")
    choose(page, "Operate", "All six")
    page.wait_for("document.querySelectorAll('.graphiql-tab-button').length === 10")
    page.wait_for(f"{QUERY}.operationName === 'WhoUsesWhat'")
    assert titles(page)[4:] == QUESTIONS
    assert page.evaluate(RESPONSE) == ""
    run(page)
    answers(page, '"apiUsage"')
    show(page, "Is all well", "IsAllWell")
    run(page)
    answers(page, '"isWell"')
    answers(page, "what broke")
    show(page, "What hangs", "WhatHangs")
    run(page)
    answers(page, '"stuckOrders"')
    show(page, "Where did the stock go", "WhereDidTheStockGo")
    assert json.loads(page.evaluate(f"{VARIABLES}.getValue()"))["id"]
    run(page)
    answers(page, '"INITIAL"')
    id = encode_id("Order", given_up)
    show(page, "Why does it hang", "WhyDoesItHang")
    page.wait_for(f"JSON.parse({VARIABLES}.getValue()).id")
    run(page)
    answers(page, '"failures"')
    show(page, "Try it again", "TryItAgain")
    page.wait_for(f"JSON.parse({VARIABLES}.getValue()).input.id === '{id}'")
    run(page)
    answers(page, '"PENDING"')


def show(page: Page, title: str, operation: str) -> None:
    """Show the tab of a question."""
    tabs = "[...document.querySelectorAll('.graphiql-tab-button')]"
    page.evaluate(f"{tabs}.find((tab) => tab.textContent === '{title}').click()")
    page.wait_for(f"{QUERY}.operationName === '{operation}'")
