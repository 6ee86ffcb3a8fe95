"""Loaders: requests share the statement that fetches their rows, and nobody is harmed by another."""

import asyncio
import gc
from collections.abc import Mapping, Sequence

import pytest
from tortoise.transactions import in_transaction

from core.resources import Resources
from engine.postgres import record_statements
from graph.resolvers.loaders import Loader, Loaders, Source
from models import Product
from tests.factories import make_order, make_product, make_user

pytestmark = pytest.mark.anyio


class Store:
    """Squares of even numbers; remembers what it was asked, and answers when *gate* is open."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self.begun = asyncio.Semaphore(0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False
        self.source = Source(self.fetch, "rows")

    async def fetch(self, keys: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(keys)
        self.begun.release()
        await self.gate.wait()
        if self.broken:
            raise OSError("away")
        return {key: key * key for key in keys if key % 2 == 0}

    def loader(self) -> Loader[int | None]:
        """Return the loader of another request."""
        return Loader(self.source, None)


async def test_one_fetch_serves_all_who_ask_in_one_turn(resources: Resources) -> None:
    store = Store()
    loader, other = store.loader(), store.loader()
    several = await asyncio.gather(
        loader.load_many([2, 4, 2, 3]), other.load(4), loader.load_many([6, 4]), other.load_many([])
    )
    assert list(several) == [[4, 16, 4, None], 16, [36, 16], []]
    assert store.asked == [[2, 4, 3, 6]]


async def test_what_is_known_is_not_fetched_again_but_for_another_request(resources: Resources) -> None:
    store = Store()
    loader = store.loader()
    assert await loader.load_many([2, 3]) == [4, None]
    assert await loader.load_many([3, 2, 10]) == [None, 4, 100]
    assert await store.loader().load(2) == 4
    assert store.asked == [[2, 3], [10], [2]]


async def test_a_key_on_its_way_is_waited_for(resources: Resources) -> None:
    store = Store()
    store.gate.clear()
    loader = store.loader()
    first = asyncio.create_task(loader.load(2))
    await store.begun.acquire()
    second = asyncio.create_task(loader.load_many([2, 4]))
    third = asyncio.create_task(loader.load_many([2]))
    await asyncio.sleep(0)
    store.gate.set()
    assert (await first, await second, await third) == (4, [4, 16], [4])
    assert store.asked == [[2], [4]]


async def test_an_error_reaches_all_who_wait_and_is_not_kept(resources: Resources) -> None:
    store = Store()
    loader, other = store.loader(), store.loader()
    store.broken = True
    errors = await asyncio.gather(loader.load(2), other.load_many([4]), return_exceptions=True)
    assert [type(error) for error in errors] == [OSError, OSError]
    store.broken = False
    assert await loader.load_many([2, 4]) == [4, 16]


async def test_no_error_of_several_fetches_is_left_unseen(resources: Resources) -> None:
    unseen: list[object] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: unseen.append(context))
    store = Store()
    store.gate.clear()
    store.broken = True
    loader = store.loader()
    first = asyncio.create_task(loader.load(2))
    await store.begun.acquire()
    second = asyncio.create_task(loader.load_many([2, 4]))
    await asyncio.sleep(0)
    store.gate.set()
    errors = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(error) for error in errors] == [OSError, OSError]
    del first, second, errors
    gc.collect()
    loop.set_exception_handler(before)
    assert unseen == []


@pytest.mark.parametrize("who_stays", [0, 1])
async def test_who_gives_up_takes_nobody_along(resources: Resources, who_stays: int) -> None:
    store = Store()
    store.gate.clear()
    loader = store.loader()
    tasks = [asyncio.create_task(loader.load(2)) for _ in range(2)]
    await store.begun.acquire()
    tasks[1 - who_stays].cancel()
    store.gate.set()
    assert await tasks[who_stays] == 4
    with pytest.raises(asyncio.CancelledError):
        await tasks[1 - who_stays]


async def test_requests_get_the_rows_that_each_asked_for(resources: Resources) -> None:
    user = await make_user()
    products = [await make_product() for _ in range(3)]
    orders = [await make_order(user, (product, 2)) for product in products]
    with record_statements() as statements:
        found = await asyncio.gather(*(Loaders().items.load_many([order.id]) for order in orders))
    assert [[item.product_id for item in items] for (items,) in found] == [[one.id] for one in products]
    assert len(statements) == 1


async def test_a_transaction_sees_its_own_rows(resources: Resources) -> None:
    product = await make_product()
    async with in_transaction():
        await Product.filter(id=product.id).update(name="not committed")
        inside, outside = await asyncio.gather(
            Loaders().products.load(product.id), asyncio.create_task(Loaders().products.load(product.id))
        )
        assert inside is not None
        assert inside.name == "not committed"
        assert outside is not None
    after = await Loaders().products.load(product.id)
    assert after is not None
    assert after.name == "not committed"
