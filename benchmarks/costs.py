"""``python -m benchmarks costs``: what a request and an order cost each process and server, and where the wall is.

The figures are kept in ``docs/scaling.json``, and ``docs/scaling.md`` is written from them (``--write``). Everything
runs as in production, with one API process and one worker process; the medians of turns are told.
"""

import argparse
import asyncio
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks import hot_product, scaling
from benchmarks.dataset import Size
from benchmarks.load import Plan
from benchmarks.machine import describe, family
from benchmarks.meter import Amounts, Meter, count_statements, median
from benchmarks.product import ServiceError
from benchmarks.rounds import load_once
from benchmarks.servers import BY_NAME as SERVERS
from benchmarks.servers import Running, run_command, start
from benchmarks.stage import CACHE, Stage, prepare, say, stage
from benchmarks.workloads import BY_NAME as WORKLOADS
from benchmarks.workloads import Face, find_viewers, requests_for
from benchmarks.writes_load import Orders, is_placed, keep_asking

READS: dict[str, Face] = {
    "me": "graphql",
    "order-by-id": "graphql",
    "nested-order-list": "graphql",
    "rest-order-list": "rest",
}
#: One request at a time, which shares nothing, and enough of them for all that is shared.
FEW, MANY = 1, 64
SIZE = Size(users=5_000, products=5_000, orders=2_000, viewers=1_000)
#: Seconds over which a system is watched that has nothing to do.
IDLE_SECONDS = 10.0
_PATIENCE = 300.0
#: Those of the data set are due in another century.
_OPEN = "SELECT count(*) FROM orders WHERE due_at < now() + interval '1 year'"
_SIZES = """
SELECT relname, pg_total_relation_size(oid) AS bytes FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks costs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--seconds", type=float, default=3, help="length of a turn (3)")
    parser.add_argument("--orders", type=int, default=4_000, help="orders that a product is hot with (4000)")
    parser.add_argument("--write", action="store_true", help="write docs/scaling.json and docs/scaling.md")
    parser.add_argument("--cache", type=Path, default=CACHE / "costs", help="where the data are kept")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print what was found; return the exit code."""
    options = parse(arguments)
    with stage(options.cache) as on:
        asyncio.run(count_statements(on))
    with stage(options.cache) as on:
        prepare(on)
        found: dict[str, Any] = {
            "machine": f"On {time.strftime('%Y-%m-%d', time.gmtime())}: {describe()}",
            "turns": f"{options.rounds} turns of {options.seconds:g} s",
            "reads": _reads(on, options.rounds, options.seconds),
        }
        on = on.on_database("costs_orders")
        prepare(on, SIZE)
        asyncio.run(_do(on, "UPDATE products SET on_hand = 1000000000", "VACUUM (ANALYZE)"))
        found |= _orders(on, options.rounds, options.seconds)
        found["hot"] = hot_product.measure(on, SIZE, rounds=options.rounds, orders=options.orders)
    if options.write:
        scaling.write(found)
    print(json.dumps(found, indent=1))
    return 0


def _reads(on: Stage, rounds: int, seconds: float) -> dict[str, dict[str, Amounts]]:
    """Return by workload and number of connections what a request costs."""
    viewers = asyncio.run(find_viewers(on.settings.database_url, on.token))
    requests = {name: requests_for(WORKLOADS[name], face, viewers) for name, face in READS.items()}
    results: dict[str, dict[int, list[Amounts]]] = defaultdict(lambda: defaultdict(list))
    api = start(SERVERS["tandem"], on, allowed=None)
    try:
        meter = Meter(on, {"API": api.process.pid})
        for some in requests.values():
            _ask(api, some, MANY, seconds)
        for number in range(rounds):
            say(f"Reading, round {number + 1} of {rounds} …")
            for name, some in requests.items():
                for connections in (FEW, MANY):
                    results[name][connections].append(
                        # Called at once.
                        meter.measure(lambda: _ask(api, some, connections, seconds))  # noqa: B023
                    )
    finally:
        api.stop()
    return {
        name: {str(connections): median(turns) for connections, turns in by.items()}
        for name, by in results.items()
    }


def _ask(api: Running, requests: list[str], connections: int, seconds: float) -> int:
    result = load_once(api, Plan(api.port, api.process.pid, requests, connections, 0.0, seconds))
    if result.failed:
        raise ServiceError(f"{result.failed} of {result.answered} answers are not what was asked for")
    return result.answered


def _orders(on: Stage, rounds: int, seconds: float) -> dict[str, Any]:
    """Return what an order costs, placed, settled and in all, what is kept of it, and what idleness costs."""
    turns: dict[str, list[Amounts]] = defaultdict(list)
    with ExitStack() as stack:
        api = start(SERVERS["tandem"], on, allowed=None)
        stack.callback(api.stop)
        worker = stack.enter_context(run_command(on, "worker")).pid
        meter = Meter(on, {"API": api.process.pid, "worker": worker})
        shop = _Shop(on, Orders(api.port, [on.token(n) for n in range(1, SIZE.viewers + 1)], SIZE.products))
        shop.sell(api.port, MANY, seconds)
        asyncio.run(_do(on, "VACUUM", "CHECKPOINT"))
        shop.sell(api.port, MANY, seconds)
        first, sizes = shop.last_id(), asyncio.run(_fetch(on, _SIZES))
        for number in range(rounds):
            say(f"Ordering, round {number + 1} of {rounds} …")
            turns["one at a time"].append(meter.measure(lambda: shop.sell(api.port, FEW, seconds)))
            turns["in all"].append(meter.measure(lambda: shop.sell(api.port, MANY, seconds)))
            settled, placed = _apart(meter, shop, worker, api.port, seconds)
            turns["settled"].append(settled)
            turns["placed"].append(placed)
            asyncio.run(_do(on, "VACUUM"))
        orders = shop.last_id() - first
        kept = {name: size - dict(sizes)[name] for name, size in asyncio.run(_fetch(on, _SIZES))}
        turns["idle"].append(meter.measure(_wait))
    return {
        "orders": {name: median(several) for name, several in turns.items()},
        "kept": {name: round(size / orders, 1) for name, size in kept.items() if size > 0},
    }


def _wait() -> float:
    time.sleep(IDLE_SECONDS)
    return IDLE_SECONDS


class _Shop:
    """Places orders, and waits until they are settled."""

    def __init__(self, on: Stage, requests: Orders) -> None:
        self._on = on
        self._requests = requests

    def sell(self, port: int, clients: int, seconds: float) -> int:
        """Place orders for a while, and return their number when all are settled."""
        placed = self.place(port, clients, seconds)
        self.wait()
        return placed

    def place(self, port: int, clients: int, seconds: float) -> int:
        """Place orders for a while, and return their number."""
        first = self.last_id()
        keep_asking(port, self._requests, clients=clients, seconds=seconds, lead=0.0, good=is_placed)
        # Some may have been placed whose answers nobody has waited for.
        return self.last_id() - first

    def wait(self) -> None:
        """Return when every order is final."""
        deadline = time.monotonic() + _PATIENCE
        while asyncio.run(_fetch(self._on, _OPEN))[0][0]:
            if time.monotonic() > deadline:
                raise ServiceError("the worker did not settle all orders in time")
            time.sleep(0.1)

    def last_id(self) -> int:
        """Return the id that was drawn last."""
        return int(asyncio.run(_fetch(self._on, "SELECT last_value FROM orders_id_seq"))[0][0])


def _apart(meter: Meter, shop: _Shop, worker: int, port: int, seconds: float) -> tuple[Amounts, Amounts]:
    """Place orders while the worker is stopped, and let it settle them; return what that and the placing costs."""
    pids = family(worker)
    orders = 0

    def place() -> int:
        nonlocal orders
        orders = shop.place(port, MANY, seconds)
        return orders

    def settle() -> int:
        _send(pids, signal.SIGCONT)
        shop.wait()
        return orders

    _send(pids, signal.SIGSTOP)
    try:
        placed = meter.measure(place)
        return meter.measure(settle), placed
    finally:
        _send(pids, signal.SIGCONT)


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def _fetch(on: Stage, statement: str) -> list[Any]:
    connection = await asyncpg.connect(on.settings.database_url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def _do(on: Stage, *statements: str) -> None:
    connection = await asyncpg.connect(on.settings.database_url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
