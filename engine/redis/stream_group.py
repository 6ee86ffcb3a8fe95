"""The commands of one Redis stream with its consumer group, as the broker needs them.

Every method raises ``RedisError`` or ``OSError`` when Redis is unavailable, and ``ResponseError`` starting with
``NOGROUP`` when the group is not there; time limits are up to the caller. Times are in milliseconds,
as Redis has them.
Needs Redis 7 or any Valkey (``XCLAIM`` forgets entries that were deleted).
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)

#: Group of all workers.
GROUP = "workers"
#: Consumer of the entries that were requeued. It never reads; the worker that looks next finds them overdue.
REQUEUED = "requeued"
MAX_DEAD_LETTERS = 10_000
#: Pending entries that are looked at in one round trip.
PAGE = 100

#: Removing a consumer destroys what is pending for it, so look and remove in one step.
REMOVE_IF_EMPTY = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

#: Milliseconds without a command after which a consumer counts as gone: its heartbeat comes every second.
ALIVE_MS = 10_000

Fields = dict[bytes, bytes]


@dataclass(slots=True)
class StreamCounts:
    """What this process has done with the messages of one stream.

    Args:
        sent: by this process.
        delivered: to this process for the first time.
        redelivered: taken over from a worker that was gone, or that had given them up.
        dead: moved to the dead letters.
    """

    sent: int = 0
    delivered: int = 0
    redelivered: int = 0
    dead: int = 0


#: By the key of the stream: as many as there are in the code.
counts: defaultdict[str, StreamCounts] = defaultdict(StreamCounts)


def dead_letters_of(stream: str) -> str:
    """Return the key of a stream's dead letters."""
    return f"{stream}:dead"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message and how often it was delivered, this time included."""

    id: bytes
    fields: Fields
    count: int


class StreamGroup:
    """The consumer *consumer* in group *name* of the stream *stream*.

    Args:
        redis: for everything that answers at once.
        reader: for blocking reads, which would keep others from a connection.
        dead_letter_seconds: how long dead letters are kept, at most ``MAX_DEAD_LETTERS`` and some.
    """

    def __init__(
        self,
        redis: Redis,
        reader: Redis,
        *,
        stream: str,
        name: str,
        consumer: str,
        dead_letter_seconds: int,
    ) -> None:
        self._redis = redis
        self._reader = reader
        self.stream = stream
        self.name = name
        self.consumer = consumer
        self.dead_letters = dead_letters_of(stream)
        self.dead_letter_seconds = dead_letter_seconds
        self._counts = counts[stream]

    async def create(self) -> None:
        """Create the group, and the stream if need be, so that it begins with the stream's first message."""
        await self._redis.xgroup_create(self.stream, self.name, id="0", mkstream=True)

    async def read(self, count: int, wait_ms: int) -> list[Entry]:
        """Take up to *count* new messages; wait up to *wait_ms* for the first."""
        streams: dict[Any, Any] = {self.stream: ">"}
        fetched: Any = await self._reader.xreadgroup(
            self.name, self.consumer, streams, count=count, block=wait_ms
        )
        entries = [Entry(id_, fields, 1) for _, messages in fetched or () for id_, fields in messages]
        self._counts.delivered += len(entries)
        return entries

    async def overdue(self, count: int, idle_ms: int, pause_ms: Callable[[int], float]) -> dict[bytes, int]:
        """Return id and delivery count of the oldest messages that were idle for *idle_ms*, and for their pause.

        Args:
            pause_ms: returns the pause of a message by its delivery count.
        """
        found: dict[bytes, int] = {}
        start: bytes | str = "-"
        while len(found) < count:
            page: Any = await self._redis.xpending_range(
                self.stream, self.name, start, "+", PAGE, idle=idle_ms
            )
            for entry in page:
                if entry["time_since_delivered"] >= pause_ms(entry["times_delivered"]):
                    found[entry["message_id"]] = entry["times_delivered"]
            if len(page) < PAGE:
                break
            start = b"(" + page[-1]["message_id"]
        return dict(islice(found.items(), count))

    async def pending_here(self) -> dict[bytes, int]:
        """Return id and delivery count of every entry that is pending for this consumer."""
        found: Any = await self._redis.xpending_range(
            self.stream, self.name, "-", "+", 10_000, consumername=self.consumer
        )
        return {entry["message_id"]: entry["times_delivered"] for entry in found}

    async def claim(self, counts: Mapping[bytes, int], idle_ms: int) -> list[Entry]:
        """Claim entries and return those gained.

        Redis checks their idle time again, so of several callers one gets each.
        """
        claimed: Any = await self._redis.xclaim(self.stream, self.name, self.consumer, idle_ms, list(counts))
        self._counts.redelivered += len(claimed)
        return [Entry(id_, fields, counts[id_] + 1) for id_, fields in claimed]

    async def reset_idle(self, ids: Collection[bytes]) -> None:
        """Set the idle time of these entries to zero; JUSTID leaves their delivery counts alone."""
        if ids:
            await self._redis.xclaim(self.stream, self.name, self.consumer, 0, list(ids), idle=0, justid=True)

    async def requeue(self, counts: Mapping[bytes, int], idle_ms: int) -> None:
        """Give entries up, with these delivery counts, as if they had been idle for *idle_ms*."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for id_, count in counts.items():
                pipe.xclaim(
                    self.stream,
                    self.name,
                    REQUEUED,
                    0,
                    [id_],
                    idle=idle_ms,
                    retrycount=count,
                    justid=True,
                )
            await pipe.execute()

    async def delete(self, ids: Collection[bytes]) -> None:
        """Acknowledge and delete. In this order an interruption leaves nothing behind for good."""
        if not ids:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.xdel(self.stream, *ids)
            pipe.xack(self.stream, self.name, *ids)
            await pipe.execute()

    async def dead_letter(self, entry: Entry, reason: str) -> None:
        """Move a message to the dead-letter stream, where an operator can read it and its reason for a while."""
        logger.error("Message %s goes to %s: %s", entry.id.decode(), self.dead_letters, reason)
        dead: dict[Any, Any] = {
            **entry.fields,
            b"reason": reason,
            b"message_id": entry.id,
            b"deliveries": entry.count,
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(self.dead_letters, dead, maxlen=MAX_DEAD_LETTERS, approximate=True)
            # None is younger than this one: the end of all, if nobody works on this queue any more.
            pipe.expire(self.dead_letters, self.dead_letter_seconds)
            pipe.xdel(self.stream, entry.id)
            pipe.xack(self.stream, self.name, entry.id)
            await pipe.execute()
        self._counts.dead += 1

    async def forget_dead_letters(self) -> None:
        """Delete the dead letters whose time is up: they may tell of people."""
        # An id begins with the time of its entry, in milliseconds. Approximately would leave up to a hundred.
        oldest = int((time.time() - self.dead_letter_seconds) * 1000)
        await self._redis.xtrim(self.dead_letters, minid=str(oldest), approximate=False)

    async def leave(self) -> None:
        """Remove this consumer, if nothing is pending for it."""
        await self._remove(self.consumer)

    async def prune(self, idle_ms: float) -> None:
        """Remove the consumers that were idle for *idle_ms* and have nothing pending."""
        consumers: Any = await self._redis.xinfo_consumers(self.stream, self.name)
        for consumer in consumers:
            name = consumer["name"].decode()
            if name != self.consumer and consumer["idle"] > idle_ms:
                await self._remove(name)

    async def _remove(self, consumer: str) -> None:
        script: Any = self._redis.eval(REMOVE_IF_EMPTY, 1, self.stream, self.name, consumer)
        await script


@dataclass(frozen=True, slots=True)
class StreamState:
    """What Redis has of a stream, at this moment.

    Args:
        length: messages that are not done, *pending* of which are in the hands of a worker, or were given up by one.
        dead: its dead letters.
        consumers: workers that have given a sign of life within ``ALIVE_MS``.
    """

    length: int
    pending: int
    dead: int
    consumers: int


async def stream_state(redis: Redis, stream: str) -> StreamState:
    """Return the state of a stream and of its group, which may not be there yet."""
    length = int(await redis.xlen(stream))
    dead = int(await redis.xlen(dead_letters_of(stream)))
    try:
        consumers: Any = await redis.xinfo_consumers(stream, GROUP)
    except ResponseError:  # no such key, or NOGROUP
        consumers = []
    alive = [
        consumer
        for consumer in consumers
        if consumer["idle"] <= ALIVE_MS and consumer["name"] != REQUEUED.encode()
    ]
    return StreamState(length, sum(consumer["pending"] for consumer in consumers), dead, len(alive))
