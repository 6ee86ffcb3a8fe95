"""Cancelling asyncio tasks for certain."""

import asyncio
from typing import Any


async def cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancel *task* and wait until it has ended, however it ends.

    It is cancelled again every second, because a cancellation can get lost: ``asyncio.wait_for`` of Python
    3.11 swallows one that comes just as the awaited thing is done, and redis-py sends commands through it.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)
