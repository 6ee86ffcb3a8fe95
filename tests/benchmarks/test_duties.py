"""Peers that are said to have the same duties do have them, and one without is found out."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from benchmarks.answers import canonical, difference
from benchmarks.asking import ask, ask_well
from benchmarks.dataset import Size, load
from benchmarks.duties import HEADERS, check_duties
from benchmarks.installing import PEERS
from benchmarks.product import ServiceError, free_port, load_settings, spawn
from benchmarks.servers import BY_NAME, RATE_LIMIT, SERVERS, Running, start
from benchmarks.stage import SECRET, Stage, environment
from benchmarks.workloads import BY_NAME as WORKLOADS
from benchmarks.workloads import Viewer, requests_for
from tests.servers import own_database

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
#: With the bench's own numbers of viewers: the next one has no session.
ROWS = Size(users=70, products=10, orders=140, viewers=64, share=1)


@pytest.fixture(scope="module")
async def on(
    postgres_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """A small data set."""
    async with own_database(postgres_url) as url:
        settings = load_settings(database_url=url, redis_url=redis_url, secret_key=SecretStr(SECRET))
        await load(settings, ROWS, say=lambda _: None)
        yield Stage(tmp_path_factory.mktemp("bench"), settings, Path(os.devnull), {})


@contextmanager
def by_hand(on: Stage, name: str, *, limit: int = RATE_LIMIT) -> Iterator[Running]:
    """Run the hand-written peer in the tests' own environment, which has all that it needs."""
    port = free_port()
    settings = {
        "BENCH_DATABASE_URL": on.settings.database_url,
        "BENCH_REDIS_URL": on.settings.redis_url,
        "BENCH_POOL": "4",
        "BENCH_SECRET": SECRET,
        "BENCH_RATE_LIMIT": str(limit),
        "BENCH_MAX_BODY_BYTES": str(on.settings.max_body_bytes),
    }
    command = [sys.executable, "-m", "uvicorn", "raw:app", "--port", str(port), "--no-access-log"]
    log = on.cache / f"{name}-{limit}.log"
    with log.open("wb") as output:
        process = spawn(
            [*command, "--log-level", "warning"],
            env=environment(**settings, **BY_NAME[name].settings),
            cwd=PEERS / "python",
            output=output.fileno(),
        )
    running = Running(BY_NAME[name], process, port, log)
    try:
        running.wait()
        yield running
    finally:
        running.stop()


def me(on: Stage, running: Running, user_id: int = 1) -> str:
    return requests_for(WORKLOADS["me"], running.server.faces[0], [Viewer(user_id, on.token(user_id), ())])[0]


async def test_the_hand_written_peer_has_them(on: Stage) -> None:
    with by_hand(on, "raw-same-duties") as running:
        check_duties(running, on)
        answer = ask(running, me(on, running))
    assert answer.headers[HEADERS[0]] == str(RATE_LIMIT)


async def test_tandem_has_them(on: Stage) -> None:
    running = start(BY_NAME["tandem"], on, allowed=None)
    try:
        check_duties(running, on)
    finally:
        running.stop()


async def test_one_without_them_is_found_out(on: Stage) -> None:
    with by_hand(on, "raw") as running:
        told = replace(running, server=BY_NAME["raw-same-duties"])
        with pytest.raises(ServiceError, match=r"raw-same-duties does not look up the session"):
            check_duties(told, on)


async def test_duties_leave_the_answer_as_it_is(on: Stage) -> None:
    with by_hand(on, "raw") as without, by_hand(on, "raw-same-duties") as with_duties:
        one, other = (canonical(ask_well(each, me(on, each)), "raw") for each in (without, with_duties))
    assert one["me"]["email"] == "user1@example.com"
    assert difference(one, other) is None


async def test_the_limit_is_one_that_refuses(on: Stage) -> None:
    with by_hand(on, "raw-same-duties", limit=2) as running:
        answers = [ask(running, me(on, running, user_id=7)) for _ in range(6)]
    # At least three in a row lie in one window.
    assert {answer.status for answer in answers} == {200, 429}
    assert all(HEADERS[2] in answer.headers for answer in answers)


def test_whoever_has_them_says_so_in_its_name_or_is_tandem() -> None:
    for server in SERVERS:
        assert server.same_duties == (server.kind == "tandem" or server.name.endswith("-same-duties"))


def test_a_peer_with_them_differs_from_the_one_without_in_nothing_else() -> None:
    for server in SERVERS:
        if server.name.endswith("-same-duties"):
            plain = BY_NAME[server.name.removesuffix("-same-duties")]
            assert (server.kind, server.program, server.faces) == (plain.kind, plain.program, plain.faces)
            assert server.processes == plain.processes == BY_NAME["tandem"].processes
