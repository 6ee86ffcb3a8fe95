"""How the order list grows: ``python -m benchmarks growth``.

The same list over 1,000, 100,000 and 5,000,000 orders, a fifth of them one user's: its first pages and those 10,000
pages further on, by cursor over GraphQL and by page number over REST v1, with PostgreSQL's own plans of the latter.
One connection, so that a latency is what one answer takes; the servers, one for each size, take turns.
"""

import argparse
import asyncio
import re
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from benchmarks import documents
from benchmarks.asking import ask
from benchmarks.dataset import Size
from benchmarks.load import Plan, Result
from benchmarks.product import NEWEST_FIRST, OrderRow, encode_cursor, row_class
from benchmarks.recording import machine
from benchmarks.rounds import load_once
from benchmarks.servers import BY_NAME, Running, start
from benchmarks.stage import CACHE, Stage, prepare, say, stage
from benchmarks.workloads import get_request, post_request

SIZES = (1_000, 100_000, 5_000_000)
PAGE, DEEP = 20, 10_000
#: Pages in a row, so that it is not always the same one.
_PAGES = 4
_OWNER = 1
_WARM_UP = 1.0
_PLAN = re.compile(r"LOG:  duration: .*? ms  plan:\n((?:\t.*\n)+)")
_LIST = """
query OrderList($after: String) {
  orders(first: 20, after: $after) {
    nodes {
      id status createdAt total { amount currency } items { quantity product { id name price { amount } } }
    }
    pageInfo { hasNextPage }
  }
}
"""


@dataclass
class Ground:
    """One size: its database, the server on it, what it is asked, and how long that took, round by round."""

    orders: int
    on: Stage
    running: Running
    deep_page: int
    requests: dict[str, list[str]]
    results: dict[str, list[Result]] = field(default_factory=dict)

    def latency(self, name: str) -> float:
        """Return the median over the rounds of the median latency, in milliseconds."""
        return statistics.median(result.p50 for result in self.results[name])

    def load(self, name: str, *, seconds: float, lead: float) -> Result:
        """Send these requests for a while, over one connection."""
        one = self.running
        plan = Plan(one.port, one.process.pid, self.requests[name], connections=1, lead=lead, seconds=seconds)
        return load_once(one, plan)


def main(arguments: Sequence[str]) -> int:
    """Run the measurement and print what it found; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth", description=__doc__)
    parser.add_argument("--orders", type=_numbers, default=SIZES, help="sizes, by commas")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args(arguments)
    with stage(options.cache) as on, ExitStack() as stack:
        grounds = [_prepare(on, orders, stack) for orders in options.orders]
        _measure(grounds, options.rounds, options.seconds)
        print(table(grounds))
        if options.write:
            documents.write(documents.ROOT, {"growth": f"{machine()}.\n\n{table(grounds)}"})
        for ground in grounds:
            print(_plans(ground))
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _prepare(on: Stage, orders: int, stack: ExitStack) -> Ground:
    on = on.on_database(f"growth_{orders}")
    prepare(on, Size(users=1_000, orders=orders, viewers=1, share=5))
    running = start(BY_NAME["tandem"], on, allowed=None)
    stack.callback(running.stop)
    deep = min(DEEP, orders // 5 // PAGE - _PAGES - 1)
    token = on.token(_OWNER)
    first = [None, *asyncio.run(_cursors(on, 1, _PAGES - 1))]
    requests = {
        "cursor, first pages": [post_request(token, _LIST, {"after": cursor}) for cursor in first],
        "cursor, deep pages": [
            post_request(token, _LIST, {"after": cursor})
            for cursor in asyncio.run(_cursors(on, deep, _PAGES))
        ],
        "REST v1, first pages": [_rest(token, page) for page in range(1, 1 + _PAGES)],
        "REST v1, deep pages": [_rest(token, page) for page in range(deep + 1, deep + 1 + _PAGES)],
    }
    return Ground(orders, on, running, deep, requests)


def _rest(token: str, page: int) -> str:
    return get_request(token, f"/api/v1/orders?page={page}&page_size={PAGE}")


async def _cursors(on: Stage, page: int, pages: int) -> list[str]:
    """Return the cursors that lie *page* pages from the start, and on the *pages* after that."""
    connection = await asyncpg.connect(on.settings.database_url)
    try:
        rows = await connection.fetch(
            "SELECT id, created_at FROM orders WHERE user_id = $1 ORDER BY created_at DESC, id DESC"
            " OFFSET $2 LIMIT $3",
            _OWNER,
            page * PAGE - 1,
            (pages - 1) * PAGE + 1,
            record_class=row_class(OrderRow, ("id", "created_at")),
        )
    finally:
        await connection.close()
    return [encode_cursor(NEWEST_FIRST, row) for row in rows[::PAGE]]


def _measure(grounds: Sequence[Ground], rounds: int, seconds: float) -> None:
    for ground in grounds:
        for name in ground.requests:
            ground.load(name, seconds=_WARM_UP, lead=0.0)
            ground.results[name] = []
    for number in range(rounds):
        for name in grounds[0].requests:
            for ground in grounds:
                ground.results[name].append(ground.load(name, seconds=seconds, lead=0.1))
        say(f"round {number + 1} of {rounds}")


def times(results: Sequence[Result], base: Sequence[Result]) -> float:
    """Return how many times the median latency of *base* that of *results* is: the median, round by round."""
    return statistics.median(one.p50 / other.p50 for one, other in zip(results, base, strict=True))


def table(grounds: Sequence[Ground]) -> str:
    """Return the latencies in Markdown, each beside how many times that of the smallest size's first pages it is."""
    lines = [
        f"| median ms (times the first) | {' | '.join(f'{ground.orders:,} orders' for ground in grounds)} |",
        f"| --- |{' ---: |' * len(grounds)}",
    ]
    for name in grounds[0].requests:
        base = grounds[0].results[f"{name.split(',')[0]}, first pages"]
        cells = [
            f"{ground.latency(name):.2f} ({times(ground.results[name], base):.2f})" for ground in grounds
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    deep = ", ".join(f"page {ground.deep_page:,} of {ground.orders:,} orders" for ground in grounds)
    return "\n".join(lines) + f"\n\nDeep is: {deep}.\n"


def _plans(ground: Ground) -> str:
    """Return the plans of REST's first and deep page, as PostgreSQL logs them for a server like the measured one."""
    asyncio.run(_explain(ground.on, on=True))
    explained = start(BY_NAME["tandem"], ground.on, allowed=None)
    parts = []
    try:
        for name in ("REST v1, first pages", "REST v1, deep pages"):
            begun = ground.on.database_log.stat().st_size
            ask(explained, ground.requests[name][0])
            with ground.on.database_log.open("rb") as log:
                log.seek(begun)
                plans = [plan for plan in _PLAN.findall(log.read().decode()) if '"orders"' in plan]
            parts.append(f"{name} of {ground.orders:,} orders:\n\n" + "\n".join(plans))
    finally:
        explained.stop()
        asyncio.run(_explain(ground.on, on=False))
    return "\n".join(parts)


async def _explain(stage: Stage, *, on: bool) -> None:
    """Have PostgreSQL log the plan of every statement of new connections (its module ``auto_explain``), or not."""
    connection = await asyncpg.connect(stage.settings.database_url)
    values = {
        "session_preload_libraries": "auto_explain",
        "auto_explain.log_min_duration": "0",
        "auto_explain.log_analyze": "on",
        "auto_explain.log_timing": "off",
    }
    try:
        # Its settings are known only where it is loaded.
        await connection.execute("LOAD 'auto_explain'")
        database = await connection.fetchval("SELECT current_database()")
        for name, value in values.items():
            change = f"SET {name} = '{value}'" if on else f"RESET {name}"
            await connection.execute(f'ALTER DATABASE "{database}" {change}')
    finally:
        await connection.close()
