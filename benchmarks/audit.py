"""How long the audit takes: ``python -m benchmarks audit --orders 500000``.

On the database of ``growth``, whose orders get what it leaves out: their history, and the ledger of what they sold.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from benchmarks.dataset import FULL, Size, without_indexes
from benchmarks.product import RULES, ServiceError, audit
from benchmarks.servers import BY_NAME, run_command, start
from benchmarks.stage import CACHE, Stage, prepare, say, stage
from benchmarks.writes_load import Orders, is_placed, keep_asking

#: Of placing, and what the command takes until it reads.
_SECONDS, _START_SECONDS = 8.0, 2.0
#: By table, the rows that make the data set a shop that keeps books. What was sold has been there in the beginning.
_FILL = (
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL work_mem = '512MB'",
    """
CREATE TEMPORARY TABLE steps AS SELECT * FROM (VALUES
    ('pending', 1, 'pending', TRUE), ('processing', 1, 'pending', TRUE), ('processing', 2, 'processing', FALSE),
    ('failed', 1, 'pending', TRUE), ('failed', 2, 'processing', FALSE), ('failed', 3, 'failed', FALSE),
    ('cancelled', 1, 'pending', TRUE), ('cancelled', 2, 'cancelled', TRUE),
    ('completed', 1, 'pending', TRUE), ('completed', 2, 'processing', FALSE), ('completed', 3, 'completed', FALSE)
) AS steps (ends, number, status, is_acted)
""",
    """
INSERT INTO order_events (id, order_id, user_id, status, failure_code, actor_id, created_at)
SELECT row_number() OVER (ORDER BY orders.id, number), orders.id, user_id, steps.status,
    CASE steps.status WHEN 'failed' THEN failure_code END, CASE WHEN is_acted THEN user_id END, created_at
FROM orders JOIN steps ON ends = orders.status
""",
    """
INSERT INTO stock_movements (product_id, delta, on_hand_after, reason, order_id)
SELECT product_id, delta, sum(delta) OVER (PARTITION BY product_id ORDER BY place, order_id), reason, order_id FROM (
    SELECT 0 AS place, products.id AS product_id, (on_hand + coalesce(sold, 0))::int AS delta, 'initial' AS reason,
        NULL::int AS order_id
    FROM products LEFT JOIN (
        SELECT product_id, sum(quantity) AS sold FROM order_items JOIN orders ON orders.id = order_id
        WHERE status = 'completed' GROUP BY 1
    ) AS sales ON product_id = products.id WHERE on_hand + coalesce(sold, 0) > 0
    UNION ALL
    SELECT 1, product_id, -sum(quantity)::int, 'sale', order_id
    FROM order_items JOIN orders ON orders.id = order_id WHERE status = 'completed' GROUP BY order_id, product_id
) AS entries ORDER BY place, order_id, product_id
""",
    "SELECT setval('order_events_id_seq', (SELECT max(id) FROM order_events))",
)


def main(arguments: Sequence[str]) -> int:
    """Run the audit and print how long it took; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audit", description=__doc__)
    parser.add_argument("--orders", type=int, default=5_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--beside", type=int, metavar="CLIENTS", help="place orders, with and without the audit"
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args(arguments)
    with stage(options.cache) as on:
        on = prepare_books(on, options.orders)
        if options.beside:
            return _measure_beside(on, options.beside, options.jobs, options.rounds)
        return asyncio.run(_measure(on, options.jobs))


def prepare_books(on: Stage, orders: int) -> Stage:
    """Return the stage on the database of ``growth`` with so many orders, with all that is in its books."""
    on = on.on_database(f"growth_{orders}")
    prepare(on, Size(users=1_000, orders=orders, viewers=1, share=5))
    asyncio.run(_fill(on.settings.database_url))
    return on


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("SELECT NOT EXISTS (SELECT FROM order_events)"):
            say("Adding history and ledger …")
            async with (
                connection.transaction(),
                without_indexes(connection, "order_events", "stock_movements"),
            ):
                for statement in _FILL:
                    await connection.execute(statement)
            await connection.execute("VACUUM (ANALYZE)")
            await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _measure(on: Stage, jobs: int) -> int:
    before = _processor_seconds(on.services["PostgreSQL"])
    begun = time.perf_counter()
    found = await audit(on.settings.database_url, jobs=jobs)
    seconds = time.perf_counter() - begun
    # Those of the audit's connections are counted as theirs end.
    used = _processor_seconds(on.services["PostgreSQL"]) - before
    print(
        f"{len(RULES)} rules, {len(found)} findings: {seconds:.1f} s, of PostgreSQL's processors {used:.1f} s"
    )
    for finding in found[:10]:
        print(finding)
    return bool(found)


def _measure_beside(on: Stage, clients: int, jobs: int, rounds: int) -> int:
    """Place orders with and without the audit in turns, and print what is left of the rate."""
    running = start(BY_NAME["tandem"], on, allowed=None)
    try:
        orders = Orders(running.port, [on.token(1)], FULL.products)
        found = [_rates(on, running.port, orders, clients, jobs) for _ in range(rounds)]
    finally:
        running.stop()
    ratios = [beside / alone for alone, beside in found]
    alone, beside = (statistics.median(rates) for rates in zip(*found, strict=True))
    print(
        f"{clients} clients, {jobs} connections of the audit: {alone:.0f} orders/s alone, {beside:.0f} beside it;"
        f" {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    return 0


def _rates(on: Stage, port: int, orders: Orders, clients: int, jobs: int) -> tuple[float, float]:
    """Return orders a second: alone, and beside the audit."""

    def placed() -> float:
        return keep_asking(port, orders, clients=clients, seconds=_SECONDS, lead=1.0, good=is_placed).rate

    alone = placed()
    with run_command(on, "audit", "--jobs", str(jobs)) as process:
        time.sleep(_START_SECONDS)
        beside = placed()
        if process.poll() is not None:
            raise ServiceError("The audit ended before the orders were placed: take more orders.")
    return alone, beside


def _processor_seconds(pid: int) -> float:
    """Return what the children of a process that have ended have used, in seconds (``proc(5)``)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
