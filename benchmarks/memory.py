"""What the processes take: ``python -m benchmarks memory``. An API process, one more subscriber, a worker.

In a small database of its own, since orders are placed. Memory is what is resident, shared pages included.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks import documents
from benchmarks.dataset import Size
from benchmarks.load import Plan
from benchmarks.machine import family, resident_bytes, usage_of_all
from benchmarks.product import ServiceError, encode_id
from benchmarks.recording import machine
from benchmarks.rounds import load_once
from benchmarks.servers import BY_NAME as SERVERS
from benchmarks.servers import Running, run_command, start
from benchmarks.stage import CACHE, Stage, prepare, stage
from benchmarks.workloads import BY_NAME as WORKLOADS
from benchmarks.workloads import Viewer, find_viewers, post_request, requests_for

_SIZE = Size(users=100, products=50, orders=4_000, viewers=64, share=2)
_PATIENCE = 120.0
_PLACE = (
    "mutation($product: ID!) { createOrder(input: { items: [{ productId: $product, quantity: 1 }],"
    ' shippingAddress: "1 Main Street" }) { order { id } } }'
)
_OPEN = "SELECT count(*) FROM orders WHERE id > $1 AND due_at IS NOT NULL"
_WATCH = "subscription($id: ID!) { orderUpdated(id: $id) { id status version } }"


@dataclass(frozen=True)
class Findings:
    """Bytes resident."""

    api_idle: int
    api_loaded: int
    subscribers: int
    each_subscriber: float
    worker_idle: int
    worker_loaded: int
    processed: int

    def table(self) -> str:
        """Return them in Markdown."""
        rows = {
            "API process, started": _mega(self.api_idle),
            "API process, most under load (64 connections, 100 orders deep)": _mega(self.api_loaded),
            f"one of {self.subscribers:,} subscribers, each on a WebSocket": f"{self.each_subscriber / 1e3:.1f} kB",
            "worker, with its manager, started": _mega(self.worker_idle),
            f"worker, with its manager, most while it processed {self.processed:,} orders": _mega(
                self.worker_loaded
            ),
        }
        return "\n".join(
            [
                "| what | memory |",
                "| --- | ---: |",
                *(f"| {name} | {value} |" for name, value in rows.items()),
            ]
        )


def _mega(value: int) -> str:
    return f"{value / 1e6:.0f} MB"


def main(arguments: Sequence[str]) -> int:
    """Run the measurement and print what it found; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks memory", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args(arguments)
    with stage(options.cache) as base:
        on = base.on_database("memory")
        prepare(on, _SIZE)
        table = _measure(on, options.subscribers, options.seconds).table()
        print(table)
        if options.write:
            documents.write(documents.ROOT, {"memory": f"{machine()}.\n\n{table}"})
    return 0


def _measure(on: Stage, subscribers: int, seconds: float) -> Findings:
    viewers = asyncio.run(find_viewers(on.settings.database_url, on.token))
    with ExitStack() as stack:
        api = start(SERVERS["tandem"], on, allowed=None)
        stack.callback(api.stop)
        pids = family(api.process.pid)
        idle = resident_bytes(pids)
        deep = requests_for(WORKLOADS["deep-100"], "graphql", viewers)
        loaded = load_once(api, _plan(api, deep, seconds)).peak_bytes
        each = asyncio.run(_subscribe(on, api, viewers, subscribers))
        worker = stack.enter_context(run_command(on, "worker"))
        placed = [
            post_request(one.token, _PLACE, {"product": encode_id("Product", one.id % 50 + 1)})
            for one in viewers
        ]
        load_once(api, _plan(api, placed[:1], 0.1))
        asyncio.run(_until_processed(on))
        worker_idle = resident_bytes(family(worker.pid))
        load_once(api, _plan(api, placed, seconds))
        processed = asyncio.run(_until_processed(on))
        worker_loaded = usage_of_all(family(worker.pid)).peak_bytes
    return Findings(idle, loaded, subscribers, each, worker_idle, worker_loaded, processed)


def _plan(one: Running, requests: list[str], seconds: float) -> Plan:
    return Plan(one.port, one.process.pid, requests, connections=64, lead=0.0, seconds=seconds)


async def _subscribe(on: Stage, api: Running, viewers: Sequence[Viewer], subscribers: int) -> float:
    """Return by how many bytes each of so many subscribers makes the process larger."""
    orders = await _pending_orders(on)
    watched = [(viewer, orders[viewer.id]) for viewer in viewers if viewer.id in orders]
    pids = family(api.process.pid)
    async with AsyncExitStack() as stack:
        # What is made once, for the first of them, is no one's own.
        for number in range(20):
            await _watch(stack, api, *watched[number % len(watched)])
        before = resident_bytes(pids)
        for number in range(subscribers):
            await _watch(stack, api, *watched[number % len(watched)])
        return (resident_bytes(pids) - before) / subscribers


async def _watch(stack: AsyncExitStack, api: Running, viewer: Viewer, order_id: int) -> None:
    address = f"ws://127.0.0.1:{api.port}/graphql"
    opening: Any = connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], ping_interval=None)
    socket: ClientConnection = await stack.enter_async_context(opening)
    payload = {"authorization": f"Bearer {viewer.token}"}
    await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
    await _expect(socket, "connection_ack")
    asked = {"query": _WATCH, "variables": {"id": encode_id("Order", order_id)}}
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
    # The state now, which tells that it is watched.
    await _expect(socket, "next")


async def _expect(socket: ClientConnection, kind: str) -> None:
    message = json.loads(await asyncio.wait_for(socket.recv(), _PATIENCE))
    if message["type"] != kind:
        raise ServiceError(f"A subscriber got {message} instead of {kind}.")


async def _pending_orders(on: Stage) -> dict[int, int]:
    connection = await asyncpg.connect(on.settings.database_url)
    try:
        rows = await connection.fetch(
            "SELECT user_id, max(id) AS id FROM orders WHERE status = 'pending' AND id <= $1 GROUP BY user_id",
            _SIZE.orders,
        )
    finally:
        await connection.close()
    return {row["user_id"]: row["id"] for row in rows}


async def _until_processed(on: Stage) -> int:
    """Wait until every order that was placed here is final, and return how many there are."""
    connection = await asyncpg.connect(on.settings.database_url)
    deadline = time.monotonic() + _PATIENCE
    try:
        while await connection.fetchval(_OPEN, _SIZE.orders):
            if time.monotonic() > deadline:
                raise ServiceError("The worker did not process all orders in time.")
            await asyncio.sleep(0.2)
        return int(await connection.fetchval("SELECT count(*) FROM orders WHERE id > $1", _SIZE.orders))
    finally:
        await connection.close()
