"""Fixed-window rate limits, counted in Redis so that every process counts together.

Windows are aligned to the clock, so the end of a window needs no asking: one round trip counts a request and
yields all three headers. Requests of one process are pipelined over one connection; each gets its own exact place
in the count.

At a window's border a client may send up to twice the limit in quick succession; that is the known price of
fixed windows, and what the headers of API v1 can express.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine.redis.client import QueueingPool

#: How long Redis is left alone after it failed to answer.
PAUSE_SECONDS = 2.0

#: Changes a count, and lets its key end with the window (Redis serialization protocol, version 2).
_CHANGE = (
    b"*3\r\n$6\r\nINCRBY\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n*4\r\n$6\r\nEXPIRE\r\n$%d\r\n%b\r\n%b\r\n$2\r\nNX\r\n"
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a limit after this request; ``reset_at`` and ``retry_after`` are in whole seconds.

    Args:
        reset_at: when the window ends, since the epoch.
        retry_after: how long that takes from now, at least 1.
        exceeded: whether this request was one too many.
    """

    limit: int
    remaining: int
    reset_at: int
    retry_after: int
    exceeded: bool


class RateLimiter:
    """Counts hits per key. Fails open: while Redis is unavailable, everything passes and nothing is counted.

    Args:
        redis: where the counts live; made by :func:`engine.redis.create_redis`.
        name: first part of every key, one for each use.
        window: seconds of one window.
        pause: seconds for which Redis is left alone after it failed to answer.
        clock: returns the seconds since the epoch.
    """

    def __init__(
        self,
        redis: Redis,
        name: str,
        *,
        window: int = 60,
        pause: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._connection = cast("QueueingPool", redis.connection_pool).pipelined
        self._name = name
        self._window = window
        self._pause = pause
        self._clock = clock
        #: 0 unless the last attempt failed.
        self._unavailable_until = 0.0
        # A window's key outlives it by a second, so that it never ends early.
        seconds = b"%d" % (window + 1)
        self._expiry = b"$%d\r\n%b" % (len(seconds), seconds)

    async def hit(self, subject: str, limit: int) -> Quota:
        """Count one request of *subject* and say where that leaves it; a hit counts even if its caller leaves."""
        now = int(self._clock())
        key, reset_at = self._window_of(subject, now)
        count = await self._change(key, 1)
        # Below zero where a hit was given back that an earlier window had counted, or by whoever writes to Redis.
        count = max(count, 0)
        return Quota(limit, max(0, limit - count), reset_at, max(1, reset_at - now), exceeded=count > limit)

    async def hit_all(self, limits: Sequence[tuple[str, int]]) -> Quota:
        """Count one request for each of several subjects, in one round trip, and say where that leaves it.

        What one subject refuses uses up nothing of those behind it.

        Args:
            limits: subjects and their limits, at least one.

        Returns:
            The first limit, and the least that is left of any; exceeded if one of them is.
        """
        if len(limits) == 1:
            return await self.hit(*limits[0])
        quotas = await asyncio.gather(*(self.hit(*limit) for limit in limits))
        for number, quota in enumerate(quotas, 1):
            if quota.exceeded:
                await self.give_back(*(subject for subject, _ in limits[number:]))
                return replace(quota, limit=limits[0][1])
        return replace(quotas[0], remaining=min(quota.remaining for quota in quotas))

    async def forget(self, *subjects: str) -> None:
        """Start the windows of *subjects* anew."""
        if self._is_unavailable or not subjects:
            return
        now = int(self._clock())
        try:
            await self._redis.delete(*(self._window_of(subject, now)[0] for subject in subjects))
        except (RedisError, OSError) as error:
            self._leave_alone(error)

    async def give_back(self, *subjects: str) -> None:
        """Take one hit of each of *subjects* back."""
        # The window of the hit may be over; then the next one begins with a hit to spare.
        now = int(self._clock())
        await asyncio.gather(*(self._change(self._window_of(subject, now)[0], -1) for subject in subjects))

    def _window_of(self, subject: str, now: int) -> tuple[str, int]:
        """Return the key of the present window, and when that ends."""
        number = now // self._window
        return f"{self._name}:{subject}:{number}", (number + 1) * self._window

    async def _change(self, key: str, change: int) -> int:
        """Change a count and return the new one; 1 while Redis is unavailable."""
        if self._is_unavailable:
            return 1
        word, number = key.encode(), b"%d" % change
        commands = _CHANGE % (len(word), word, len(number), number, len(word), word, self._expiry)
        try:
            count, _ = await self._connection.submit(commands, 2)
        except (RedisError, OSError) as error:
            self._leave_alone(error)
            return 1
        if self._unavailable_until and not self._is_unavailable:  # not what was sent before
            self._unavailable_until = 0.0
            logger.warning("Redis is back: the rate limits of %s are on again", self._name)
        return count

    @property
    def _is_unavailable(self) -> bool:
        return bool(self._unavailable_until) and time.monotonic() < self._unavailable_until

    def _leave_alone(self, error: Exception) -> None:
        # Without the pause every request would wait for its own connection attempt to time out.
        if not self._unavailable_until:  # all that is in flight fails at once, and so do later attempts
            logger.warning("The rate limits of %s are off while Redis is unavailable: %s", self._name, error)
        self._unavailable_until = time.monotonic() + self._pause
