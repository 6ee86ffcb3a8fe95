"""A select reads what the queryset of the same conditions reads, with SQL that is built once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import asyncpg
import pytest
from asyncpg import Record
from tortoise.exceptions import OperationalError
from tortoise.expressions import Q
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from core.resources import Resources
from engine.postgres import BatchedStatement, Columns, Select, Selected, record_statements
from models import OrderItemRow, OrderRow, OrderStatus, Product, ProductRow, User, UserRow
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
        made = await make_product(name=name, price=number % 4, on_hand=number % 3, description=name * 2)
        archived_at = TIME if number % 5 == 4 else None
        await Product.filter(id=made.id).update(
            created_at=TIME + timedelta(seconds=number % 5), archived_at=archived_at
        )


def on_sale() -> Select[ProductRow]:
    return Select(ProductRow).where(archived_at__isnull=True, price__lt=100)


def all_on_sale() -> QuerySet[Product]:
    return Product.filter(archived_at__isnull=True, price__lt=100)


CASES: dict[str, tuple[Callable[[], Select[ProductRow]], Callable[[], QuerySet[Product]]]] = {
    "all": (lambda: Select(ProductRow), Product.all),
    "equal": (lambda: Select(ProductRow).where(price=2), lambda: Product.filter(price=2)),
    "several": (
        lambda: Select(ProductRow).where(price=2, name="b", on_hand__gt=0),
        lambda: Product.filter(price=2, name="b", on_hand__gt=0),
    ),
    "in": (lambda: Select(ProductRow).where(price__in=[1, 3]), lambda: Product.filter(price__in=[1, 3])),
    "in nothing": (lambda: Select(ProductRow).where(price__in=[]), lambda: Product.filter(price__in=[])),
    "null": (
        lambda: Select(ProductRow).where(archived_at__isnull=True),
        lambda: Product.filter(archived_at__isnull=True),
    ),
    "not null": (
        lambda: Select(ProductRow).where(archived_at__isnull=False),
        lambda: Product.filter(archived_at__isnull=False),
    ),
    "time": (
        lambda: Select(ProductRow).where(created_at__gt=TIME, created_at__lt=TIME + timedelta(seconds=3)),
        lambda: Product.filter(created_at__gt=TIME, created_at__lt=TIME + timedelta(seconds=3)),
    ),
    "null and others": (
        lambda: on_sale().where(on_hand__gt=0),
        lambda: all_on_sale().filter(on_hand__gt=0),
    ),
    "no words": (lambda: Select(ProductRow).containing([], "name"), Product.all),
    **{
        f"word {word}": (
            lambda word=word: on_sale().containing([(word,)], "name", "description"),  # type: ignore[misc]
            lambda word=word: all_on_sale().filter(  # type: ignore[misc]
                Q(name__icontains=word) | Q(description__icontains=word)
            ),
        )
        for word in WORDS
    },
    "two words, one column": (
        lambda: Select(ProductRow).where(price__gt=0).containing([("a",), ("b",)], "name").where(on_hand=0),
        lambda: Product.filter(
            Q(price__gt=0) & Q(name__icontains="a") & Q(name__icontains="b") & Q(on_hand=0)
        ),
    ),
}
COLUMNS: Columns = frozenset({"name", "created_at", "price"})
#: Sorts the newest first, in which a page is found by the index alone.
NEWEST = ("-id",)


@pytest.mark.parametrize("case", CASES)
async def test_a_select_reads_what_its_queryset_reads(shelf: None, case: str) -> None:
    select, queryset = CASES[case]
    assert await select().count() == await queryset().count()
    for order in ORDERS:
        whole = await queryset().order_by(*order)
        ids = [row.id for row in whole]
        for _ in range(2):  # the statement is built, then run again
            assert found(await select().fetch(COLUMNS, order)) == ids
            assert found(await select().fetch(COLUMNS, order, limit=3)) == ids[:3]
        for deferred_join, shared in product((False, True), repeat=2):
            selected = await select().fetch(
                COLUMNS,
                order,
                limit=2,
                offset=1,
                deferred_join=deferred_join,
                with_total=True,
                shared=shared,
            )
            assert found(selected) == ids[1:3]
            assert selected.total == (len(ids) if ids[1:3] else None)
        await _places(select, whole, order)


def found(selected: Selected[Any]) -> list[Any]:
    return [row.id for row in selected.rows]


async def _places(select: Callable[[], Select[ProductRow]], whole: list[Product], order: Any) -> None:
    """Compare what lies between each two places with the part of the whole list between them."""
    column = order[0].removeprefix("-")
    places = [(getattr(row, column), row.id) for row in whole]
    ids = [row.id for row in whole]
    for index, place in enumerate(places):
        assert found(await select().fetch(COLUMNS, order, after=place)) == ids[index + 1 :]
        assert found(await select().fetch(COLUMNS, order, before=place)) == ids[:index]
        between = await select().fetch(COLUMNS, order, after=places[0], before=place, limit=100)
        assert found(between) == ids[1:index]


async def test_first_returns_a_row_or_none(shelf: None) -> None:
    row = await Select(ProductRow).where(name="zB").first()
    assert row is not None
    assert row.name == "zB"
    assert await Select(ProductRow).where(name="nothing").first() is None


async def test_an_enum_is_a_value_like_any_other(resources: Resources) -> None:
    user = await make_user()
    await make_order(user)
    await make_order(user, status=OrderStatus.COMPLETED)
    for statuses in ([OrderStatus.COMPLETED], [OrderStatus.PENDING, OrderStatus.COMPLETED]):
        select = Select(OrderRow).where(status__in=statuses, user_id=user.id)
        selected = await select.fetch(order=NEWEST)
        assert [row.status for row in selected.rows] == statuses[::-1]
    assert await Select(OrderRow).where(status=OrderStatus.PENDING).count() == 1


async def test_values_change_and_the_statement_stays(resources: Resources) -> None:
    user = await make_user()
    orders = [await make_order(user, (await make_product(), 1)) for _ in range(3)]
    with record_statements() as statements:
        for ids in ([orders[0].id], [order.id for order in orders], []):
            items = Select(OrderItemRow).where(order_id__in=ids)
            selected = await items.fetch(frozenset(), ("order_id", "id"))
            assert [row.order_id for row in selected.rows] == ids
    assert len(set(statements)) == 1
    assert "ANY($1)" in statements[0]


def orders_of(user: User, limit: int) -> Awaitable[Selected[OrderRow]]:
    return Select(OrderRow).where(user_id=user.id).fetch(order=NEWEST, limit=limit, shared=True)


async def test_the_same_statement_is_run_for_several_in_one_round_trip(resources: Resources) -> None:
    users = [await make_user() for _ in range(3)]
    ids = [(await make_order(user)).id for user in users[:2] for _ in range(2)]
    with record_statements() as statements:
        pages = await asyncio.gather(
            *(orders_of(user, limit) for user in users for limit in (5, 1)), orders_of(users[0], 1)
        )
    assert [found(page) for page in pages] == [
        [ids[1], ids[0]],
        [ids[1]],
        [ids[3], ids[2]],
        [ids[3]],
        [],
        [],
        [ids[1]],
    ]
    assert len(statements) == 1
    assert found(await orders_of(users[1], 1)) == [ids[3]]


async def test_wrong_values_are_their_owners_alone(resources: Resources) -> None:
    user = await make_user()
    order = await make_order(user)
    good, bad, also_good = await asyncio.gather(
        *(orders_of(user, limit) for limit in (1, -1, 2)), return_exceptions=True
    )
    assert isinstance(bad, OperationalError)
    for page in (good, also_good):
        assert isinstance(page, Selected)
        assert found(page) == [order.id]


async def test_what_may_have_happened_is_not_done_again(
    resources: Resources, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("SELECT setval('orders_id_seq', 1000)")
    # A sequence keeps what a transaction takes from it, also when the connection is lost.
    lost = BatchedStatement(
        "SELECT nextval('orders_id_seq'), pg_terminate_backend(pg_backend_pid()), $1::int", Record
    )
    errors = await asyncio.gather(*(lost.fetch(()) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(error, Exception) for error in errors)
    assert await superuser.fetchval("SELECT last_value FROM orders_id_seq") == 1001


async def test_in_a_transaction_nothing_is_shared(resources: Resources) -> None:
    user = await make_user()
    async with in_transaction():
        order = await make_order(user)
        assert found(await orders_of(user, 5)) == [order.id]


async def test_selects_of_the_same_rows_have_the_same_key() -> None:
    def select(number: int) -> Select[UserRow]:
        return Select(UserRow).where(id__in=[number], deleted_at__isnull=True).containing([("a",)], "email")

    assert select(1).key == select(1).key
    assert select(1).key != select(2).key
    assert hash(select(1).key)
