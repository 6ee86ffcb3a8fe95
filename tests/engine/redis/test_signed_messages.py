"""Signed messages: what is not signed, changed, or too old is never run, and is told with its reason."""

from typing import Any

import pytest
from taskiq.message import TaskiqMessage

from engine.redis import SignedFormatter
from engine.redis.signed_messages import AGE, NotSigned
from tests.engine.redis.test_stream_broker import Bench, bench, message_of
from tests.servers import until

__all__ = ["bench"]

pytestmark = pytest.mark.anyio

KEY, OLD_KEY, FOREIGN = b"a key", b"an old key", b"a key of somebody else's"
NOW = 1_800_000_000


def formatter(*keys: bytes, now: float = NOW) -> SignedFormatter:
    return SignedFormatter(keys or (KEY,), clock=lambda: now)


def written(by: SignedFormatter | None = None, argument: Any = 7) -> bytes:
    return (by or formatter()).dumps(message_of(argument, "note")).message


def test_a_message_comes_back_as_it_was_sent_with_the_time() -> None:
    message = TaskiqMessage(
        task_id="1", task_name="note", labels={"a": 1}, args=["ü.€", [1]], kwargs={"b": None}
    )
    read = formatter(now=NOW + 60).loads(formatter(now=NOW + 0.9).dumps(message).message)
    assert read.labels.pop(AGE) == 60
    assert read == message


def test_every_byte_of_a_message_is_covered() -> None:
    whole = written()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        with pytest.raises(NotSigned):
            formatter().loads(bytes(changed))
    for cut in range(len(whole)):
        with pytest.raises(NotSigned):
            formatter().loads(whole[:cut])
    with pytest.raises(NotSigned):
        formatter().loads(whole + b" ")


def test_old_keys_verify_and_foreign_ones_do_not() -> None:
    assert formatter(KEY, OLD_KEY).loads(written(formatter(OLD_KEY))).args == [7]
    assert formatter(KEY, OLD_KEY).dumps(message_of(7, "note")).message == written(formatter(KEY))
    for foreign in (formatter(FOREIGN), formatter(OLD_KEY)):
        with pytest.raises(NotSigned):
            formatter(KEY).loads(written(foreign))


HOSTILE = {
    "unsigned": message_of(7, "note").model_dump_json().encode(),
    "with an empty signature": b".1800000000." + message_of(7, "note").model_dump_json().encode(),
    "signed by another": written(formatter(FOREIGN)),
    "with another argument": written().replace(b"[7]", b"[8]"),
    "with another name": written().replace(b'"note"', b'"note_all"'),
    "with another time": written().replace(b".1800000000.", b".1900000000."),
    "not even text": b"\xff\x00.\xfe",
    "empty": b"",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
async def test_what_somebody_else_has_put_into_the_queue_is_dead_lettered(bench: Bench, data: bytes) -> None:
    await bench.redis.xadd(bench.queue, {"data": data})
    async with bench.worker(formatter=formatter()):
        await until(bench.is_empty)
        (letter,) = await bench.dead_letters()
    assert b"not signed by a key of ours" in letter[b"reason"]
    assert letter[b"data"] == data
    assert not bench.begun


async def test_what_is_signed_is_run_alone_and_joined(bench: Bench) -> None:
    signer = formatter()
    await bench.redis.xadd(bench.queue, {"data": written(signer)})
    for numbers in ([1], [2], [3]):
        await bench.redis.xadd(bench.queue, {"data": signer.dumps(message_of(numbers, "note_all")).message})
    async with bench.worker(formatter=formatter(KEY), min_batch=4):
        await bench.all_done(7, 1, 2, 3)
        await until(bench.is_empty)
    assert await bench.dead_letters() == []


async def test_a_message_is_good_for_as_long_as_its_task_says(bench: Bench) -> None:
    """Who can read the queue can put the same into it again, but not for long."""
    ages = (0, 59, 61, 99, 101)
    async with bench.worker(formatter=formatter(), max_age=60.0):
        for task, max_age in (("note", 60), ("note_late", 100)):
            for age in ages:
                data = formatter(now=NOW - age).dumps(message_of(age, task)).message
                await bench.redis.xadd(bench.queue, {"data": data})
            await until(bench.is_empty)
            assert sorted(bench.done) == [age for age in ages if age <= max_age]
            bench.done.clear()
    reasons = [letter[b"reason"].decode() for letter in await bench.dead_letters()]
    assert reasons == [*["note was sent too long ago"] * 3, "note_late was sent too long ago"]
