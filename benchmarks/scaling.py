"""What ``docs/scaling.md`` tells in figures: made from those that ``python -m benchmarks costs`` has kept.

A test writes the document from ``docs/scaling.json`` anew, so no figure in it is anybody's own.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import documents
from benchmarks.meter import MILLISECONDS, Amounts

DOCUMENT = documents.ROOT / "docs" / "scaling.md"
RESULTS = DOCUMENT.with_suffix(".json")
#: Orders a second that are reckoned with, and what is asked beside each order.
RATES = (10, 1_000, 100_000)
READS = {"me": 4, "order-by-id": 6, "nested-order-list": 5, "rest-order-list": 5}
#: Up to so many orders a second requests come one at a time; beyond it they share round trips and commits.
APART = 10
#: The part of a processor that a process may be kept busy for.
BUSY = 0.6
#: Connections of a process at most (``TANDEM_DATABASE_POOL_SIZE``).
POOL = 20
#: Ids of orders, and of their items, of which there are three here, have 32 bits with a sign.
IDS, ITEMS = 2**31, 3
_DAY = 86_400
_COUNTS = ("statements", "writing transactions", "WAL bytes", "Valkey commands")
_ORDERS = {"one at a time": "1", "placed": "64", "settled": "64", "in all": "64"}


def write(found: Mapping[str, Any]) -> None:
    """Keep what was found, and write the document from it."""
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), found))


def filled(text: str, found: Mapping[str, Any]) -> str:
    """Return the document with the figures of *found*."""
    return documents.fill(text, sections(found))


def sections(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands between the marks of the document, by name."""
    return {
        "machine": f"{found['machine']}; medians of {found['turns']}.",
        "costs": _costs(found),
        "kept": _kept(found["kept"]),
        "arithmetic": _arithmetic(found),
        "hot": _hot(found["hot"]),
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _costs(found: Mapping[str, Any]) -> str:
    head = ("what", "at once", *MILLISECONDS, *_COUNTS)
    rows = [
        (f"`{name}`", connections, amounts)
        for name, by in found["reads"].items()
        for connections, amounts in by.items()
    ]
    rows += [(f"an order, {name}", clients, found["orders"][name]) for name, clients in _ORDERS.items()]
    rows.append(("a second of nothing", "", found["orders"]["idle"]))
    return _table(head, [[what, at_once, *_cells(amounts)] for what, at_once, amounts in rows])


def _cells(amounts: Amounts) -> list[str]:
    times = [f"{amounts[name]:.2f}" if name in amounts else "" for name in MILLISECONDS]
    counts = [f"{amounts[name]:,.0f}" if "bytes" in name else f"{amounts[name]:.1f}" for name in _COUNTS]
    return times + counts


def _kept(kept: Mapping[str, float]) -> str:
    rows = [(f"`{name}`", f"{size:,.0f}") for name, size in sorted(kept.items(), key=lambda one: -one[1])]
    return _table(
        ("table, with its indexes", "bytes an order"), [*rows, ("all", f"{sum(kept.values()):,.0f}")]
    )


def needs(found: Mapping[str, Any], rate: int) -> dict[str, float]:
    """Return what so many orders a second need, with what is asked beside them.

    Times are processors kept busy, all else is a second's.
    """
    at_once, order = ("1", "one at a time") if rate <= APART else ("64", "in all")
    total: dict[str, float] = dict.fromkeys((*MILLISECONDS, *_COUNTS, "Valkey bytes"), 0.0)
    parts = [(found["reads"][name][at_once], number) for name, number in READS.items()]
    for amounts, number in [*parts, (found["orders"][order], 1)]:
        for name, amount in amounts.items():
            total[name] += amount * number * rate
    return {name: amount / 1000 if name in MILLISECONDS else amount for name, amount in total.items()}


def _arithmetic(found: Mapping[str, Any]) -> str:
    columns = [_column(needs(found, rate), rate, sum(found["kept"].values())) for rate in RATES]
    head = ("orders a second", *(f"{rate:,}" for rate in RATES))
    return _table(head, [[what, *(column[what] for column in columns)] for what in columns[0]])


def _column(need: Mapping[str, float], rate: int, kept: float) -> dict[str, str]:
    api, worker, postgres, valkey = (need[name] for name in MILLISECONDS)
    apis, workers = _processes(api), _processes(worker)
    return {
        "requests a second beside them": f"{rate * sum(READS.values()):,}",
        "API: processors kept busy": f"{api:,.2f}",
        f"API processes, each {BUSY:.0%} busy": f"{apis:,}",
        "workers: processors kept busy": f"{worker:,.2f}",
        f"worker processes, each {BUSY:.0%} busy": f"{workers:,}",
        f"connections to PostgreSQL at most, {POOL} a process": f"{(apis + workers) * POOL:,}",
        "PostgreSQL: processors kept busy": f"{postgres:,.2f}",
        "writing transactions a second": f"{need['writing transactions']:,.0f}",
        "written ahead, MB a second": f"{need['WAL bytes'] / 1e6:,.2f}",
        "kept, GB a day": f"{kept * rate * _DAY / 1e9:,.1f}",
        "days until ids of `order_items` run out": f"{IDS / ITEMS / rate / _DAY:,.1f}",
        "Valkey: processors kept busy": f"{valkey:,.2f}",
        "Valkey: commands a second": f"{need['Valkey commands']:,.0f}",
        "Valkey: Mbit a second": f"{need['Valkey bytes'] * 8 / 1e6:,.1f}",
    }


def _processes(processors: float) -> int:
    """Return how many processes that takes; two at least, for one may end."""
    return max(2, math.ceil(round(processors / BUSY, 6)))


def _hot(hot: Mapping[str, Mapping[str, float]]) -> str:
    head = (
        "orders settled a second",
        *(f"{workers} worker{'s'[: int(workers) > 1]}" for workers in hot["1"]),
    )
    names = {
        products: "all buy one product" if products == "1" else f"{int(products):,} products"
        for products in hot
    }
    return _table(
        head, [[names[products], *(f"{rate:,.0f}" for rate in by.values())] for products, by in hot.items()]
    )
