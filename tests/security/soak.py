"""Memory under attack, over an hour: ``make soak``. The attacks of ``tests/security/growth_attacks.py`` take turns.

One API process, a worker and a Valkey are looked at a thousand times. Each must end at the memory that it had after the
first tenth, by which time caches are full, pools open and the windows of all counters have come round once. The medians
of the second and of the last tenth are compared, which no peak disturbs. They may differ by ``TOLERANCE``: allocators
return memory in pieces, and a full cache of other documents weighs something else. An hour has some ten thousands of
turns, so what leaves a kilobyte behind each time is found. The plot shows it.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import httpx
from redis.asyncio import Redis

from benchmarks import plot
from benchmarks.machine import family, resident_bytes
from dev import EmbeddedPostgres
from dev.ports import LOOPBACK
from engine.cancellation import cancel_and_wait
from tests.clients.service import Service, running_service
from tests.security.growth_attacks import ATTACKS, Target

PLOT = Path(__file__).parents[2] / "docs" / "soak.svg"
TOLERANCE = 24_000_000
#: Turns of one attack before the next one has its own.
TURNS = 2
SAMPLES = 1_000
#: Requests of one sender are many here, so what counts them is off; what counts sign-ins and mails is on, and believes
#: us where we say that we come from. The mail server is not there.
SETTINGS = {
    "TANDEM_TRUSTED_PROXIES": LOOPBACK,
    "TANDEM_SMTP_URL": f"smtp://{LOOPBACK}:1",
    "TANDEM_MAIL_FROM": "shop@example.com",
}
#: What stays in Redis without an end: the queue, and what failed.
LASTING = 3

Series = dict[str, list[tuple[float, float]]]


@asynccontextmanager
async def aimed_at(address: str, token: str) -> AsyncIterator[Target]:
    """Return the target at *address*, and give up what is held of it in the end."""
    limits = httpx.Limits(max_connections=8)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        target = Target(address, client, token)
        try:
            yield target
        finally:
            target.release()


def growth(values: Sequence[float]) -> float:
    """Return by how much the last tenth is above the second one, each by its median."""
    tenth = max(1, len(values) // 10)
    return statistics.median(values[-tenth:]) - statistics.median(values[tenth : 2 * tenth])


async def lasting_keys(redis: Redis) -> list[str]:
    """Return the keys that have no end."""
    return [str(key) async for key in redis.scan_iter(count=1_000) if await redis.ttl(key) == -1]


async def _sample(service: Service, redis: Redis, series: Series, *, interval: float) -> None:
    started = time.monotonic()
    while True:
        elapsed = (time.monotonic() - started) / 60
        memory = await redis.info("memory")
        for name, value in (
            ("API process", resident_bytes([service.api])),
            ("worker, with its manager", resident_bytes(family(service.worker))),
            ("Valkey", memory["used_memory"]),
        ):
            series.setdefault(name, []).append((elapsed, value / 1e6))
        await asyncio.sleep(interval)


async def _attack(target: Target, *, seconds: float) -> dict[str, int]:
    """Let the attacks take turns for so long, and return how many turns each of them had."""
    numbers, turns = count(1), {attack.name: 0 for attack in ATTACKS}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for attack in ATTACKS:
            for _ in range(TURNS):
                await attack.turn(target, next(numbers))
            turns[attack.name] += TURNS
    return turns


async def _soak(service: Service, *, seconds: float) -> tuple[Series, dict[str, int], list[str]]:
    series: Series = {}
    async with (
        Redis.from_url(service.environment["TANDEM_REDIS_URL"], decode_responses=True) as redis,
        aimed_at(f"{LOOPBACK}:{service.port}", service.sign_in()) as target,
    ):
        sampling = asyncio.create_task(_sample(service, redis, series, interval=seconds / SAMPLES))
        try:
            turns = await _attack(target, seconds=seconds)
        finally:
            await cancel_and_wait(sampling)
        return series, turns, await lasting_keys(redis)


def report(series: Series, turns: Mapping[str, int], lasting: Sequence[str]) -> list[str]:
    """Print what was found, and return what is wrong with it."""
    faults = []
    for name, points in series.items():
        megabytes = [value for _, value in points]
        more = growth(megabytes)
        sys.stdout.write(
            f"{name}: {megabytes[0]:.0f} MB at first, {max(megabytes):.0f} at most, {megabytes[-1]:.0f} in the end;"
            f" {more:+.1f} from the second tenth to the last\n"
        )
        if more * 1e6 > TOLERANCE:
            faults.append(f"{name} grows: {more:+.1f} MB")
    if len(lasting) > LASTING:
        faults.append(f"keys in Redis that have no end: {sorted(lasting)[:20]}")
    sys.stdout.write(f"turns: {', '.join(f'{name} {number:,}' for name, number in turns.items())}\n")
    return faults


def main() -> int:
    """Run it, write the plot, and return the exit code: 1 if something grows."""
    parser = argparse.ArgumentParser(prog="python -m tests.security.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3_600)
    parser.add_argument("--plot", type=Path, default=PLOT, help=f"where the picture goes ({PLOT})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-soak-") as folder:
        Path(folder).chmod(0o755)
        with (
            EmbeddedPostgres(Path(folder) / "postgres", durable=False) as postgres,
            running_service(postgres.url("postgres"), **SETTINGS) as service,
        ):
            series, turns, lasting = asyncio.run(_soak(service, seconds=options.seconds))
    title = f"Memory under attack, {sum(turns.values()):,} turns"
    options.plot.write_text(plot.draw_series(title, "MB resident, or used", "minutes", series))
    faults = report(series, turns, lasting)
    sys.stdout.write("\n".join(faults or ["Nothing grows."]) + "\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
