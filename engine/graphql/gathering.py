"""Awaiting several things concurrently."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any


async def gather_all(awaitables: Iterable[Awaitable[Any]]) -> list[Any]:
    """Await everything concurrently; the first failure cancels the rest, and is raised when they have ended."""
    awaitables = list(awaitables)
    if len(awaitables) == 1:
        return [await awaitables[0]]
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def outcome(awaitable: Awaitable[Any]) -> Any:
    """Return the result of *awaitable*, or the exception that it raises."""
    try:
        return await awaitable
    except Exception as error:
        return error


async def outcomes(awaitables: list[Awaitable[Any]]) -> list[Any]:
    """Await everything concurrently; an exception takes the place of its result."""
    return await gather_all([outcome(awaitable) for awaitable in awaitables])
