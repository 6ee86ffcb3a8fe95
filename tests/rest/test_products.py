"""Products over v1."""

import pytest

from tests.factories import make_product
from tests.rest.conformance import Call

pytestmark = pytest.mark.anyio


async def test_products_are_listed_newest_first_without_a_sign_in(v1: Call) -> None:
    products = [await make_product() for _ in range(3)]
    await make_product(archived_at="2026-01-01T00:00:00Z")
    body = (await v1("GET", "/products", params={"page_size": 2})).json()
    assert [item["id"] for item in body["items"]] == [products[2].id, products[1].id]
    assert (body["total"], body["has_next"]) == (3, True)


async def test_products_are_found_by_words_and_by_stock(v1: Call) -> None:
    mug = await make_product(name="Blue mug", description="Holds 100% of a pint")
    cup = await make_product(name="Blue cup", on_hand=0)
    cases = {
        "search=BLUE": [cup.id, mug.id],
        "search=blue+mug": [mug.id],
        "search=100%25": [mug.id],
        "search=_": [],
        "search=": [cup.id, mug.id],
        "in_stock=true": [mug.id],
        "in_stock=false": [cup.id],
        "search=blue&in_stock=false": [cup.id],
    }
    for query, ids in cases.items():
        body = (await v1("GET", f"/products?{query}")).json()
        assert [item["id"] for item in body["items"]] == ids, query


@pytest.mark.parametrize("query", ["page=0", "page_size=101", "in_stock=1", "search=%00"])
async def test_a_bad_query_is_refused(v1: Call, query: str) -> None:
    assert (await v1("GET", f"/products?{query}")).status_code == 422


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (4_990, "49.90"),
        (1, "0.01"),
        (100, "1.00"),
        (0, "0"),
        (10**10, "100000000.00"),
        (7_000_000_001, "70000000.01"),
    ],
)
async def test_money_is_a_number_with_two_decimals(v1: Call, price: int, text: str) -> None:
    product = await make_product(price=price)
    for path in ("/products", f"/products/{product.id}"):
        assert f'"price":{text},' in (await v1("GET", path)).text


async def test_an_archived_product_is_shown_by_its_id(v1: Call) -> None:
    product = await make_product(archived_at="2026-01-01T00:00:00Z")
    body = (await v1("GET", f"/products/{product.id}")).json()
    assert body["is_archived"] is True


async def test_an_expired_or_broken_token_does_not_close_the_shop(v1: Call) -> None:
    assert (await v1("GET", "/products", token="broken")).status_code == 200


@pytest.mark.parametrize(("id", "status"), [("7", 404), (str(2**40), 404), ("x", 422)])
async def test_no_such_product(v1: Call, id: str, status: int) -> None:
    answer = await v1("GET", f"/products/{id}")
    assert answer.status_code == status
    if status == 404:
        assert answer.json() == {"detail": "Product not found", "error_code": "PRODUCT_NOT_FOUND"}


async def test_head_is_get_without_the_body(v1: Call) -> None:
    product = await make_product()
    for path in ("/products", f"/products/{product.id}", "/products/0", "/products?page=0"):
        get, head = await v1("GET", path), await v1("HEAD", path)
        assert head.status_code == get.status_code
        assert head.headers["content-length"] == get.headers["content-length"]
        assert not head.content
