"""``python -m benchmarks``, behind ``make bench`` and ``make bench-quick``: measure, compare, write the results."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    audit,
    costs,
    growth,
    memory,
    profile,
    questions,
    report,
    results,
    servers,
    workloads,
    writes,
)
from benchmarks.answers import AnswersDiffer
from benchmarks.machine import load_average, processors
from benchmarks.product import ServiceError
from benchmarks.recording import FILES, NAMES, RESULTS, record
from benchmarks.rounds import Options, Outcome, measure
from benchmarks.stage import CACHE, prepare, say, stage

#: A load average that tells of other work than ours.
_BUSY = 0.7
QUICK_SERVERS = ("tandem", "mercurius", "mercurius-same-duties", "raw", "strawberry", "postgraphile")
QUICK_WORKLOADS = ("nested-order-list", "me")

#: Measurements of other kinds, by the word that comes first on the command line.
OTHERS = {
    "audit": audit.main,
    "costs": costs.main,
    "growth": growth.main,
    "memory": memory.main,
    "profile": profile.main,
    "questions": questions.main,
    "report": report.main,
    "writes": writes.main,
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line, complete."""
    others = f"Other measurements, each with options of its own: {', '.join(OTHERS)}, as the first word."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, epilog=others)
    add = parser.add_argument
    add("--quick", action="store_true", help="the chief servers and workloads, in under 2 minutes")
    add("--servers", type=_names, help=f"by commas, of {', '.join(servers.BY_NAME)}")
    add("--workload", "--workloads", type=_names, help=f"by commas, of {', '.join(workloads.BY_NAME)}")
    add("--rounds", type=int, help="turns of each server (5; quick: 3)")
    add("--seconds", type=float, help="length of a turn (3; quick: 1)")
    add("--warm-up", type=float, help="seconds of load before the first round (3; quick: 1)")
    add(
        "--connections",
        type=_numbers,
        default=(results.CONNECTIONS,),
        help="keep-alive connections, by commas (8): 1,8,64,256",
    )
    add("--pin", action="store_true", help="one processor for the server, the others for all else")
    add("--cache", type=Path, default=CACHE, help=f"where peers and data are kept ({CACHE})")
    options = parser.parse_args(arguments)
    defaults = (3, 1.0, 1.0) if options.quick else (5, 3.0, 3.0)
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


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(sorted({int(part) for part in _names(text)}))
    if not numbers or numbers[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers of connections, such as 1,8,64,256")
    return numbers


def run(options: argparse.Namespace) -> dict[str, Outcome]:
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
    measured: dict[str, Outcome] = {}
    with stage(options.cache, processors=other_side) as on:
        prepare(on)
        viewers = asyncio.run(workloads.find_viewers(on.settings.database_url, on.token))
        for workload, outcome in measure(on, chosen, asked, viewers, how):
            measured[workload.name] = outcome
            record(RESULTS, measured, how)
            sys.stdout.write(results.tables({workload.name: outcome}, NAMES) + "\n")
            sys.stdout.flush()
    return measured


def _processors(*, pin: bool) -> tuple[set[int] | None, set[int] | None]:
    """Return where the servers and where all else shall run: one processor, and the others."""
    available = processors()
    if not pin or available is None or len(available) < 2:
        return None, None
    last = max(available)
    return {last}, available - {last}


def _warn_if_busy() -> None:
    if (busy := load_average()) > _BUSY:
        say(f"The machine is busy with something else (load average {busy:.1f}): expect rough figures.")


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
    say(f"Written to {RESULTS}: {', '.join(FILES)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
