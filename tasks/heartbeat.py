"""Signs of life of worker processes in Redis: a key for each, which ends by itself when its process does."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

logger = logging.getLogger("tandem.worker")

#: What stands before the name of the worker.
HEARTBEATS = "tandem:workers:"
#: Seconds between two heartbeats of a process, and after which one that has sent none is not alive.
HEARTBEAT_SECONDS = 5.0
ALIVE_SECONDS = 15
#: Most workers that are told of.
MAX_WORKERS = 200


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker process that has shown a sign of life within ``ALIVE_SECONDS``.

    Args:
        name: host, process id and a random number, as the log and the consumer group have it.
        since: when the process began, by its own clock.
        in_progress: messages about orders that it holds.
    """

    name: str
    since: datetime
    in_progress: int


async def send_heartbeat(redis: Redis, name: str, since: datetime) -> None:
    """Say that the worker *name* is alive, and since when."""
    await redis.set(HEARTBEATS + name, since.isoformat(timespec="seconds"), ex=ALIVE_SECONDS)


async def run_heartbeat(redis: Redis, name: str) -> None:
    """Send a heartbeat every ``HEARTBEAT_SECONDS``, until cancelled; then the worker is not alive any more."""
    since = datetime.now(UTC)
    try:
        while True:
            try:
                await send_heartbeat(redis, name, since)
            except (RedisError, OSError) as error:
                logger.debug("The heartbeat has to wait: %s", error)
            await asyncio.sleep(HEARTBEAT_SECONDS)
    finally:
        with suppress(RedisError, OSError):
            await redis.delete(HEARTBEATS + name)


async def live_workers(redis: Redis, *, queue: str, group: str) -> list[LiveWorker]:
    """Return the workers that are alive, by name: at most ``MAX_WORKERS``, those that were last at the queue.

    The consumer group knows the names, for as long as ten minutes after a process has died; the keys know who lives.

    Raises:
        RedisError, OSError: Redis is unavailable, or refuses.
    """
    try:
        consumers: list[Any] = await redis.xinfo_consumers(queue, group)
    except ResponseError as error:
        if "no such key" in str(error) or str(error).startswith("NOGROUP"):
            return []  # nobody has listened yet
        raise
    consumers = sorted(consumers, key=lambda consumer: consumer["idle"])[:MAX_WORKERS]
    async with redis.pipeline(transaction=False) as pipe:
        for consumer in consumers:
            pipe.getrange(HEARTBEATS + consumer["name"], 0, -1)
        answers = await pipe.execute()
    alive = [
        LiveWorker(consumer["name"], since, consumer["pending"])
        for consumer, answer in zip(consumers, answers, strict=True)
        if (since := _time(answer)) is not None
    ]
    return sorted(alive, key=lambda worker: worker.name)


def _time(text: str) -> datetime | None:
    """Return a time with its offset; None for what is none, for anybody may have written it."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
