"""``python -m benchmarks writes``: placing, processing, waiting and signing in, beside what they are bound by.

Placing and processing are compared with pgbench running the very same statements (prepared, fsync on) on the same
server, in turns: every ratio is of two runs next to each other, and the median of those is told. Sign-ins are
compared with bcrypt alone. Everything runs as in production: authentication and rate limiting on, one API process,
one worker process.
"""

import argparse
import asyncio
import json
import signal
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.load import LoadError, percentile
from benchmarks.product import ServiceError
from benchmarks.stage import CACHE, prepare, say, stage
from benchmarks.writes_pgbench import find_pgbench
from benchmarks.writes_turns import SIZE, Turns

RESULTS = Path(__file__).parent / "results"


@dataclass
class Compared:
    """What one thing reached and what it is measured by, round by round."""

    ours: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)

    def add(self, ours: float, reference: float) -> None:
        """Note one turn of each."""
        self.ours.append(ours)
        self.reference.append(reference)

    @property
    def ratio(self) -> float:
        """The median of ours over the reference, of runs next to each other."""
        pairs = zip(self.ours, self.reference, strict=True)
        return statistics.median(ours / other for ours, other in pairs)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks writes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--seconds", type=float, default=4, help="length of a turn of placing (4)")
    parser.add_argument("--orders", type=int, default=4_000, help="orders to process in a turn (4000)")
    parser.add_argument("--clients", type=int, default=8, help="clients of pgbench, and of ours (8)")
    parser.add_argument("--samples", type=int, default=100, help="orders waited for on an idle system (100)")
    parser.add_argument("--cache", type=Path, default=CACHE / "writes", help="where the data are kept")
    return parser.parse_args(arguments)


@dataclass
class Measured:
    """Everything that a run has found out. Times are milliseconds."""

    placed: Compared = field(default_factory=Compared)
    processed: Compared = field(default_factory=Compared)
    signed_in: Compared = field(default_factory=Compared)
    #: How late the loop was while people signed in, and as long with nothing to do: what the machine itself adds.
    delays: list[float] = field(default_factory=list)
    idle_delays: list[float] = field(default_factory=list)
    #: From the answer of ``createOrder`` to the event that says completed, by the kind of subscription.
    waited: dict[str, list[float]] = field(default_factory=dict)


def measure(options: argparse.Namespace) -> Measured:
    """Measure everything, in turns."""
    found = Measured()
    with stage(options.cache) as on:
        prepare(on, SIZE)
        turns = Turns(on, clients=options.clients, seconds=options.seconds)
        asyncio.run(turns.prepare())
        for number in range(options.rounds):
            say(f"Round {number + 1} of {options.rounds} …")
            found.placed.add(*turns.place())
            found.processed.add(*turns.process(options.orders))
            ours, reference, busy, idle = turns.sign_in()
            found.signed_in.add(ours, reference)
            found.delays += busy
            found.idle_delays += idle
        say("Waiting for single orders …")
        found.waited = turns.wait(options.samples)
    return found


def table(found: Measured) -> str:
    """Return what was found in Markdown."""
    lines = ["| what | Tandem | beside it | ratio | target |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, compared, target in (
        ("orders placed a second; pgbench", found.placed, "≥ 0.5"),
        ("orders processed a second; pgbench, one by one", found.processed, "≥ 1.0"),
        ("sign-ins a second; bcrypt alone", found.signed_in, ""),
    ):
        ours, reference = statistics.median(compared.ours), statistics.median(compared.reference)
        lines.append(f"| {name} | {ours:,.0f} | {reference:,.0f} | {compared.ratio:.2f} | {target} |")
    for kind, name in (("followed", "open before"), ("watched", "begun at the answer")):
        ordered = sorted(found.waited[kind])
        middle, high = percentile(ordered, 0.5), percentile(ordered, 0.99)
        what = f"answer to completed, on a subscription {name}: p50 (p99)"
        lines.append(f"| {what} | {middle:.1f} ms ({high:.1f} ms) | | | < 25 ms |")
    busy, idle = (max(delays, default=0) for delays in (found.delays, found.idle_delays))
    lines.append(
        f"| the loop's longest delay while signing in; with nothing to do | {busy:.1f} ms | {idle:.1f} ms | | < 10 ms |"
    )
    return "\n".join(lines) + "\n"


def write(found: Measured) -> Path:
    """Write every single figure to :data:`RESULTS`."""
    RESULTS.mkdir(exist_ok=True)
    ratios = {name: getattr(found, name).ratio for name in ("placed", "processed", "signed_in")}
    path = RESULTS / "writes.json"
    path.write_text(json.dumps({"ratios": ratios} | asdict(found), indent=1) + "\n")
    return path


def main(arguments: Sequence[str]) -> int:
    """Run the command, and return its exit code."""
    options = parse(arguments)
    # Like Ctrl-C: what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        find_pgbench()
        found = measure(options)
    except (LoadError, OSError, ServiceError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    sys.stdout.write(table(found))
    say(f"Written to {write(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
