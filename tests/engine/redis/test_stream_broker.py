"""The broker loses no message, whatever happens to workers and to Redis."""

import asyncio
import json
import socket
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from taskiq import AckableMessage, Context, TaskiqDepends, async_shared_broker
from taskiq.abc.formatter import TaskiqFormatter
from taskiq.exceptions import SendTaskError
from taskiq.message import TaskiqMessage
from taskiq.receiver import Receiver

from engine.cancellation import cancel_and_wait
from engine.redis import (
    ALONG,
    JOIN,
    MAX_AGE,
    QUEUE_NAME,
    EventHub,
    RedeliveringReceiver,
    StreamBroker,
    TryAgain,
    along,
    create_redis,
)
from tests.engine.redis.proxy import Proxy
from tests.servers import own_valkey, until

pytestmark = pytest.mark.anyio


def message_of(argument: Any, task: str, **labels: Any) -> TaskiqMessage:
    return TaskiqMessage(task_id=str(argument), task_name=task, labels=labels, args=[argument], kwargs={})


class Bench:
    """A queue with a task that notes its argument and then waits for ``gate``, and workers on it."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self.queue = f"test:{uuid.uuid4().hex}"
        self.redis = Redis.from_url(url)
        self.begun: list[int] = []
        self.together: list[list[int]] = []
        self.along: list[Any] = []
        self.done: list[int] = []
        #: How often the task fails for each number, before it succeeds.
        self.failures: Counter[int] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()
        self._stack = stack
        stack.push_async_callback(self.redis.aclose)

    def broker(
        self, *, url: str = "", formatter: TaskiqFormatter | None = None, **options: Any
    ) -> StreamBroker:
        broker = StreamBroker(url or self.url, queue_name=self.queue, **({"idle_timeout": 0.4} | options))
        if formatter:
            broker.formatter = formatter

        @broker.task(task_name="note_all", **{JOIN: 5})
        async def note_all(numbers: list[int], context: Context = TaskiqDepends()) -> None:  # noqa: B008
            self.together.append(numbers)
            self.along += along(context.message)
            await self.gate.wait()
            self.done.extend(numbers)

        @broker.task(task_name="try")
        async def try_(number: int) -> None:
            self.begun.append(number)
            if self.failures[number] > 0:
                self.failures[number] -= 1
                raise TryAgain("not yet") if number % 2 else RuntimeError("not yet")
            self.done.append(number)

        @broker.task(task_name="note")
        async def note(number: int) -> None:
            self.begun.append(number)
            await self.gate.wait()
            self.done.append(number)

        @broker.task(task_name="note_late", **{MAX_AGE: 100})
        async def note_late(number: int) -> None:
            await note.original_func(number)

        self._stack.push_async_callback(broker.shutdown)
        return broker

    async def send(self, *numbers: Any, task: str = "note") -> None:
        broker = self.broker()
        for number in numbers:
            await broker.kick(broker.formatter.dumps(message_of(number, task)))

    @asynccontextmanager
    async def worker(
        self,
        *,
        capacity: int = 10,
        wait_timeout: float = 0.05,
        receiver_class: type[Receiver] = Receiver,
        **options: Any,
    ) -> AsyncIterator[StreamBroker]:
        """Run a worker; leaving sends it what SIGTERM does, and *wait_timeout* is its --wait-tasks-timeout."""
        broker = self.broker(**options)
        broker.is_worker_process = True
        stop = asyncio.Event()
        receiver = receiver_class(broker, max_async_tasks=capacity, wait_tasks_timeout=wait_timeout)
        listening = asyncio.create_task(receiver.listen(stop))
        try:
            yield broker
        finally:
            stop.set()
            await listening
            await broker.shutdown()

    async def all_done(self, *numbers: int) -> None:
        await until(lambda: set(self.done) >= set(numbers))

    async def is_empty(self) -> bool:
        return bool(await self.redis.xlen(self.queue) == 0)

    async def dead_letters(self) -> list[dict[bytes, bytes]]:
        found: Any = await self.redis.xrange(f"{self.queue}:dead")
        return [fields for _, fields in found]

    async def consumers(self) -> set[str]:
        found: Any = await self.redis.xinfo_consumers(self.queue, "workers")
        return {consumer["name"].decode() for consumer in found}


@pytest.fixture
async def bench(redis_url: str) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        bench = Bench(redis_url, stack)
        yield bench
        bench.gate.set()
        await bench.redis.delete(bench.queue, f"{bench.queue}:dead", f"{bench.queue}:begun")


@asynccontextmanager
async def bench_with_own_server() -> AsyncIterator[tuple[Bench, Callable[[], Awaitable[None]], Any]]:
    """Yield a bench, and what stops and starts its server."""
    with own_valkey() as valkey:
        async with AsyncExitStack() as stack:
            bench = Bench(valkey.url(), stack)
            yield bench, lambda: asyncio.to_thread(valkey.stop), lambda: asyncio.to_thread(valkey.start)
            bench.gate.set()


async def test_messages_sent_before_and_after_the_start_are_worked_on_once_and_deleted(bench: Bench) -> None:
    await bench.send(*range(50))
    async with bench.worker():
        await bench.all_done(*range(50))
        await bench.send(*range(50, 100))
        await bench.all_done(*range(100))
        await until(bench.is_empty)
    assert sorted(bench.done) == [*range(100)]


async def test_workers_share_a_queue(bench: Bench) -> None:
    bench.gate.clear()
    async with bench.worker(capacity=5), bench.worker(capacity=5):
        await bench.send(*range(10))
        await until(lambda: len(bench.begun) == 10)
        bench.gate.set()
        await until(bench.is_empty)
    assert sorted(bench.done) == [*range(10)]


async def test_messages_that_wait_together_are_worked_on_together(bench: Bench) -> None:
    await bench.send([1], [2, 3], [4, 5, 6], task="note_all")
    await bench.send(7)
    await bench.send([8], [9], task="note_all")
    async with bench.worker(min_batch=16):
        await bench.all_done(*range(1, 10))
        await until(bench.is_empty)
    # In their order, to at most five, and none across another task's.
    assert bench.together == [[1, 2, 3], [4, 5, 6], [8, 9]]
    assert await bench.dead_letters() == []


async def test_what_goes_along_with_a_message_is_joined_with_it(bench: Bench) -> None:
    broker = bench.broker()
    for numbers, values in (([1], ["a"]), ([2], None), ([3, 4], ["c", None]), ([5], ["too", "many"])):
        labels = {} if values is None else {ALONG: values}
        await broker.kick(broker.formatter.dumps(message_of(numbers, "note_all", **labels)))
    async with bench.worker(min_batch=16):
        await bench.all_done(1, 2, 3, 4, 5)
        await until(bench.is_empty)
    assert bench.together == [[1, 2, 3, 4, 5]]
    assert bench.along == ["a", None, "c", None, None]


async def test_messages_that_were_joined_are_redelivered_each(bench: Bench) -> None:
    await bench.send([1], [2], [3], task="note_all")
    dead = bench.broker(idle_timeout=0.2, min_batch=16)
    # Dropped without an acknowledgement, as by a worker that dies.
    await anext(dead.listen())
    pending: Any = await bench.redis.xpending_range(bench.queue, "workers", "-", "+", 10)
    assert len(pending) == 3
    async with bench.worker(idle_timeout=0.2):
        await bench.all_done(1, 2, 3)
        await until(bench.is_empty)


async def test_what_a_killed_worker_had_is_redelivered_on_an_idle_queue(bench: Bench) -> None:
    await bench.send(1, 2)
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.tasks.worker_process", bench.url, bench.queue, "1"
    )
    begun = f"{bench.queue}:begun"
    try:
        await until(lambda: _equals(bench.redis.llen(begun), 2))
    finally:
        victim.kill()
        await victim.wait()
    async with bench.worker(idle_timeout=1):
        await bench.all_done(1, 2)
        await until(bench.is_empty)


async def test_a_task_longer_than_the_idle_timeout_runs_once() -> None:
    async with bench_with_own_server() as (bench, _, _):
        bench.gate.clear()
        await bench.send(1)
        async with bench.worker(idle_timeout=0.2), bench.worker(idle_timeout=0.2):
            await until(lambda: bench.begun == [1])
            # Time passes: five idle timeouts, in each of which both workers look four times for overdue messages.
            await until(lambda: _calls(bench.redis, "xpending", 40))
            bench.gate.set()
            await until(bench.is_empty)
        assert bench.begun == [1]
        assert await bench.dead_letters() == []


async def test_a_message_that_was_delivered_too_often_is_dead_lettered(bench: Bench) -> None:
    await bench.send(1)
    listening = bench.broker(max_deliveries=2, idle_timeout=0.1).listen()
    for _ in range(2):
        # Dropped without an acknowledgement, as by a receiver whose middleware raises.
        await anext(listening)
    third = asyncio.create_task(_next(listening))
    await until(lambda: _equals(bench.redis.xlen(f"{bench.queue}:dead"), 1))
    await until(bench.is_empty)
    await cancel_and_wait(third)
    (dead,) = await bench.dead_letters()
    assert b"delivered 2 times" in dead[b"reason"]
    assert b'"note"' in dead[b"data"]


async def test_what_fails_is_delivered_again_and_takes_no_slot_while_it_waits(bench: Bench) -> None:
    bench.failures.update({1: 3, 2: 3})
    await bench.send(1, 2, task="try")
    async with bench.worker(capacity=1, idle_timeout=0.1, receiver_class=RedeliveringReceiver):
        await until(lambda: len(bench.begun) >= 2)
        await bench.send(3, task="try")
        await bench.all_done(1, 2, 3)
        await until(bench.is_empty)
    assert Counter(bench.begun) == {1: 4, 2: 4, 3: 1}
    assert bench.done[0] == 3
    assert await bench.dead_letters() == []


async def test_what_fails_is_delivered_again_after_the_pause_of_its_deliveries(bench: Bench) -> None:
    bench.failures[1] = 100
    await bench.send(1, task="try")
    asked: list[int] = []

    def pause(deliveries: int) -> float:
        asked.append(deliveries)
        return 0.0 if deliveries < 3 else 3600.0

    options: dict[str, Any] = {"idle_timeout": 0.1, "pause": pause, "receiver_class": RedeliveringReceiver}
    async with bench.worker(**options):
        await until(lambda: asked.count(3) >= 5)  # looks at it, again and again
    assert bench.begun == [1, 1, 1]
    # What was given up is nobody's, and a worker that stops or dies changes nothing of it.
    asked.clear()
    async with bench.worker(**options):
        await until(lambda: asked.count(3) >= 5)
    assert bench.begun == [1, 1, 1]


async def test_many_that_wait_hide_none_whose_time_has_come(bench: Bench) -> None:
    numbers = range(1, 302, 2)
    bench.failures.update(dict.fromkeys(numbers, 100))
    await bench.send(*numbers, task="try")

    def pause(deliveries: int) -> float:
        return 3600.0 if deliveries > 1 else 0.0

    options: dict[str, Any] = {"idle_timeout": 0.1, "pause": pause, "receiver_class": RedeliveringReceiver}
    async with bench.worker(**options):
        await until(lambda: len(bench.begun) == 2 * len(numbers))
    # Behind all of them in the list of what is pending: what a worker had that has died.
    await bench.send(2, task="try")
    await bench.redis.xreadgroup("workers", "dead", {bench.queue: ">"})
    async with bench.worker(**options):
        await bench.all_done(2)
    assert Counter(bench.begun) == dict.fromkeys(numbers, 2) | {2: 1}


async def test_unknown_tasks_and_foreign_messages_are_dead_lettered(bench: Bench) -> None:
    await bench.send(1, task="no_such_task")
    await bench.redis.xadd(bench.queue, {b"data": b"{not json"})
    await bench.redis.xadd(bench.queue, {b"other": b"x"})
    await bench.send(2)
    async with bench.worker():
        await bench.all_done(2)
        await until(bench.is_empty)
    reasons = [dead[b"reason"] for dead in await bench.dead_letters()]
    assert [b"no_such_task" in reasons[0], *(b"cannot be parsed" in reason for reason in reasons[1:])] == [
        True
    ] * 3


async def test_what_cannot_be_joined_is_dead_lettered_and_stops_no_worker(bench: Bench) -> None:
    await bench.send([1], 2, [3], task="note_all")
    foreign = {"task_id": "4", "task_name": "note_all", "labels": {}, "args": [], "kwargs": {}}
    await bench.redis.xadd(bench.queue, {b"data": json.dumps(foreign)})
    await bench.send([5], task="note_all")
    async with bench.worker(min_batch=16):
        await bench.all_done(1, 3, 5)
        await until(bench.is_empty)
    reasons = [dead[b"reason"] for dead in await bench.dead_letters()]
    assert reasons == [b"note_all takes one argument, a list"] * 2


async def test_stopping_strands_nothing(bench: Bench) -> None:
    bench.gate.clear()
    await bench.send(*range(40))
    async with bench.worker(capacity=2, idle_timeout=30, max_batch=16) as first:
        await until(lambda: len(bench.begun) == 2)
    # Its two tasks were still running when its time was up, so they are requeued as well.
    bench.gate.set()
    async with bench.worker(idle_timeout=30):
        async with asyncio.timeout(5):
            await bench.all_done(*range(40))
            await until(bench.is_empty)
        assert first.consumer_name not in await bench.consumers()
    counts = Counter(bench.begun)
    assert {number for number, count in counts.items() if count > 1} == set(bench.begun[:2])


async def test_requeueing_what_was_not_begun_is_not_counted_as_a_delivery(bench: Bench) -> None:
    await bench.send(*range(5))
    for _ in range(3):
        broker = bench.broker(idle_timeout=30)
        listening = broker.listen()
        await anext(listening)
        await listening.aclose()
        await broker.shutdown()
    pending: Any = await bench.redis.xpending_range(bench.queue, "workers", "-", "+", 10)
    assert {entry["times_delivered"] for entry in pending} <= {0, 1}


async def test_a_delivery_that_is_put_off_while_the_worker_stops_stays_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_looked, is_put_off = asyncio.Event(), asyncio.Event()
    execute: Any = Pipeline.execute

    async def in_turns(pipe: Any, *args: Any, **options: Any) -> Any:
        # Redis hears of the putting off between the worker's look at what is pending and its requeueing.
        if asyncio.current_task() is putting_off:
            await has_looked.wait()
            answers = await execute(pipe, *args, **options)
            is_put_off.set()
            return answers
        has_looked.set()
        await is_put_off.wait()
        return await execute(pipe, *args, **options)

    await bench.send(1)
    listening = bench.broker(idle_timeout=30).listen()
    delivery: Any = (await anext(listening)).ack
    monkeypatch.setattr(Pipeline, "execute", in_turns)
    putting_off = asyncio.create_task(delivery.put_off())
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await listening.aclose()
        await putting_off
    (pending,) = await bench.redis.xpending_range(bench.queue, "workers", "-", "+", 10)
    assert (pending["consumer"], pending["times_delivered"]) == (b"requeued", 1)


async def test_a_full_worker_gives_up_what_it_read_ahead(bench: Bench) -> None:
    bench.gate.clear()
    hoarder, other = bench.broker(idle_timeout=2, min_batch=16), bench.broker(idle_timeout=2)
    await bench.send(*range(16))
    one = hoarder.listen()
    held = [await anext(one)]
    two = other.listen()
    async with asyncio.timeout(5):
        taken = [await anext(two) for _ in range(15)]
    assert len({message.data for message in [*held, *taken]}) == 16
    await one.aclose()
    await two.aclose()


async def test_a_flush_in_the_middle_is_survived(redis_url: str) -> None:
    async with bench_with_own_server() as (bench, _, _), bench.worker():
        await bench.send(1)
        await bench.all_done(1)
        await bench.redis.flushall()
        await bench.send(2)
        await bench.all_done(1, 2)


async def test_a_restart_of_redis_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    async with bench_with_own_server() as (bench, stop, start), bench.worker():
        await bench.send(1)
        await bench.all_done(1)
        await stop()
        await until(lambda: "Redis cannot be read" in caplog.text)
        await start()
        await bench.send(2)
        await bench.all_done(1, 2)
        await until(lambda: "Redis is back" in caplog.text)
        await until(bench.is_empty)


async def test_a_worker_starts_while_redis_is_down_and_works_when_it_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench_with_own_server() as (bench, stop, start):
        await stop()
        async with bench.worker():
            await until(lambda: "Redis cannot be read" in caplog.text)
            await start()
            await bench.send(1)
            await bench.all_done(1)


async def test_a_task_finished_while_redis_was_unavailable_is_deleted_later(bench: Bench) -> None:
    address = urlsplit(bench.url)
    async with Proxy(address.port or 0).open() as proxy:
        through = bench.url.replace(f":{address.port}/", f":{proxy.port}/")
        bench.gate.clear()
        await bench.send(1)
        async with bench.worker(url=through):
            await until(lambda: bench.begun == [1])
            proxy.cut()
            bench.gate.set()
            await bench.all_done(1)
            assert not await bench.is_empty()
            proxy.mend()
            await until(bench.is_empty)
    assert bench.begun == [1]


async def test_consumers_that_left_nothing_behind_are_forgotten(bench: Bench) -> None:
    await bench.redis.xgroup_create(bench.queue, "workers", id="0", mkstream=True)
    await bench.redis.xgroup_createconsumer(bench.queue, "workers", "dead-and-empty")
    await bench.send(1)
    await bench.redis.xreadgroup("workers", "dead-with-a-message", {bench.queue: ">"})
    async with bench.worker(idle_timeout=30, prune_after=0.1) as broker:

        async def pruned() -> bool:
            return await bench.consumers() == {broker.consumer_name, "dead-with-a-message"}

        await until(pruned)


@pytest.mark.usefixtures("redis_timeout_of_service")
async def test_sending_fails_while_redis_is_down_or_mute() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        broker = StreamBroker(f"redis://127.0.0.1:{mute.getsockname()[1]}/0", queue_name="test")
        for is_listening in (False, True):
            if is_listening:
                mute.listen()
            async with asyncio.timeout(10):  # or it would hang
                with pytest.raises(SendTaskError):
                    await example.kicker().with_broker(broker).kiq(1)
        await broker.shutdown()


async def test_concurrent_messages_are_all_sent_with_their_events(bench: Bench) -> None:
    broker = bench.broker()
    redis = create_redis(bench.url)
    hub = EventHub(redis, buffer_size=1_000)
    await hub.start()
    async with hub.subscribe("sent") as events, asyncio.timeout(10):
        messages = [message_of(number, "note") for number in range(200)]
        await asyncio.gather(
            *(
                broker.kick_and_publish(broker.formatter.dumps(message), ("sent", message.task_id))
                for message in messages
            )
        )
        received = [await anext(events) for _ in messages]
    assert sorted(map(str, received)) == sorted(message.task_id for message in messages)
    assert await bench.redis.xlen(bench.queue) == 200
    await hub.stop()
    await redis.aclose()


async def test_a_label_sends_a_message_into_another_stream(bench: Bench) -> None:
    broker = bench.broker()
    message = message_of(1, "note")
    message.labels[QUEUE_NAME] = other = f"{bench.queue}:other"
    await broker.kick(broker.formatter.dumps(message))
    assert [await bench.redis.xlen(queue) for queue in (bench.queue, other)] == [0, 1]
    await bench.redis.delete(other)


async def test_a_queue_that_nobody_works_on_has_an_end(bench: Bench) -> None:
    broker = bench.broker(max_length=200)
    for number in range(1_000):
        await broker.kick(broker.formatter.dumps(message_of(number, "note")))
    # Redis deletes whole nodes of a hundred entries.
    assert 200 <= await bench.redis.xlen(bench.queue) < 400
    newest: Any = await bench.redis.xrevrange(bench.queue, count=1)
    assert b'"task_id": "999"' in newest[0][1][b"data"]


async def test_dead_letters_end(bench: Bench) -> None:
    dead = f"{bench.queue}:dead"
    for age in (3_601, 3_590):
        await bench.redis.xadd(dead, {b"data": b"of somebody"}, id=f"{int((time.time() - age) * 1000)}-0")
    await bench.send(1, task="no_such_task")
    async with bench.worker(dead_letter_seconds=3_600, prune_after=0.1):
        # The oldest is gone, the one that has ten seconds left is not; all end together at last.
        await until(lambda: _equals(bench.redis.xlen(dead), 2))
        await until(lambda: _is_at_least(bench.redis.ttl(dead), 1))
    assert await bench.redis.ttl(dead) <= 3_600
    assert b"no_such_task" in (await bench.dead_letters())[-1][b"reason"]


async def test_shared_tasks_go_through_the_broker_that_is_named(redis_url: str) -> None:
    brokers = [StreamBroker(redis_url, queue_name=f"test:{uuid.uuid4().hex}") for _ in range(2)]
    redis = Redis.from_url(redis_url)
    await example.kicker().with_broker(brokers[1]).kiq(1)
    assert [await redis.xlen(broker.queue_name) for broker in brokers] == [0, 1]
    for broker in brokers:
        await redis.delete(broker.queue_name)
        await broker.shutdown()
    await redis.aclose()


@async_shared_broker.task(task_name="tests.example")
async def example(number: int) -> None:
    """Never runs."""


async def _next(listening: AsyncIterator[AckableMessage]) -> AckableMessage:
    return await anext(listening)


async def _equals(actual: Awaitable[Any], expected: object) -> bool:
    return bool(await actual == expected)


async def _is_at_least(actual: Awaitable[int], bound: int) -> bool:
    return await actual >= bound


async def _calls(redis: Redis, command: str, at_least: int) -> bool:
    """Tell whether the server has executed *command* that many times."""
    statistics: Any = await redis.info("commandstats")
    return int(statistics.get(f"cmdstat_{command}", {}).get("calls", 0)) >= at_least
