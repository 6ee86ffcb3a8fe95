"""Batches form by themselves, in order, and what goes wrong in one stays there."""

import asyncio
from collections.abc import Sequence

import pytest

from tasks.batches import Batches
from tests.servers import until

pytestmark = pytest.mark.anyio

UNLUCKY = -13


class Work:
    """Notes the batches it gets, and finishes them when told to."""

    def __init__(self, *, limit: int = 10, lanes: int = 1) -> None:
        self.begun: list[list[int]] = []
        self.gate = asyncio.Event()
        self.batches = Batches(self.do, limit=limit, lanes=lanes)

    async def do(self, items: Sequence[int]) -> list[int]:
        self.begun.append(list(items))
        await self.gate.wait()
        if UNLUCKY in items:
            raise RuntimeError("unlucky")
        return [item * 2 for item in items]

    def hand_in(self, *items: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.batches.do(item)) for item in items]


async def test_the_first_goes_at_once_and_who_comes_meanwhile_goes_together() -> None:
    work = Work()
    waiting = work.hand_in(1)
    await until(lambda: work.begun == [[1]])
    waiting += work.hand_in(2, 3, 4)
    work.gate.set()
    assert await asyncio.gather(*waiting) == [2, 4, 6, 8]
    assert work.begun == [[1], [2, 3, 4]]


async def test_a_batch_has_a_limit_and_lanes_work_side_by_side() -> None:
    work = Work(limit=2, lanes=2)
    waiting = work.hand_in(*range(5))
    await until(lambda: len(work.begun) == 2)
    assert work.begun == [[0, 1], [2, 3]]
    work.gate.set()
    assert await asyncio.gather(*waiting) == [0, 2, 4, 6, 8]
    assert work.begun == [[0, 1], [2, 3], [4]]


async def test_an_error_reaches_all_of_its_batch_and_nobody_else() -> None:
    work = Work(limit=2)
    waiting = work.hand_in(1, UNLUCKY, 2)
    work.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError, RuntimeError, int]


async def test_what_was_handed_in_is_done_also_if_nobody_waits_any_more() -> None:
    work = Work()
    work.gate.set()
    first, second = work.hand_in(1, 2)
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 4
    assert sorted(item for batch in work.begun for item in batch) == [1, 2]


async def test_nothing_is_left_lying_at_the_very_end_of_a_batch() -> None:
    work = Work()
    work.gate.set()
    async with asyncio.timeout(10):
        for number in range(200):
            one = asyncio.create_task(work.batches.do(number))
            # Some are handed in at every stage of the batch before.
            for _ in range(number % 7):
                await asyncio.sleep(0)
            assert await work.batches.do_all([number, number + 1]) == [number * 2, number * 2 + 2]
            assert await one == number * 2


async def test_a_lane_that_is_cancelled_cancels_those_who_wait_for_it() -> None:
    work = Work()
    (waiting,) = work.hand_in(1)
    await until(lambda: work.begun == [[1]])
    (lane,) = work.batches._running
    lane.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    work.gate.set()
    assert await work.batches.do(2) == 4
