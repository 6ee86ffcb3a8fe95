"""Counts are shared by all processes, end with their window, and never stand in the way of a request."""

import time

import pytest

from core.rate_limit import RateLimiter
from core.redis import create_redis
from core.resources import Resources
from core.services.ports import free_port
from core.settings import Settings
from tests.conftest import ClientWith
from tests.servers import own_valkey

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until a test moves it."""
    moment = [1_800_000_030.0]
    monkeypatch.setattr("core.rate_limit.time.time", lambda: moment[0])
    return moment


async def test_hits_are_counted_down_and_beyond_the_limit_refused(
    resources: Resources, clock: list[float]
) -> None:
    limiter = RateLimiter(resources.redis, "test")
    quotas = [await limiter.hit("a", 2) for _ in range(3)]
    assert [(quota.remaining, quota.exceeded) for quota in quotas] == [(1, False), (0, False), (0, True)]
    assert {(quota.limit, quota.reset_at, quota.retry_after) for quota in quotas} == {(2, 1_800_000_060, 30)}
    assert not (await limiter.hit("b", 2)).exceeded


async def test_a_new_window_begins_anew_and_the_old_one_is_forgotten(
    resources: Resources, clock: list[float]
) -> None:
    limiter = RateLimiter(resources.redis, "test")
    for _ in range(2):
        quota = await limiter.hit("a", 1)
    assert quota.exceeded
    (key,) = await resources.redis.keys("*:test:*")
    assert 0 < await resources.redis.ttl(key) <= 61
    clock[0] += 30
    assert not (await limiter.hit("a", 1)).exceeded


async def test_two_processes_count_together(resources: Resources, clock: list[float]) -> None:
    one, other = (RateLimiter(resources.redis, "test") for _ in range(2))
    assert not (await one.hit("a", 1)).exceeded
    assert (await other.hit("a", 1)).exceeded


async def test_what_is_forgotten_or_given_back_can_be_used_again(
    resources: Resources, clock: list[float]
) -> None:
    limiter = RateLimiter(resources.redis, "test")
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
    redis = create_redis(Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    limiter = RateLimiter(redis, "test")
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
