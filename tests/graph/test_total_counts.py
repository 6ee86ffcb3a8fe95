"""How long a list is: exact for a short one, counted now and then for a long one, often known without counting."""

import asyncio

import pytest

from core.resources import Resources
from engine.postgres import Select, TotalCounts, record_statements
from graph.resolvers.pagination import (
    MIN_OFFSET_FOR_DEFERRED_JOIN,
    NEWEST_FIRST,
    Keyset,
    Offset,
    Page,
    paginate,
)
from models import Product, ProductRow
from tests.factories import make_product

pytestmark = pytest.mark.anyio


class Clock:
    """The time by which lengths are cached."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


@pytest.fixture
def counts(clock: Clock) -> TotalCounts:
    """Counts for which three rows are many, and one second pays for one."""
    return TotalCounts(min_rows_to_cache=3, rows_counted_per_second=1, max_cached=2, clock=clock)


def products() -> Select[ProductRow]:
    return Select(ProductRow)


async def page(window: Offset | Keyset, counts: TotalCounts | None = None) -> Page[ProductRow]:
    return await paginate(products(), NEWEST_FIRST, window, counts=counts or TotalCounts())


async def make_products(count: int) -> None:
    await Product.bulk_create([Product(name=f"Product {number}", price=1) for number in range(count)])


@pytest.mark.parametrize(
    ("window", "size"),
    [(Offset(1, 4), 3), (Offset(2, 2), 3), (Offset(3, 1), 3), (Keyset(first=3), 3), (Keyset(last=5), 3)],
)
async def test_a_page_with_the_end_of_its_list_knows_the_length(
    resources: Resources, window: Offset | Keyset, size: int
) -> None:
    await make_products(size)
    with record_statements() as statements:
        assert await (await page(window)).count() == size
    assert len(statements) == 1


@pytest.mark.parametrize("window", [Offset(1, 2), Offset(2, 1)])
async def test_a_page_by_number_is_counted_in_its_own_statement(resources: Resources, window: Offset) -> None:
    await make_products(5)
    with record_statements() as statements:
        assert await (await page(window)).count() == 5
    assert len(statements) == 1


@pytest.mark.parametrize("window", [Offset(7, 2), Keyset(first=0), Keyset(first=2), Keyset(last=2)])
async def test_other_pages_are_counted_when_asked(resources: Resources, window: Offset | Keyset) -> None:
    await make_products(5)
    found = await page(window)
    with record_statements() as statements:
        assert await found.count() == 5
    assert len(statements) == 1


async def test_a_short_list_is_counted_each_time(counts: TotalCounts, resources: Resources) -> None:
    await make_products(1)
    assert await counts.count(products()) == 1
    await make_products(1)
    assert await counts.count(products()) == 2


async def test_a_long_list_is_counted_again_after_as_long_as_it_is(
    clock: Clock, counts: TotalCounts, resources: Resources
) -> None:
    await make_products(4)
    assert await (await page(Offset(1, 2), counts)).count() == 4
    await make_products(1)
    clock.now = 3.9
    with record_statements() as statements:
        assert await (await page(Offset(1, 2), counts)).count() == 4
        assert await (await page(Keyset(first=2), counts)).count() == 4
        assert await counts.count(products().where(price__gt=0)) == 5, "another list"
    assert sum("COUNT" in statement for statement in statements) == 1
    clock.now = 4
    assert await (await page(Offset(1, 2), counts)).count() == 5


async def test_those_who_ask_at_once_share_one_count(
    clock: Clock, counts: TotalCounts, resources: Resources
) -> None:
    await make_products(4)
    assert await counts.count(products()) == 4
    await make_products(1)
    clock.now = 10
    with record_statements() as statements:
        asked = [asyncio.create_task(counts.count(products())) for _ in range(5)]
        await asyncio.sleep(0)
        asked[0].cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [5] * 4
    assert len(statements) == 1


async def test_a_list_that_has_become_short_is_counted_each_time_again(
    clock: Clock, counts: TotalCounts, resources: Resources
) -> None:
    await make_products(4)
    assert await counts.count(products()) == 4
    await Product.filter(id__lte=2).delete()
    clock.now = 10
    assert await counts.count(products()) == 2
    await make_product()
    assert await counts.count(products()) == 3


async def test_only_so_many_lengths_are_cached(
    clock: Clock, counts: TotalCounts, resources: Resources
) -> None:
    await make_products(3)
    lists = [products().where(price__gt=-price) for price in range(1, 6)]
    for some in lists:
        await counts.count(some)
    assert [counts.is_known_to_be_long(some) for some in lists] == [False] * 3 + [True] * 2


async def test_rows_skipped_in_the_index_alone_are_the_same(resources: Resources) -> None:
    size = 2
    await make_products(MIN_OFFSET_FOR_DEFERRED_JOIN + 5)
    whole = [row.id for row in await Product.all().order_by("-created_at", "-id")]
    first = MIN_OFFSET_FOR_DEFERRED_JOIN // size
    for number in range(first - 1, first + 4):
        with record_statements() as statements:
            found = await page(Offset(number, size))
        assert ('"id" IN (SELECT' in statements[0]) is (number > first)
        assert [row.id for row in found.rows] == whole[(number - 1) * size : number * size]
        assert await found.count() == len(whole)
