"""Writes down what was measured: tables, pictures, files for programs, and every single round."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import plot, results
from benchmarks.machine import describe
from benchmarks.rounds import Options
from benchmarks.servers import SERVERS
from benchmarks.workloads import WORKLOADS

RESULTS = Path(__file__).parent / "results"
FILES = ("latest.md", "latest.svg", "latest.json", "by-connections.json", "connections.svg", "rounds.json")
NAMES = results.Names(
    {one.name: one.title for one in (*SERVERS, *WORKLOADS)},
    frozenset(server.name for server in SERVERS if server.same_duties),
)


def record(folder: Path, measured: results.Rounds, how: Options) -> None:
    """Write all of :data:`FILES`; the curves are of the first workload."""
    folder.mkdir(exist_ok=True)
    results.write_files(folder, measured)
    pinned = "one processor for the server" if how.server_processors else "nothing pinned"
    text = f"{machine()}, {pinned}. {turns(how)}.\n\n{results.tables(measured, NAMES)}"
    (folder / "latest.md").write_text(text)
    (folder / "latest.svg").write_text(plot.draw(measured, NAMES))
    first = next(iter(measured))
    (folder / "connections.svg").write_text(plot.draw_connections(first, measured[first], NAMES))
    rounds = {
        workload: {
            connections: {server: [asdict(one) for one in several] for server, several in servers.items()}
            for connections, servers in outcome.items()
        }
        for workload, outcome in measured.items()
    }
    content = {"options": repr(how), "rounds": rounds}
    (folder / "rounds.json").write_text(json.dumps(content, indent=1) + "\n")


def machine() -> str:
    """Return in a few words when and on what it was measured."""
    return f"Measured on {datetime.now(UTC).date()}: {describe()}; Python {platform.python_version()}"


def turns(how: Options) -> str:
    """Return in a few words how often and how long it was measured, at how many connections."""
    return f"{_listed(how.connections)} connections, {how.rounds} rounds of {how.seconds:g} s"


def _listed(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
