"""The client's own number of an order: one order of a user has it, and it is found by it."""

import asyncio
import hashlib
from typing import Any

import orjson
import pytest

from core.errors import ReferenceTaken
from core.resources import Resources
from engine.postgres import record_statements
from graph.resolvers.order_placement import NewItem, PlacedOrder, create_order
from models import IdempotencyKey, Order, OrderEvent, OrderItem, OrderStatus, User
from tests.client import Client
from tests.factories import make_admin, make_context_of, make_order, make_product, make_token, make_user
from tests.graph.documents import global_id, mutate, refusals
from tests.graph.test_account_races import behind
from tests.graph.test_orders import basket
from tests.servers import until
from tests.test_locked_rows import held

pytestmark = pytest.mark.anyio

TAKEN = [("REFERENCE_TAKEN", ["input", "reference"])]
LIST = """
query($reference: String) {
  orders(filter: {reference: $reference}) { totalCount nodes { databaseId reference } }
}
"""


async def test_an_order_shows_its_reference_and_is_found_by_it(client: Client) -> None:
    user, product = await make_user(), await make_product()
    await mutate(client, "createOrder", user=user, **basket((product, 1)))
    placed = await mutate(client, "createOrder", user=user, **basket((product, 1), reference=" Ünï-4711/a "))
    id = placed["order"]["databaseId"]
    for reference, found in (("Ünï-4711/a", [id]), (" Ünï-4711/a\n", [id]), ("ünï-4711/A", []), ("4711", [])):
        orders = (await client.graphql(LIST, {"reference": reference}, user=user)).data["orders"]
        assert orders == {
            "totalCount": len(found),
            "nodes": [{"databaseId": id, "reference": "Ünï-4711/a"} for id in found],
        }
        answer = await client.v1("GET", "/orders", user=user, params={"reference": reference})
        assert [order["id"] for order in answer.json()["items"]] == found
        assert answer.json()["total"] == len(found)
    assert len((await client.graphql(LIST, {"reference": None}, user=user)).data["orders"]["nodes"]) == 2


async def test_v1_takes_a_reference_and_answers_as_documented(client: Client) -> None:
    user, product = await make_user(), await make_product()
    body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": "1 Main St"}
    placed = await client.v1("POST", "/orders", user=user, json=body | {"reference": "4711"})
    assert placed.status_code == 201
    assert set(placed.json()) == {"id", "user_id", "status", "total_amount", "items", "created_at"}
    (found,) = (await client.graphql(LIST, {"reference": "4711"}, user=user)).data["orders"]["nodes"]
    assert found == {"databaseId": placed.json()["id"], "reference": "4711"}
    again = await client.v1("POST", "/orders", user=user, json=body | {"reference": "4711"})
    assert (again.status_code, again.json()) == (
        400,
        {"detail": "Another of your orders has this reference", "error_code": "REFERENCE_TAKEN"},
    )
    for _ in range(2):
        assert (await client.v1("POST", "/orders", user=user, json=body | {"reference": None})).is_success


async def test_administrators_find_the_orders_of_all_users_by_a_reference(client: Client) -> None:
    orders = [await make_order(await make_user(), reference=reference) for reference in ("1", "1", "2")]
    query = '{ allOrders(filter: {reference: "1"}) { nodes { id } } }'
    answer = await client.graphql(query, user=await make_admin())
    assert {node["id"] for node in answer.data["allOrders"]["nodes"]} == {
        global_id(order) for order in orders[:2]
    }


@pytest.mark.parametrize("status", OrderStatus)
async def test_a_reference_is_taken_whatever_became_of_its_order(client: Client, status: OrderStatus) -> None:
    user, product = await make_user(), await make_product()
    failure = {"failure_code": "OUT_OF_STOCK"} if status is OrderStatus.FAILED else {}
    await make_order(user, status=status, reference="4711", **failure)
    refused = await mutate(
        client, "createOrder", user=user, **basket((product, 1), reference="4711", idempotencyKey="key")
    )
    assert refusals(refused) == TAKEN
    # Nothing is left of it, the key neither; and to somebody else it is free.
    assert (await Order.all().count(), await IdempotencyKey.all().count()) == (1, 0)
    for other in (await make_user(), await make_user()):
        placed = await mutate(client, "createOrder", user=other, **basket((product, 1), reference="4711"))
        assert placed["errors"] == []


@pytest.mark.parametrize("reference", ["", " \n", "\u200b", "x" * 101, "a\x00b"])
async def test_what_can_be_no_reference_is_refused_and_not_searched_for(
    client: Client, reference: str
) -> None:
    user, product = await make_user(), await make_product()
    outcome = await mutate(client, "createOrder", user=user, **basket((product, 1), reference=reference))
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "reference"])]
    answer = await client.graphql(LIST, {"reference": reference}, user=user)
    assert answer.codes == ["VALIDATION_ERROR"]
    if "\n" not in reference:
        found = await client.v1("GET", "/orders", user=user, params={"reference": reference})
        assert [problem["field"] for problem in found.json()["errors"]] == ["reference"]


async def test_blanks_around_the_longest_reference_do_not_count(client: Client) -> None:
    user, product = await make_user(), await make_product()
    reference = " " * 9 + "é" * 100 + " " * 9
    placed = await mutate(client, "createOrder", user=user, **basket((product, 1), reference=reference))
    assert placed["errors"] == []
    assert (await Order.get()).reference == "é" * 100


async def test_a_reference_is_part_of_what_a_key_stands_for(client: Client) -> None:
    user, product = await make_user(), await make_product()
    values = basket((product, 1), idempotencyKey="key")
    first = await mutate(client, "createOrder", user=user, **values, reference="4711")
    again = await mutate(client, "createOrder", user=user, **values, reference=" 4711 ")
    assert (again["replayed"], again["order"]["id"]) == (True, first["order"]["id"])
    reused = [("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])]
    for other in ("4712", None):
        assert refusals(await mutate(client, "createOrder", user=user, **values, reference=other)) == reused
    # The reference of an order with another key is taken, by the key of this one it is repeated.
    values["idempotencyKey"] = "another"
    assert refusals(await mutate(client, "createOrder", user=user, **values, reference="4711")) == TAKEN


async def test_a_request_without_reference_has_the_hash_that_it_always_had(client: Client) -> None:
    """While two releases run side by side, a repetition may reach the other one."""
    product = await make_product()
    values = basket((product, 2), idempotencyKey="key", reference=None)
    await mutate(client, "createOrder", user=await make_user(), **values)
    meaning = orjson.dumps([[[product.id, 2]], "1 Main St"])
    assert (await IdempotencyKey.get()).request_hash == hashlib.sha256(meaning).hexdigest()


async def test_a_taken_reference_goes_before_products_that_are_gone(client: Client) -> None:
    """Somebody who asks whether the order was placed is told that it was."""
    user, product = await make_user(), await make_product(archived_at="2026-01-01T00:00:00Z")
    await make_order(user, reference="4711")
    values = basket((product, 1), expectedTotal="0.01", reference="4711")
    assert refusals(await mutate(client, "createOrder", user=user, **values)) == TAKEN


@pytest.mark.parametrize("keys", ["none", "same", "different"])
async def test_of_concurrent_orders_with_a_reference_over_both_faces_one_is_placed(
    client: Client, keys: str
) -> None:
    product = await make_product()
    token = await make_token(client.resources, await make_user())
    body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": "1 Main St"}

    async def place(number: int) -> str:
        key = {"none": None, "same": "key", "different": str(number)}[keys]
        if number % 2:
            headers = {"Idempotency-Key": key} if key else {}
            sent = body | {"reference": "4711"}
            answer = await client.v1("POST", "/orders", token=token, json=sent, headers=headers)
            return str(answer.json().get("error_code", answer.json().get("id")))
        values = basket((product, 1), reference="4711", idempotencyKey=key)
        outcome = await mutate(client, "createOrder", token=token, **values)
        return str(outcome["errors"][0]["code"] if outcome["errors"] else outcome["order"]["databaseId"])

    results = await asyncio.gather(*map(place, range(10)))
    counts = [await model.all().count() for model in (Order, OrderItem, OrderEvent)]
    assert counts == [1, 1, 1]
    placed = str((await Order.get()).id)
    if keys == "same":
        assert results == [placed] * 10
    else:
        assert sorted(results) == [placed, *["REFERENCE_TAKEN"] * 9]


def other_order(user: User, reference: str) -> str:
    """What another process is just placing."""
    return (
        "INSERT INTO orders (user_id, shipping_address, reference, due_at)"
        f" VALUES ({user.id}, '1 Main St', '{reference}', now() + interval '1 minute')"
    )


@pytest.mark.parametrize("key", [None, "key"])
async def test_a_reference_that_another_process_is_just_using(
    client: Client, database_url: str, key: str | None
) -> None:
    user, product = await make_user(), await make_product()
    token = await make_token(client.resources, user)
    request = mutate(
        client, "createOrder", token=token, **basket((product, 1), reference="4711", idempotencyKey=key)
    )
    assert refusals(await behind(database_url, other_order(user, "4711"), request)) == TAKEN
    assert (await Order.all().count(), await IdempotencyKey.all().count()) == (1, 0)


async def test_a_reference_in_another_process_takes_no_other_order_with_it(
    resources: Resources, database_url: str
) -> None:
    product, user, other = await make_product(), await make_user(), await make_user()
    contexts = [await make_context_of(resources, owner) for owner in (other, user, other)]

    async def place(number: int, reference: str | None) -> PlacedOrder:
        items = [NewItem(product.id, 1)]
        return await create_order(
            contexts[number],
            items=items,
            shipping_address="1 Main St",
            idempotency_key=str(number),
            reference=reference,
        )

    async def both_of_the_other() -> bool:
        return await Order.filter(user_id=other.id).count() == 2

    async with held(database_url, other_order(user, "4711")):
        waiting = asyncio.gather(place(0, None), place(1, "4711"), place(2, "4711"), return_exceptions=True)
        await until(both_of_the_other)
    outcomes = await waiting
    assert [type(outcome) for outcome in outcomes] == [PlacedOrder, ReferenceTaken, PlacedOrder]


async def test_one_reference_twice_in_one_batch_is_placed_in_one_statement(resources: Resources) -> None:
    product, user = await make_product(), await make_user()
    ctx = await make_context_of(resources, user)

    def place(**values: Any) -> Any:
        return create_order(ctx, items=[NewItem(product.id, 1)], shipping_address="1 Main St", **values)

    with record_statements() as recorded:
        outcomes = await asyncio.gather(
            place(reference="4711"),
            place(reference="4711", idempotency_key="b"),
            place(reference="4712"),
            return_exceptions=True,
        )
    assert [type(outcome) for outcome in outcomes] == [PlacedOrder, ReferenceTaken, PlacedOrder]
    assert sum("INSERT INTO idempotency_keys" in statement for statement in recorded) == 1
