"""What takes longer than it may is stopped, and what somebody else stops is not taken for that."""

import asyncio

import pytest

from core.deadline import within_deadline
from core.errors import DeadlineExceeded

pytestmark = pytest.mark.anyio


async def forever() -> None:
    await asyncio.Event().wait()


async def test_what_is_done_in_time_is_returned_and_leaves_no_timer() -> None:
    async def work() -> int:
        return 1

    assert await within_deadline(0.01, work()) == 1
    await asyncio.sleep(0.05)


async def test_what_takes_longer_is_stopped() -> None:
    with pytest.raises(DeadlineExceeded, match=r"longer than 0\.01 s"):
        await within_deadline(0.01, forever())
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_a_timeout_within_the_time_is_an_error_like_any_other() -> None:
    async def work() -> None:
        raise TimeoutError("of a connection")

    with pytest.raises(TimeoutError, match="of a connection"):
        await within_deadline(60, work())


async def test_whoever_cancels_the_caller_cancels_the_work() -> None:
    task = asyncio.create_task(within_deadline(60, forever()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_with_the_end_of_the_time_is_not_swallowed() -> None:
    async def cancelled_twice() -> None:
        try:
            await forever()
        finally:
            task.cancel()

    task = asyncio.create_task(within_deadline(0.01, cancelled_twice()))
    with pytest.raises(asyncio.CancelledError):
        await task
