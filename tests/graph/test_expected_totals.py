"""An order that would not cost what the buyer has seen is refused, with the present prices."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from core.errors import PriceChanged
from core.resources import Resources
from engine.postgres import record_statements
from graph.resolvers.order_placement import NewItem, PlacedOrder, create_order
from models import IdempotencyKey, Order, OrderItem, Product
from tests.client import Client
from tests.factories import make_admin, make_context_of, make_product, make_token, make_user
from tests.graph.documents import global_id, mutate, refusals
from tests.graph.test_account_races import behind
from tests.graph.test_orders import basket

pytestmark = pytest.mark.anyio

PLACE = """
mutation($input: CreateOrderInput!) {
  createOrder(input: $input) {
    replayed
    order { id }
    quote {
      total { amount currency }
      items { quantity unitPrice { amount } product { id name price { amount } } }
    }
    errors { code message field }
  }
}
"""
CHANGED = [("PRICE_CHANGED", ["input", "expectedTotal"])]


@pytest.mark.parametrize("total", ["99.80", "99.8", "0099.8000"])
async def test_an_order_that_costs_what_was_expected_is_placed(client: Client, total: str) -> None:
    user, product = await make_user(), await make_product(price=4990)
    outcome = await mutate(client, "createOrder", user=user, **basket((product, 2), expectedTotal=total))
    assert outcome["errors"] == []
    assert await Order.all().count() == 1


async def test_a_refused_order_is_answered_with_what_it_costs_now(client: Client) -> None:
    user, admin = await make_user(), await make_admin()
    kettle, tea = await make_product(name="Kettle", price=4990), await make_product(name="Tea", price=250)
    values = basket((tea, 3), (kettle, 2), (tea, 1), expectedTotal="109.80", idempotencyKey="key")
    await mutate(client, "updateProduct", user=admin, id=global_id(kettle), price="59.90")
    outcome = (await client.graphql(PLACE, {"input": values}, user=user)).data["createOrder"]
    prices = {kettle: "59.90", tea: "2.50"}
    assert outcome == {
        "replayed": False,
        "order": None,
        "quote": {
            "total": {"amount": "129.80", "currency": "USD"},
            "items": [
                {
                    "quantity": quantity,
                    "unitPrice": {"amount": prices[product]},
                    "product": {
                        "id": global_id(product),
                        "name": product.name,
                        "price": {"amount": prices[product]},
                    },
                }
                for product, quantity in ((tea, 3), (kettle, 2), (tea, 1))
            ],
        },
        "errors": [
            {
                "code": "PRICE_CHANGED",
                "message": "The prices have changed: the total is now 129.80 USD",
                "field": ["input", "expectedTotal"],
            }
        ],
    }
    assert (await Order.all().count(), await IdempotencyKey.all().count()) == (0, 0)
    # The buyer agrees: the same key, and the total of the quote.
    values["expectedTotal"] = outcome["quote"]["total"]["amount"]
    outcome = (await client.graphql(PLACE, {"input": values}, user=user)).data["createOrder"]
    assert (outcome["errors"], outcome["quote"], outcome["replayed"]) == ([], None, False)


async def test_a_lower_price_is_a_change_too_and_a_free_order_can_be_expected(client: Client) -> None:
    user, gift = await make_user(), await make_product(price=0)
    refused = await mutate(client, "createOrder", user=user, **basket((gift, 1), expectedTotal="0.01"))
    assert refusals(refused) == CHANGED
    placed = await mutate(client, "createOrder", user=user, **basket((gift, 1), expectedTotal="0.00"))
    assert placed["errors"] == []


async def test_a_repetition_gets_the_first_order_whatever_the_prices_are_since(client: Client) -> None:
    """The expected total is a condition of the placing, which is over, and no part of what was ordered."""
    user, product = await make_user(), await make_product(price=1000)
    values = basket((product, 2), idempotencyKey="key")
    first = await mutate(client, "createOrder", user=user, **values, expectedTotal="20.00")
    await Product.filter(id=product.id).update(price=1100)
    for total in ("20.00", "22.00", "1.00", None):
        again = await mutate(client, "createOrder", user=user, **values, expectedTotal=total)
        assert (again["errors"], again["replayed"]) == ([], True)
        assert again["order"]["id"] == first["order"]["id"]
    assert await Order.all().count() == 1


@pytest.mark.parametrize("total", ["-0.01", "0.001", "10000000000000000.01", "1" * 400])
async def test_what_can_be_no_total_is_refused_at_its_field(client: Client, total: str) -> None:
    user, product = await make_user(), await make_product()
    outcome = await mutate(client, "createOrder", user=user, **basket((product, 1), expectedTotal=total))
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "expectedTotal"])]


async def test_the_largest_order_can_be_expected(client: Client) -> None:
    user, product = await make_user(), await make_product(price=10**10)
    items = basket(*[(product, 1_000_000)] * 100)
    refused = await mutate(client, "createOrder", user=user, **items, expectedTotal="9999999999999999.99")
    assert refusals(refused) == CHANGED
    placed = await mutate(client, "createOrder", user=user, **items, expectedTotal="10000000000000000")
    assert placed["errors"] == []


async def test_a_product_that_is_gone_goes_before_the_price(client: Client) -> None:
    user, product = await make_user(), await make_product(archived_at="2026-01-01T00:00:00Z")
    outcome = await mutate(client, "createOrder", user=user, **basket((product, 1), expectedTotal="0.01"))
    assert refusals(outcome) == [("INVALID_PRODUCT", ["input", "items", "0", "productId"])]


async def test_each_order_of_a_batch_has_its_own_condition(resources: Resources) -> None:
    product, user = await make_product(price=1000), await make_user()
    ctx = await make_context_of(resources, user)

    def place(total: str | None) -> Any:
        expected = None if total is None else Decimal(total)
        return create_order(
            ctx, items=[NewItem(product.id, 2)], shipping_address="1 Main St", expected_total=expected
        )

    with record_statements() as recorded:
        outcomes = await asyncio.gather(*map(place, ["20.00", "19.99", None, "20"]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [PlacedOrder, PriceChanged, PlacedOrder, PlacedOrder]
    # One statement places those that can be, one more tells the refused one why.
    assert len(recorded) == 2
    assert "INSERT INTO order_items" in recorded[0]
    assert await OrderItem.all().count() == 3


async def test_a_repetition_that_meets_the_first_request_is_no_change_of_price(
    client: Client, database_url: str
) -> None:
    """While it waits for the first one's key the price changes: the order that it asks for has been placed."""
    user, product = await make_user(), await make_product(price=1000)
    token = await make_token(client.resources, user)
    values = basket((product, 1), idempotencyKey="key", expectedTotal="10.00", reference="4711")
    first = await mutate(client, "createOrder", token=token, **values)
    key = await IdempotencyKey.get()
    await key.delete()
    await Order.all().update(reference=None)
    change = (
        "WITH named AS (UPDATE orders SET reference = '4711'), dearer AS (UPDATE products SET price = 1100)"
        " INSERT INTO idempotency_keys (user_id, key, request_hash, order_id, expires_at)"
        f" VALUES ({user.id}, 'key', '{key.request_hash}', {key.order_id}, now() + interval '1 day')"
    )
    again = await behind(database_url, change, mutate(client, "createOrder", token=token, **values))
    assert (again["errors"], again["replayed"]) == ([], True)
    assert again["order"]["id"] == first["order"]["id"]


async def test_of_a_change_of_price_and_an_order_the_order_is_billed_as_expected_or_refused(
    resources: Resources,
) -> None:
    product, user = await make_product(price=1000), await make_user()
    ctx = await make_context_of(resources, user)

    def place() -> Any:
        return create_order(
            ctx,
            items=[NewItem(product.id, 1)],
            shipping_address="1 Main St",
            expected_total=Decimal("10.00"),
        )

    outcomes = await asyncio.gather(
        *(place() for _ in range(10)),
        Product.filter(id=product.id).update(price=1100),
        *(place() for _ in range(10)),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [(type(error), vars(error)["prices"]) for error in refused] == [(PriceChanged, [1100])] * len(
        refused
    )
    placed = await OrderItem.all()
    assert len(placed) + len(refused) == 20
    assert {item.accepted_price for item in placed} <= {1000}
