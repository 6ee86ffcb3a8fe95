"""Live events reach every listener, or the listener learns that it missed some."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine.redis.client import create_redis
from engine.redis.pubsub import RESYNC, Event, EventHub, Listener, publish
from tests.servers import own_valkey, until

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running_hub(url: str, **options: float) -> AsyncIterator[tuple[EventHub, Redis]]:
    redis = create_redis(url)
    hub = EventHub(redis, **options)  # type: ignore[arg-type]
    await hub.start()
    try:
        yield hub, redis
    finally:
        await hub.stop()
        await redis.aclose()


async def heard(events: Listener) -> Event:
    async with asyncio.timeout(10):
        return await anext(events)


async def test_every_listener_of_a_channel_hears_what_is_published_after_it_entered(redis_url: str) -> None:
    async with running_hub(redis_url) as (hub, redis), hub.listen("a") as one, hub.listen("a", "b") as two:
        await publish(redis, "a", "first")
        await publish(redis, "b", "second")
        assert await heard(one) == "first"
        assert [await heard(two), await heard(two)] == ["first", "second"]


async def test_entering_means_that_redis_has_acknowledged_the_subscription(redis_url: str) -> None:
    async with running_hub(redis_url) as (hub, redis):
        for number in range(100):
            async with hub.listen(f"order:{number % 3}") as events:
                await publish(redis, f"order:{number % 3}", str(number))
                assert await heard(events) == str(number)


async def test_database_numbers_part_the_channels(redis_url: str) -> None:
    base, number = redis_url.rsplit("/", 1)
    elsewhere = create_redis(f"{base}/{(int(number) + 8) % 16}")
    async with running_hub(redis_url) as (hub, redis), hub.listen("a") as events:
        await publish(elsewhere, "a", "from another database")
        await publish(redis, "a", "from this one")
        assert await heard(events) == "from this one"
    await elsewhere.aclose()


async def test_one_connection_serves_all_and_nothing_is_left_after_500_listeners() -> None:
    # A server of its own, because connections are counted.
    with own_valkey() as valkey:
        await check_500_listeners(valkey.url())


async def check_500_listeners(redis_url: str) -> None:
    async with running_hub(redis_url) as (hub, redis):
        async with hub.listen("warm"):
            pass
        await until(lambda: not hub._channels)
        tasks, connections = len(asyncio.all_tasks()), len(await redis.client_list())
        async with AsyncExitStack() as stack:
            heard_by = [await stack.enter_async_context(hub.listen(f"o:{n % 250}")) for n in range(500)]
            assert len(asyncio.all_tasks()) == tasks
            assert len(await redis.client_list()) == connections
            await publish(redis, "o:7", "hello")
            assert [await heard(heard_by[7]), await heard(heard_by[257])] == ["hello", "hello"]
        await until(lambda: not hub._channels and not hub._to_ask)
        assert await redis.pubsub_channels("*/o:*") == []
        assert len(asyncio.all_tasks()) == tasks


async def test_a_slow_listener_is_told_to_resync_and_does_not_hold_up_the_others(redis_url: str) -> None:
    async with (
        running_hub(redis_url, buffer_size=5) as (hub, redis),
        hub.listen("a") as slow,
        hub.listen("a") as quick,
    ):
        for number in range(20):
            await publish(redis, "a", str(number))
            assert await heard(quick) == str(number)
        assert len(slow._events) <= 5
        events = [await heard(slow) for _ in range(len(slow._events))]
        assert events[0] is RESYNC
        assert events[-1] == "19"


async def test_a_subscription_in_flux_counts_only_when_its_last_command_was_answered() -> None:
    hub = EventHub(Redis())
    async with hub.listen("a"):
        assert hub._changes() == (["0/a"], [])
    assert hub._changes() == ([], ["0/a"])
    async with hub.listen("a") as events:
        assert hub._changes() == (["0/a"], [])
        channel = hub._channels["0/a"]
        hub._answered("0/a", channel)
        hub._answered("0/a", channel)
        assert (channel.wanted, channel.unanswered) == (True, 1)
        assert not events._events
        hub._answered("0/a", channel)
        assert channel.in_force
        assert await heard(events) is RESYNC


async def test_listeners_resync_after_redis_was_away_and_hear_on() -> None:
    with own_valkey() as valkey:
        async with running_hub(valkey.url()) as (hub, redis), hub.listen("a") as old:
            valkey.stop()
            await until(lambda: hub._away)
            async with asyncio.timeout(0.5):
                entering = hub.listen("a", "b")
                new = await entering.__aenter__()
            valkey.start()
            assert [await heard(old), await heard(new)] == [RESYNC, RESYNC]
            await publish(redis, "b", "again")
            await publish(redis, "a", "and again")
            assert await heard(old) == "and again"
            assert [await heard(new), await heard(new)] == ["again", "and again"]
            await entering.__aexit__(None, None, None)


async def test_churn_while_redis_is_away_leaves_nothing() -> None:
    with own_valkey() as valkey:
        url = valkey.url()
        valkey.stop()
        async with running_hub(url) as (hub, redis):
            await until(lambda: hub._away)
            for number in range(100):
                async with hub.listen(f"o:{number}"):
                    pass
            assert not hub._channels
            assert not hub._to_ask
            with pytest.raises((RedisError, OSError)):
                await publish(redis, "a", "into the void")


async def test_a_connection_that_died_silently_is_replaced() -> None:
    with own_valkey() as valkey:
        async with _proxy(valkey.port) as proxy:
            url = valkey.url().replace(f":{valkey.port}/", f":{proxy.port}/")
            async with running_hub(url, ping_interval=0.1) as (hub, _), hub.listen("a") as events:
                direct = create_redis(valkey.url())
                proxy.swallow = True
                await until(lambda: hub._away)
                proxy.swallow = False
                assert await heard(events) is RESYNC
                await publish(direct, "a", "hello")
                assert await heard(events) == "hello"
                await direct.aclose()


async def test_stopping_the_hub_ends_every_iteration(redis_url: str) -> None:
    async with running_hub(redis_url) as (hub, redis), hub.listen("a") as events:
        await publish(redis, "a", "last")
        assert await heard(events) == "last"
        waiting = asyncio.create_task(_collect(events))
        await hub.stop()
        async with asyncio.timeout(5):
            assert await waiting == []


class Proxy:
    """Stands between client and server, and can swallow what the server says."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.swallow = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)

        async def back() -> None:
            while data := await server_reader.read(4096):
                if not self.swallow:
                    writer.write(data)

        returning = asyncio.create_task(back())
        while data := await reader.read(4096):
            server_writer.write(data)
        returning.cancel()
        server_writer.close()
        writer.close()


@asynccontextmanager
async def _proxy(target: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy


async def _collect(events: Listener) -> list[Event]:
    return [event async for event in events]
