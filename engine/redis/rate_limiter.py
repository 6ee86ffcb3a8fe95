"""Counts of requests in fixed windows, kept in Redis so that every process counts together.

Windows are aligned to the clock, so the end of a window needs no asking: one round trip counts a request and
yields all three headers. Requests that arrive while one is on its way are counted together in the next, hits of
one key by one command; each still gets its own exact place in the count.

At a window's border a client may send up to twice the limit in quick succession; that is the known price of
fixed windows, and what the headers of API v1 can express.
"""

import logging
import time
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine.batching import Batcher
from engine.redis.client import Line, QueueingPool

#: How long Redis is left alone after it failed to answer.
PAUSE_SECONDS = 2.0

#: Changes a count, and lets its key end with the window (Redis serialization protocol, version 2).
_CHANGE = (
    b"*3\r\n$6\r\nINCRBY\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n*4\r\n$6\r\nEXPIRE\r\n$%d\r\n%b\r\n%b\r\n$2\r\nNX\r\n"
)

logger = logging.getLogger(__name__)


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
        self._line: Line | None = None
        self._counts = Batcher(self._count)
        # A window's key outlives it by a second, so that it never ends early.
        seconds = b"%d" % (window + 1)
        self._expiry = b"$%d\r\n%b" % (len(seconds), seconds)

    def _place(self, subject: str) -> tuple[str, int]:
        number = int(time.time()) // self._window
        return f"{self._name}:{subject}:{number}", (number + 1) * self._window

    async def hit(self, subject: str, limit: int) -> Quota:
        """Count one request of *subject* and say where that leaves it."""
        key, reset_at = self._place(subject)
        count = 1 if self._is_away else await self._counts.submit((key, 1))
        return Quota(limit, max(0, limit - count), reset_at, exceeded=count > limit)

    async def forget(self, subject: str) -> None:
        """Start the window of *subject* anew."""
        if self._is_away:
            return
        try:
            await self._redis.delete(self._place(subject)[0])
        except (RedisError, OSError) as error:
            self._give_up(error)

    async def give_back(self, subject: str) -> None:
        """Take one hit of *subject* back."""
        if not self._is_away:
            # The window of the hit may be over; then the next one begins with a hit to spare.
            await self._counts.submit((self._place(subject)[0], -1))

    async def _count(self, steps: list[tuple[str, int]]) -> list[int]:
        """Take *steps*, each a key and by how much its count changes; return the count after each step."""
        if self._is_away:
            return [1] * len(steps)
        changes: dict[str, int] = {}
        for key, change in steps:
            changes[key] = changes.get(key, 0) + change
        try:
            counts = await self._change(changes)
        except (RedisError, OSError) as error:
            self._give_up(error)
            return [1] * len(steps)
        now = {key: counts[key] - change for key, change in changes.items()}
        after = []
        for key, change in steps:
            now[key] += change
            after.append(now[key])
        return after

    async def _change(self, changes: dict[str, int]) -> dict[str, int]:
        """Change counts; return the new ones."""
        if self._line is None:
            self._line = cast("QueueingPool", self._redis.connection_pool).line()
        commands = b"".join([self._packed_change(key, change) for key, change in changes.items()])
        answers = await self._line.exchange(commands, 2 * len(changes))
        return dict(zip(changes, answers[::2], strict=True))

    def _packed_change(self, key: str, change: int) -> bytes:
        word, number = key.encode(), b"%d" % change
        return _CHANGE % (len(word), word, len(number), number, len(word), word, self._expiry)

    @property
    def _is_away(self) -> bool:
        return self._away_until > 0 and time.monotonic() < self._away_until

    def _give_up(self, error: Exception) -> None:
        # Without the pause every request would wait for its own connection attempt to time out.
        self._away_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("Rate limits are off while Redis is away: %s", error)
