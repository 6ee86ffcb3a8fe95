"""taskiq's Redis stream broker, made to lose nothing.

The life of a message, in the words of Redis's consumer groups: ``XADD`` by :meth:`StreamBroker.kick`,
delivered by ``XREADGROUP`` (it is now *pending*), and deleted when its task is done. What is pending for
longer than ``idle_timeout`` belongs to a dead worker and is claimed by another. A worker keeps what it works
on fresh with a heartbeat, requeues what it has read and not begun, and puts what cannot be worked on in the
dead-letter stream ``<queue>:dead`` with the reason.

What is given up by its task (:class:`engine.redis.receiver.RedeliveringReceiver`) is delivered again after a pause
that grows with the number of its deliveries.

Delivery is at least once: a worker that stalls for longer than ``idle_timeout`` and then goes on has a second
one beside it. Tasks guard themselves against that with a compare-and-set in the database.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError, ResponseError
from taskiq import AckableMessage
from taskiq.message import BrokerMessage, TaskiqMessage
from taskiq_redis import RedisStreamBroker

from engine.redis.client import TIMEOUT_SECONDS, QueueingPool, connection_options
from engine.redis.pending_entries import PendingEntries
from engine.redis.pubsub import channel_name
from engine.redis.signed_messages import AGE, MAX_AGE
from engine.redis.stream_group import GROUP, Entry, StreamGroup, counts

logger = logging.getLogger(__name__)

MAX_PAUSE_SECONDS = 5.0
SEND = b"""
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'data', ARGV[2])
for i = 3, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
return 1
"""
#: Label of a task with one argument, a list: messages that wait together are handed over as one, with their lists
#: joined to at most so many elements. The overhead of a message is then shared by all of them.
JOIN = "join"
#: Label of a message of such a task: a list with a value, or null, for each element of the argument, joined like it.
ALONG = "along"
#: Label of a task that goes into another stream than the broker's own, as taskiq-redis has it.
QUEUE_NAME = "queue_name"


def pack(words: Sequence[bytes]) -> bytes:
    """Return a command in the Redis serialization protocol."""
    return b"*%d\r\n%b" % (len(words), b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words]))


def _carries_a_list(message: TaskiqMessage) -> bool:
    return len(message.args) == 1 and isinstance(message.args[0], list) and not message.kwargs


def along(message: TaskiqMessage) -> list[Any]:
    """Return what goes along with each element of the argument of a message that carries a list."""
    values, size = message.labels.get(ALONG), len(message.args[0])
    return values if isinstance(values, list) and len(values) == size else [None] * size


class StreamBroker(RedisStreamBroker):
    """A broker for processes that send (any number of ``kick``) and for workers (one ``listen``).

    Args:
        url: address of Redis or Valkey.
        queue_name: key of the stream.
        idle_timeout: seconds without a heartbeat after which a message is taken from its worker.
        max_deliveries: how many times a message is delivered before it is dead-lettered.
        pause: returns the seconds until a message is delivered again by the number of its deliveries so far; what
            is less than ``idle_timeout`` counts as that.
        max_length: about how many messages wait at most; of more the oldest are dropped.
        dead_letter_seconds: how long a dead letter is kept.
        min_batch, max_batch: messages read ahead; the number adapts, and unused ones are soon requeued.
        prune_after: seconds after which a consumer without pending entries is removed.
        max_age: seconds after which a message that was signed (:class:`SignedFormatter`, by ``with_formatter``)
            is not good any more, where the task's label ``MAX_AGE`` does not say otherwise.
    """

    def __init__(
        self,
        url: str,
        *,
        queue_name: str,
        idle_timeout: float = 30.0,
        max_deliveries: int = 5,
        pause: Callable[[int], float] = lambda _: 0.0,
        max_length: int = 100_000,
        dead_letter_seconds: int = 30 * 24 * 3600,
        min_batch: int = 1,
        max_batch: int = 16,
        prune_after: float = 600.0,
        max_age: float = 3600.0,
    ) -> None:
        super().__init__(
            url,
            queue_name=queue_name,
            consumer_group_name=GROUP,
            consumer_name=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        )
        self.idle_ms = int(idle_timeout * 1000)
        self.max_deliveries = max_deliveries
        self.max_age = max_age
        self._pause_of = pause
        self._max_length = b"%d" % max_length
        self.min_batch = min_batch
        self.max_batch = max_batch
        #: Seconds between two heartbeats, and between two looks for overdue messages.
        self.tick = min(1.0, idle_timeout / 4)
        # The pool of the parent class stays empty. Blocking reads outlast what a QueueingPool allows.
        options = connection_options()
        pool = QueueingPool.from_url(url, **options)
        self._redis = Redis.from_pool(pool)
        self._connection = pool.pipelined
        self._reader = Redis.from_pool(ConnectionPool.from_url(url, **options))
        self._group = StreamGroup(
            self._redis,
            self._reader,
            stream=queue_name,
            name=self.consumer_group_name,
            consumer=self.consumer_name,
            dead_letter_seconds=dead_letter_seconds,
        )
        self._pending = PendingEntries(
            self._group, idle_ms=self.idle_ms, tick=self.tick, prune_after=prune_after
        )
        self._batch = min_batch
        self._pause = 0.0
        self._next_reclaim = 0.0

    async def _declare_consumer_group(self) -> None:
        """Do nothing at start, when Redis may be unavailable: ``listen`` creates the group when it misses it."""

    async def kick(self, message: BrokerMessage) -> None:
        """Send *message*.

        Raises:
            RedisError: Redis refused, is unavailable, or does not answer within ``TIMEOUT_SECONDS``.
        """
        await self.kick_and_publish(message)

    async def kick_and_publish(self, message: BrokerMessage, *events: tuple[str, str]) -> None:
        """Send *message* and publish *events*, each a channel and a payload, in one round trip.

        Raises:
            RedisError: Redis refused, is unavailable, or does not answer within ``TIMEOUT_SECONDS``.
        """
        queue = message.labels.get(QUEUE_NAME, self.queue_name)
        words = [b"EVAL", SEND, b"1", queue.encode(), self._max_length, message.message]
        for channel, payload in events:
            words += (channel_name(self._redis, channel).encode(), payload.encode())
        await self._connection.submit(pack(words), 1)
        counts[queue].sent += 1

    async def length(self) -> int:
        """Return how many messages wait or are in work.

        Raises:
            RedisError: Redis refused, is unavailable, or does not answer within ``TIMEOUT_SECONDS``.
        """
        return int(await self._redis.xlen(self.queue_name))

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield messages for ever, through every outage of Redis."""
        self._pending.open()
        try:
            while True:
                while self._pending.has_read_ahead:
                    # No name is given to it here, where it would outlive the receiver's interest.
                    yield self._pending.deliver()
                await self._fill()
        finally:
            await self._pending.requeue(also_in_progress=False)

    async def shutdown(self) -> None:
        """Requeue everything unfinished, leave the group, and close."""
        await self._pending.close()
        try:
            await super().shutdown()
        finally:
            await self._redis.aclose()
            await self._reader.aclose()

    async def _fill(self) -> None:
        """Read once, or pause when Redis cannot be read."""
        try:
            async with asyncio.timeout(self.tick + 2 * TIMEOUT_SECONDS):
                if time.monotonic() >= self._next_reclaim:
                    await self._reclaim()
                if not self._pending.has_read_ahead:
                    await self._read_new()
        except (RedisError, OSError) as error:
            await self._recover(error)
        else:
            if self._pause:
                logger.warning("Redis is back")
            self._pause = 0.0

    async def _read_new(self) -> None:
        wait_ms = max(1, int((self._next_reclaim - time.monotonic()) * 1000))
        if self._pending.read_too_much:
            self._batch, self._pending.read_too_much = self.min_batch, False
        entries = await self._group.read(self._batch, wait_ms)
        if entries:
            self._batch = min(self._batch * 2, self.max_batch)
        for entry in entries:
            await self._accept(entry)

    async def _reclaim(self) -> None:
        """Claim what has had no heartbeat, whether or not anything new arrives."""
        overdue = await self._group.overdue(
            self.max_batch, self.idle_ms, lambda count: self._pause_of(count) * 1000
        )
        abandoned = {id_: count for id_, count in overdue.items() if id_ not in self._pending}
        if abandoned:
            for entry in await self._group.claim(abandoned, self.idle_ms):
                if entry.count > self.max_deliveries:
                    reason = f"delivered {self.max_deliveries} times and never finished"
                    await self._group.dead_letter(entry, reason)
                else:
                    await self._accept(entry)
        if len(overdue) < self.max_batch:
            self._next_reclaim = time.monotonic() + self.tick

    async def _accept(self, entry: Entry) -> None:
        try:
            message = self.formatter.loads(entry.fields[b"data"])
        except Exception as error:
            await self._group.dead_letter(entry, f"cannot be parsed: {error!r:.200}")
            return
        task = self.find_task(message.task_name)
        if task is None:
            await self._group.dead_letter(entry, f"no task is called {message.task_name:.100}")
        elif message.labels.get(AGE, 0) > task.labels.get(MAX_AGE, self.max_age):
            await self._group.dead_letter(entry, f"{task.task_name} was sent too long ago")
        elif JOIN not in task.labels:
            self._pending.add(entry)
        elif not _carries_a_list(message):
            await self._group.dead_letter(entry, f"{task.task_name} takes one argument, a list")
        elif not self._join(entry, message, max_size=int(task.labels[JOIN])):
            self._pending.add(entry, message)

    def _join(self, entry: Entry, new: TaskiqMessage, *, max_size: int) -> bool:
        """Join *new* to the message read before it, if that is for the same task and has not been begun."""
        earlier = self._pending.last_read_ahead()
        if earlier is None or earlier.message is None or earlier.message.task_name != new.task_name:
            return False
        together = [*earlier.message.args[0], *new.args[0]]
        if len(together) > max_size:
            return False
        earlier.entries.append(entry)
        earlier.message.labels[ALONG] = along(earlier.message) + along(new)
        earlier.message.args = [together]
        earlier.data = self.formatter.dumps(earlier.message).message
        return True

    async def _recover(self, error: Exception) -> None:
        """Create the group if it is missing, else wait a little, longer each time."""
        # NOGROUP: never made, or flushed away. UNBLOCKED: flushed away while a read was waiting.
        if isinstance(error, ResponseError) and str(error).startswith(("NOGROUP", "UNBLOCKED")):
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._group.create()
            except (RedisError, OSError) as refusal:
                error = refusal
            else:
                return
        if isinstance(error, ResponseError) and str(error).startswith("BUSYGROUP"):
            return
        if not self._pause:
            logger.warning("Redis cannot be read, will go on trying: %s", error)
        self._pause = min(MAX_PAUSE_SECONDS, max(0.05, self._pause * 2))
        # A connection to a server that is no longer in charge (failover) would fail for ever.
        with contextlib.suppress(RedisError, OSError):
            await self._reader.connection_pool.disconnect()
        await asyncio.sleep(self._pause)
