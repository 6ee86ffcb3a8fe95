"""``python -m benchmarks``, behind ``make bench`` and ``make bench-quick``: measure, compare, write the results."""

import argparse
import asyncio
import json
import platform
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import growth, memory, plot, results, servers, workloads, writes
from benchmarks.answers import AnswersDiffer
from benchmarks.load import Result
from benchmarks.machine import describe, load_average, processors
from benchmarks.product import ServiceError
from benchmarks.rounds import Options, measure
from benchmarks.stage import CACHE, prepare, say, stage

RESULTS = Path(__file__).parent / "results"
#: A load average that tells of other work than ours.
_BUSY = 0.7
QUICK_SERVERS = ("tandem", "mercurius", "raw", "strawberry", "postgraphile")
QUICK_WORKLOADS = ("nested-order-list", "me")

#: Measurements of other kinds, by the word that comes first on the command line.
OTHERS = {"growth": growth.main, "memory": memory.main, "writes": writes.main}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line, complete."""
    others = f"Other measurements, each with options of its own: {', '.join(OTHERS)}, as the first word."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, epilog=others)
    add = parser.add_argument
    add("--quick", action="store_true", help="the chief servers and workloads, in under 2 minutes")
    add("--servers", type=_names, help=f"by commas, of {', '.join(servers.BY_NAME)}")
    add("--workload", "--workloads", type=_names, help=f"by commas, of {', '.join(workloads.BY_NAME)}")
    add("--rounds", type=int, help="turns of each server (5; quick: 3)")
    add("--seconds", type=float, help="length of a turn (3; quick: 1.5)")
    add("--warm-up", type=float, help="seconds of load before the first round (3; quick: 1.5)")
    add("--connections", type=int, default=8, help="keep-alive connections (8)")
    add("--pin", action="store_true", help="one processor for the server, the others for all else")
    add("--cache", type=Path, default=CACHE, help=f"where peers and data are kept ({CACHE})")
    options = parser.parse_args(arguments)
    defaults = (3, 1.5, 1.5) if options.quick else (5, 3.0, 3.0)
    for name, value in zip(("rounds", "seconds", "warm_up"), defaults, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.servers = options.servers or (QUICK_SERVERS if options.quick else servers.USUAL)
    options.workload = options.workload or (QUICK_WORKLOADS if options.quick else workloads.USUAL)
    for given, known in ((options.servers, servers.BY_NAME), (options.workload, workloads.BY_NAME)):
        if unknown := [name for name in given if name not in known]:
            parser.error(f"there is no {unknown[0]!r}: choose from {', '.join(known)}")
    return options


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def run(options: argparse.Namespace) -> dict[str, dict[str, list[Result]]]:
    """Measure what was asked for, writing the results down after each workload.

    Raises:
        ServiceError: something cannot be installed or started.
        AnswersDiffer: the servers do not tell the same.
    """
    _warn_if_busy()
    server_side, other_side = _processors(pin=options.pin)
    how = Options(
        rounds=options.rounds,
        seconds=options.seconds,
        connections=options.connections,
        lead=min(0.3, options.seconds / 4),
        warm_up=options.warm_up,
        server_processors=server_side,
        other_processors=other_side,
    )
    chosen = [servers.BY_NAME[name] for name in options.servers]
    asked = [workloads.BY_NAME[name] for name in options.workload]
    measured: dict[str, dict[str, list[Result]]] = {}
    with stage(options.cache, processors=other_side) as on:
        prepare(on)
        viewers = asyncio.run(workloads.find_viewers(on.settings.database_url, on.token))
        for workload, outcome in measure(on, chosen, asked, viewers, how):
            measured[workload.name] = outcome
            write(measured, how)
            sys.stdout.write(results.table({workload.name: outcome}, titles()) + "\n")
            sys.stdout.flush()
    return measured


def _processors(*, pin: bool) -> tuple[set[int] | None, set[int] | None]:
    """Return where the servers and where all else shall run: one processor, and the others."""
    available = processors()
    if not pin or available is None or len(available) < 2:
        return None, None
    last = max(available)
    return {last}, available - {last}


def titles() -> dict[str, str]:
    """Return what to call servers and workloads."""
    return {one.name: one.title for one in (*servers.SERVERS, *workloads.WORKLOADS)}


def _heading(how: Options) -> str:
    today = datetime.now(UTC).date()
    pinned = "one processor for the server" if how.server_processors else "nothing pinned"
    return (
        f"Measured on {today}: {describe()}; Python {platform.python_version()}; {how.connections} connections,"
        f" {how.rounds} rounds of {how.seconds:g} s, {pinned}."
    )


def _warn_if_busy() -> None:
    if (busy := load_average()) > _BUSY:
        say(f"The machine is busy with something else (load average {busy:.1f}): expect rough figures.")


def write(measured: results.Rounds, how: Options) -> None:
    """Write table, file for programs and every single round to :data:`RESULTS`."""
    RESULTS.mkdir(exist_ok=True)
    results.write_rates(RESULTS, measured)
    (RESULTS / "latest.md").write_text(f"{_heading(how)}\n\n{results.table(measured, titles())}")
    (RESULTS / "latest.svg").write_text(plot.draw(measured, titles()))
    rounds = {
        workload: {server: [asdict(one) for one in several] for server, several in outcome.items()}
        for workload, outcome in measured.items()
    }
    (RESULTS / "rounds.json").write_text(
        json.dumps({"options": repr(how), "rounds": rounds}, indent=1) + "\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    # Like Ctrl-C: what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if arguments and arguments[0] in OTHERS:
            return OTHERS[arguments[0]](arguments[1:])
        run(parse(arguments))
    except (ServiceError, AnswersDiffer) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    say(f"Written to {RESULTS}: latest.md, latest.svg, latest.json, rounds.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
