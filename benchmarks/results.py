"""What was measured: medians over rounds, their spread, the table, the comparison, and the file for programs."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Result

#: Whose requests per second those of the others are divided by.
BASELINE = "tandem"

Rounds = Mapping[str, Mapping[str, Sequence[Result]]]
"""By workload and server, one result a round."""


@dataclass(frozen=True)
class Summary:
    """One server at one workload: medians over its rounds.

    Attributes:
        rate: requests per second; *lowest* and *highest* are those of the worst and the best round.
        p50, p99: milliseconds.
        cpu_ms: processor time a request, in milliseconds.
        peak_mb: the most memory that was ever resident, in millions of bytes.
    """

    rate: float
    lowest: float
    highest: float
    p50: float
    p99: float
    cpu_ms: float
    peak_mb: float
    failed: int

    @property
    def spread(self) -> float:
        """How far apart the rounds are, as a share of the median."""
        return (self.highest - self.lowest) / self.rate if self.rate else 0.0


def summarise(rounds: Sequence[Result]) -> Summary:
    """Return the medians over *rounds*, at least one."""
    rates = [result.answered / result.seconds for result in rounds]
    return Summary(
        rate=statistics.median(rates),
        lowest=min(rates),
        highest=max(rates),
        p50=statistics.median(result.p50 for result in rounds),
        p99=statistics.median(result.p99 for result in rounds),
        cpu_ms=statistics.median(result.cpu_seconds * 1000 / max(1, result.answered) for result in rounds),
        peak_mb=max(result.peak_bytes for result in rounds) / 1e6,
        failed=sum(result.failed for result in rounds),
    )


def ratio(rounds: Mapping[str, Sequence[Result]], server: str, baseline: str = BASELINE) -> float | None:
    """Return how many times *server* the *baseline* is: the median of the ratios round by round.

    Rounds are interleaved, so what slows the machine for a while slows both sides of a pair.
    """
    if server not in rounds or baseline not in rounds:
        return None
    pairs = zip(rounds[baseline], rounds[server], strict=False)
    return statistics.median(
        (ours.answered / ours.seconds) / max(1e-9, its.answered / its.seconds) for ours, its in pairs
    )


def rates(rounds: Rounds) -> dict[str, dict[str, float]]:
    """Return the median requests per second by workload and server: what ``latest.json`` holds."""
    return {
        workload: {server: round(summarise(results).rate, 1) for server, results in servers.items()}
        for workload, servers in rounds.items()
    }


def write_rates(folder: Path, rounds: Rounds) -> Path:
    """Write ``latest.json``, whole or not at all."""
    path = folder / "latest.json"
    staging = path.with_suffix(".new")
    staging.write_text(json.dumps(rates(rounds), indent=2) + "\n")
    return staging.replace(path)


def table(rounds: Rounds, titles: Mapping[str, str]) -> str:
    """Return the comparison in Markdown, one table a workload, the fastest first.

    Args:
        titles: what to call workloads and servers.
    """
    parts = []
    for workload, servers in rounds.items():
        lines = [
            f"### {workload}: {titles.get(workload, '')}",
            "",
            "| server | requests/s | slowest to fastest | Tandem / it | p50 ms | p99 ms | CPU ms/request | peak MB |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        summaries = {server: summarise(results) for server, results in servers.items()}
        fastest_first = sorted(summaries, key=lambda name: -summaries[name].rate)
        lines += [_row(name, summaries[name], ratio(servers, name), titles) for name in fastest_first]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _row(server: str, one: Summary, times: float | None, titles: Mapping[str, str]) -> str:
    name = titles.get(server, server) + (f" ({one.failed} failed!)" if one.failed else "")
    compared = "" if times is None or server == BASELINE else f"{times:.2f}"
    return (
        f"| {name} | {one.rate:,.0f} | {one.lowest:,.0f} to {one.highest:,.0f} | {compared}"
        f" | {one.p50:.2f} | {one.p99:.2f} | {one.cpu_ms:.3f} | {one.peak_mb:.0f} |"
    )
