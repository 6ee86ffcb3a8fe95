"""The measurement itself: every server warmed up, its answers compared, then loaded in turn, round after round."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from typing import Any

from benchmarks.answers import AnswersDiffer, canonical, difference
from benchmarks.load import Plan, Result
from benchmarks.machine import confined
from benchmarks.product import ServiceError, spawn
from benchmarks.servers import ROOT, Running, Server, start
from benchmarks.stage import Stage, say
from benchmarks.workloads import Face, Viewer, Workload, requests_for

#: How many different requests are compared before a workload is measured.
_COMPARED = 24
#: Requests after which a just-in-time compiler has compiled what is hot.
_ENOUGH = 4_000


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        rounds: how often each server's turn comes.
        seconds: how long a turn counts; *lead* seconds before it do not.
        warm_up: seconds of load before the first round, for compilers that learn from it.
        server_processors: where the servers run; None is anywhere.
        other_processors: where everything else does.
    """

    rounds: int
    seconds: float
    connections: int
    lead: float
    warm_up: float
    server_processors: set[int] | None
    other_processors: set[int] | None


def face_of(server: Server, workload: Workload) -> Face | None:
    """Return through what the server answers the workload; None if it does not."""
    return next((face for face in server.faces if face in workload.faces), None)


def measure(
    on: Stage,
    servers: Sequence[Server],
    workloads: Sequence[Workload],
    viewers: Sequence[Viewer],
    options: Options,
) -> Iterator[tuple[Workload, dict[str, list[Result]]]]:
    """Yield each workload with the results of its servers, round by round.

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
        for workload in workloads:
            taking = {
                name: (one, face) for name, one in running.items() if (face := face_of(one.server, workload))
            }
            if taking:
                yield workload, _measure_one(workload, taking, viewers, options)


def _measure_one(
    workload: Workload,
    taking: Mapping[str, tuple[Running, Face]],
    viewers: Sequence[Viewer],
    options: Options,
) -> dict[str, list[Result]]:
    requests = {name: requests_for(workload, face, viewers) for name, (_, face) in taking.items()}
    compare(workload, taking, requests)
    say(f"{workload.name}: warming up {len(taking)} servers …")
    for name, (one, _) in taking.items():
        _warm_up(one, requests[name], options)
    results: dict[str, list[Result]] = {name: [] for name in taking}
    for number in range(options.rounds):
        told = []
        # Each round begins with another one, so that nobody always comes after the same neighbour.
        names = list(taking)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            result = load_once(
                taking[name][0], requests[name], options, seconds=options.seconds, lead=options.lead
            )
            results[name].append(result)
            told.append(f"{name} {result.answered / result.seconds:,.0f}")
        say(f"  round {number + 1} of {options.rounds}: {', '.join(told)}")
    return results


def _warm_up(one: Running, requests: list[str], options: Options) -> None:
    """Load a server for as long as asked, and on for up to three times that until its compiler has seen enough."""
    answered = 0
    for _ in range(3):
        if options.warm_up and answered < _ENOUGH:
            answered += load_once(one, requests, options, seconds=options.warm_up, lead=0.0).answered


def load_once(one: Running, requests: list[str], options: Options, *, seconds: float, lead: float) -> Result:
    """Load one server for a while, from a process of the load's own.

    Raises:
        ServiceError: the server ended, hung up, or fell silent.
    """
    one.check()
    plan = Plan(one.port, one.process.pid, requests, options.connections, lead, seconds)
    with confined(options.other_processors):
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
        answers = [ask(one, request) for request in requests[name][::apart]]
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


def ask(one: Running, request: str) -> bytes:
    """Send one of the prepared requests and return the body of its answer."""
    head, _, body = request.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    connection = HTTPConnection("127.0.0.1", one.port, timeout=60)
    try:
        connection.request(method, target, body.encode() or None, dict(line.split(": ", 1) for line in lines))
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        one.check()
        raise ServiceError(f"{one.server.name} does not answer: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise AnswersDiffer(f"{one.server.name} answers {answer.status}: {content[:300]!r}")
    return content
