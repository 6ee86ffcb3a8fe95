"""Orders that wait already when a row begins: more than its clients could place while somebody waits for the table.

They are placed by the statement of the API and announced to the workers by its task, only not over HTTP.
"""

from typing import Any

import asyncpg

from core.settings import load_settings
from graph.resolvers.order_placement import IDEMPOTENCY_HOURS, LOCK_TIMEOUT, PLACE_ORDER
from tasks.broker import broker_for
from tasks.order_batches import MAX_BATCH
from tasks.orders import process_orders
from tests.chaos.load import Load, Wish
from tests.chaos.stand import SETTINGS, Stand

#: Seconds until the sweep sends them again; as ``TANDEM_ORDER_RESEND_SECONDS`` of the stand.
DUE_SECONDS = float(SETTINGS["TANDEM_ORDER_RESEND_SECONDS"])
CHUNK = 20 * MAX_BATCH


async def add_backlog(stand: Stand, load: Load, number: int) -> None:
    """Place so many orders, and enter them into the tally as acknowledged; none of them is cancelled."""
    settings = load_settings(
        secret_key=SETTINGS["TANDEM_SECRET_KEY"],
        database_url=stand.database_url,
        redis_url=stand.valkey.url(),
    )
    broker = broker_for(settings)
    connection = await asyncpg.connect(stand.database_url)
    try:
        for start in range(0, number, CHUNK):
            wishes = load.want(min(CHUNK, number - start))
            values = [_values(stand, wish, place) for place, wish in enumerate(wishes)]
            ids = [row["id"] for row in await connection.fetchmany(PLACE_ORDER, values)]
            for wish, order_id in zip(wishes, ids, strict=True):
                wish.told.add(order_id)
                wish.finished = True
            for first in range(0, len(ids), MAX_BATCH):
                await process_orders.kicker().with_broker(broker).kiq(ids[first : first + MAX_BATCH])
    finally:
        await connection.close()
        await broker.shutdown()


def _values(stand: Stand, wish: Wish, place: int) -> tuple[Any, ...]:
    products, quantities = map(list, zip(*wish.items, strict=True))
    no_hash = ""  # of the request, which nobody repeats
    timeout = f"{LOCK_TIMEOUT}s"
    return (
        stand.user_ids[wish.user], wish.key, no_hash, wish.key, products, quantities,
        DUE_SECONDS, IDEMPOTENCY_HOURS, None, None, None, timeout, place,
    )  # fmt: skip
