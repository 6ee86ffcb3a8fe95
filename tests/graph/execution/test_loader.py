"""``BatchLoader``: one fetch for everybody who asks in the same turn of the loop, and nobody harmed by another."""

import asyncio
import gc
from collections.abc import Mapping

import pytest

from graph.execution import BatchLoader

pytestmark = pytest.mark.anyio


class Store:
    """Squares of even numbers; remembers what it was asked, and answers when *gate* is open."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.begun = asyncio.Semaphore(0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False

    async def fetch(self, keys: list[int]) -> Mapping[int, int]:
        self.asked.append(keys)
        self.begun.release()
        await self.gate.wait()
        if self.broken:
            raise OSError("away")
        return {key: key * key for key in keys if key % 2 == 0}

    def loader(self) -> BatchLoader[int, int | None]:
        return BatchLoader(self.fetch, None)


async def test_one_fetch_serves_all_who_ask_in_one_turn() -> None:
    store = Store()
    loader = store.loader()
    several = await asyncio.gather(
        loader.load_many([2, 4, 2, 3]), loader.load(4), loader.load_many([6, 4]), loader.load_many([])
    )
    assert list(several) == [[4, 16, 4, None], 16, [36, 16], []]
    assert store.asked == [[2, 4, 3, 6]]


async def test_what_is_known_is_not_fetched_again() -> None:
    store = Store()
    loader = store.loader()
    loader.prime(8, 0)
    assert await loader.load_many([2, 3, 8]) == [4, None, 0]
    assert await loader.load_many([3, 2, 10]) == [None, 4, 100]
    assert store.asked == [[2, 3], [10]]


async def test_a_key_on_its_way_is_waited_for() -> None:
    store = Store()
    store.gate.clear()
    loader = store.loader()
    first = asyncio.create_task(loader.load(2))
    await store.begun.acquire()
    second = asyncio.create_task(loader.load_many([2, 4]))
    await store.begun.acquire()
    store.gate.set()
    assert (await first, await second) == (4, [4, 16])
    assert store.asked == [[2], [4]]


async def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    store = Store()
    loader = store.loader()
    store.broken = True
    errors = await asyncio.gather(loader.load(2), loader.load_many([4]), return_exceptions=True)
    assert [type(error) for error in errors] == [OSError, OSError]
    store.broken = False
    assert await loader.load_many([2, 4]) == [4, 16]


async def test_no_error_of_several_fetches_is_left_unseen() -> None:
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
    await store.begun.acquire()
    store.gate.set()
    errors = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(error) for error in errors] == [OSError, OSError]
    del first, second, errors
    gc.collect()
    loop.set_exception_handler(before)
    assert unseen == []


async def test_who_gives_up_takes_nobody_along() -> None:
    store = Store()
    store.gate.clear()
    loader = store.loader()
    impatient, patient = asyncio.create_task(loader.load(2)), asyncio.create_task(loader.load(2))
    await store.begun.acquire()
    impatient.cancel()
    store.gate.set()
    assert await patient == 4
    with pytest.raises(asyncio.CancelledError):
        await impatient
