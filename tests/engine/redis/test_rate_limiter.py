"""Counts are shared by all processes, end with their window, and never stand in the way of a request."""

import asyncio

import pytest
from redis.asyncio import Redis

from core.resources import Resources
from engine.redis import Quota, RateLimiter, create_redis
from tests.conftest import ClientWith
from tests.servers import own_valkey, until

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_800_000_030.0

    def __call__(self) -> float:
        return self.now


def limiter_of(redis: Redis, clock: Clock | None = None, **options: float) -> RateLimiter:
    """Return a limiter in whose window a test does not end by chance."""
    return RateLimiter(redis, "tandem:test", clock=clock or Clock(), **options)  # type: ignore[arg-type]


async def test_hits_are_counted_down_and_beyond_the_limit_refused(
    resources: Resources,
) -> None:
    limiter = limiter_of(resources.redis)
    quotas = [await limiter.hit("a", 2) for _ in range(3)]
    assert [(quota.remaining, quota.exceeded) for quota in quotas] == [(1, False), (0, False), (0, True)]
    assert {(quota.limit, quota.reset_at, quota.retry_after) for quota in quotas} == {(2, 1_800_000_060, 30)}
    assert not (await limiter.hit("b", 2)).exceeded


async def test_a_new_window_begins_anew_and_the_old_one_is_forgotten(
    resources: Resources,
) -> None:
    clock = Clock()
    limiter = limiter_of(resources.redis, clock)
    for _ in range(2):
        quota = await limiter.hit("a", 1)
    assert quota.exceeded
    (key,) = await resources.redis.keys("*:test:*")
    assert 0 < await resources.redis.ttl(key) <= 61
    clock.now += 30
    assert not (await limiter.hit("a", 1)).exceeded


async def test_two_processes_count_together(resources: Resources) -> None:
    one, other = (limiter_of(resources.redis) for _ in range(2))
    assert not (await one.hit("a", 1)).exceeded
    assert (await other.hit("a", 1)).exceeded


async def test_what_is_forgotten_or_given_back_can_be_used_again(
    resources: Resources,
) -> None:
    limiter = limiter_of(resources.redis)
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


async def test_without_redis_everything_passes_and_one_request_has_waited_for_it() -> None:
    attempts = 0

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        redis = create_redis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        for pause, expected in ((60.0, 1), (0.0, 50)):
            limiter, attempts = limiter_of(redis, pause=pause), 0
            for _ in range(50):
                quota = await limiter.hit("a", 1)
                assert (quota.exceeded, quota.remaining) == (False, 0)
            assert attempts == expected
        await limiter.forget("a")
        await limiter.give_back("a")
        await redis.aclose()


async def test_both_apis_answer_while_redis_is_unavailable_and_count_when_it_is_back(
    client_with: ClientWith, caplog: pytest.LogCaptureFixture
) -> None:
    with own_valkey() as server:
        client = await client_with(redis_url=server.url(), rate_limit_anonymous=1)
        redis = client.resources.redis
        client.resources.requests = RateLimiter(redis, "tandem:requests", pause=0)
        assert (await client.v1("GET", "/products")).status_code == 200
        assert (await client.v1("GET", "/products")).status_code == 429
        server.stop()
        for _ in range(3):
            assert (await client.v1("GET", "/products")).status_code == 200
            assert (await client.graphql("{ products { totalCount } }")).data
        server.start()
        assert (await client.v1("GET", "/products")).status_code == 200
        assert (await client.v1("GET", "/products")).status_code == 429
    # Once each, however many requests came meanwhile.
    said = [record.getMessage() for record in caplog.records if record.name == "engine.redis.rate_limiter"]
    assert [line.split(":")[0] for line in said] == [
        "The rate limits of tandem",
        "Redis is back",
    ]


async def test_concurrent_hits_are_counted_exactly_and_in_the_order_of_their_coming(
    resources: Resources,
) -> None:
    limiter, other = limiter_of(resources.redis), limiter_of(resources.redis)
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
    resources: Resources,
) -> None:
    limiters = [limiter_of(resources.redis) for _ in range(2)]

    async def client(limiter: RateLimiter) -> int:
        return sum([not (await limiter.hit("a", 100)).exceeded for _ in range(20)])

    assert sum(await asyncio.gather(*(client(limiters[number % 2]) for number in range(20)))) == 100


async def test_a_caller_who_leaves_takes_no_hit_of_others_along(resources: Resources) -> None:
    limiter = limiter_of(resources.redis)
    tasks = [asyncio.create_task(limiter.hit("a", 100)) for _ in range(10)]
    await asyncio.sleep(0)  # all have asked, nothing is answered
    for task in tasks[::2]:
        task.cancel()
    quotas = await asyncio.gather(*tasks, return_exceptions=True)
    assert [quota.remaining for quota in quotas if isinstance(quota, Quota)] == [98, 96, 94, 92, 90]
    assert (await limiter.hit("a", 100)).remaining == 89


async def test_a_refusal_by_redis_opens_the_limits_and_is_over_with_it(
    resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    await limiter_of(resources.redis).hit("a", 1)
    (key,) = await resources.redis.keys("tandem:test:a:*")
    await resources.redis.set(key, "no number")
    limiter = limiter_of(resources.redis)
    quotas = await asyncio.gather(*(limiter.hit(subject, 1) for subject in ("a", "b", "a", "c")))
    assert {quota.exceeded for quota in quotas} == {False}
    assert [record.message for record in caplog.records if "unavailable" in record.message] == [
        "The rate limits of tandem:test are off while Redis is unavailable: ERR value is not an integer or out of range"
    ]
    await resources.redis.delete(key)
    assert (await limiter.hit("a", 1)).remaining == 0  # not counted
    limiter = limiter_of(resources.redis, pause=0)
    assert [(await limiter.hit("a", 2)).remaining for _ in range(2)] == [1, 0]


async def test_a_connection_that_the_server_closes_is_made_anew() -> None:
    with own_valkey() as valkey:
        redis = create_redis(valkey.url())
        limiter = limiter_of(redis, pause=0)
        await limiter.hit("a", 50)
        await redis.client_kill_filter(_type="normal", skipme=True)

        async def is_counted() -> bool:
            return (await limiter.hit("a", 50)).remaining < 49

        await until(is_counted)
        await redis.aclose()
