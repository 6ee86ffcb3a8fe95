"""Publish and subscribe: one Redis connection a process, fanned out to any number of subscribers in it.

An event is a hint that something changed; the truth is in the database. So a subscriber is never owed every
event, but it is owed the knowledge that it may have missed some: :data:`RESYNC`, after which it reads its
state again. It comes when the connection was lost and the subscriptions are in force again, and when the
subscriber was so slow that its buffer overflowed.

Redis does not part channels by database number, so the number is made part of the channel's name here.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from engine.cancellation import cancel_and_wait
from engine.redis.client import TIMEOUT_SECONDS
from engine.redis.subscriber import Subscriber

logger = logging.getLogger(__name__)

MAX_PAUSE_SECONDS = 5.0
#: Always subscribed to: with it the connection is in subscribed mode, in which PING has one form of answer.
CONTROL_CHANNEL = "control"
#: A script costs half of what a pipeline does: one answer to read instead of many.
PUBLISH = "for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end"


def channel_name(redis: Redis, channel: str) -> str:
    """Return what Redis calls the channel."""
    return f"{redis.connection_pool.connection_kwargs.get('db') or 0}/{channel}"


async def publish(redis: Redis, *events: tuple[str, str]) -> None:
    """Send events, each a channel and a payload, to the subscribers in every process: in order, in one round trip.

    Call it after the commit.

    Raises:
        RedisError, OSError: Redis is unavailable, and nothing was sent.
    """
    words = [word for channel, payload in events for word in (channel_name(redis, channel), payload)]
    # Channels are no keys, so they are arguments.
    script: Any = redis.eval(PUBLISH, 0, *words)
    await script


@dataclass(slots=True)
class _Channel:
    """A channel's subscribers, and what was asked of Redis for it on the present connection."""

    subscribers: set[Subscriber] = field(default_factory=set)
    #: Whether the last command was SUBSCRIBE, and how many commands have no answer yet.
    wanted: bool = False
    unanswered: int = 0

    @property
    def in_force(self) -> bool:
        return self.wanted and self.unanswered == 0


class EventHub:
    """The process's one subscription connection.

    Args:
        redis: tells how to connect; the hub's connection is one beside its pool.
        buffer_size: events that a subscriber may be behind before they collapse into RESYNC.
        ping_interval: seconds between two PINGs; after twice that without an answer it connects anew.
    """

    def __init__(self, redis: Redis, *, buffer_size: int = 100, ping_interval: float = 15.0) -> None:
        self._redis = redis
        self._buffer_size = buffer_size
        self._ping_interval = ping_interval
        self._channels: dict[str, _Channel] = {}
        self._to_update: set[str] = set()
        self._update_due = asyncio.Event()
        self._is_unavailable = True
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin connecting. Never fails and never waits: Redis may come later."""
        if self._task is None:
            self._is_unavailable = False
            self._task = asyncio.create_task(self._run(), name="event-hub")

    async def stop(self) -> None:
        """Disconnect, and end the iteration of every subscriber."""
        if self._task is not None:
            await cancel_and_wait(self._task)
            self._task = None
        for channel in self._channels.values():
            for subscriber in channel.subscribers:
                subscriber.close()

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncIterator[Subscriber]:
        """Return what yields the payloads that are published on *channels* from the moment that this is entered.

        Where Redis is unavailable, entering still succeeds, and the first event will be RESYNC.
        """
        names = frozenset(channel_name(self._redis, channel) for channel in channels)
        subscriber = Subscriber(names, self._buffer_size)
        for name in names:
            channel = self._channels.setdefault(name, _Channel())
            channel.subscribers.add(subscriber)
            if not channel.in_force:
                subscriber.pending.add(name)
                self._update(name)
        try:
            if subscriber.pending and not self._is_unavailable:
                with suppress(TimeoutError):
                    async with asyncio.timeout(2 * TIMEOUT_SECONDS):
                        await subscriber.ready.wait()
            subscriber.entered = True
            yield subscriber
        finally:
            for name in names:
                channel = self._channels[name]
                channel.subscribers.discard(subscriber)
                self._update(name)
                self._forget_if_idle(name, channel)

    def _update(self, name: str) -> None:
        self._to_update.add(name)
        self._update_due.set()

    def _make_connection(self) -> AbstractConnection:
        pool = self._redis.connection_pool
        options = {
            "decode_responses": True,
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
            # Its answer would be read by whoever sends, in competition with the reader; see _write.
            "health_check_interval": 0,
        }
        connection: AbstractConnection = pool.connection_class(**pool.connection_kwargs | options)
        return connection

    async def _run(self) -> None:
        """Serve connection after connection."""
        pause = 0.0
        while True:
            connection = self._make_connection()
            began = time.monotonic()
            try:
                await connection.connect()  # type: ignore[no-untyped-call]
                if self._is_unavailable:
                    logger.warning("Redis is back: subscriptions go on")
                self._is_unavailable = False
                await self._serve(connection)
            except (RedisError, OSError) as error:
                if not self._is_unavailable:
                    logger.warning("Subscriptions are interrupted: %s", error)
            finally:
                await connection.disconnect(nowait=True)
                self._lose()
            if time.monotonic() - began > MAX_PAUSE_SECONDS:
                pause = 0.0
            pause = min(MAX_PAUSE_SECONDS, max(0.05, pause * 2))
            # Spread, so that the processes do not all come at once to a server that is just back.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311

    async def _serve(self, connection: AbstractConnection) -> None:
        """Write and read until one of them fails."""
        # No TaskGroup: early releases of Python 3.11 leave a cancellation in the task of one that has failed, and the
        # next timeout in that task (of connecting, here) then ends it for good instead of being an error.
        tasks = [asyncio.create_task(self._write(connection)), asyncio.create_task(self._read(connection))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                await cancel_and_wait(task)

    def _lose(self) -> None:
        self._is_unavailable = True
        for name, channel in list(self._channels.items()):
            channel.wanted, channel.unanswered = False, 0
            for subscriber in channel.subscribers:
                subscriber.unsubscribed()
            self._update(name)
            self._forget_if_idle(name, channel)

    async def _write(self, connection: AbstractConnection) -> None:
        """Subscribe and unsubscribe as the subscribers come and go, and send a PING now and then."""
        await connection.send_command("SUBSCRIBE", channel_name(self._redis, CONTROL_CHANNEL))
        while True:
            try:
                async with asyncio.timeout(self._ping_interval):
                    await self._update_due.wait()
            except TimeoutError:
                await connection.send_command("PING")
                continue
            self._update_due.clear()
            subscribe, unsubscribe = self._changes()
            if subscribe:
                await connection.send_command("SUBSCRIBE", *subscribe)
            if unsubscribe:
                await connection.send_command("UNSUBSCRIBE", *unsubscribe)

    def _changes(self) -> tuple[list[str], list[str]]:
        subscribe: list[str] = []
        unsubscribe: list[str] = []
        names, self._to_update = self._to_update, set()
        for name in names:
            if (channel := self._channels.get(name)) is None:
                continue
            if bool(channel.subscribers) != channel.wanted:
                channel.wanted = not channel.wanted
                channel.unanswered += 1
                (subscribe if channel.wanted else unsubscribe).append(name)
            self._forget_if_idle(name, channel)
        return subscribe, unsubscribe

    def _forget_if_idle(self, name: str, channel: _Channel) -> None:
        if not channel.subscribers and not channel.wanted and not channel.unanswered:
            del self._channels[name]
            self._to_update.discard(name)

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            answer: Any = await connection.read_response(timeout=2 * self._ping_interval)
            if answer is None:
                raise ConnectionError("no answer to PING")
            kind, name = answer[0], answer[1]
            if (channel := self._channels.get(name)) is None:
                continue
            if kind == "message":
                for subscriber in channel.subscribers:
                    subscriber.put(answer[2])
            else:
                self._answered(name, channel)

    def _answered(self, name: str, channel: _Channel) -> None:
        """Note the answer to a SUBSCRIBE or UNSUBSCRIBE. Only the last one due tells how things are."""
        channel.unanswered -= 1
        if channel.in_force:
            for subscriber in channel.subscribers:
                if name in subscriber.pending:
                    subscriber.subscribed(name)
        self._forget_if_idle(name, channel)
