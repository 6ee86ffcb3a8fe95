"""A value that is read for all who ask at about the same time, and kept for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SharedReading(Generic[Value]):
    """What *read* returns, read so seldom that whoever asks cannot load the server behind it.

    Callers share one reading, which goes on when they give up, and what it returns is kept: for *seconds*, or longer
    where reading takes so long that it would take more than *share* of the time. An exception is kept as well.

    It serves one event loop.
    """

    def __init__(
        self, read: Callable[[], Awaitable[Value]], *, seconds: float = 5.0, share: float = 0.05
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._share = share
        self._reading: asyncio.Task[Value] | None = None
        self._good_until = 0.0

    async def get(self) -> Value:
        """Return the value, or raise what reading it has raised."""
        loop = asyncio.get_running_loop()
        if self._reading is None or (self._reading.done() and loop.time() >= self._good_until):
            # In an empty context: it is nobody's request.
            self._reading = Context().run(loop.create_task, self._run())
            self._reading.add_done_callback(_look_at)
        return await asyncio.shield(self._reading)

    async def _run(self) -> Value:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            return await self._read()
        finally:
            now = loop.time()
            self._good_until = now + max(self._seconds, (now - started) / self._share)


def _look_at(reading: "asyncio.Task[Value]") -> None:
    """Keep asyncio from reporting an exception that nobody was there for any more."""
    if not reading.cancelled():
        reading.exception()
