"""What one worker has of the stream, and how it keeps that: heartbeat, deletion, handing back."""

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

from engine.cancellation import end
from engine.redis.client import TIMEOUT_SECONDS
from engine.redis.stream_group import Entry, StreamGroup

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True, weakref_slot=True)
class Delivery:
    """A message in this process, or several joined into one, and what taskiq calls to acknowledge it.

    The receiver holds it while the task runs. Should the receiver drop it unacknowledged (a middleware
    raised), it is garbage, its heartbeat ends with it, and the messages are delivered again.
    """

    holdings: "Holdings"
    entries: list[Entry]
    data: bytes
    read_at: float
    #: What it says, if others may be joined to it.
    message: TaskiqMessage | None = None

    async def __call__(self) -> None:
        """Delete the messages: their task is done."""
        await self.holdings.finish([entry.id for entry in self.entries])


class Holdings:
    """Messages that were read and not begun, that are in progress, and that are done and not yet deleted.

    Args:
        group: where they come from.
        idle_ms: milliseconds without a heartbeat after which a message belongs to nobody.
        tick: seconds between two heartbeats.
        prune_after: seconds after which a consumer that left nothing behind is forgotten.
    """

    def __init__(self, group: StreamGroup, *, idle_ms: int, tick: float, prune_after: float) -> None:
        self._group = group
        self._idle_ms = idle_ms
        self._tick = tick
        self._prune_after = prune_after
        self._unread: deque[Delivery] = deque()
        self._held: WeakValueDictionary[bytes, Delivery] = WeakValueDictionary()
        self._finished: set[bytes] = set()
        self._deleting = False
        self._closed = False
        self._keeper: asyncio.Task[None] | None = None
        self._next_prune = 0.0
        #: True once after more was read ahead than was asked for.
        self.read_too_much = False

    def __contains__(self, message_id: bytes) -> bool:
        """Tell whether a message is in progress here, or done."""
        return message_id in self._held or message_id in self._finished

    @property
    def has_unread(self) -> bool:
        """Whether :meth:`hand_over` has something."""
        return bool(self._unread)

    def add(self, entry: Entry, message: TaskiqMessage | None = None) -> None:
        """Take in a message that was read; *message* is what it says, if others may be joined to it."""
        self._unread.append(Delivery(self, [entry], entry.fields[b"data"], time.monotonic(), message))

    def last_unread(self) -> Delivery | None:
        """Return the newest message that was read and not begun, to join another to it."""
        return self._unread[-1] if self._unread else None

    def hand_over(self) -> AckableMessage:
        """Give the oldest unread message to the receiver; from now on it is in progress."""
        delivery = self._unread.popleft()
        for entry in delivery.entries:
            self._held[entry.id] = delivery
        return AckableMessage(data=delivery.data, ack=delivery)

    def open(self) -> None:
        """Start the heartbeat, if it is not running."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="broker-keeper")

    async def close(self) -> None:
        """Hand back everything unfinished and leave the group; does nothing where :meth:`open` never ran."""
        if self._keeper is None:
            return
        await end(self._keeper)
        self._closed = True
        await self.hand_back(also_held=True)
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._group.leave()

    async def finish(self, message_ids: Collection[bytes]) -> None:
        """Delete messages whose task is done; while Redis is away, remember to.

        Returns at once if another call is deleting already, which then deletes these messages too. After
        shutdown it does nothing: the messages were handed back and will be worked on again.
        """
        if self._closed:
            return
        self._finished.update(message_ids)
        for message_id in message_ids:
            self._held.pop(message_id, None)
        if self._deleting:
            return
        self._deleting = True
        try:
            while self._finished:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._delete_finished()
        except (RedisError, OSError) as error:
            logger.debug("Finished messages stay for the keeper to delete: %s", error)
        finally:
            self._deleting = False

    async def hand_back(self, *, also_held: bool) -> None:
        """Hand back what this consumer has pending: unread, or lost on the way when a read was cancelled.

        Args:
            also_held: whether tasks that still run count too; their delivery stays counted.
        """
        self._unread.clear()
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                await self._delete_finished()
                held = set(self._held)
                mine = await self._group.mine()
                returned = {id_: n if id_ in held else n - 1 for id_, n in mine.items()}
                if not also_held:
                    returned = {id_: n for id_, n in returned.items() if id_ not in held}
                await self._group.hand_back(returned, self._idle_ms)

    async def _keep(self) -> None:
        """Once a tick: heartbeat, belated deletions, and handing back what nobody asks for."""
        while True:
            await asyncio.sleep(self._tick)
            try:
                async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                    await self._delete_finished()
                    await self._group.refresh([*self._held])
                    await self._hand_back_unread()
                    await self._prune()
            except (RedisError, OSError) as error:
                logger.debug("Keeping house has to wait: %s", error)

    async def _delete_finished(self) -> None:
        ids = [*self._finished]
        await self._group.delete(ids)
        self._finished.difference_update(ids)

    async def _hand_back_unread(self) -> None:
        before = time.monotonic() - self._tick
        returned: dict[bytes, int] = {}
        while self._unread and self._unread[-1].read_at <= before:
            for entry in self._unread.pop().entries:
                returned[entry.id] = entry.count - 1
        if returned:
            self.read_too_much = True
            await self._group.hand_back(returned, self._idle_ms)

    async def _prune(self) -> None:
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + self._prune_after / 2
            await self._group.prune(self._prune_after * 1000)
