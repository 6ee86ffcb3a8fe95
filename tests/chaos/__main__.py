"""The fault table: ``make chaos``. Each row is a fault under load, which ends in a check of the books.

Orders and cancellations come over both APIs from concurrent clients, each with an idempotency key that is repeated
until its client knows what has become of it. A row's seed, which is printed, decides what is ordered, when and where
the fault comes; the machine decides the rest.
"""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.machine import describe
from tests.chaos.faults import FAULTS
from tests.chaos.rows import Fault, Row, run_row, warm_up
from tests.chaos.stand import running_stand

DOCUMENT = Path(__file__).parents[2] / "docs" / "chaos.md"
LONG_BACKLOG = 100_000


def run_all(faults: Sequence[Fault], *, seed: int, orders: int, clients: int, backlog: int) -> Iterator[Row]:
    """Yield the row of each fault; a new stand begins where the last one is of no use any more."""
    waiting = list(faults)
    while waiting:
        with running_stand() as stand:
            warm_up(stand)
            while waiting:
                fault = waiting.pop(0)
                row = run_row(stand, fault, seed=seed, orders=orders, clients=clients, backlog=backlog)
                yield row
                if fault.last or not row.is_good:
                    break


def main() -> int:
    """Run it, print the table, and return the exit code: 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="a fault; may be given several times")
    parser.add_argument("--list", action="store_true", help="list the faults")
    parser.add_argument("--seed", type=int, help="what the last run printed, to repeat it")
    parser.add_argument(
        "--orders", type=int, default=600, help="orders a row (600), half of them in flight at the fault"
    )
    parser.add_argument("--clients", type=int, default=12, help="clients at once (12)")
    parser.add_argument("--backlog", type=int, default=0, help="orders more that wait at the fault (0)")
    parser.add_argument(
        "--long", dest="backlog", action="store_const", const=LONG_BACKLOG, help=f"--backlog {LONG_BACKLOG}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--write", nargs="?", const=DOCUMENT, type=Path, help=f"write the table into a page ({DOCUMENT})"
    )
    options = parser.parse_args()
    unknown = set(options.only or ()) - {fault.name for fault in FAULTS}
    if options.list or unknown:
        sys.stdout.writelines(f"{fault.name:30} {fault.description}\n" for fault in FAULTS)
        return int(bool(unknown))
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    faults = [fault for fault in FAULTS if not options.only or fault.name in options.only]
    say = sys.stderr.write
    say(f"Seed {seed}, {options.orders:,} orders a row, {options.backlog:,} before them\n")
    rows = []
    started = time.monotonic()
    for row in run_all(
        faults, seed=seed, orders=options.orders, clients=options.clients, backlog=options.backlog
    ):
        rows.append(row)
        found = f"longest answer {row.longest_answer} s, healed in {row.seconds_to_heal} s"
        said = "; ".join(filter(None, ["well" if row.is_good else "NOT WELL", found, row.note]))
        say(f"{time.monotonic() - started:6.0f} s  {row.fault}: {said}\n")
        say("".join(f"          {sentence}\n" for sentence in row.wrong))
    sys.stdout.write(json.dumps([row.as_json() for row in rows], indent=2) if options.json else table(rows))
    if options.write:
        options.write.write_text(page(rows, seed=seed, orders=options.orders, backlog=options.backlog))
    return int(not all(row.is_good for row in rows))


#: Heading, and what stands below it.
COLUMNS: dict[str, Callable[[Row], object]] = {
    "fault": lambda row: row.description,
    "times": lambda row: row.times,
    "orders": lambda row: f"{row.orders:,}",
    "in flight": lambda row: f"{row.in_flight:,}",
    "lost": lambda row: row.lost,
    "doubled": lambda row: row.doubled,
    "oversold": lambda row: row.oversold,
    "dirty answers": lambda row: row.dirty,
    "longest answer, s": lambda row: f"{row.longest_answer:.2f}",
    "seconds to heal": lambda row: f"{row.seconds_to_heal:.1f}",
    "beside that": lambda row: row.note,
}


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown, which is readable as text too."""
    cells = [[*COLUMNS], *([str(cell(row)) for cell in COLUMNS.values()] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def page(rows: Sequence[Row], *, seed: int, orders: int, backlog: int) -> str:
    """Return ``docs/chaos.md``."""
    begin, end = "<!-- measured -->\n", "<!-- /measured -->\n"
    head, _, rest = DOCUMENT.read_text().partition(begin)
    foot = rest.partition(end)[2]
    day = time.strftime("%Y-%m-%d")
    before = f", {backlog:,} before them" if backlog else ""
    told = f"Measured on {day}: {describe()}; seed {seed}, {orders:,} orders a row{before}.\n\n"
    return f"{head}{begin}\n{told}{table(rows)}\n{end}{foot}"


if __name__ == "__main__":
    sys.exit(main())
