"""Health checks for whoever runs the containers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from core.not_ready import NotReady

logger = logging.getLogger("tandem.health")

#: Of one check: the answer is there within two seconds.
TIMEOUT_SECONDS = 1.5
OK = "ok"
Check = Callable[[], Awaitable[object]]


def health_routes(checks: Mapping[str, Check], facts: Mapping[str, Check]) -> list[BaseRoute]:
    """Return ``/health/live`` (the process answers) and ``/health/ready`` (so does all that it needs).

    Args:
        checks: what readiness asks, by name; a check that raises or takes over a second and a half has failed,
            and NotReady says what the answer then says of it.
        facts: what readiness only tells, by name, since no other process could do better; one that raises or takes
            as long is null.
    """

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        states, told = await asyncio.gather(_all(_state, checks), _all(_fact, facts))
        healthy = set(states.values()) == {OK}
        body = {"status": "ok" if healthy else "unavailable", "checks": states, **told}
        return JSONResponse(body, 200 if healthy else 503)

    return [Route("/health/live", live), Route("/health/ready", ready)]


async def _all(ask: Callable[[str, Check], Awaitable[Any]], questions: Mapping[str, Check]) -> dict[str, Any]:
    answers = await asyncio.gather(*(ask(name, question) for name, question in questions.items()))
    return dict(zip(questions, answers, strict=True))


async def _fact(name: str, find: Check) -> object:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await find()
    except Exception as error:
        logger.warning("%s cannot be found out: %s", name, error)
        return None


async def _state(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await check()
    except Exception as error:
        logger.warning("%s is not ready: %s", name, error)
        return str(error) if isinstance(error, NotReady) else "failed"
    return OK
