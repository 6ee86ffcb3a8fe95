"""Events reach every subscriber, or the subscriber learns that it missed some."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine.redis import RESYNC, Event, EventHub, Subscriber, create_redis, publish
from tests.engine.redis.proxy import Proxy
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


async def received(events: Subscriber) -> Event:
    async with asyncio.timeout(10):
        return await anext(events)


async def test_every_subscriber_of_a_channel_gets_what_is_published_after_it_entered(redis_url: str) -> None:
    async with (
        running_hub(redis_url) as (hub, redis),
        hub.subscribe("a") as one,
        hub.subscribe("a", "b") as two,
    ):
        await publish(redis, ("a", "first"))
        await publish(redis, ("b", "second"))
        assert await received(one) == "first"
        assert [await received(two), await received(two)] == ["first", "second"]


async def test_entering_means_that_redis_has_acknowledged_the_subscription(redis_url: str) -> None:
    async with running_hub(redis_url) as (hub, redis):
        for number in range(100):
            async with hub.subscribe(f"order:{number % 3}") as events:
                await publish(redis, (f"order:{number % 3}", str(number)))
                assert await received(events) == str(number)


async def test_database_numbers_part_the_channels(redis_url: str) -> None:
    base, number = redis_url.rsplit("/", 1)
    elsewhere = create_redis(f"{base}/{(int(number) + 8) % 16}")
    async with running_hub(redis_url) as (hub, redis), hub.subscribe("a") as events:
        await publish(elsewhere, ("a", "from another database"))
        await publish(redis, ("a", "from this one"))
        assert await received(events) == "from this one"
    await elsewhere.aclose()


async def test_one_connection_serves_all_and_nothing_is_left_after_500_subscribers() -> None:
    # A server of its own, because connections are counted.
    with own_valkey() as valkey:
        await check_500_subscribers(valkey.url())


async def check_500_subscribers(redis_url: str) -> None:
    async with running_hub(redis_url) as (hub, redis):
        async with hub.subscribe("warm"):
            pass
        await until(lambda: _channels(redis, "*/warm", []))
        tasks, connections = len(asyncio.all_tasks()), len(await redis.client_list())
        async with AsyncExitStack() as stack:
            subscribers = [await stack.enter_async_context(hub.subscribe(f"o:{n % 250}")) for n in range(500)]
            assert len(asyncio.all_tasks()) == tasks
            assert len(await redis.client_list()) == connections
            await publish(redis, ("o:7", "hello"))
            assert [await received(subscribers[7]), await received(subscribers[257])] == ["hello", "hello"]
        await until(lambda: _channels(redis, "*/o:*", []))
        assert len(asyncio.all_tasks()) == tasks


async def _channels(redis: Redis, pattern: str, expected: list[str]) -> bool:
    return list(await redis.pubsub_channels(pattern)) == expected


async def test_a_slow_subscriber_is_told_to_resync_and_does_not_hold_up_the_others(redis_url: str) -> None:
    async with (
        running_hub(redis_url, buffer_size=5) as (hub, redis),
        hub.subscribe("a") as slow,
        hub.subscribe("a") as fast,
    ):
        for number in range(20):
            await publish(redis, ("a", str(number)))
            assert await received(fast) == str(number)
        events = [await received(slow)]
        while events[-1] != "19":
            events.append(await received(slow))
        assert events[0] is RESYNC
        assert len(events) <= 5


class SlowServer:
    """Notes each command for subscriptions, and answers when a test says so."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, str]] = []
        self._writer: asyncio.StreamWriter | None = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                await reader.readline()
                words.append((await reader.readline()).decode().strip())
            if words[0] == "CLIENT":
                writer.write(b"+OK\r\n")
            else:
                self.commands += [(words[0].lower(), channel) for channel in words[1:]]
        writer.close()

    def answer(self, kind: str, channel: str) -> None:
        assert self._writer is not None
        self._writer.write(f"*3\r\n${len(kind)}\r\n{kind}\r\n${len(channel)}\r\n{channel}\r\n:1\r\n".encode())

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def test_a_subscription_in_flux_counts_only_when_its_last_command_was_answered() -> None:
    server = SlowServer()

    async def asked(kind: str, channel: str, times: int = 1) -> None:
        await until(lambda: server.commands.count((kind, channel)) == times)

    async with server.open() as url, running_hub(url) as (hub, _), AsyncExitStack() as stack:

        def enter(channel: str) -> asyncio.Task[Subscriber]:
            return asyncio.create_task(stack.enter_async_context(hub.subscribe(channel)))

        async def come_and_go() -> None:
            async with hub.subscribe("a"):
                pass

        leaving = asyncio.create_task(come_and_go())
        await asked("subscribe", "0/a")
        server.answer("subscribe", "0/a")
        await leaving
        await asked("unsubscribe", "0/a")
        again, other = enter("a"), enter("b")
        await asked("subscribe", "0/a", times=2)
        await asked("subscribe", "0/b")
        server.answer("unsubscribe", "0/a")
        server.answer("subscribe", "0/b")
        await other
        assert not again.done()
        server.answer("subscribe", "0/a")
        await again


async def test_subscribers_resync_after_an_outage_and_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with own_valkey() as valkey:
        async with running_hub(valkey.url()) as (hub, redis), hub.subscribe("a") as old:
            valkey.stop()
            await until(lambda: "Subscriptions are interrupted" in caplog.text)
            async with hub.subscribe("a", "b") as new:
                valkey.start()
                assert [await received(old), await received(new)] == [RESYNC, RESYNC]
                await publish(redis, ("b", "again"))
                await publish(redis, ("a", "and again"))
                assert await received(old) == "and again"
                assert [await received(new), await received(new)] == ["again", "and again"]
    assert caplog.text.count("Redis is back") == 1


async def test_churn_during_an_outage_leaves_nothing() -> None:
    with own_valkey() as valkey:
        url = valkey.url()
        valkey.stop()
        async with running_hub(url) as (hub, redis):
            tasks = len(asyncio.all_tasks())
            for number in range(100):
                async with hub.subscribe(f"o:{number}"):
                    pass
            assert len(asyncio.all_tasks()) == tasks
            with pytest.raises((RedisError, OSError)):
                await publish(redis, ("a", "into the void"))
            valkey.start()
            async with hub.subscribe("a") as events:
                # Entered during the outage, or after it: what comes next is either.
                await until(lambda: _channels(redis, "*/a", [channel_of(url, "a")]))
                await publish(redis, ("a", "hello"))
                while await received(events) != "hello":
                    pass
            assert await redis.pubsub_channels("*/o:*") == []


def channel_of(url: str, channel: str) -> str:
    return f"{url.rsplit('/', 1)[1]}/{channel}"


async def test_a_connection_that_died_silently_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    with own_valkey() as valkey:
        async with Proxy(valkey.port).open() as proxy:
            url = valkey.url().replace(f":{valkey.port}/", f":{proxy.port}/")
            async with running_hub(url, ping_interval=0.1) as (hub, _), hub.subscribe("a") as events:
                direct = create_redis(valkey.url())
                proxy.swallows = True
                await until(lambda: "Subscriptions are interrupted" in caplog.text)
                proxy.swallows = False
                assert await received(events) is RESYNC
                await publish(direct, ("a", "hello"))
                assert await received(events) == "hello"
                await direct.aclose()


@pytest.mark.usefixtures("redis_timeout_of_service")
async def test_connecting_may_take_too_long_after_a_connection_was_lost() -> None:
    with own_valkey() as valkey:
        async with Proxy(valkey.port).open() as proxy:
            url = valkey.url().replace(f":{valkey.port}/", f":{proxy.port}/")
            async with running_hub(url, ping_interval=0.1) as (hub, _), hub.subscribe("a") as events:
                direct = create_redis(valkey.url())
                before = proxy.accepted
                proxy.swallows = True
                # The third is tried when the second has had no answer in time.
                await until(lambda: proxy.accepted >= before + 3)
                proxy.swallows = False
                assert await received(events) is RESYNC
                await publish(direct, ("a", "hello"))
                assert await received(events) == "hello"
                await direct.aclose()


async def test_stopping_the_hub_ends_every_iteration(redis_url: str) -> None:
    async with running_hub(redis_url) as (hub, redis), hub.subscribe("a") as events:
        await publish(redis, ("a", "last"))
        assert await received(events) == "last"
        waiting = asyncio.create_task(_collect(events))
        await hub.stop()
        async with asyncio.timeout(5):
            assert await waiting == []


async def _collect(events: Subscriber) -> list[Event]:
    return [event async for event in events]
