"""The dead-letter stream of a queue, for whoever looks after it: read, put back, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from engine.redis.stream_group import dead_letters_of

#: In one step each, so that what is put back is neither lost nor there twice. The message itself never leaves Redis.
PUT_BACK = """
local done = 0
for _, id in ipairs(ARGV) do
    local letter = redis.call('XRANGE', KEYS[1], id, id)[1]
    if letter then
        for i = 1, #letter[2], 2 do
            if letter[2][i] == 'data' then
                redis.call('XADD', KEYS[2], '*', 'data', letter[2][i + 1])
                done = done + 1
            end
        end
        redis.call('XDEL', KEYS[1], id)
    end
end
return done
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up.

    Args:
        id: of the entry in the dead-letter stream.
        data: the message as it was sent.
        deliveries: how often it was delivered; None for what a broker of an earlier release has given up.
        sent_at: when it was sent; None where that is not known.
        died_at: when it was given up.
    """

    id: str
    data: bytes
    reason: str
    deliveries: int | None
    sent_at: datetime | None
    died_at: datetime


class DeadLetters:
    """The dead letters of one queue. Every method raises ``RedisError`` or ``OSError`` where Redis is unavailable.

    Args:
        redis: a client whose answers are ``str`` (:func:`create_redis`).
        queue: key of the stream that the messages were in.
    """

    def __init__(self, redis: Redis, queue: str) -> None:
        self._redis = redis
        self._queue = queue
        self._stream = dead_letters_of(queue)

    async def newest(self, count: int) -> list[DeadLetter]:
        """Return up to *count* of them, the newest first."""
        found: Any = await self._redis.xrevrange(self._stream, count=count)
        return [_letter(id_, fields) for id_, fields in found]

    async def oldest(self, count: int, *, until: str) -> list[DeadLetter]:
        """Return up to *count* of them, the oldest first, none later than that with the id *until*."""
        found: Any = await self._redis.xrange(self._stream, max=until, count=count)
        return [_letter(id_, fields) for id_, fields in found]

    async def put_back(self, ids: Sequence[str]) -> int:
        """Send messages again, as if they were new, and return how many were still there."""
        script: Any = self._redis.eval(PUT_BACK, 2, self._stream, self._queue, *ids)
        return int(await script)

    async def delete(self, ids: Sequence[str]) -> int:
        """Delete messages for good, and return how many were still there."""
        return int(await self._redis.xdel(self._stream, *ids))


def _letter(id_: str, fields: dict[str, str]) -> DeadLetter:
    deliveries = fields.get("deliveries", "")
    return DeadLetter(
        id=id_,
        data=fields.get("data", "").encode(),
        reason=fields.get("reason", ""),
        deliveries=int(deliveries) if deliveries.isdecimal() else None,
        sent_at=_time(fields.get("message_id", "")),
        died_at=_time(id_) or datetime.fromtimestamp(0, UTC),
    )


def _time(entry_id: str) -> datetime | None:
    """Return the time that the id of an entry begins with, in milliseconds; None where it is no such id."""
    milliseconds = entry_id.partition("-")[0]
    if not milliseconds.isdecimal() or len(milliseconds) > 14:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
