"""A time limit is the same whether the clock had to be set for it or not."""

import asyncio

import pytest

from core.patience import within

pytestmark = pytest.mark.anyio


async def test_what_is_there_already_is_returned_and_no_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.patience.asyncio.timeout", None)

    async def ready() -> int:
        return 7

    async def failing() -> int:
        raise ValueError("why")

    assert await within(0, ready()) == 7
    with pytest.raises(ValueError, match="why"):
        await within(0, failing())


async def test_what_must_be_waited_for_comes_in_as_many_steps_as_it_likes() -> None:
    loop = asyncio.get_running_loop()
    gates = [loop.create_future() for _ in range(3)]

    async def slow() -> list[int]:
        return [await gate for gate in gates] + [
            len(await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0)))
        ]

    task = asyncio.create_task(within(30, slow()))
    for number, gate in enumerate(gates):
        await asyncio.sleep(0)
        assert not task.done()
        gate.set_result(number)
    assert await task == [0, 1, 2, 2]


async def test_an_error_on_the_way_is_the_coroutines_to_deal_with() -> None:
    gate = asyncio.get_running_loop().create_future()

    async def forgiving() -> str:
        try:
            await gate
        except ConnectionError:
            await asyncio.sleep(0)
        return "went on"

    task = asyncio.create_task(within(30, forgiving()))
    await asyncio.sleep(0)
    gate.set_exception(ConnectionError())
    assert await task == "went on"


@pytest.mark.parametrize("rounds", [0, 1, 2])
async def test_time_runs_out(rounds: int) -> None:
    ended = []

    async def endless() -> None:
        try:
            for _ in range(rounds):
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(TimeoutError):
        await within(0.01, endless())
    assert ended == [True]


async def test_a_cancellation_from_outside_stays_one() -> None:
    cleaned = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    task = asyncio.create_task(within(30, endless()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]
