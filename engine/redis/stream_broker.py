"""taskiq's Redis stream broker, made to lose nothing.

The life of a message, in the words of Redis's consumer groups: ``XADD`` by :meth:`StreamBroker.kick`,
delivered by ``XREADGROUP`` (it is now *pending*), and deleted when its task is done. What is pending for
longer than ``idle_timeout`` belongs to a dead worker and is claimed by another. A worker keeps what it works
on fresh with a heartbeat, hands back what it has read and not begun, and puts what cannot be worked on in the
dead-letter stream ``<queue>:dead`` with the reason.

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
from collections.abc import AsyncGenerator, Sequence

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError, ResponseError
from taskiq import AckableMessage
from taskiq.message import BrokerMessage, TaskiqMessage
from taskiq_redis import RedisStreamBroker

from engine.redis.client import TIMEOUT_SECONDS, QueueingPool, connection_options
from engine.redis.pending_entries import Holdings
from engine.redis.pubsub import channel_name
from engine.redis.stream_group import Entry, StreamGroup

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 5.0
SEND = """
redis.call('XADD', KEYS[1], '*', 'data', ARGV[1])
for i = 2, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
return 1
"""
#: Label of a task with one argument, a list: messages that wait together are handed over as one, with their lists
#: joined to at most so many elements. The overhead of a message is then shared by all of them.
JOIN = "join"


def pack(words: Sequence[bytes]) -> bytes:
    """Return a command in the Redis serialization protocol."""
    return b"*%d\r\n%b" % (len(words), b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words]))


def _carries_a_list(message: TaskiqMessage) -> bool:
    return len(message.args) == 1 and isinstance(message.args[0], list) and not message.kwargs


class StreamBroker(RedisStreamBroker):
    """A broker for processes that send (any number of ``kick``) and for workers (one ``listen``).

    Args:
        url: address of Redis or Valkey.
        queue_name: key of the stream.
        idle_timeout: seconds without a heartbeat after which a message is taken from its worker.
        max_deliveries: how many times a message is delivered before it counts as poison.
        max_batch: most messages read ahead; the number adapts, and unused ones are soon handed back.
        prune_after: seconds after which a consumer that left nothing behind is forgotten.
    """

    def __init__(
        self,
        url: str,
        *,
        queue_name: str,
        idle_timeout: float = 30.0,
        max_deliveries: int = 5,
        max_batch: int = 16,
        prune_after: float = 600.0,
    ) -> None:
        super().__init__(
            url,
            queue_name=queue_name,
            consumer_group_name="workers",
            consumer_name=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        )
        self.idle_ms = int(idle_timeout * 1000)
        self.max_deliveries = max_deliveries
        self.max_batch = max_batch
        #: Seconds between two heartbeats, and between two looks for overdue messages.
        self.tick = min(1.0, idle_timeout / 4)
        # The pool of the parent class stays empty. Blocking reads outlast what a QueueingPool allows.
        options = connection_options()
        pool = QueueingPool.from_url(url, **options)
        self._redis = Redis.from_pool(pool)
        self._connection = pool.pipelined
        self._send = [word.encode() for word in ("EVAL", SEND, "1", queue_name)]
        self._reader = Redis.from_pool(ConnectionPool.from_url(url, **options))
        self.group = StreamGroup(
            self._redis,
            self._reader,
            stream=queue_name,
            name=self.consumer_group_name,
            consumer=self.consumer_name,
        )
        self._holdings = Holdings(self.group, idle_ms=self.idle_ms, tick=self.tick, prune_after=prune_after)
        self._batch = 1
        self._pause = 0.0
        self._next_reclaim = 0.0

    async def _declare_consumer_group(self) -> None:
        """Do nothing at start, when Redis may be away: ``listen`` makes the group when it misses it."""

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
        words = [*self._send, message.message]
        for channel, payload in events:
            words += (channel_name(self._redis, channel).encode(), payload.encode())
        await self._connection.submit(pack(words), 1)

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Yield messages for ever, through every absence of Redis."""
        self._holdings.open()
        try:
            while True:
                while self._holdings.has_unread:
                    # No name is given to it here, where it would outlive the receiver's interest.
                    yield self._holdings.hand_over()
                await self._fill()
        finally:
            await self._holdings.hand_back(also_held=False)

    async def shutdown(self) -> None:
        """Hand back everything unfinished, leave the group, and close."""
        await self._holdings.close()
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
                if not self._holdings.has_unread:
                    await self._read_new()
        except (RedisError, OSError) as error:
            await self._recover(error)
        else:
            if self._pause:
                logger.warning("Redis is back")
            self._pause = 0.0

    async def _read_new(self) -> None:
        wait_ms = max(1, int((self._next_reclaim - time.monotonic()) * 1000))
        if self._holdings.read_too_much:
            self._batch, self._holdings.read_too_much = 1, False
        entries = await self.group.read(self._batch, wait_ms)
        if entries:
            self._batch = min(self._batch * 2, self.max_batch)
        for entry in entries:
            await self._accept(entry)

    async def _reclaim(self) -> None:
        """Take over what nobody has kept fresh, whether or not anything new arrives."""
        overdue = await self.group.overdue(self.max_batch, self.idle_ms)
        others = {id_: count for id_, count in overdue.items() if id_ not in self._holdings}
        if others:
            for entry in await self.group.take_over(others, self.idle_ms):
                if entry.count > self.max_deliveries:
                    reason = f"delivered {self.max_deliveries} times and never finished"
                    await self.group.bury(entry, reason)
                else:
                    await self._accept(entry)
        if len(overdue) < self.max_batch:
            self._next_reclaim = time.monotonic() + self.tick

    async def _accept(self, entry: Entry) -> None:
        try:
            message = self.formatter.loads(entry.fields[b"data"])
        except Exception as error:
            await self.group.bury(entry, f"cannot be parsed: {error!r:.200}")
            return
        task = self.find_task(message.task_name)
        if task is None:
            await self.group.bury(entry, f"no task is called {message.task_name:.100}")
        elif JOIN not in task.labels:
            self._holdings.add(entry)
        elif not _carries_a_list(message):
            await self.group.bury(entry, f"{task.task_name} takes one argument, a list")
        elif not self._join(entry, message, most=int(task.labels[JOIN])):
            self._holdings.add(entry, message)

    def _join(self, entry: Entry, new: TaskiqMessage, *, most: int) -> bool:
        """Join *new* to the message read before it, if that is for the same task and has not been begun."""
        earlier = self._holdings.last_unread()
        if earlier is None or earlier.message is None or earlier.message.task_name != new.task_name:
            return False
        together = [*earlier.message.args[0], *new.args[0]]
        if len(together) > most:
            return False
        earlier.entries.append(entry)
        earlier.message.args = [together]
        earlier.data = self.formatter.dumps(earlier.message).message
        return True

    async def _recover(self, error: Exception) -> None:
        """Make the group if it is missing, else wait a little, longer each time."""
        # NOGROUP: never made, or flushed away. UNBLOCKED: flushed away while a read was waiting.
        if isinstance(error, ResponseError) and str(error).startswith(("NOGROUP", "UNBLOCKED")):
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self.group.make()
            except (RedisError, OSError) as refusal:
                error = refusal
            else:
                return
        if isinstance(error, ResponseError) and str(error).startswith("BUSYGROUP"):
            return
        if not self._pause:
            logger.warning("Redis cannot be read, will go on trying: %s", error)
        self._pause = min(LONGEST_PAUSE_SECONDS, max(0.05, self._pause * 2))
        # A connection to a server that is no longer in charge (failover) would fail for ever.
        with contextlib.suppress(RedisError, OSError):
            await self._reader.connection_pool.disconnect()
        await asyncio.sleep(self._pause)
