"""A worker to be killed: ``python -m tests.tasks.worker_process URL QUEUE IDLE_TIMEOUT``.

Its one task notes its argument in the list ``<QUEUE>:begun`` and then never ends.
"""

import asyncio
import sys

from redis.asyncio import Redis
from taskiq.receiver import Receiver

from engine.redis import StreamBroker


async def main(url: str, queue: str, idle_timeout: float) -> None:
    redis = Redis.from_url(url)
    broker = StreamBroker(url, queue_name=queue, idle_timeout=idle_timeout)
    broker.is_worker_process = True

    @broker.task(task_name="note")
    async def note(number: int) -> None:
        await redis.rpush(f"{queue}:begun", number)
        await asyncio.Event().wait()

    await Receiver(broker, max_async_tasks=4).listen(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
