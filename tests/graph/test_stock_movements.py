"""The ledger of the stock: movements with what each left, for administrators, and made once however often asked."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import asyncpg
import pytest

from core.resources import Resources
from engine.postgres import fetch, record_statements
from graph.types.nodes import encode_id
from models import Product, StockMovement, User
from tasks.orders import process, process_all
from tests.client import Client
from tests.factories import make_admin, make_order, make_product, make_token, make_user
from tests.graph.documents import global_id, mutate, refusals
from tests.servers import until

pytestmark = pytest.mark.anyio

LEDGER = """
query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  product(id: $id) {
    onHand
    stockMovements(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      nodes {
        id delta onHandAfter reason note createdAt idempotencyKey
        product { id } order { id status } actor { email }
      }
    }
  }
}
"""
#: What is wrong with a ledger, in any product: a movement that does not lead from the one before to what it left.
CONTRADICTIONS = """
SELECT id FROM (
    SELECT id, on_hand_after <> sum(delta) OVER (PARTITION BY product_id ORDER BY id) AS wrong FROM stock_movements
) AS movement WHERE wrong
UNION ALL
SELECT id FROM products WHERE on_hand <> coalesce(
    (SELECT on_hand_after FROM stock_movements WHERE product_id = products.id ORDER BY id DESC LIMIT 1), 0
)
"""


async def ledger(client: Client, admin: User, product: Product, **window: Any) -> dict[str, Any]:
    """Return a page of a product's ledger, as GraphQL shows it."""
    answer = await client.graphql(LEDGER, {"id": global_id(product), **window}, user=admin)
    page: dict[str, Any] = answer.data["product"]["stockMovements"]
    return page


def steps(page: dict[str, Any]) -> list[tuple[int, int, str]]:
    """Return the movements of a page."""
    return [(node["delta"], node["onHandAfter"], node["reason"]) for node in page["nodes"]]


WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def at_once(database_url: str, *requests: Coroutine[Any, Any, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the requests are answered that were all on their way to the stock before any of them moved it."""
    blocker = await asyncpg.connect(database_url)
    try:
        async with blocker.transaction():
            await blocker.execute("SELECT FROM products FOR UPDATE")
            asked = [asyncio.create_task(request) for request in requests]

            async def all_wait() -> bool:
                return bool(await blocker.fetchval(WAITING) == len(requests))

            await until(all_wait)
    finally:
        await blocker.close()
    return await asyncio.gather(*asked)


async def entries_of(product: Product) -> list[tuple[int, str, int | None, str]]:
    """Return a product's ledger, as it is stored."""
    movements = await StockMovement.filter(product_id=product.id).order_by("id")
    return [(move.delta, move.reason.value, move.actor_id, move.note) for move in movements]


async def test_every_movement_is_told_with_its_reason_actor_and_order(client: Client) -> None:
    admin, user = await make_admin(), await make_user()
    outcome = await mutate(client, "createProduct", user=admin, name="Kettle", price="1.00", onHand=10)
    product = await Product.get()
    assert outcome["product"]["id"] == global_id(product)
    order = await make_order(user, (product, 3), (product, 1))
    await process(client.resources, order.id)
    await mutate(client, "adjustStock", user=admin, id=global_id(product), delta=-2, note="Broken")

    page = await ledger(client, admin, product)
    assert steps(page) == [(-2, 4, "ADJUSTMENT"), (-4, 6, "SALE"), (10, 10, "INITIAL")]
    adjustment, sale, initial = page["nodes"]
    assert (adjustment["note"], adjustment["actor"], adjustment["order"]) == (
        "Broken",
        {"email": admin.email},
        None,
    )
    assert (sale["note"], sale["actor"]) == ("", None)
    assert sale["order"] == {"id": global_id(order), "status": "COMPLETED"}
    assert (initial["actor"], initial["order"]) == ({"email": admin.email}, None)
    assert all(node["product"] == {"id": global_id(product)} for node in page["nodes"])
    assert all(node["createdAt"].endswith("Z") for node in page["nodes"])


async def test_a_page_takes_as_many_statements_whatever_its_length(client: Client) -> None:
    admin, product, user = await make_admin(), await make_product(on_hand=100), await make_user()
    sent = []
    for number in (1, 5):
        for _ in range(number):
            await process(client.resources, (await make_order(user, (product, 1))).id)
            await mutate(client, "adjustStock", user=admin, id=global_id(product), delta=1)
        token = await make_token(client.resources, admin)
        with record_statements() as statements:
            answer = await client.graphql(LEDGER, {"id": global_id(product)}, token=token)
        assert len(answer.data["product"]["stockMovements"]["nodes"]) == (3 if number == 1 else 13)
        sent.append(len(statements))
    assert sent == [5, 5]  # viewer, product, page (which knows its length), orders, actors


async def test_orders_of_one_batch_leave_what_each_of_them_left(resources: Resources) -> None:
    user, few, many = await make_user(), await make_product(on_hand=5), await make_product(on_hand=100)
    orders = [await make_order(user, (few, 2), (many, number)) for number in range(1, 5)]
    await process_all(resources, [order.id for order in orders])
    sales = await StockMovement.filter(product_id=few.id, reason="sale").order_by("id")
    assert [(sale.delta, sale.on_hand_after) for sale in sales] == [(-2, 3), (-2, 1)]
    sales = await StockMovement.filter(product_id=many.id, reason="sale").order_by("id")
    assert [(sale.delta, sale.on_hand_after) for sale in sales] == [(-1, 99), (-2, 97)]


async def test_the_ledger_adds_up_whoever_moves_stock_at_the_same_time(client: Client) -> None:
    token, user = await make_token(client.resources, await make_admin()), await make_user()
    products = [await make_product(on_hand=9) for _ in range(2)]
    orders = [await make_order(user, *((product, 1) for product in products)) for _ in range(8)]
    await asyncio.gather(
        *(process(client.resources, order.id) for order in orders),
        *(
            mutate(client, "adjustStock", token=token, id=global_id(product), delta=delta)
            for delta in (2, -1, 5)
            for product in products
        ),
    )
    assert await StockMovement.all().count() >= 8
    assert not await fetch(CONTRADICTIONS)


async def test_pages_have_every_movement_once_and_what_is_new_before_the_first(client: Client) -> None:
    admin, product, other = await make_admin(), await make_product(on_hand=1), await make_product()
    for product_ in (product, other, product, product):
        await mutate(client, "adjustStock", user=admin, id=global_id(product_), delta=1)
    first = await ledger(client, admin, product, first=3)
    assert [step[1] for step in steps(first)] == [4, 3, 2]
    assert first["totalCount"] == 4
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    rest = await ledger(client, admin, product, first=3, after=first["pageInfo"]["endCursor"])
    assert [step[1] for step in steps(rest)] == [1]

    seen = first["pageInfo"]["startCursor"]
    for _ in range(3):
        await mutate(client, "adjustStock", user=admin, id=global_id(product), delta=1)
    news = await ledger(client, admin, product, last=2, before=seen)
    assert [step[1] for step in steps(news)] == [6, 5]
    news = await ledger(client, admin, product, last=2, before=news["pageInfo"]["startCursor"])
    assert [step[1] for step in steps(news)] == [7]


async def test_a_cursor_may_be_as_large_as_an_id_can_be(client: Client) -> None:
    admin, product = await make_admin(), await make_product(on_hand=1)
    large = 2**62
    movement: dict[str, Any] = {
        "product_id": product.id,
        "delta": 1,
        "on_hand_after": 2,
        "reason": "adjustment",
    }
    await StockMovement.create(id=large, **movement)
    page = await ledger(client, admin, product, first=1)
    assert page["nodes"][0]["id"] == encode_id("StockMovement", large)
    page = await ledger(client, admin, product, first=1, after=page["pageInfo"]["endCursor"])
    assert steps(page) == [(1, 1, "INITIAL")]
    query = "query ($id: ID!) { node(id: $id) { ... on StockMovement { onHandAfter } } }"
    for number in (large, large + 1, 2**63):
        answer = await client.graphql(query, {"id": encode_id("StockMovement", number)}, user=admin)
        assert answer.codes == ([] if number == large else ["STOCK_MOVEMENT_NOT_FOUND"])


async def test_stock_moves_with_an_entry_in_the_ledger_and_never_without(client: Client) -> None:
    admin, product = await make_admin(), await make_product(on_hand=5)
    for delta, note, left in ((3, " Delivery ", 8), (-8, "", 0)):
        outcome = await mutate(
            client, "adjustStock", user=admin, id=global_id(product), delta=delta, note=note
        )
        assert outcome["product"]["onHand"] == left
    entries = await entries_of(product)
    assert entries[1:] == [(3, "adjustment", admin.id, "Delivery"), (-8, "adjustment", admin.id, "")]
    assert sum(entry[0] for entry in entries) == 0
    for delta in (-1, 0, 10**9 + 1, -(10**9) - 1, 2**31 - 1, -(2**31)):
        outcome = await mutate(client, "adjustStock", user=admin, id=global_id(product), delta=delta)
        assert refusals(outcome) == [("INVALID_QUANTITY", ["input", "delta"])], delta
    outcome = await mutate(client, "adjustStock", user=admin, id=global_id(product), delta=1, note="x" * 201)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "note"])]
    assert len(await entries_of(product)) == 3


async def test_concurrent_movements_never_take_more_than_there_is(client: Client) -> None:
    token = await make_token(client.resources, await make_admin())
    product = await make_product(on_hand=5)
    outcomes = await asyncio.gather(
        *(mutate(client, "adjustStock", token=token, id=global_id(product), delta=-1) for _ in range(12))
    )
    assert sum(not outcome["errors"] for outcome in outcomes) == 5
    await product.refresh_from_db()
    assert product.on_hand == sum(entry[0] for entry in await entries_of(product)) == 0


async def test_stock_is_moved_only_if_as_much_is_on_hand_as_was_expected(client: Client) -> None:
    admin, product = await make_admin(), await make_product(on_hand=5)
    change: dict[str, Any] = {"id": global_id(product), "delta": 3, "expectedOnHand": 5}
    outcome = await mutate(client, "adjustStock", user=admin, **change)
    assert (outcome["errors"], outcome["product"]["onHand"]) == ([], 8)
    outcome = await mutate(client, "adjustStock", user=admin, **change)
    (error,) = outcome["errors"]
    assert (error["code"], error["field"]) == ("CONFLICT", ["input", "expectedOnHand"])
    assert error["message"] == "8 on hand, not 5"
    assert outcome["product"] == {"id": global_id(product), "onHand": 8}
    assert (outcome["movement"], outcome["replayed"]) == (None, False)
    outcome = await mutate(client, "adjustStock", user=admin, **change | {"delta": -9, "expectedOnHand": 8})
    assert refusals(outcome) == [("INVALID_QUANTITY", ["input", "delta"])]
    assert len(await entries_of(product)) == 2


async def test_of_many_who_expect_the_same_stock_one_moves_it(client: Client, database_url: str) -> None:
    token, product = await make_token(client.resources, await make_admin()), await make_product(on_hand=5)
    change: dict[str, Any] = {"id": global_id(product), "delta": 1, "expectedOnHand": 5}
    requests = [mutate(client, "adjustStock", token=token, **change) for _ in range(4)]
    outcomes = await at_once(database_url, *requests)
    assert sorted(outcome["product"]["onHand"] for outcome in outcomes) == [6] * 4
    assert sum(not outcome["errors"] for outcome in outcomes) == 1


async def test_a_repeated_adjustment_answers_the_first_movement_whatever_has_happened_since(
    client: Client,
) -> None:
    admin, product = await make_admin(), await make_product(on_hand=5)
    change: dict[str, Any] = {
        "id": global_id(product),
        "delta": -5,
        "note": " Fair ",
        "idempotencyKey": " fair-2026 ",
    }
    first = await mutate(client, "adjustStock", user=admin, **change, expectedOnHand=5)
    assert (first["errors"], first["replayed"], first["product"]["onHand"]) == ([], False, 0)
    assert (first["movement"]["onHandAfter"], first["movement"]["idempotencyKey"]) == (0, "fair-2026")
    await mutate(client, "adjustStock", user=admin, id=global_id(product), delta=7)
    for expected in (None, 5):  # five are not on hand any more, nor could five be taken again
        again = await mutate(client, "adjustStock", user=admin, **change, expectedOnHand=expected)
        assert (again["errors"], again["replayed"]) == ([], True)
        assert again["movement"] == first["movement"]
        assert again["product"]["onHand"] == 7
    assert len(await entries_of(product)) == 3


async def test_a_key_stands_for_one_adjustment_of_one_user(client: Client) -> None:
    admin, product, other = await make_admin(), await make_product(on_hand=5), await make_product()
    change: dict[str, Any] = {"id": global_id(product), "delta": 1, "note": "x", "idempotencyKey": "key"}
    assert not (await mutate(client, "adjustStock", user=admin, **change))["errors"]
    for different in ({"delta": 2}, {"note": "y"}, {"id": global_id(other)}, {"expectedOnHand": 6}):
        outcome = await mutate(client, "adjustStock", user=admin, **change | different)
        assert refusals(outcome) == [("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])], different
    outcome = await mutate(client, "adjustStock", user=await make_admin(), **change)
    assert (outcome["replayed"], outcome["product"]["onHand"]) == (False, 7)
    for key in (" ", "x" * 256, "a\x00b"):
        outcome = await mutate(client, "adjustStock", user=admin, **change | {"idempotencyKey": key})
        assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "idempotencyKey"])]


async def test_a_refused_adjustment_has_not_used_its_key(client: Client) -> None:
    admin, product = await make_admin(), await make_product(on_hand=5)
    change: dict[str, Any] = {"id": global_id(product), "delta": -6, "idempotencyKey": "key"}
    assert refusals(await mutate(client, "adjustStock", user=admin, **change)) == [
        ("INVALID_QUANTITY", ["input", "delta"])
    ]
    await mutate(client, "adjustStock", user=admin, id=global_id(product), delta=1)
    outcome = await mutate(client, "adjustStock", user=admin, **change)
    assert (outcome["errors"], outcome["replayed"], outcome["product"]["onHand"]) == ([], False, 0)


@pytest.mark.parametrize("expected", [None, 5])
async def test_concurrent_repetitions_move_stock_once(
    client: Client, database_url: str, expected: int | None
) -> None:
    token, product = await make_token(client.resources, await make_admin()), await make_product(on_hand=5)
    change: dict[str, Any] = {"id": global_id(product), "delta": -1, "idempotencyKey": "key"}
    change["expectedOnHand"] = expected
    requests = [mutate(client, "adjustStock", token=token, **change) for _ in range(4)]
    outcomes = await at_once(database_url, *requests)
    assert [outcome["errors"] for outcome in outcomes] == [[]] * 4
    assert sorted(outcome["replayed"] for outcome in outcomes) == [False] + [True] * 3
    assert len({outcome["movement"]["id"] for outcome in outcomes}) == 1
    assert len(await entries_of(product)) == 2


async def test_a_key_used_for_two_products_at_once_moves_one(client: Client, database_url: str) -> None:
    token = await make_token(client.resources, await make_admin())
    change: dict[str, Any] = {"delta": 1, "idempotencyKey": "key"}
    ids = [global_id(await make_product(on_hand=5)) for _ in range(4)]
    requests = [mutate(client, "adjustStock", token=token, **change, id=id) for id in ids]
    outcomes = await at_once(database_url, *requests)
    codes = sorted(error["code"] for outcome in outcomes for error in outcome["errors"])
    assert codes == ["IDEMPOTENCY_KEY_REUSED"] * 3
    assert await StockMovement.filter(reason="adjustment").count() == 1
    assert sorted([product.on_hand for product in await Product.all()]) == [5, 5, 5, 6]
