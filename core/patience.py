"""Waiting under a time limit that costs nothing where there is nothing to wait for."""

import asyncio
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def within(seconds: float, coroutine: Coroutine[Any, Any, T]) -> T:
    """Await *coroutine* for at most so many seconds.

    Like ``asyncio.timeout``, but the clock is only set if the coroutine waits for something at all.

    Raises:
        TimeoutError: it took longer, and was cancelled.
    """
    try:
        waits_for = coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _Started(coroutine, waits_for)


class _Started(Generic[T]):
    """The rest of a coroutine whose first step was taken by hand, and which *waits for* something now."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        while True:
            try:
                step = partial(self._coroutine.send, (yield waits_for))
            except BaseException as error:  # a cancellation, which is the coroutine's to deal with
                step = partial(self._coroutine.throw, error)
            try:
                waits_for = step()
            except StopIteration as done:
                result: T = done.value
                return result
