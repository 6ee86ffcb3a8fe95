"""The entries of a stream that are pending for this worker: heartbeat, acknowledgement, requeueing."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from weakref import WeakValueDictionary

from redis.exceptions import RedisError
from taskiq import AckableMessage
from taskiq.message import TaskiqMessage

from engine.cancellation import cancel_and_wait
from engine.redis.client import TIMEOUT_SECONDS
from engine.redis.stream_group import Entry, StreamGroup

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True, weakref_slot=True)
class Delivery:
    """A message in this process, or several joined into one, and what taskiq calls to acknowledge it.

    The receiver holds it while the task runs. Should the receiver drop it unacknowledged (a middleware
    raised), it is garbage, its heartbeat ends with it, and the messages are delivered again.
    """

    pending: "PendingEntries"
    entries: list[Entry]
    data: bytes
    read_at: float
    #: What it says, if others may be joined to it.
    message: TaskiqMessage | None = None

    async def __call__(self) -> None:
        """Acknowledge and delete the entries: their task is done."""
        await self.pending.acknowledge([entry.id for entry in self.entries])

    async def put_off(self) -> None:
        """Give up what is not acknowledged: it is delivered again after its pause."""
        await self.pending.put_off(self.entries)


class PendingEntries:
    """Entries that were read ahead, that are in progress, and that are done and not yet deleted.

    Args:
        group: where they come from.
        idle_ms: milliseconds without a heartbeat after which an entry is claimed by another worker.
        tick: seconds between two heartbeats.
        prune_after: seconds after which a consumer without pending entries is removed; in half of them dead letters
            are looked at.
    """

    def __init__(self, group: StreamGroup, *, idle_ms: int, tick: float, prune_after: float) -> None:
        self._group = group
        self._idle_ms = idle_ms
        self._tick = tick
        self._prune_after = prune_after
        self._read_ahead: deque[Delivery] = deque()
        self._in_progress: WeakValueDictionary[bytes, Delivery] = WeakValueDictionary()
        self._done: set[bytes] = set()
        #: Whose giving up is on its way to Redis, which may still say that they are pending here.
        self._put_off: set[bytes] = set()
        self._deleting = False
        self._closed = False
        self._heartbeat: asyncio.Task[None] | None = None
        self._next_prune = 0.0
        #: True once after more was read ahead than was asked for.
        self.read_too_much = False

    def __contains__(self, entry_id: bytes) -> bool:
        """Tell whether an entry is in progress here, or done."""
        return entry_id in self._in_progress or entry_id in self._done

    @property
    def has_read_ahead(self) -> bool:
        """Whether :meth:`deliver` has something."""
        return bool(self._read_ahead)

    def add(self, entry: Entry, message: TaskiqMessage | None = None) -> None:
        """Take in an entry that was read; *message* is what it says, if others may be joined to it."""
        self._read_ahead.append(Delivery(self, [entry], entry.fields[b"data"], time.monotonic(), message))

    def last_read_ahead(self) -> Delivery | None:
        """Return the newest message that was read and not begun, to join another to it."""
        return self._read_ahead[-1] if self._read_ahead else None

    def deliver(self) -> AckableMessage:
        """Return the oldest message that was read ahead, for the receiver; from now on it is in progress."""
        delivery = self._read_ahead.popleft()
        for entry in delivery.entries:
            self._in_progress[entry.id] = delivery
        return AckableMessage(data=delivery.data, ack=delivery)

    def open(self) -> None:
        """Start the heartbeat, if it is not running."""
        if self._heartbeat is None:
            self._heartbeat = asyncio.create_task(self._run_heartbeat(), name="broker-heartbeat")

    async def close(self) -> None:
        """Requeue everything unfinished and leave the group; does nothing where :meth:`open` never ran."""
        if self._heartbeat is None:
            return
        await cancel_and_wait(self._heartbeat)
        self._closed = True
        await self.requeue(also_in_progress=True)
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._group.leave()

    async def acknowledge(self, entry_ids: Collection[bytes]) -> None:
        """Acknowledge and delete entries whose task is done; while Redis is unavailable, remember to.

        Returns at once if another call is deleting already, which then deletes these entries too. After
        shutdown it does nothing: the entries were requeued and will be worked on again.
        """
        if self._closed:
            return
        self._done.update(entry_ids)
        for entry_id in entry_ids:
            self._in_progress.pop(entry_id, None)
        if self._deleting:
            return
        self._deleting = True
        try:
            while self._done:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._delete_done()
        except (RedisError, OSError) as error:
            logger.debug("Finished messages stay until the next heartbeat: %s", error)
        finally:
            self._deleting = False

    async def put_off(self, entries: Collection[Entry]) -> None:
        """Give up those of the entries that are still in progress; their delivery stays counted."""
        counts = {entry.id: entry.count for entry in entries if self._in_progress.pop(entry.id, None)}
        if self._closed or not counts:
            return
        self._put_off.update(counts)
        # Without Redis they stay pending for this consumer, and are as overdue as they would be.
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._group.requeue(counts, 0)
        except (RedisError, OSError) as error:
            logger.debug("What was put off stays pending here: %s", error)
        finally:
            self._put_off.difference_update(counts)

    async def requeue(self, *, also_in_progress: bool) -> None:
        """Requeue what is pending for this consumer: read ahead, or lost on the way when a read was cancelled.

        Args:
            also_in_progress: whether tasks that still run count too; their delivery stays counted.
        """
        self._read_ahead.clear()
        # Before the first await: what is acknowledged or put off meanwhile has been begun, too.
        begun = {*self._in_progress, *self._put_off}
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                await self._delete_done()
                pending = await self._group.pending_here()
                counts = {id_: n if id_ in begun else n - 1 for id_, n in pending.items()}
                if not also_in_progress:
                    counts = {id_: n for id_, n in counts.items() if id_ not in begun}
                await self._group.requeue(counts, self._idle_ms)

    async def _run_heartbeat(self) -> None:
        """Once a tick: heartbeat, belated deletions, and requeueing what the receiver does not ask for."""
        while True:
            await asyncio.sleep(self._tick)
            try:
                async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                    await self._delete_done()
                    await self._group.reset_idle([*self._in_progress])
                    await self._requeue_read_ahead()
                    await self._prune()
            except (RedisError, OSError) as error:
                logger.debug("The heartbeat has to wait: %s", error)

    async def _delete_done(self) -> None:
        ids = [*self._done]
        await self._group.delete(ids)
        self._done.difference_update(ids)

    async def _requeue_read_ahead(self) -> None:
        before = time.monotonic() - self._tick
        counts: dict[bytes, int] = {}
        while self._read_ahead and self._read_ahead[-1].read_at <= before:
            for entry in self._read_ahead.pop().entries:
                counts[entry.id] = entry.count - 1
        if counts:
            self.read_too_much = True
            await self._group.requeue(counts, self._idle_ms)

    async def _prune(self) -> None:
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + self._prune_after / 2
            await self._group.prune(self._prune_after * 1000)
            await self._group.forget_dead_letters()
