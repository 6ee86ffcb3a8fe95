"""``tandem dead``: its connection, its loop over all, and its screen."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from redis.exceptions import RedisError
from rich.console import Console
from rich.text import Text

from core.resources import Resources
from core.service_errors import ServiceError
from core.settings import Settings
from engine.redis import DeadLetters
from graph.operations.dead_letters import MAX_LETTERS, DeadMessage
from graph.operations.queues import Queue
from graph.operations.status import age, connected, describe_redis_error
from graph.operations.status_screen import prepared

T = TypeVar("T")
Work = Callable[..., Awaitable[int]]


def run_on_letters(settings: Settings, work: Callable[[Resources], Awaitable[T]]) -> T:
    """Run *work* on a loop of its own, connected to what *settings* name.

    Raises:
        ServiceError: Redis does not answer, or refuses.
    """

    async def run() -> T:
        try:
            async with connected(settings) as resources:
                return await work(resources)
        except (RedisError, OSError) as error:
            raise ServiceError(describe_redis_error(error)) from None

    return asyncio.run(run())


async def to_all(resources: Resources, *, work: Work) -> int:
    """Send or drop every message that is there now, and return how many: what dies meanwhile is left alone."""
    done = 0
    for queue in Queue:
        letters = DeadLetters(resources.redis, queue.stream)
        for last in await letters.newest(1):
            while some := await letters.oldest(MAX_LETTERS, until=last.id):
                done += await work(resources, [f"{queue.value}:{letter.id}" for letter in some])
    return done


def show_dead_letters(messages: Sequence[DeadMessage], console: Console | None = None) -> None:
    """Print them, a paragraph each; to standard output, if no console is given."""
    console = prepared(console)
    now = datetime.now(UTC)
    if not messages:
        console.print(Text("No dead letters.", "green"))
    for message in messages:
        orders = ", ".join(map(str, message.order_ids))
        more = " …" if message.order_count > len(message.order_ids) else ""
        about = f"order {orders}{more}" if message.order_ids else ""
        tries = f"delivered {message.deliveries} times" if message.deliveries else ""
        parts = [message.task or "no task of ours", about, tries, f"dead for {age(now - message.died_at)}"]
        console.print(Text(message.key, "bold"), Text(", ".join(filter(None, parts))))
        console.print(Text(f"     {message.reason}", "red"))
        if message.last_error:
            console.print(Text(f"     last error: {message.last_error}", "red"))
