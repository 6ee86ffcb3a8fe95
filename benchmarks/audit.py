"""How long the audit takes: ``python -m benchmarks audit --orders 500000``.

On the database of ``growth``, whose orders get what it leaves out: their history, and the ledger of what they sold.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from benchmarks.dataset import Size, without_indexes
from benchmarks.product import RULES, audit
from benchmarks.stage import CACHE, Stage, prepare, say, stage

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
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args(arguments)
    with stage(options.cache) as on:
        on = on.on_database(f"growth_{options.orders}")
        prepare(on, Size(users=1_000, orders=options.orders, viewers=1, share=5))
        asyncio.run(_fill(on.settings.database_url))
        return asyncio.run(_measure(on, options.jobs))


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


def _processor_seconds(pid: int) -> float:
    """Return what the children of a process that have ended have used, in seconds (``proc(5)``)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
