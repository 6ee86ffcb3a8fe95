"""The one deadline: of an operation of GraphQL and of a request of REST alike."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from core.errors import DeadlineExceeded

T = TypeVar("T")


async def within_deadline(seconds: float, work: Awaitable[T]) -> T:
    """Return what *work* returns, or stop it when the time is up.

    Raises:
        DeadlineExceeded: it was stopped; what it had in progress is cancelled.
        Exception: whatever *work* raises.
    """
    try:
        async with asyncio.timeout(seconds) as time_limit:
            return await work
    except TimeoutError:
        # Of a connection, say, if there was time left.
        if not time_limit.expired():
            raise
        raise DeadlineExceeded(f"The operation took longer than {seconds:g} s and was stopped") from None
