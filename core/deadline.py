"""The one deadline: of an operation of GraphQL and of a request of REST alike."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from core.errors import DeadlineExceeded

T = TypeVar("T")


async def within_deadline(seconds: float, work: Awaitable[T]) -> T:
    """Return what *work* returns, or stop it when the time is up.

    What ``asyncio.timeout`` does, in a third of its time.

    Raises:
        DeadlineExceeded: it was stopped; what it had in progress is cancelled.
        Exception: whatever *work* raises.
    """
    is_late = False
    task = asyncio.current_task()
    before = task.cancelling() if task else 0

    def stop() -> None:
        nonlocal is_late
        is_late = True
        if task is not None:
            task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, stop)
    try:
        return await work
    except asyncio.CancelledError:
        # Somebody else may have cancelled the task besides.
        if not is_late or task is None or task.uncancel() > before:
            raise
        raise DeadlineExceeded(f"The operation took longer than {seconds:g} s and was stopped") from None
    finally:
        timer.cancel()
