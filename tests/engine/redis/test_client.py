"""The pool serves in order, waits a bounded time and loses no connection."""

import asyncio
import socket

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine.redis.client import QueueingPool, connection_options, create_redis
from tests.servers import own_valkey

pytestmark = pytest.mark.anyio


async def test_callers_are_served_in_the_order_of_their_coming(redis_url: str) -> None:
    redis = Redis.from_pool(QueueingPool.from_url(redis_url, max_connections=1))
    served: list[int] = []

    async def call(number: int) -> None:
        for _ in range(3):
            await redis.ping()
            served.append(number)

    await asyncio.gather(*(call(number) for number in range(50)))
    assert served == [*range(50)] * 3
    await redis.aclose()


async def test_waiting_for_a_connection_ends_in_an_error(redis_url: str) -> None:
    pool = QueueingPool.from_url(redis_url, max_connections=1, acquire_timeout=0.05)
    redis = Redis.from_pool(pool)
    taken = await pool.get_connection()
    with pytest.raises(RedisError, match="came free"):
        await redis.ping()
    await pool.release(taken)
    assert await redis.ping()
    await redis.aclose()


async def wait_for_nothing(redis: Redis) -> None:
    await redis.blpop(["nothing"], timeout=5)


async def test_cancelled_and_failed_callers_give_their_connection_back(redis_url: str) -> None:
    redis = Redis.from_pool(QueueingPool.from_url(redis_url, max_connections=2, **connection_options()))
    for steps in range(30):
        waiting = [asyncio.create_task(wait_for_nothing(redis)) for _ in range(4)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert all(task.cancelled() for task in waiting)
        with pytest.raises(RedisError):
            await redis.execute_command("NOSUCHCOMMAND")  # type: ignore[no-untyped-call]
    assert all(await asyncio.gather(*(redis.ping() for _ in range(3))))
    await redis.aclose()


@pytest.mark.usefixtures("redis_timeout_of_service")
async def test_a_command_fails_where_the_server_is_down_or_mute() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        redis = create_redis(f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        for is_listening in (False, True):
            if is_listening:
                mute.listen()
            async with asyncio.timeout(10):  # or it would hang
                with pytest.raises((RedisError, OSError)):
                    await redis.ping()
        await redis.aclose()


async def test_a_restart_of_the_server_costs_no_failed_command() -> None:
    with own_valkey() as valkey:
        redis = create_redis(valkey.url())
        await redis.ping()
        await asyncio.to_thread(valkey.stop)
        await asyncio.to_thread(valkey.start)
        assert await redis.ping()
        await redis.aclose()
