"""The mutations of products and their stock."""

from typing import Any

import pytest

from models import MovementReason, Product, StockMovement
from tests.client import Client
from tests.factories import make_admin, make_product
from tests.graph.documents import global_id, mutate, refusals

pytestmark = pytest.mark.anyio


async def ledger(product: Product) -> list[tuple[int, str, int | None, str]]:
    movements = await StockMovement.filter(product_id=product.id).order_by("id")
    return [(move.delta, move.reason.value, move.actor_id, move.note) for move in movements]


async def test_a_new_product_is_on_sale_and_its_stock_in_the_ledger(client: Client) -> None:
    admin = await make_admin()
    outcome = await mutate(
        client, "createProduct", user=admin, name=" Kettle ", description="Boils", price="49.90", onHand=7
    )
    product = await Product.get()
    assert outcome["errors"] == []
    assert outcome["product"] == {
        "id": global_id(product),
        "name": "Kettle",
        "description": "Boils",
        "price": {"amount": "49.90", "currency": "USD"},
        "onHand": 7,
        "inStock": True,
        "archivedAt": None,
    }
    assert await ledger(product) == [(7, MovementReason.INITIAL, admin.id, "")]


async def test_a_product_without_stock_begins_with_an_empty_ledger(client: Client) -> None:
    outcome = await mutate(client, "createProduct", user=await make_admin(), name="Kettle", price=0)
    assert (outcome["product"]["onHand"], outcome["product"]["price"]["amount"]) == (0, "0.00")
    assert await StockMovement.all().count() == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", "-0.01"),
        ("price", "0.001"),
        ("price", "12345678.0000000000000000000000000000001"),
        ("price", "100000000.01"),
        ("price", "9" * 5000),
        ("name", " "),
        ("name", "x" * 201),
        ("name", "a\x00b"),
        ("description", "x" * 10_001),
        ("description", "a\x00b"),
        ("onHand", -1),
        ("onHand", 10**9 + 1),
    ],
)
async def test_a_value_that_cannot_be_is_refused_at_its_field(client: Client, field: str, value: Any) -> None:
    admin = await make_admin()
    values: dict[str, Any] = {"name": "Kettle", "price": "1.00"} | {field: value}
    assert refusals(await mutate(client, "createProduct", user=admin, **values)) == [
        ("VALIDATION_ERROR", ["input", field])
    ]
    if field != "onHand":
        product = await make_product(name="Before")
        outcome = await mutate(client, "updateProduct", user=admin, id=global_id(product), **{field: value})
        assert refusals(outcome) == [("VALIDATION_ERROR", ["input", field])]
        assert (await Product.get(id=product.id)).version == 1


async def test_a_changed_product_keeps_what_is_left_out(client: Client) -> None:
    admin, product = await make_admin(), await make_product(name="Kettle", description="Boils", price=100)
    outcome = await mutate(client, "updateProduct", user=admin, id=global_id(product), price="2.00")
    assert outcome["product"]["name"] == "Kettle"
    assert outcome["product"]["price"]["amount"] == "2.00"
    outcome = await mutate(
        client, "updateProduct", user=admin, id=global_id(product), name="Pot", description=""
    )
    assert (outcome["product"]["name"], outcome["product"]["description"]) == ("Pot", "")
    assert (await Product.get(id=product.id)).version == 3


async def test_an_archived_product_leaves_the_list_and_stays_archived(client: Client) -> None:
    admin, product = await make_admin(), await make_product()
    outcomes = [await mutate(client, "archiveProduct", user=admin, id=global_id(product)) for _ in range(2)]
    assert outcomes[0]["product"]["archivedAt"].endswith("Z")
    assert outcomes[0] == outcomes[1]
    assert (await client.graphql("{ products { totalCount } }")).data["products"]["totalCount"] == 0
