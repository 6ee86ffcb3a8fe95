"""The measurement itself: every server warmed up, its answers compared, then loaded in turn, round after round."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.answers import AnswersDiffer, canonical, difference
from benchmarks.asking import ask_well
from benchmarks.duties import check_duties
from benchmarks.load import Plan, Result
from benchmarks.machine import confined
from benchmarks.product import ServiceError, spawn
from benchmarks.servers import POOL, ROOT, Running, Server, face_of, start
from benchmarks.stage import Stage, say
from benchmarks.workloads import Face, Viewer, Workload, requests_for

#: How many different requests are compared before a workload is measured.
_COMPARED = 24
#: Connections of a warm-up, at most: more would only queue.
_CROWD = 64
#: Requests after which a just-in-time compiler has compiled what is hot.
_ENOUGH = 4_000


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        rounds: how often each server's turn comes, at each number of connections.
        connections: the numbers of keep-alive connections.
        seconds: how long a turn counts at least; *lead* seconds before it do not.
        warm_up: seconds of load before the first round, for compilers that learn from it.
        server_processors: where the servers run; None is anywhere.
        other_processors: where everything else does.
    """

    rounds: int
    seconds: float
    connections: Sequence[int]
    lead: float
    warm_up: float
    server_processors: set[int] | None
    other_processors: set[int] | None


#: By number of connections and server, one result a round.
Outcome = dict[int, dict[str, list[Result]]]


def measure(
    on: Stage,
    servers: Sequence[Server],
    workloads: Sequence[Workload],
    viewers: Sequence[Viewer],
    options: Options,
) -> Iterator[tuple[Workload, Outcome]]:
    """Yield each workload with the results of its servers, by number of connections, round by round.

    Every server stays up for as long as it is needed; only one has anything to do at a time.

    Raises:
        ServiceError: a server cannot start, or ended.
        AnswersDiffer: they do not answer alike.
    """
    running: dict[str, Running] = {}
    with ExitStack() as stack:
        for server in servers:
            if any(face_of(server, workload) for workload in workloads):
                allowed = None if server.processes > 1 else options.server_processors
                running[server.name] = start(server, on, allowed=allowed)
                stack.callback(running[server.name].stop)
        for one in running.values():
            if one.server.same_duties:
                check_duties(one, on)
        for workload in workloads:
            taking = {
                name: (one, face) for name, one in running.items() if (face := face_of(one.server, workload))
            }
            if taking:
                yield workload, _measure_one(workload, taking, viewers, options, on.services)


def _measure_one(
    workload: Workload,
    taking: Mapping[str, tuple[Running, Face]],
    viewers: Sequence[Viewer],
    options: Options,
    services: Mapping[str, int],
) -> Outcome:
    requests = {name: requests_for(workload, face, viewers) for name, (_, face) in taking.items()}
    compare(workload, taking, requests)
    say(f"{workload.name}: warming up {len(taking)} servers …")
    for name, (one, _) in taking.items():
        _warm_up(one, requests[name], options)
    outcome: Outcome = {connections: {name: [] for name in taking} for connections in options.connections}
    for number in range(options.rounds):
        # Each round begins with another one, so that nobody always comes after the same neighbour.
        names = list(taking)
        names = names[number % len(names) :] + names[: number % len(names)]
        for connections, results in outcome.items():
            for name in names:
                plan = Plan(
                    taking[name][0].port,
                    taking[name][0].process.pid,
                    requests[name],
                    connections,
                    options.lead,
                    options.seconds,
                    dict(services),
                )
                results[name].append(load_once(taking[name][0], plan, allowed=options.other_processors))
            rates = (f"{name} {results[name][-1].rate:,.0f}" for name in taking)
            say(f"  round {number + 1} of {options.rounds}, {connections} connections: {', '.join(rates)}")
    return outcome


def _warm_up(one: Running, requests: list[str], options: Options) -> None:
    """Load a server for as long as asked, and on for up to three times that until its compiler has seen enough."""
    answered = 0
    # So many connections that all of its own to PostgreSQL are open, too.
    plan = Plan(
        one.port,
        one.process.pid,
        requests,
        max(POOL, min(_CROWD, max(options.connections))),
        0.0,
        options.warm_up,
        {},
    )
    for _ in range(3):
        if options.warm_up and answered < _ENOUGH:
            answered += load_once(one, plan, allowed=options.other_processors).answered


def load_once(one: Running, plan: Plan, *, allowed: set[int] | None = None) -> Result:
    """Load one server for a while, from a process of the load's own.

    Args:
        allowed: the processors that the load may run on; None is any.

    Raises:
        ServiceError: the server ended, hung up, or fell silent.
    """
    one.check()
    with confined(allowed):
        process = spawn(
            [sys.executable, "-m", "benchmarks.load"], cwd=ROOT, stdin=subprocess.PIPE, output=subprocess.PIPE
        )
    try:
        output, _ = process.communicate(json.dumps(asdict(plan)).encode())
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        one.check()
        raise ServiceError(
            f"The load on {one.server.name} broke off: {output.decode(errors='replace').strip()[-400:]}"
        )
    return Result(**json.loads(output))


def compare(
    workload: Workload, taking: Mapping[str, tuple[Running, Face]], requests: Mapping[str, Sequence[str]]
) -> None:
    """Ask all servers the same questions.

    Raises:
        AnswersDiffer: one answers otherwise than the first; the message says where.
    """
    apart = max(1, len(next(iter(requests.values()))) // _COMPARED)
    first: str | None = None
    expected: list[Any] = []
    sizes = []
    for name, (one, face) in taking.items():
        answers = [ask_well(one, request) for request in requests[name][::apart]]
        try:
            told = [canonical(answer, face) for answer in answers]
        except (AnswersDiffer, ValueError) as error:
            raise AnswersDiffer(f"{workload.name}: {name} answers {error}") from None
        sizes.append(f"{name} {sum(map(len, answers)) / len(answers):,.0f}")
        if first is None:
            first, expected = name, told
        for ours, its in zip(expected, told, strict=True):
            if found := difference(ours, its):
                raise AnswersDiffer(f"{workload.name}: {first} and {name} differ in {found}")
    say(f"{workload.name}: same data from all; bytes: {', '.join(sizes)}")
