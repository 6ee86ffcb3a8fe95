"""Joins concurrent calls into batches, without a delay: what comes while a batch is under way makes the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import Context
from typing import Generic, TypeVar, cast

from engine.batching import answer

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """A queue that is empty when there is little to do, and full enough to be worth it when there is much.

    The first item goes at once, as a batch of one. Items keep their order, and one that is handed in is always
    worked on, also if nobody waits for its result any more: unlike :class:`engine.batching.Coalescer`, which asks
    questions, this does work.

    Args:
        work: does a batch and returns one result for each item, in the same order. What it raises, everybody
            who waits for that batch gets. It runs in a context of its own, so outside the transactions of
            those who hand in.
        limit: most items of one batch.
        lanes: how many batches may be under way at once.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], *, limit: int, lanes: int = 1
    ) -> None:
        self._work = work
        self._limit = limit
        self._lanes = lanes
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def do(self, item: Item) -> Result:
        """Hand in one item and wait for its result."""
        return await self._hand_in(item)

    async def do_all(self, items: Iterable[Item]) -> list[Result]:
        """Hand in several items, which may end up in different batches, and wait for their results."""
        return await asyncio.gather(*map(self._hand_in, items))

    def _hand_in(self, item: Item) -> asyncio.Future[Result]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if len(self._running) < self._lanes:
            # Begins at the next turn of the loop, so whoever comes in this turn is in the same batch.
            self._running.add(loop.create_task(self._drain(), name="batches", context=Context()))
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                size = min(self._limit, len(self._waiting))
                await answer([self._waiting.popleft() for _ in range(size)], self._work)
        finally:
            # Here and not in a callback, which would run later: what is handed in meanwhile would find no lane.
            self._running.discard(cast("asyncio.Task[None]", asyncio.current_task()))
