"""``python -m benchmarks report``: all that README and docs/benchmarks.md tell, measured and written there.

The chief workloads at 1, 8, 64 and 256 connections beside peers with and without the same duties, the nested list at 8
connections beside everybody, and placing and processing beside pgbench. Needs a machine with nothing else to do.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import documents, plot, profile, results, targets, writes
from benchmarks.load import LoadError, Result
from benchmarks.machine import load_average
from benchmarks.product import ServiceError
from benchmarks.recording import NAMES, RESULTS, machine, record, turns
from benchmarks.rounds import Options, Outcome, measure
from benchmarks.servers import BY_NAME as SERVERS
from benchmarks.servers import USUAL
from benchmarks.stage import CACHE, Stage, prepare, say, stage
from benchmarks.workloads import BY_NAME as WORKLOADS
from benchmarks.workloads import Viewer, find_viewers
from benchmarks.writes_pgbench import find_pgbench

CONNECTIONS = (1, 8, 64, 256)
MANY = 64
CHIEF = "nested-order-list"
OTHERS = ("me", "order-by-id", "product-search", "deep-100", "flat-500")
PEERS = ("tandem", "mercurius-same-duties", "raw-same-duties", "mercurius", "raw")
#: On the chief workload alone.
ALSO = "postgraphile"
ALONE = {"introspection": ("tandem", "mercurius"), "rest-order-list": ("tandem", "sqlalchemy")}
PROFILED = ("nested-order-list", "me", "product-search")
#: A load average that tells of other work than ours.
_BUSY = 0.7


@dataclass(frozen=True)
class Measured:
    """What a report is made of.

    Attributes:
        main: the chief and the other workloads at every number of connections.
        everybody: all servers on the chief workload, at 8 connections.
        alone: workloads that only few answer, at 8 connections.
        profiles: what Tandem was found doing at 64 connections, by workload.
    """

    how: Options
    main: Mapping[str, Outcome]
    everybody: Mapping[str, Sequence[Result]]
    alone: Mapping[str, Outcome]
    profiles: Mapping[str, profile.Samples]
    writes: writes.Measured | None


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks report", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="turns of each server at each number of connections (3)")
    add("--seconds", type=float, default=0.5, help="least length of a turn (0.5)")
    add(
        "--warm-up",
        type=float,
        default=0.5,
        help="seconds of load before the first round of a workload (0.5)",
    )
    add(
        "--writes-rounds", type=int, default=3, help="rounds of placing and processing (3); 0 leaves them out"
    )
    add("--profile-seconds", type=float, default=2.0, help="of load under the profiler, each workload (2)")
    add("--root", type=Path, default=documents.ROOT, help="the folder of README.md and docs/")
    add("--cache", type=Path, default=CACHE, help=f"where peers and data are kept ({CACHE})")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measure, write the documents, and return the exit code."""
    options = parse(arguments)
    find_pgbench()
    if (busy := load_average()) > _BUSY:
        say(f"The machine is busy with something else (load average {busy:.1f}): these are no final figures.")
    began = time.monotonic()
    measured = _measure(options)
    plotted = plot.draw_connections(WORKLOADS[CHIEF].title, measured.main[CHIEF], NAMES)
    documents.write(options.root, sections(measured), plotted)
    if options.writes_rounds:
        measured = replace(measured, writes=_measure_writes(options))
        documents.write(options.root, sections(measured))
    say(
        f"Written to README.md and docs/ of {options.root}, in {(time.monotonic() - began) / 60:.1f} minutes."
    )
    return 0


def _measure(options: argparse.Namespace) -> Measured:
    how = Options(options.rounds, options.seconds, CONNECTIONS, 0.15, options.warm_up, None, None)
    once = replace(how, connections=(results.CONNECTIONS,))
    with stage(options.cache) as on:
        prepare(on)
        viewers = asyncio.run(find_viewers(on.settings.database_url, on.token))
        main = _run(on, (*PEERS, ALSO), (CHIEF,), viewers, how)
        main |= _run(on, PEERS, OTHERS, viewers, how)
        record(RESULTS, main, how)
        everybody = _run(on, USUAL, (CHIEF,), viewers, once)[CHIEF][results.CONNECTIONS]
        alone: dict[str, Outcome] = {}
        for workload, servers in ALONE.items():
            alone |= _run(on, servers, (workload,), viewers, once)
        profiles = {
            workload: profile.profile(on, workload, viewers, MANY, options.profile_seconds)
            for workload in PROFILED
        }
    return Measured(how, main, everybody, alone, profiles, None)


def _measure_writes(options: argparse.Namespace) -> writes.Measured:
    cache = options.cache / "writes"
    arguments = ["--rounds", str(options.writes_rounds), "--seconds", "3", "--cache", str(cache)]
    try:
        found = writes.measure(writes.parse(arguments))
    except (LoadError, OSError) as error:
        raise ServiceError(f"Writes could not be measured: {error}") from error
    writes.write(found)
    return found


def _run(
    on: Stage, servers: Sequence[str], workloads: Sequence[str], viewers: Sequence[Viewer], how: Options
) -> dict[str, Outcome]:
    chosen, asked = [SERVERS[name] for name in servers], [WORKLOADS[name] for name in workloads]
    return {workload.name: outcome for workload, outcome in measure(on, chosen, asked, viewers, how)}


def sections(measured: Measured) -> dict[str, str]:
    """Return what stands between the markers of the documents, by the names of these."""
    main = measured.main
    chief = {CHIEF: main[CHIEF]}
    heading = f"{machine()}; {turns(measured.how)}."
    found = {
        "heading": heading,
        "summary": f"{heading}\n\n{summary(main[CHIEF])}",
        "processor-time": results.matrix(main, PEERS, NAMES, results.processor_time),
        "ratios": results.matrix(main, PEERS, NAMES, results.times),
        "tails": results.matrix(main, PEERS, NAMES, results.tail),
        "chief": results.tables(chief, NAMES).replace("### ", "#### "),
        "everybody": results.table(measured.everybody, NAMES),
        "alone": results.tables(measured.alone, NAMES).replace("### ", "#### "),
        "shares": shares(main, MANY),
        "profile": "\n\n".join(
            f"`{workload}`:\n\n{profile.table(samples)}" for workload, samples in measured.profiles.items()
        ),
    }
    placed = None
    if measured.writes is not None:
        found["writes"] = writes.table(measured.writes)
        placed = measured.writes.placed.ratio
    return found | {"targets": targets.table(main, placed)}


def summary(outcome: Outcome) -> str:
    """Return for each number of connections processor time, answers and p99, and Tandem over each of the others."""
    peers = (*PEERS[1:], ALSO)
    titles = " | ".join(f"Tandem / {NAMES.title(name)}" for name in peers)
    lines = [
        f"| connections | processor ms/request | answers/s | p99 ms | {titles} |",
        f"| ---: | ---: | ---: | ---: |{' ---: |' * len(peers)}",
    ]
    for connections, servers in outcome.items():
        ours = results.summarise(servers["tandem"])
        cells = " | ".join(results.times(servers, name) for name in peers)
        lines.append(f"| {connections} | {ours.cpu_ms:.3f} | {ours.rate:,.0f} | {ours.p99:.1f} | {cells} |")
    return "\n".join(lines)


def shares(rounds: Mapping[str, Outcome], connections: int) -> str:
    """Return who uses the processors while Tandem answers: itself, PostgreSQL, Valkey, the load."""
    parts = ("Tandem", "PostgreSQL", "Valkey", "load")
    lines = [
        f"| workload | {' | '.join(parts)} | processors busy |",
        f"| --- |{' ---: |' * (len(parts) + 1)}",
    ]
    for workload, outcome in rounds.items():
        several = outcome[connections]["tandem"]
        answered = max(1, sum(one.answered for one in several))
        spent = {
            "Tandem": sum(one.cpu_seconds for one in several),
            "PostgreSQL": sum(one.services_cpu_seconds["PostgreSQL"] for one in several),
            "Valkey": sum(one.services_cpu_seconds["Valkey"] for one in several),
            "load": sum(one.own_cpu_seconds for one in several),
        }
        cells = " | ".join(f"{spent[part] / answered * 1000:.3f}" for part in parts)
        used = sum(spent.values()) / sum(one.seconds for one in several)
        lines.append(f"| `{workload}` | {cells} | {used:.2f} |")
    return "\n".join(lines)
