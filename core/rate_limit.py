"""Counts of requests in fixed windows, kept in Redis so that every process counts together.

Windows are aligned to the clock, so the end of a window needs no asking: one round trip counts a request and
yields all three headers. At a window's border a client may send up to twice the limit in quick succession;
that is the known price of fixed windows, and what the headers of API v1 can express.
"""

import logging
import time
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

#: How long Redis is left alone after it failed to answer.
PAUSE_SECONDS = 2.0

logger = logging.getLogger("tandem.rate_limit")


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a limit after this request. ``reset_at`` is in seconds since the epoch."""

    limit: int
    remaining: int
    reset_at: int
    exceeded: bool

    @property
    def retry_after(self) -> int:
        """Seconds until the window ends, at least 1."""
        return max(1, self.reset_at - int(time.time()))


class RateLimiter:
    """Counts hits per key. Fails open: while Redis is away, everything is let through and nothing is counted.

    Args:
        redis: where the counts live.
        name: first part of every key, one for each use.
        window: seconds of one window.
    """

    def __init__(self, redis: Redis, name: str, *, window: int = 60) -> None:
        self._redis = redis
        self._name = name
        self._window = window
        self._away_until = 0.0

    def _place(self, subject: str) -> tuple[str, int]:
        number = int(time.time()) // self._window
        return f"tandem:{self._name}:{subject}:{number}", (number + 1) * self._window

    async def hit(self, subject: str, limit: int) -> Quota:
        """Count one request of *subject* and say where that leaves it."""
        key, reset_at = self._place(subject)
        count = 1
        if time.monotonic() < self._away_until:
            return Quota(limit, limit - 1, reset_at, exceeded=False)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.incr(key)
                pipe.expire(key, self._window + 1, nx=True)
                count = int((await pipe.execute())[0])
        except (RedisError, OSError) as error:
            self._give_up(error)
        return Quota(limit, max(0, limit - count), reset_at, exceeded=count > limit)

    async def forget(self, subject: str) -> None:
        """Start the window of *subject* anew."""
        if time.monotonic() < self._away_until:
            return
        try:
            await self._redis.delete(self._place(subject)[0])
        except (RedisError, OSError) as error:
            self._give_up(error)

    async def give_back(self, subject: str) -> None:
        """Take one hit of *subject* back."""
        if time.monotonic() < self._away_until:
            return
        key, _ = self._place(subject)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.decr(key)
                # The window of the hit may be over, and the key of the next one new.
                pipe.expire(key, self._window + 1, nx=True)
                await pipe.execute()
        except (RedisError, OSError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        # Without the pause every request would wait for its own connection attempt to time out.
        self._away_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("Rate limits are off while Redis is away: %s", error)
