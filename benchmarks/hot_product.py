"""How many orders a second are settled when all of them buy one product, beside many products."""

import asyncio
import statistics
from collections import defaultdict
from contextlib import ExitStack

import asyncpg
from taskiq import async_shared_broker

from benchmarks.dataset import Size
from benchmarks.product import broker_for, process_orders
from benchmarks.servers import run_command
from benchmarks.stage import Stage, say
from benchmarks.writes_turns import PACE

WORKERS = (1, 2)
_PLACE = """
WITH placed AS (
    INSERT INTO orders (user_id, shipping_address, due_at)
    SELECT 1 + n % $2::int, '1 Main Street, Springfield', now() + interval '1 hour' FROM generate_series(1, $1::int) n
    RETURNING id
), items AS (
    INSERT INTO order_items (order_id, product_id, product_name, quantity, accepted_price)
    SELECT id, 1 + id % $3::int, 'Thing', 1, 100 FROM placed
)
SELECT id FROM placed ORDER BY id
"""
_LEFT = "SELECT count(*) FROM orders WHERE id BETWEEN $1 AND $2 AND due_at IS NOT NULL"


def measure(on: Stage, size: Size, *, rounds: int, orders: int) -> dict[str, dict[str, float]]:
    """Return by number of products and of workers the orders settled a second, a full queue before them."""
    rates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        say(f"A hot product, round {number + 1} of {rounds} …")
        for workers in WORKERS:
            for products in (1, size.products):
                rate = asyncio.run(_settle(on, size.users, orders, products=products, workers=workers))
                rates[str(products)][str(workers)].append(rate)
    return {
        products: {workers: round(statistics.median(rates), 0) for workers, rates in by.items()}
        for products, by in rates.items()
    }


async def _settle(on: Stage, users: int, orders: int, *, products: int, workers: int) -> float:
    connection = await asyncpg.connect(on.settings.database_url)
    try:
        ids = [row["id"] for row in await connection.fetch(_PLACE, orders, users, products)]
        broker = broker_for(on.settings)
        async_shared_broker.default_broker(broker)
        for order_id in ids:
            await process_orders.kiq([order_id])
        await broker.shutdown()
        with ExitStack() as stack:
            for _ in range(workers):
                stack.enter_context(run_command(on, "worker"))
            async with asyncio.timeout(300):
                # The event is in another process.
                while await connection.fetchval(_LEFT, ids[0], ids[-1]):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
        seconds = float(await connection.fetchval(PACE, ids[0], ids[-1]))
        await connection.execute("VACUUM")
    finally:
        await connection.close()
    return 0.8 * orders / seconds
