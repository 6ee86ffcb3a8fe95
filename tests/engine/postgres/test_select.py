"""A selection reads what the queryset of the same conditions reads, with SQL that is built once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tortoise.exceptions import OperationalError
from tortoise.expressions import Q
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from core.resources import Resources
from engine.postgres import prepared_statements as prepared
from engine.postgres.client import record_statements
from engine.postgres.rows import row_columns
from engine.postgres.select import Read, Selection, prepare
from models import Order, OrderItem, OrderStatus, Product, User
from tests.factories import make_order, make_product, make_user

pytestmark = pytest.mark.anyio

TIME = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("a", "B", "50%", "_", "\\", "ö", "'", '"', "$1")
ORDERS = [
    (f"{sign}{column}", f"{sign}id") for column in ("created_at", "name", "price") for sign in ("", "-")
]


@pytest.fixture
async def shelf(resources: Resources) -> None:
    """Products with ties in every column, and names full of what means something elsewhere."""
    for number, name in enumerate(
        ("b", "A", "a 50% b", "a_b", "ö\\", "O'a", 'say "B"', "$1 B", "zB", "b", "AB")
    ):
        product = await make_product(name=name, price=number % 4, on_hand=number % 3, description=name * 2)
        archived_at = TIME if number % 5 == 4 else None
        await Product.filter(id=product.id).update(
            created_at=TIME + timedelta(seconds=number % 5), archived_at=archived_at
        )


def on_sale() -> QuerySet[Product]:
    return Product.filter(archived_at__isnull=True, on_hand__gte=0, price__lt=100)


CASES: dict[str, tuple[Callable[[], Selection[Product]], Callable[[], QuerySet[Product]]]] = {
    "all": (lambda: Selection(Product), Product.all),
    "equal": (lambda: Selection(Product).where(price=2), lambda: Product.filter(price=2)),
    "several": (
        lambda: Selection(Product).where(price=2, name="b", on_hand__gt=0),
        lambda: Product.filter(price=2, name="b", on_hand__gt=0),
    ),
    "in": (lambda: Selection(Product).where(price__in=[1, 3]), lambda: Product.filter(price__in=[1, 3])),
    "in nothing": (lambda: Selection(Product).where(price__in=[]), lambda: Product.filter(price__in=[])),
    "null": (
        lambda: Selection(Product).where(archived_at__isnull=True),
        lambda: Product.filter(archived_at__isnull=True),
    ),
    "not null": (
        lambda: Selection(Product).where(archived_at__isnull=False),
        lambda: Product.filter(archived_at__isnull=False),
    ),
    "time": (
        lambda: Selection(Product).where(created_at__gt=TIME, created_at__lt=TIME + timedelta(seconds=3)),
        lambda: Product.filter(created_at__gt=TIME, created_at__lt=TIME + timedelta(seconds=3)),
    ),
    "among, with constants": (
        lambda: Selection(Product, on_sale).where(on_hand__gt=0),
        lambda: on_sale().filter(on_hand__gt=0),
    ),
    "no words": (lambda: Selection(Product).containing([], "name"), Product.all),
    **{
        f"word {word}": (
            lambda word=word: Selection(Product, on_sale).containing([word], "name", "description"),  # type: ignore[misc]
            lambda word=word: on_sale().filter(  # type: ignore[misc]
                Q(name__icontains=word) | Q(description__icontains=word)
            ),
        )
        for word in WORDS
    },
    "two words, one column": (
        lambda: Selection(Product).where(price__gte=1).containing(["a", "b"], "name").where(on_hand=0),
        lambda: Product.filter(
            Q(price__gte=1) & Q(name__icontains="a") & Q(name__icontains="b") & Q(on_hand=0)
        ),
    ),
}
COLUMNS = row_columns(Product, frozenset({"name"}), "created_at", "price")


@pytest.mark.parametrize("case", CASES)
async def test_a_selection_reads_what_its_queryset_reads(shelf: None, case: str) -> None:
    selection, queryset = CASES[case]
    assert await selection().count() == await queryset().count()
    for order in ORDERS:
        whole = await queryset().order_by(*order)
        ids = [row.id for row in whole]
        for _ in range(2):  # the statement is built, then run again
            assert [row.id for row in await selection().fetch(Read(COLUMNS, order))] == ids
            limited = await selection().fetch(Read(COLUMNS, order, limited=True), 3)
            assert [row.id for row in limited] == ids[:3]
        for late in (False, True):
            read = Read(COLUMNS, order, limited=True, skipping=True, late=late, counted=True)
            records: Any = await selection().fetch(read, 2, 1)
            assert [row.id for row in records] == ids[1:3]
            assert all(record[-1] == len(ids) for record in records)
        await _places(selection, whole, order)


async def _places(selection: Callable[[], Selection[Product]], whole: list[Product], order: Any) -> None:
    """Compare what lies between each two places with the part of the whole list between them."""
    column = order[0].removeprefix("-")
    places = [(getattr(row, column), row.id) for row in whole]
    ids = [row.id for row in whole]
    for index, place in enumerate(places):
        after = await selection().fetch(Read(COLUMNS, order, beyond=True), *place)
        assert [row.id for row in after] == ids[index + 1 :]
        before = await selection().fetch(Read(COLUMNS, order, until=True), *place)
        assert [row.id for row in before] == ids[:index]
        between = Read(COLUMNS, order, beyond=True, until=True, limited=True)
        found = await selection().fetch(between, *places[0], *place, 100)
        assert [row.id for row in found] == ids[1:index]


async def test_first_returns_a_row_or_none(shelf: None) -> None:
    columns = row_columns(Product)
    found = await Selection(Product).where(name="zB").first(columns)
    assert found is not None
    assert found.name == "zB"
    assert await Selection(Product).where(name="nothing").first(columns) is None


async def test_an_enum_is_a_value_like_any_other(resources: Resources) -> None:
    user = await make_user()
    await make_order(user)
    await make_order(user, status=OrderStatus.COMPLETED)
    for statuses in ([OrderStatus.COMPLETED], [OrderStatus.PENDING, OrderStatus.COMPLETED]):
        selection = Selection(Order).where(status__in=statuses, user_id=user.id)
        rows = await selection.fetch(Read(row_columns(Order), ("-id",)))
        assert [row.status for row in rows] == statuses[::-1]
    assert await Selection(Order).where(status=OrderStatus.PENDING).count() == 1


async def test_values_change_and_the_statement_stays(resources: Resources) -> None:
    user = await make_user()
    orders = [await make_order(user, (await make_product(), 1)) for _ in range(3)]
    read = Read(row_columns(OrderItem, frozenset()), ("order_id", "id"))
    with record_statements() as statements:
        for ids in ([orders[0].id], [order.id for order in orders], []):
            rows = await Selection(OrderItem).where(order_id__in=ids).fetch(read)
            assert [row.order_id for row in rows] == ids
    assert len(set(statements)) == 1
    assert "ANY($1)" in statements[0]


async def test_the_same_statement_is_run_for_several_in_one_round_trip(resources: Resources) -> None:
    users = [await make_user() for _ in range(3)]
    orders = [await make_order(user) for user in users[:2] for _ in range(2)]
    read = Read(row_columns(Order, frozenset()), ("-id",), limited=True)

    def page(user: User, size: int) -> Awaitable[list[Order]]:
        return Selection(Order).where(user_id=user.id).fetch_together(read, size)

    with record_statements() as statements:
        pages = await asyncio.gather(
            *(page(user, size) for user in users for size in (5, 1)), page(users[0], 1)
        )
    ids = [order.id for order in orders]
    assert [[row.id for row in rows] for rows in pages] == [
        [ids[1], ids[0]],
        [ids[1]],
        [ids[3], ids[2]],
        [ids[3]],
        [],
        [],
        [ids[1]],
    ]
    assert len(statements) == 1
    assert [row.id for row in await page(users[1], 1)] == [ids[3]]


async def test_wrong_values_are_their_owners_alone(resources: Resources) -> None:
    user = await make_user()
    order = await make_order(user)
    read = Read(row_columns(Order), ("-id",), limited=True)
    good, bad, also_good = await asyncio.gather(
        *(Selection(Order).where(user_id=user.id).fetch_together(read, size) for size in (1, -1, 2)),
        return_exceptions=True,
    )
    assert isinstance(bad, OperationalError)
    for rows in (good, also_good):
        assert isinstance(rows, list)
        assert [row.id for row in rows] == [order.id]


async def test_what_may_have_happened_is_not_done_again(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    async def lose(*arguments: object) -> None:
        asked.append(arguments)
        raise ConnectionResetError("the answer was lost")

    monkeypatch.setattr(prepared, "fetch_many", lose)
    monkeypatch.setattr(prepared, "fetch", lose)
    read = Read(row_columns(Order), ("-id",), limited=True)
    pages = (Selection(Order).where(user_id=1).fetch_together(read, size) for size in (1, 2))
    errors = await asyncio.gather(*pages, return_exceptions=True)
    assert [type(error) for error in errors] == [ConnectionResetError] * 2
    assert len(asked) == 1


async def test_in_a_transaction_nothing_is_shared(resources: Resources) -> None:
    user = await make_user()
    read = Read(row_columns(Order), ("-id",), limited=True)
    selection = Selection(Order).where(user_id=user.id)
    async with in_transaction():
        order = await make_order(user)
        assert [row.id for row in await selection.fetch_together(read, 5)] == [order.id]


async def test_a_statement_is_built_once_for_each_shape(resources: Resources) -> None:
    read = Read(row_columns(User), ("id",), limited=True)
    first = prepare(User, User.live, ("is_active",), read)
    assert prepare(User, User.live, ("is_active",), Read(row_columns(User), ("id",), limited=True)) is first
    assert prepare(User, None, ("is_active",), read) is not first


async def test_two_selections_of_the_same_rows_have_the_same_key() -> None:
    def selection(number: int) -> Selection[User]:
        return Selection(User, User.live).where(id__in=[number]).containing(["a"], "email")

    assert selection(1).key == selection(1).key
    assert selection(1).key != selection(2).key
    assert hash(selection(1).key)
