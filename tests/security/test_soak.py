"""The short form of ``make soak``: after a number of turns of each attack, memory is within bounds.

What is kept in a cache grows until the cache is full; what leaks grows for ever. So an attack may try a few times: once
its turns leave less than ``BOUND``, they have found a bound, and an attack that finds none in so many rounds leaks.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
from redis.asyncio import Redis

from benchmarks.machine import resident_bytes
from dev.ports import LOOPBACK
from tests.clients.service import Process, Service, answering, running_service
from tests.security.growth_attacks import ATTACKS, MIN_LEAK, Attack, Target
from tests.security.soak import LASTING, SETTINGS, TOLERANCE, aimed_at, growth, lasting_keys, report

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc"),
]

#: Half of what a leak would be.
BOUND = MIN_LEAK // 2
ROUNDS = 6
#: Small requests in which a server reads what it has been sent, and in which it may collect what it has done with.
LEAST_REST, MOST_REST = 30, 100

_numbers = count(1)


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    """A service that nothing else talks to."""
    with running_service(postgres_url, **SETTINGS) as running:
        yield running


@pytest.fixture
async def target(service: Service) -> AsyncIterator[Target]:
    """Its API process."""
    async with aimed_at(f"{LOOPBACK}:{service.port}", service.sign_in()) as aimed:
        yield aimed


async def left_by(attack: Attack, target: Target, pid: int) -> int:
    """Let an attack have its turns, and return by how many bytes the process is larger then."""
    before = resident_bytes([pid])
    for _ in range(attack.turns):
        await attack.turn(target, next(_numbers))
    if not attack.held:
        target.release()
    for number in range(MOST_REST):
        if number >= LEAST_REST and resident_bytes([pid]) < before + BOUND:
            break
        await target.ask("{ __typename }")
    return resident_bytes([pid]) - before


async def rounds_of(attack: Attack, target: Target, pid: int) -> list[int]:
    """Repeat an attack until its turns leave nothing worth mentioning, and return what was left each time."""
    left: list[int] = []
    while len(left) < ROUNDS:
        left.append(await left_by(attack, target, pid))
        if left[-1] < BOUND:
            break
    return left


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
async def test_memory_under_attack_has_a_bound(service: Service, target: Target, attack: Attack) -> None:
    left = await rounds_of(attack, target, service.api)
    assert left[-1] < BOUND, f"bytes left, round by round: {left}"
    target.release()
    assert (await target.ask("{ __typename }")) is not None


async def test_whatever_is_counted_in_redis_ends(service: Service, target: Target) -> None:
    for attack in ATTACKS:
        await attack.turn(target, next(_numbers))
    url = service.environment["TANDEM_REDIS_URL"]
    async with Redis.from_url(url, decode_responses=True) as redis:
        assert await redis.dbsize() > LASTING
        assert len(await lasting_keys(redis)) <= LASTING


def test_a_leak_is_found(service: Service) -> None:
    """The same, of a server that keeps all bytes it is sent."""
    (attack,) = [one for one in ATTACKS if one.name == "long_operation_names"]

    async def rounds(leaking: Process) -> list[int]:
        async with aimed_at(leaking.address, service.sign_in()) as target:
            return await rounds_of(attack, target, leaking.pid)

    with answering(service.environment, module="tests.security.leaking_server") as leaking:
        left = asyncio.run(rounds(leaking))
    assert len(left) == ROUNDS
    assert min(left) > BOUND


def test_the_verdict_of_the_hour(capsys: pytest.CaptureFixture[str]) -> None:
    fills = [min(200.0, 100 + 2 * n) for n in range(1_000)]
    noisy = [value + 10 * (n % 7 == 0) for n, value in enumerate(fills)]
    leaks = [100 + n * TOLERANCE / 1e6 / 700 for n in range(1_000)]
    assert growth(fills) == growth(noisy) == 0
    series = {
        name: [(n / 60, value) for n, value in enumerate(values)]
        for name, values in (("fills", fills), ("noisy", noisy), ("leaks", leaks))
    }
    assert report(series, {}, []) == ["leaks grows: +27.4 MB"]
    (fault,) = report({}, {}, [f"a{n}" for n in range(LASTING + 1)])
    assert fault.startswith("keys in Redis that have no end: ['a0'")
