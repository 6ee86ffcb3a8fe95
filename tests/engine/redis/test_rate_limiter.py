"""Counts are shared by all processes, end with their window, and never stand in the way of a request."""

import asyncio
import time

import pytest

from core.resources import Resources
from dev.ports import free_port
from engine.redis.client import create_redis
from engine.redis.rate_limiter import Quota, RateLimiter
from tests.conftest import ClientWith
from tests.servers import own_valkey, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until a test moves it."""
    moment = [1_800_000_030.0]
    monkeypatch.setattr("engine.redis.rate_limiter.time.time", lambda: moment[0])
    return moment


async def test_hits_are_counted_down_and_beyond_the_limit_refused(
    resources: Resources, clock: list[float]
) -> None:
    limiter = RateLimiter(resources.redis, "tandem:test")
    quotas = [await limiter.hit("a", 2) for _ in range(3)]
    assert [(quota.remaining, quota.exceeded) for quota in quotas] == [(1, False), (0, False), (0, True)]
    assert {(quota.limit, quota.reset_at, quota.retry_after) for quota in quotas} == {(2, 1_800_000_060, 30)}
    assert not (await limiter.hit("b", 2)).exceeded


async def test_a_new_window_begins_anew_and_the_old_one_is_forgotten(
    resources: Resources, clock: list[float]
) -> None:
    limiter = RateLimiter(resources.redis, "tandem:test")
    for _ in range(2):
        quota = await limiter.hit("a", 1)
    assert quota.exceeded
    (key,) = await resources.redis.keys("*:test:*")
    assert 0 < await resources.redis.ttl(key) <= 61
    clock[0] += 30
    assert not (await limiter.hit("a", 1)).exceeded


async def test_two_processes_count_together(resources: Resources, clock: list[float]) -> None:
    one, other = (RateLimiter(resources.redis, "tandem:test") for _ in range(2))
    assert not (await one.hit("a", 1)).exceeded
    assert (await other.hit("a", 1)).exceeded


async def test_what_is_forgotten_or_given_back_can_be_used_again(
    resources: Resources, clock: list[float]
) -> None:
    limiter = RateLimiter(resources.redis, "tandem:test")
    await limiter.hit("a", 2)
    await limiter.hit("a", 2)
    await limiter.give_back("a")
    assert not (await limiter.hit("a", 2)).exceeded
    assert (await limiter.hit("a", 2)).exceeded
    await limiter.forget("a")
    assert (await limiter.hit("a", 2)).remaining == 1
    await limiter.give_back("of another window")
    (key,) = await resources.redis.keys("*another window*")
    assert await resources.redis.ttl(key) > 0


async def test_without_redis_everything_passes_and_nothing_waits() -> None:
    redis = create_redis(f"redis://127.0.0.1:{free_port()}/0")
    limiter = RateLimiter(redis, "tandem:test")
    started = time.monotonic()
    for _ in range(50):
        quota = await limiter.hit("a", 1)
        assert (quota.exceeded, quota.remaining) == (False, 0)
        await limiter.forget("a")
        await limiter.give_back("a")
    assert time.monotonic() - started < 1
    await redis.aclose()


async def test_both_faces_answer_while_redis_is_away_and_count_when_it_is_back(
    client_with: ClientWith,
) -> None:
    with own_valkey() as server:
        client = await client_with(redis_url=server.url(), rate_limit_anonymous=1)
        assert (await client.v1("GET", "/products")).status_code == 200
        assert (await client.v1("GET", "/products")).status_code == 429
        server.stop()
        for _ in range(3):
            assert (await client.v1("GET", "/products")).status_code == 200
            assert (await client.graphql("{ products { totalCount } }")).data
        server.start()
        client.resources.requests._away_until = 0.0  # as if the pause were over
        assert (await client.v1("GET", "/products")).status_code == 200
        assert (await client.v1("GET", "/products")).status_code == 429


async def test_concurrent_hits_are_counted_exactly_and_in_the_order_of_their_coming(
    resources: Resources, clock: list[float]
) -> None:
    limiter, other = (RateLimiter(resources.redis, "tandem:test") for _ in range(2))
    await other.hit("a", 5)
    subjects = [subject for number in range(20) for subject in ("a", "b", f"alone {number}")]
    quotas = await asyncio.gather(*(limiter.hit(subject, 5) for subject in subjects))
    seen: dict[str, list[tuple[int, bool]]] = {}
    for subject, quota in zip(subjects, quotas, strict=True):
        seen.setdefault(subject, []).append((quota.remaining, quota.exceeded))
    assert seen["a"] == [(3, False), (2, False), (1, False), (0, False)] + [(0, True)] * 16
    assert seen["b"] == [(4, False), (3, False), (2, False), (1, False), (0, False)] + [(0, True)] * 15
    assert seen["alone 7"] == [(4, False)]
    assert (await other.hit("b", 5)).exceeded
    assert {await resources.redis.ttl(key) > 0 for key in await resources.redis.keys("*:test:*")} == {True}


async def test_two_limiters_racing_let_through_as_many_as_the_limit_says(
    resources: Resources, clock: list[float]
) -> None:
    limiters = [RateLimiter(resources.redis, "tandem:test") for _ in range(2)]

    async def client(limiter: RateLimiter) -> int:
        return sum([not (await limiter.hit("a", 100)).exceeded for _ in range(20)])

    assert sum(await asyncio.gather(*(client(limiters[number % 2]) for number in range(20)))) == 100


async def test_a_caller_who_leaves_takes_no_hit_of_others_along(
    resources: Resources, clock: list[float]
) -> None:
    limiter = RateLimiter(resources.redis, "tandem:test")
    tasks = [asyncio.create_task(limiter.hit("a", 100)) for _ in range(10)]
    await asyncio.sleep(0)  # all have asked, nothing is sent
    for task in tasks[::2]:
        task.cancel()
    quotas = await asyncio.gather(*tasks, return_exceptions=True)
    assert [quota.remaining for quota in quotas if isinstance(quota, Quota)] == [99, 98, 97, 96, 95]
    assert (await limiter.hit("a", 100)).remaining == 94


async def test_a_refusal_by_redis_opens_the_limits_and_is_over_with_it(
    resources: Resources, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    limiter = RateLimiter(resources.redis, "tandem:test")
    key = limiter._place("a")[0]
    await resources.redis.set(key, "no number")
    quotas = await asyncio.gather(*(limiter.hit(subject, 1) for subject in ("a", "b", "a", "b")))
    assert {quota.exceeded for quota in quotas} == {False}
    assert [record.message for record in caplog.records if "Redis is away" in record.message] == [
        "Rate limits are off while Redis is away: ERR value is not an integer or out of range"
    ]
    await resources.redis.delete(key)
    limiter._away_until = 0.0  # as if the pause were over
    assert [(await limiter.hit("a", 2)).remaining for _ in range(2)] == [1, 0]


async def test_a_connection_that_the_server_closes_is_made_anew(
    resources: Resources, clock: list[float]
) -> None:
    limiter = RateLimiter(resources.redis, "tandem:test")
    await limiter.hit("a", 5)
    await resources.redis.client_kill_filter(_type="normal", skipme=True)
    line = limiter._line
    assert line is not None
    await until(lambda: bool(line._connection._reader.at_eof()))
    assert (await limiter.hit("a", 5)).remaining == 3
    # In the middle of an answer it is a failure like any other, and the connection is not used again.
    line._connection._reader.feed_data(b":7\r\n")
    assert (await limiter.hit("a", 5)).remaining == 4
    assert limiter._away_until > 0
