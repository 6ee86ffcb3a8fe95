"""Scalars take what their specifications say and nothing else, and what the encoder writes is what they would write."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ValidationFailed
from graph.resolvers.product_import import import_products
from graph.types.scalars import serialize_time
from models import Order, Product
from tests.client import Answer, Client
from tests.factories import make_admin, make_order, make_token, make_user

pytestmark = pytest.mark.anyio

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-7)), timezone(timedelta(minutes=90))])


@given(st.datetimes(timezones=st.just(UTC)))
def test_orjson_writes_a_time_as_the_scalar_does(time: datetime) -> None:
    assert orjson.dumps(time, option=orjson.OPT_UTC_Z).decode() == f'"{serialize_time(time)}"'


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001 - as hypothesis wants it
def test_a_time_is_told_in_utc(time: datetime) -> None:
    assert datetime.fromisoformat(serialize_time(time)) == time
    assert serialize_time(time).endswith("Z")


#: RFC 3339 section 5.6, and the appendices' own examples; each names the microsecond after 2026-01-31T12:00:00Z.
MOMENTS = [
    "2026-01-31T12:00:00.000001Z",
    "2026-01-31t12:00:00.000001z",
    "2026-01-31T14:00:00.000001+02:00",
    "2026-01-31t02:30:00.000001-09:30",
    "2026-01-31T12:00:00.000001-00:00",
    "2026-02-01T11:59:00.000001+23:59",
]
NO_MOMENTS = [
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-01-31T12:00Z",
    "2026-01-31 12:00:00Z",
    "2026-01-31T12:00:00+02",
    "2026-01-31T12:00:00+0200",
    "2026-01-31T12:00:00+02:00:30",
    "2026-01-31T12:00:00+24:00",
    "2026-01-31T12:00:00+02:60",
    "2026-01-31T12:00:00.Z",
    "2026-01-31T12:00:00,5Z",
    "2026-01-31T12:00:00.0000001Z",
    "2026-01-31T12:00:00.123456000Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T12:60:00Z",
    "2026-12-31T23:59:60Z",
    "2026-02-29T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "20260131T120000Z",
    "2026-W05-6T12:00:00Z",
    "2026-031T12:00:00Z",
    " 2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00Z\n",
    "2026-01-31T12:00:00 Z",
    "2026-01-31T12:00:00\N{MINUS SIGN}02:00",
    "\N{FULLWIDTH DIGIT TWO}026-01-31T12:00:00Z",
    "1769860800",
    "",
    1769860800,
    1.5,
    True,
    [],
    {},
]


async def orders_after(client: Client, token: str, moment: object, *, literal: bool) -> Answer:
    argument = json.dumps(moment) if literal else "$moment"
    head = "query" if literal else "query($moment: DateTime)"
    document = f"{head} {{ orders(filter: {{createdAfter: {argument}}}) {{ totalCount }} }}"
    return await client.graphql(document, None if literal else {"moment": moment}, token=token)


@pytest.mark.parametrize("literal", [True, False], ids=["literal", "variable"])
async def test_a_moment_is_one_of_rfc_3339_to_the_microsecond(client: Client, *, literal: bool) -> None:
    user = await make_user()
    token = await make_token(client.resources, user)
    for microsecond in (1, 2):
        order = await make_order(user)
        at = datetime(2026, 1, 31, 12, microsecond=microsecond, tzinfo=UTC)
        await Order.filter(id=order.id).update(created_at=at)
    for moment in MOMENTS:
        answer = await orders_after(client, token, moment, literal=literal)
        assert answer.data["orders"]["totalCount"] == 1, moment
    for no_moment in NO_MOMENTS:
        answer = await orders_after(client, token, no_moment, literal=literal)
        assert answer.codes == ["VALIDATION_ERROR"], no_moment


#: How 12.50 may be written, and what is no number, or none that is told exactly.
AMOUNTS = ["12.5", "12.50", "12.500000000000000000000000000000", "0012.50"]
NO_AMOUNTS = [
    *("", " ", "abc", "NaN", "sNaN", "Infinity", "-", ".", "12.", ".5", "+12.50", "--1", "12.5.0", "0x10"),
    *("1_50", "1_0x", "12,50", "1,234.50", "1 234", " 12.50", "12.50 ", "12.50\n", "$12.50"),
    *("1e2", "1250e-2", "1e-400", "1e999999", "1E5", "5\x00"),
    *(
        "\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "\N{MINUS SIGN}1",
        "\u00b2",
    ),
]


async def create(
    client: Client, token: str, price: str, variables: dict[str, object] | None = None
) -> Answer:
    head = "mutation($price: Decimal!)" if variables else "mutation"
    document = (
        f'{head} {{ createProduct(input: {{name: "Kettle", price: {price}}})'
        " { product { price { amount } } errors { code } } }"
    )
    return await client.graphql(document, variables, token=token)


async def imported(price: str) -> bool:
    quoted = price.replace('"', '""')
    try:
        await import_products(io.BytesIO(f'name,description,price,on_hand\nKettle,,"{quoted}",1\n'.encode()))
    except ValidationFailed:
        return False
    return True


async def test_a_decimal_has_one_grammar_in_literals_variables_and_files(client: Client) -> None:
    token = await make_token(client.resources, await make_admin())
    for amount in AMOUNTS:
        for answer in (
            await create(client, token, f'"{amount}"'),
            await create(client, token, "$price", {"price": amount}),
        ):
            assert answer.data["createProduct"]["product"]["price"]["amount"] == "12.50", amount
        assert await imported(amount), amount
    assert {product.price for product in await Product.all()} == {1250}
    for amount in NO_AMOUNTS:
        for answer in (
            await create(client, token, json.dumps(amount)),
            await create(client, token, "$price", {"price": amount}),
        ):
            assert answer.codes == ["VALIDATION_ERROR"], amount
        if amount.strip() == amount:  # around a cell of a table, spaces mean nothing
            assert not await imported(amount), amount
    assert await Product.all().count() == 3 * len(AMOUNTS)


@pytest.mark.parametrize(
    ("price", "amount"), [("12", "12.00"), ("12.5", "12.50"), ("-0", "0.00"), ("99999999.99", "99999999.99")]
)
async def test_a_number_of_a_document_is_read_by_its_digits(client: Client, price: str, amount: str) -> None:
    answer = await create(client, await make_token(client.resources, await make_admin()), price)
    assert answer.data["createProduct"]["product"]["price"]["amount"] == amount


@pytest.mark.parametrize(
    "price", ["1e2", "1e-400", "1250e-2", "true", "null", "[1]", "{a: 1}", "TWELVE", '"""1e2"""']
)
async def test_what_is_no_decimal_of_a_document_is_refused(client: Client, price: str) -> None:
    answer = await create(client, await make_token(client.resources, await make_admin()), price)
    assert answer.codes == ["VALIDATION_ERROR"]


async def test_no_amount_goes_through_a_float(client: Client) -> None:
    """A variable that is a number with a point has lost its digits when it is read: 1e-400 would be 0.00."""
    token = await make_token(client.resources, await make_admin())
    for number in (12.5, 1.0, 1e-320, True, None, [1], {"amount": 1}):
        answer = await create(client, token, "$price", {"price": number})
        assert answer.codes == ["VALIDATION_ERROR"], number
    answer = await create(client, token, "$price", {"price": 12})
    assert answer.data["createProduct"]["product"]["price"]["amount"] == "12.00"
    exact = await create(client, token, "99999999.9900000000000000000000000001")
    assert exact.data["createProduct"]["errors"] == [{"code": "VALIDATION_ERROR"}]
