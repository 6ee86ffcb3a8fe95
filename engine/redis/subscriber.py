"""One subscriber of events, and what it gets."""

import asyncio
from collections import deque
from enum import Enum
from typing import Final, Literal


class Signal(Enum):
    """What a subscriber can get beside payloads."""

    RESYNC = "resync"


#: Events may have been missed, and from now on none is: read your state again.
RESYNC: Final = Signal.RESYNC
Event = str | Literal[Signal.RESYNC]


class Subscriber:
    """An endless asynchronous iterator of events; it ends when the hub stops."""

    def __init__(self, channels: frozenset[str], limit: int) -> None:
        self.channels = channels
        #: Channels whose subscription is not in force; empty for a subscriber that misses nothing.
        self.pending: set[str] = set()
        #: Set when nothing more can be gained by waiting for the subscriptions.
        self.ready = asyncio.Event()
        self.entered = False
        self._limit = limit
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, payload: str) -> None:
        """Buffer *payload*; a full buffer collapses into one RESYNC, so memory stays bounded."""
        if len(self._events) >= self._limit:
            self.resync()
        else:
            self._events.append(payload)
            self._changed.set()

    def resync(self) -> None:
        """Replace what is buffered, which the subscriber's next reading of its state covers."""
        self._events.clear()
        self._events.append(RESYNC)
        self._changed.set()

    def close(self) -> None:
        """End the iteration after what is buffered."""
        self._closed = True
        self.ready.set()
        self._changed.set()

    def subscribed(self, channel: str) -> None:
        """Note that the subscription to *channel* is in force."""
        self.pending.discard(channel)
        if not self.pending:
            self.ready.set()
            if self.entered:
                self.resync()

    def unsubscribed(self) -> None:
        """Note that no subscription is in force."""
        self.pending = set(self.channels)
        self.ready.set()

    def __aiter__(self) -> "Subscriber":
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()
