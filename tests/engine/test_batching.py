"""Questions go together, each is answered as if it had gone alone, and nobody pays for another's end."""

import asyncio
import logging
from collections import Counter
from contextvars import ContextVar
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.batching import Alone, Batcher
from tests.servers import SECONDS, until

pytestmark = pytest.mark.anyio

R = TypeVar("R")

somebodys: ContextVar[str] = ContextVar("somebodys", default="")


class Server:
    """Answers ``question * 10`` when it is told to, and remembers what it was sent."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.pending: list[asyncio.Event] = []
        self.failing: list[Exception] = []

    async def send(self, questions: list[int]) -> list[int]:
        self.batches.append(questions)
        assert somebodys.get() == ""
        event = asyncio.Event()
        self.pending.append(event)
        await event.wait()
        if self.failing:
            raise self.failing.pop()
        return [question * 10 for question in questions]

    async def answer(self) -> None:
        """Answer the oldest batch, and let everybody notice."""
        self.pending.pop(0).set()
        await rounds()


async def ask(batcher: Batcher[int, R], item: int) -> R:
    return await batcher.submit(item)


async def rounds(number: int = 8) -> None:
    """Let the loop go round."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_what_comes_while_a_batch_is_on_its_way_goes_in_the_next() -> None:
    server = Server()
    batcher = Batcher(server.send)
    tasks = [asyncio.create_task(ask(batcher, n)) for n in (1, 2)]
    await rounds()
    tasks += [asyncio.create_task(ask(batcher, n)) for n in (3, 2, 3)]
    await rounds()
    assert server.batches == [[1, 2]]
    await server.answer()
    assert server.batches == [[1, 2], [3, 2, 3]]
    assert [task.done() for task in tasks] == [True, True, False, False, False]
    await server.answer()
    assert [await task for task in tasks] == [10, 20, 30, 20, 30]
    alone = asyncio.create_task(ask(batcher, 4))
    await rounds()
    await server.answer()
    assert await alone == 40


async def test_those_who_are_gone_before_their_batch_is_sent_are_left_out() -> None:
    server = Server()
    batcher = Batcher(server.send)
    tasks = [asyncio.create_task(ask(batcher, n)) for n in range(3)]
    tasks[0].cancel()
    await rounds()
    assert server.batches == [[1, 2]]
    tasks[2].cancel()
    late = [asyncio.create_task(ask(batcher, n)) for n in (6, 7)]
    await rounds()
    late[0].cancel()
    await server.answer()
    await server.answer()
    answers = await asyncio.gather(*tasks, *late, return_exceptions=True)
    assert server.batches[1] == [7]
    assert [answer for answer in answers if isinstance(answer, int)] == [10, 70]


async def test_a_batch_has_a_size_and_several_may_be_in_flight() -> None:
    server = Server()
    batcher = Batcher(server.send, max_size=2, max_in_flight=2)
    tasks = [asyncio.create_task(ask(batcher, n)) for n in range(5)]
    await rounds()
    assert server.batches == [[0, 1], [2, 3]]
    await server.answer()
    assert server.batches == [[0, 1], [2, 3], [4]]
    await server.answer()
    await server.answer()
    assert [await task for task in tasks] == [0, 10, 20, 30, 40]


async def test_work_is_done_also_if_its_caller_is_gone() -> None:
    server = Server()
    batcher = Batcher(server.send, sends_cancelled=True)
    tasks = [asyncio.create_task(ask(batcher, n)) for n in (1, 2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await rounds()
    await server.answer()
    assert server.batches == [[1, 2]]
    assert await tasks[1] == 20


async def test_nothing_is_left_lying_at_the_very_end_of_a_batch() -> None:
    async def send(items: list[int]) -> list[int]:
        return [item * 2 for item in items]

    batcher = Batcher(send)
    async with asyncio.timeout(10):
        for number in range(200):
            one = asyncio.create_task(ask(batcher, number))
            # Some are submitted at every stage of the batch before.
            for _ in range(number % 7):
                await asyncio.sleep(0)
            both = [batcher.submit(number), batcher.submit(number + 1)]
            assert await asyncio.gather(*both) == [number * 2, number * 2 + 2]
            assert await one == number * 2


async def test_an_error_is_raised_by_all_of_its_batch_and_by_nobody_else() -> None:
    server = Server()
    server.failing = [ConnectionError("away")]
    batcher = Batcher(server.send)
    tasks = [asyncio.create_task(ask(batcher, n)) for n in (1, 2)]
    await rounds()
    tasks.append(asyncio.create_task(ask(batcher, 3)))
    tasks[0].cancel()
    await rounds()
    await server.answer()
    await server.answer()
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert isinstance(second, ConnectionError)
    assert third == 30


async def test_a_wrong_number_of_answers_is_an_error_and_no_mix_up() -> None:
    async def send(questions: list[int]) -> list[int]:
        return questions[1:]

    batcher = Batcher(send)
    answers = await asyncio.gather(ask(batcher, 1), ask(batcher, 2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ValueError, ValueError]


async def test_a_batch_that_hangs_holds_up_those_who_come_later_for_a_while_only() -> None:
    server = Server()
    batcher = Batcher(server.send, max_wait=0.0)
    tasks = [asyncio.create_task(ask(batcher, 1))]
    await rounds()
    async with asyncio.timeout(5):
        while len(server.batches) < 2:  # until the clock has moved
            tasks.append(asyncio.create_task(ask(batcher, 2)))
            await rounds()
    hanging = server.pending.pop(0)
    await server.answer()
    assert not tasks[0].done()
    assert tasks[1].done()
    hanging.set()
    while server.pending:
        await server.answer()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*tasks) == [10] + [20] * (len(tasks) - 1)


async def test_nothing_of_those_who_ask_gets_into_a_batch() -> None:
    server = Server()
    batcher = Batcher(server.send)

    async def ask_in_a_context() -> int:
        somebodys.set("mine")
        return await batcher.submit(1)

    task = asyncio.create_task(ask_in_a_context())
    await rounds()
    await server.answer()
    assert await task == 10


def test_it_goes_on_in_another_loop() -> None:
    server = Server()
    batcher = Batcher(server.send)

    async def leave() -> None:
        task = asyncio.create_task(ask(batcher, 1))
        await rounds()
        assert not task.done()

    async def stay() -> int:
        task = asyncio.create_task(ask(batcher, 2))
        await rounds()
        await server.answer()
        return await task

    asyncio.run(leave())
    server.pending.clear()
    assert asyncio.run(stay()) == 20


#: Ask a question; cancel one who asked; let the server answer, or fail; let the loop go round.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 3)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("answer"), st.just(0)),
        st.tuples(st.just("fail"), st.just(0)),
        st.tuples(st.just("rounds"), st.integers(1, 3)),
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_whatever_happens_everybody_is_told_the_truth_once(steps: list[tuple[str, int]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int]]) -> None:
    counter = Counting()
    batcher = Batcher(counter.send)
    asked: list[tuple[int, asyncio.Task[tuple[int, int]], int]] = []
    for step, value in steps:
        if step == "ask":
            asked.append((value, asyncio.create_task(ask(batcher, value)), counter.batches))
        elif step == "cancel" and value < len(asked):
            asked[value][1].cancel()
        elif step in ("answer", "fail"):
            await counter.let_go(fail=step == "fail")
        elif step == "rounds":
            await rounds(value)
    await rounds()
    while counter.gate is not None:
        await counter.let_go()
    _check(asked, counter)


def _check(asked: list[tuple[int, asyncio.Task[tuple[int, int]], int]], counter: "Counting") -> None:
    ranks: dict[int, list[int]] = {}
    for question, task, batches_before in asked:
        assert task.done()
        if not task.cancelled() and task.exception() is None:
            number, rank = task.result()
            assert number > batches_before, "an answer older than its question"
            ranks.setdefault(question, []).append(rank)
        elif not task.cancelled():
            assert counter.failed
    for question, counted in ranks.items():
        # In the order of asking; a rank is missing only where whoever asked was gone when the answer came.
        assert counted == sorted(set(counted))
        assert counted[-1] <= counter.sent[question]


class Counting:
    """A server that counts, as the rate limiter's does: an answer is its batch and its question's rank."""

    def __init__(self) -> None:
        self.batches = self.failed = 0
        self.sent: Counter[int] = Counter()
        self.gate: asyncio.Event | None = None
        self.fails = False

    async def send(self, questions: list[int]) -> list[tuple[int, int]]:
        assert self.gate is None, "two batches on their way"
        assert questions
        self.batches += 1
        number, self.gate = self.batches, asyncio.Event()
        await self.gate.wait()
        self.gate = None
        if self.fails:
            self.failed += 1
            raise ConnectionError
        answers = []
        for question in questions:
            self.sent[question] += 1
            answers.append((number, self.sent[question]))
        return answers

    async def let_go(self, *, fail: bool = False) -> None:
        """Let the batch that is on its way arrive, or fail."""
        if self.gate is not None:
            self.fails = fail
            self.gate.set()
            await rounds()


async def test_an_exception_in_the_place_of_an_answer_is_for_that_question_alone() -> None:
    async def send(questions: list[int]) -> list[int | Exception]:
        return [ValueError(question) if question < 0 else question for question in questions]

    batcher: Batcher[int, int | Exception] = Batcher(send)
    one, other, third = await asyncio.gather(*(ask(batcher, n) for n in (1, -2, 3)), return_exceptions=True)
    assert (one, third) == (1, 3)
    assert isinstance(other, ValueError)
    assert other.args == (-2,)


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.batching.UNWANTED_SECONDS", 0.01)


async def test_a_batch_that_nobody_waits_for_any_more_is_cancelled(looks_often: None) -> None:
    server = Server()
    batcher = Batcher(server.send)
    first = [asyncio.create_task(ask(batcher, n)) for n in (1, 2)]
    await rounds()
    second = asyncio.create_task(ask(batcher, 3))
    first[0].cancel()
    await asyncio.sleep(0.05)
    assert server.batches == [[1, 2]]  # somebody still waits for it
    first[1].cancel()
    await until(lambda: server.batches == [[1, 2], [3]])
    server.pending.pop(0)
    await server.answer()
    assert await second == 30
    await until(lambda: not batcher._wanted)


async def test_a_batch_of_work_that_must_be_done_is_carried_on_with(looks_often: None) -> None:
    server = Server()
    batcher = Batcher(server.send, sends_cancelled=True)
    first = asyncio.create_task(ask(batcher, 1))
    await rounds()
    second = asyncio.create_task(ask(batcher, 2))
    first.cancel()
    await asyncio.sleep(0.05)
    assert server.batches == [[1]]
    await server.answer()
    await server.answer()
    assert (server.batches, await second) == ([[1], [2]], 20)


async def test_the_end_of_the_loop_cancels_a_batch_for_its_callers_too() -> None:
    server = Server()
    batcher = Batcher(server.send)
    task = asyncio.create_task(ask(batcher, 1))
    await rounds()
    (sender,) = batcher._senders
    assert sender is not None
    sender.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_comes_while_a_batch_hangs_need_not_wait_for_another_to_come() -> None:
    server = Server()
    batcher = Batcher(server.send, max_wait=0.01)
    first, second = asyncio.create_task(ask(batcher, 1)), asyncio.create_task(ask(batcher, 2))
    await rounds()
    third = asyncio.create_task(ask(batcher, 3))
    await until(lambda: server.batches == [[1, 2], [3]])
    server.pending.pop().set()
    assert await third == 30
    assert not first.done()
    await server.answer()
    assert [*await asyncio.gather(first, second)] == [10, 20]


async def test_what_a_full_batch_leaves_need_not_wait_for_it_if_it_hangs() -> None:
    server = Server()
    batcher = Batcher(server.send, max_wait=0.01, max_size=2)
    tasks = [asyncio.create_task(ask(batcher, n)) for n in range(5)]
    await until(lambda: server.batches == [[0, 1], [2, 3], [4]])
    for pending in server.pending:
        pending.set()
    assert await asyncio.gather(*tasks) == [0, 10, 20, 30, 40]


class Locked:
    """A server that has some questions answered alone, and none of those that are locked."""

    def __init__(self) -> None:
        self.locked: set[int] = set()
        self.batches: list[list[int]] = []
        self.attempts: list[int] = []
        self.held: dict[int, asyncio.Event] = {}

    async def send(self, questions: list[int]) -> list[Any]:
        self.batches.append(questions)
        if self.locked.isdisjoint(questions):
            return [question * 10 for question in questions]
        return [self.alone(question) for question in questions]

    def alone(self, question: int) -> Alone[int]:
        async def run() -> int | Alone[int]:
            self.attempts.append(question)
            if question in self.held:
                await self.held[question].wait()
            if question < 0:
                raise ValueError(question)
            return self.alone(question) if question in self.locked else question * 10

        return Alone(run, pause=0.001 if question in self.attempts else 0.0, reason="somebody has it")


async def test_a_batch_that_is_split_keeps_nobody_waiting_but_for_what_is_locked() -> None:
    server = Locked()
    batcher: Batcher[int, int] = Batcher(server.send, max_alone=2)
    server.locked = {1, 2, 3, 4, 5}
    held = [asyncio.create_task(ask(batcher, n)) for n in sorted(server.locked)]
    async with asyncio.timeout(SECONDS):
        # With the locked ones, and after them, and after many attempts of theirs.
        assert await ask(batcher, 6) == 60
        await until(lambda: len(server.attempts) > 20)
        held.append(asyncio.create_task(ask(batcher, 1)))
        assert [*await asyncio.gather(ask(batcher, 7), ask(batcher, 8))] == [70, 80]
        assert not any(task.done() for task in held)
        server.locked = set()
        assert await asyncio.gather(*held) == [10, 20, 30, 40, 50, 10]


async def test_what_hangs_alone_keeps_neither_batches_nor_first_attempts_from_being_made() -> None:
    server = Locked()
    batcher: Batcher[int, int] = Batcher(server.send, max_alone=1)
    server.locked = {1}
    first = asyncio.create_task(ask(batcher, 1))
    await until(lambda: len(server.attempts) > 1)
    server.held[1] = asyncio.Event()  # a repeated attempt hangs from now on
    await until(lambda: server.attempts.count(1) > 2 and not first.done())
    async with asyncio.timeout(SECONDS):
        server.locked = {2}
        again = asyncio.create_task(ask(batcher, 2))
        await until(lambda: 2 in server.attempts)
        assert await ask(batcher, 3) == 30
        server.locked = set()
        server.held[1].set()
        assert [*await asyncio.gather(first, again)] == [10, 20]


async def test_an_error_alone_is_its_callers() -> None:
    server = Locked()
    server.locked = {5}
    batcher: Batcher[int, int] = Batcher(server.send)
    outcomes = asyncio.gather(*(ask(batcher, n) for n in (5, -1, 2)), return_exceptions=True)
    await until(lambda: len(server.attempts) > 3)
    server.locked = set()
    first, bad, other = await outcomes
    assert (first, other) == (50, 20)
    assert isinstance(bad, ValueError)


@pytest.mark.parametrize("sends_cancelled", [False, True])
async def test_what_nobody_waits_for_is_not_tried_again(sends_cancelled: bool) -> None:
    server = Locked()
    server.locked = {1}
    batcher: Batcher[int, int] = Batcher(server.send, sends_cancelled=sends_cancelled)
    tasks_before = len(asyncio.all_tasks())
    task = asyncio.create_task(ask(batcher, 1))
    await until(lambda: 1 in server.attempts)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if sends_cancelled:
        done = len(server.attempts)
        await until(lambda: len(server.attempts) > done + 3)
        server.locked = set()
    await until(lambda: len(asyncio.all_tasks()) == tasks_before)


async def test_what_takes_long_is_told_in_the_log_until_it_is_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("engine.batching.SLOW_SECONDS", 0.01)
    server, locked = Server(), Locked()
    locked.locked = {1}
    hangs: Batcher[int, int] = Batcher(server.send, name="Things")
    waits: Batcher[int, int] = Batcher(locked.send, name="Others")
    with caplog.at_level(logging.WARNING, "engine.batching"):
        tasks = [asyncio.create_task(ask(batcher, 1)) for batcher in (hangs, waits)]
        await until(
            lambda: sum(record.getMessage().startswith("Things: 1 ") for record in caplog.records) > 1
        )
        await until(lambda: any("somebody has it" in record.getMessage() for record in caplog.records))
        locked.locked = set()
        await server.answer()
        assert await asyncio.gather(*tasks) == [10, 10]
