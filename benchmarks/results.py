"""What was measured: medians over rounds, their spread, the tables, the ratios, and the files for programs."""

import json
import statistics
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.load import Result

#: Whose requests per second those of the others are divided by.
BASELINE = "tandem"
#: The number of connections of a run that names none, and the one that ``latest.json`` is of.
CONNECTIONS = 8

Rounds = Mapping[str, Mapping[int, Mapping[str, Sequence[Result]]]]
"""By workload, number of connections and server, one result a round."""


@dataclass(frozen=True)
class Names:
    """What to call workloads and servers, and which servers have the same duties as Tandem."""

    titles: Mapping[str, str]
    same_duties: Collection[str] = ()

    def title(self, name: str) -> str:
        """Return what to call it."""
        return self.titles.get(name, name)


@dataclass(frozen=True)
class Summary:
    """One server at one workload and number of connections: medians over its rounds.

    Attributes:
        rate: requests per second; *lowest* and *highest* are those of the worst and the best round.
        p50, p99: milliseconds.
        cpu_ms: processor time of the server a request, in milliseconds.
        services_ms: that of PostgreSQL and Valkey.
        peak_mb: the most memory that was ever resident, in millions of bytes.
    """

    rate: float
    lowest: float
    highest: float
    p50: float
    p99: float
    cpu_ms: float
    services_ms: float
    peak_mb: float
    failed: int

    @property
    def spread(self) -> float:
        """How far apart the rounds are, as a share of the median."""
        return (self.highest - self.lowest) / self.rate if self.rate else 0.0


def summarise(rounds: Sequence[Result]) -> Summary:
    """Return the medians over *rounds*, at least one."""
    rates = [result.rate for result in rounds]
    return Summary(
        rate=statistics.median(rates),
        lowest=min(rates),
        highest=max(rates),
        p50=statistics.median(result.p50 for result in rounds),
        p99=statistics.median(result.p99 for result in rounds),
        cpu_ms=statistics.median(_each(result, result.cpu_seconds) for result in rounds),
        services_ms=statistics.median(
            _each(result, sum(result.services_cpu_seconds.values())) for result in rounds
        ),
        peak_mb=max(result.peak_bytes for result in rounds) / 1e6,
        failed=sum(result.failed for result in rounds),
    )


def _each(result: Result, seconds: float) -> float:
    return seconds * 1000 / max(1, result.answered)


def ratio(rounds: Mapping[str, Sequence[Result]], server: str, baseline: str = BASELINE) -> float | None:
    """Return how many times *server* the *baseline* is: the median of the ratios round by round.

    Rounds are interleaved, so what slows the machine for a while slows both sides of a pair.
    """
    if server not in rounds or baseline not in rounds:
        return None
    pairs = zip(rounds[baseline], rounds[server], strict=False)
    return statistics.median(ours.rate / max(1e-9, its.rate) for ours, its in pairs)


def summaries(rounds: Rounds) -> Iterator[tuple[str, int, dict[str, Summary]]]:
    """Yield each workload and number of connections with the summaries of its servers."""
    for workload, outcome in rounds.items():
        for connections, servers in outcome.items():
            yield workload, connections, {name: summarise(each) for name, each in servers.items()}


def rates(rounds: Rounds) -> dict[str, dict[str, float]]:
    """Return the median requests per second by workload and server: what ``latest.json`` holds.

    They are those at 8 connections, or at the first number measured if that is not among them.
    """
    found: dict[str, dict[str, float]] = {}
    for workload, connections, servers in summaries(rounds):
        if connections == CONNECTIONS or workload not in found:
            found[workload] = {name: round(one.rate, 1) for name, one in servers.items()}
    return found


def write_files(folder: Path, rounds: Rounds) -> None:
    """Write ``latest.json`` and ``by-connections.json``, each whole or not at all."""
    everything: dict[str, dict[int, dict[str, dict[str, float]]]] = {}
    for workload, connections, servers in summaries(rounds):
        everything.setdefault(workload, {})[connections] = {
            name: {key: round(value, 4) for key, value in asdict(one).items()}
            for name, one in servers.items()
        }
    for name, content in (("latest.json", rates(rounds)), ("by-connections.json", everything)):
        path = folder / name
        staging = path.with_suffix(".new")
        staging.write_text(json.dumps(content, indent=2) + "\n")
        staging.replace(path)


def tables(rounds: Rounds, names: Names) -> str:
    """Return the comparison in Markdown, one table for each workload and number of connections."""
    parts = []
    for workload, outcome in rounds.items():
        for connections, servers in outcome.items():
            title = f"### {workload}, {_connections(connections)}: {names.title(workload)}"
            parts.append(f"{title}\n\n{table(servers, names)}")
    return "\n\n".join(parts) + "\n"


def _connections(number: int) -> str:
    return f"{number} connection{'s' if number != 1 else ''}"


_COLUMNS = (
    "server",
    "duties",
    "processor ms/request",
    "Tandem / it",
    "requests/s",
    "slowest to fastest",
    "p50 ms",
    "p99 ms",
    "PostgreSQL and Valkey ms/request",
    "peak MB",
)


def table(servers: Mapping[str, Sequence[Result]], names: Names) -> str:
    """Return one table in Markdown, the server with the least processor time a request first."""
    found = {name: summarise(each) for name, each in servers.items()}
    lines = [f"| {' | '.join(_COLUMNS)} |", f"| --- | --- |{' ---: |' * (len(_COLUMNS) - 2)}"]
    for name in sorted(found, key=lambda name: found[name].cpu_ms):
        one, times = found[name], ratio(servers, name)
        cells = (
            names.title(name) + (f" ({one.failed} failed!)" if one.failed else ""),
            "the same" if name in names.same_duties else "fewer",
            f"{one.cpu_ms:.3f}",
            "" if times is None or name == BASELINE else f"{times:.2f}",
            f"{one.rate:,.0f}",
            f"{one.lowest:,.0f} to {one.highest:,.0f}",
            f"{one.p50:.2f}",
            f"{one.p99:.2f}",
            f"{one.services_ms:.3f}",
            f"{one.peak_mb:.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


Cell = Callable[[Mapping[str, Sequence[Result]], str], str]
"""What a matrix tells of one server, given the rounds of all at one workload and number of connections."""


def processor_time(servers: Mapping[str, Sequence[Result]], name: str) -> str:
    """Return the milliseconds of processor time a request."""
    return f"{summarise(servers[name]).cpu_ms:.3f}" if name in servers else ""


def times(servers: Mapping[str, Sequence[Result]], name: str) -> str:
    """Return how many times as many as it Tandem answers; of Tandem itself, how many a second."""
    if name == BASELINE:
        return f"{summarise(servers[name]).rate:,.0f}" if name in servers else ""
    found = ratio(servers, name)
    return "" if found is None else f"{found:.2f}"


def tail(servers: Mapping[str, Sequence[Result]], name: str) -> str:
    """Return the p99 in milliseconds."""
    return f"{summarise(servers[name]).p99:.1f}" if name in servers else ""


def matrix(rounds: Rounds, servers: Sequence[str], names: Names, cell: Cell) -> str:
    """Return one fact in Markdown: a row for each workload and number of connections, a column for each server."""
    titles = " | ".join(names.title(name) for name in servers)
    lines = [f"| workload | connections | {titles} |", f"| --- | ---: |{' ---: |' * len(servers)}"]
    for workload, outcome in rounds.items():
        for connections, results in outcome.items():
            cells = " | ".join(cell(results, name) for name in servers)
            lines.append(f"| `{workload}` | {connections} | {cells} |")
    return "\n".join(lines)
