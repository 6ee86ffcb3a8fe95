"""What Tandem shall reach, and whether it does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.results import Rounds, ratio

_SAME_DUTIES = ("mercurius-same-duties", "raw-same-duties")


@dataclass(frozen=True)
class Target:
    """Tandem divided by *peer* shall be *wanted* at least, on these workloads and numbers of connections.

    Attributes:
        workloads, connections: where it holds; empty is all that were measured.
    """

    what: str
    peer: str
    wanted: float
    workloads: Sequence[str] = ()
    connections: Sequence[int] = ()


TARGETS = (
    Target("`nested-order-list`, Mercurius without duties", "mercurius", 1.6, ["nested-order-list"], [64]),
    Target("`me`, Mercurius without duties", "mercurius", 1.0, ["me"], [64]),
    Target("`product-search`, Mercurius without duties", "mercurius", 1.0, ["product-search"], [64]),
    Target("every workload, Mercurius with the same duties", _SAME_DUTIES[0], 1.0),
    Target("every workload, by hand with the same duties", _SAME_DUTIES[1], 1.0),
)
#: Orders placed by one API process, in times of what pgbench places with 8 clients.
PLACING = 0.5


def reached(target: Target, rounds: Rounds) -> tuple[float, str, int] | None:
    """Return the lowest ratio where the target holds, with its workload and number of connections."""
    return min(_ratios(target, rounds), default=None)


def _ratios(target: Target, rounds: Rounds) -> Iterator[tuple[float, str, int]]:
    for workload, outcome in rounds.items():
        for connections, servers in outcome.items():
            found = ratio(servers, target.peer)
            is_meant = workload in (target.workloads or rounds)
            if found is not None and is_meant and connections in (target.connections or outcome):
                yield found, workload, connections


def table(rounds: Rounds, placing: float | None) -> str:
    """Return the targets in Markdown, each with what was reached.

    Args:
        placing: orders placed, in times of pgbench's; None if that was not measured.
    """
    lines = ["| Tandem / it | at least | reached | met |", "| --- | ---: | ---: | --- |"]
    for target in TARGETS:
        where = "64 connections" if target.connections else "every number of connections"
        what = f"{target.what}, {where}"
        if (lowest := reached(target, rounds)) is None:
            lines.append(_row(what, target.wanted, None))
            continue
        found, workload, connections = lowest
        at = "" if target.workloads else f"; least at `{workload}`, {connections} connections"
        lines.append(_row(what, target.wanted, found, at))
    lines.append(_row("placing orders, pgbench with 8 clients", PLACING, placing))
    return "\n".join(lines)


def _row(what: str, wanted: float, found: float | None, at: str = "") -> str:
    if found is None:
        return f"| {what} | {wanted:.2f} | not measured | |"
    # As it is printed, so that nobody reads of a target of 1.00 that was missed with 1.00.
    met = "yes" if round(found, 2) >= wanted else "no"
    return f"| {what} | {wanted:.2f} | {found:.2f}{at} | {met} |"
