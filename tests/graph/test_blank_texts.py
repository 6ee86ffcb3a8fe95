"""What cannot be seen is no name and no address, whichever way it comes; what can be seen keeps its joiners."""

import re
from io import BytesIO
from typing import Any

import pytest

from core.errors import ValidationFailed
from graph.resolvers.product_import import import_products
from models import Order, Product, User
from rest.v1.schemas.fields import NOT_BLANK
from tests.client import Client
from tests.factories import PASSWORD, make_admin, make_product, make_user
from tests.graph.documents import global_id, mutate, refusals

pytestmark = pytest.mark.anyio

BLANK = {
    "empty": "",
    "spaces": " \u00a0\u3000",
    "zero width space": "\u200b",
    "joiners": "\u200c\u200d\u2060",
    "byte order mark": "\ufeff",
    "soft hyphens": " \u00ad \u00ad ",
    "directions": "\u202a\u202c\u2067\u2069",
    "variation selector": "\ufe0f",
    "hangul filler": "\u3164\uffa0\u115f",
    "braille blank": "\u2800",
}
BLANKS = pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
VISIBLE = [
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "👩\u200d👩\u200d👧",
    "❤\ufe0f",
    "क्\u200dष",
    "x\u200b",
]


@BLANKS
async def test_what_cannot_be_seen_names_no_user(client: Client, text: str) -> None:
    admin, user = await make_admin(), await make_user(full_name="Before")
    new = {"email": "new@example.com", "fullName": text, "password": PASSWORD}
    outcome = await mutate(client, "createUser", user=admin, **new)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "fullName"])]
    outcome = await mutate(client, "updateUser", user=user, id=global_id(user), fullName=text)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "fullName"])]

    body = {"email": "new@example.com", "full_name": text, "password": PASSWORD}
    created = await client.v1("POST", "/users", user=admin, json=body)
    changed = await client.v1("PATCH", f"/users/{user.id}", user=user, json={"full_name": text})
    for answer in (created, changed):
        problem = {"field": "full_name", "message": "Full name must not be blank"}
        assert (answer.status_code, answer.json()["errors"]) == (422, [problem])
    assert await User.all().count() == 2
    assert (await User.get(id=user.id)).full_name == "Before"


@BLANKS
async def test_what_cannot_be_seen_names_no_product(client: Client, text: str) -> None:
    admin, product = await make_admin(), await make_product(name="Before")
    outcome = await mutate(client, "createProduct", user=admin, name=text, price="1.00")
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "name"])]
    outcome = await mutate(client, "updateProduct", user=admin, id=global_id(product), name=text)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "name"])]
    with pytest.raises(ValidationFailed, match=r"^Line 2: Name must not be blank$"):
        await import_products(BytesIO(f"name,description,price,on_hand\n{text},,1.00,1\n".encode()))
    assert [product.name for product in await Product.all()] == ["Before"]


@BLANKS
async def test_nothing_is_shipped_to_what_cannot_be_seen(client: Client, text: str) -> None:
    user, product = await make_user(), await make_product()
    order: dict[str, Any] = {
        "items": [{"productId": global_id(product), "quantity": 1}],
        "shippingAddress": text,
    }
    outcome = await mutate(client, "createOrder", user=user, **order)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "shippingAddress"])]
    keyed = {**order, "shippingAddress": "1 Main Street", "idempotencyKey": text}
    outcome = await mutate(client, "createOrder", user=user, **keyed)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "idempotencyKey"])]

    body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": text}
    answer = await client.v1("POST", "/orders", user=user, json=body)
    assert answer.status_code == 422
    problem = {"field": "shipping_address", "message": "Shipping address must not be blank"}
    assert answer.json()["errors"] == [problem]
    assert not await Order.exists()


@BLANKS
def test_the_contract_of_v1_refuses_what_cannot_be_seen(text: str) -> None:
    assert not re.search(NOT_BLANK, text)


@pytest.mark.parametrize("text", VISIBLE)
async def test_joiners_stay_where_something_can_be_seen(client: Client, text: str) -> None:
    admin, user = await make_admin(), await make_user()
    changed = await mutate(client, "updateUser", user=user, id=global_id(user), fullName=text)
    assert changed["user"]["fullName"] == text
    created = await mutate(client, "createProduct", user=admin, name=text, price="1.00")
    assert created["errors"] == []
    product = await Product.get(name=text)
    body = {"items": [{"product_id": product.id, "quantity": 1}], "shipping_address": text}
    placed = await client.v1("POST", "/orders", user=user, json=body)
    assert (await Order.get(id=placed.json()["id"])).shipping_address == text
    assert re.search(NOT_BLANK, text)
