"""Settling claimed orders: one transaction for as many as come together.

Orders of a batch share three statements: one locks the orders, one locks their products and reads the order items,
one writes everything. In between the stock is allocated here, order by order as they came, so that within a batch
no order gets what an earlier one takes.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg

from engine.postgres import fetch, milliseconds
from models import FailureCode, OrderStatus
from tasks.claims import Claim

#: Orders before products, and each in the order of their ids, here and everywhere: so there are no
#: deadlocks. NO KEY: adding to an order's history, or placing an order, only needs the row's key to stay.
#: What is changing an order at this moment is not waited for: it is over soon, or is a cancellation. The time limit for
#: the locks that follow is the transaction's; it is set here to save a round trip.
HOLD = """
WITH timeout AS MATERIALIZED (SELECT set_config('lock_timeout', $3, TRUE))
SELECT orders.id FROM timeout, orders
JOIN unnest($1::int[], $2::int[]) AS claim (id, token) ON claim.id = orders.id
WHERE orders.status = 'processing' AND orders.attempts = claim.token
ORDER BY orders.id FOR NO KEY UPDATE OF orders SKIP LOCKED
"""
#: Of these claims those that still hold.
CLAIMED = """
SELECT orders.id FROM orders JOIN unnest($1::int[], $2::int[]) AS claim (id, token) ON claim.id = orders.id
WHERE orders.status = 'processing' AND orders.attempts = claim.token
"""
#: One row for each product of each order, which has so many of them. What is read of the product is what holds once
#: it is locked. Orders that need a product of $2 are left out, and nothing is locked for them.
LOCK_PRODUCTS = """
WITH items AS MATERIALIZED (
    SELECT order_id, product_id, sum(quantity)::int AS quantity, sum(quantity * accepted_price)::int8 AS amount
    FROM order_items WHERE order_id = ANY ($1::int[]) GROUP BY 1, 2
), left_out AS MATERIALIZED (
    SELECT order_id FROM items WHERE product_id = ANY ($2::int[])
), locked AS MATERIALIZED (
    SELECT id, on_hand, archived_at IS NOT NULL AS archived FROM products
    WHERE id = ANY (ARRAY(SELECT product_id FROM items WHERE order_id NOT IN (SELECT order_id FROM left_out)))
    ORDER BY id FOR NO KEY UPDATE
)
SELECT order_id, product_id AS id, quantity, amount, on_hand, archived
FROM items LEFT JOIN locked ON locked.id = product_id ORDER BY product_id
"""
#: Seconds for which a user's row or log is waited for: that is with all other locks in hand.
USER_LOCK_TIMEOUT = 0.1
#: Waits for a product with nothing in hand, and lets go of it without waiting for the disk.
AWAIT_PRODUCT = """
WITH timeout AS MATERIALIZED (
    SELECT set_config('lock_timeout', $2, TRUE), set_config('synchronous_commit', 'off', TRUE)
)
SELECT products.id FROM timeout, products WHERE products.id = $1 FOR NO KEY UPDATE OF products
"""
#: Those that are locked, and which version of the row that is. Who has it locked is not to be seen: ``xmax`` changes
#: with each order that is placed meanwhile, for its foreign key.
LOCKED_PRODUCTS = """
WITH timeout AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', TRUE)
), wanted AS MATERIALIZED (
    SELECT DISTINCT product_id AS id FROM order_items WHERE order_id = ANY ($1::int[])
), free AS MATERIALIZED (
    SELECT products.id FROM timeout, products WHERE products.id IN (SELECT id FROM wanted)
    ORDER BY id FOR NO KEY UPDATE OF products SKIP LOCKED
)
SELECT products.id, products.xmin::text AS version FROM products
WHERE products.id IN (SELECT id FROM wanted) AND products.id NOT IN (SELECT id FROM free)
"""
#: A transaction that has only locked something waits for the disk, too, and lets others wait.
LET_GO = "SET LOCAL synchronous_commit TO off"
#: The condition on the stock repeats what was just decided: the statement alone must never sell what is not
#: there. A product of which nothing is sold gets a new version, too: others see that its lock changes hands.
#: Prices of a completed order are published together with its total (decision 6).
SETTLE = """
WITH timeout AS MATERIALIZED (SELECT set_config('lock_timeout', $15, TRUE)
), settlement AS MATERIALIZED (
    SELECT settlement.* FROM timeout, unnest($1::int[], $2::text[], $3::text[], $4::int8[], $13::int2[])
        WITH ORDINALITY AS settlement (id, status, failure_code, total, attempt, number)
), sale AS MATERIALIZED (
    SELECT * FROM unnest($5::int[], $6::int[], $7::int[], $8::int[])
        WITH ORDINALITY AS sale (order_id, product_id, quantity, on_hand_after, number)
), taken AS (
    UPDATE products SET on_hand = on_hand - had.quantity
    FROM (
        SELECT product_id, sum(quantity)::int AS quantity FROM sale GROUP BY 1
        UNION ALL SELECT unnest($16::int[]), 0
    ) AS had
    WHERE products.id = had.product_id AND on_hand >= had.quantity AND (archived_at IS NULL OR had.quantity = 0)
    RETURNING had.quantity
), moved AS (
    INSERT INTO stock_movements (product_id, delta, on_hand_after, reason, order_id)
    SELECT product_id, -quantity, on_hand_after, 'sale', order_id FROM sale ORDER BY number
), published AS (
    UPDATE order_items SET unit_price = accepted_price WHERE order_id IN (SELECT order_id FROM sale)
), explained AS (
    UPDATE order_items SET failure_code = fault.failure_code, available = fault.available
    FROM unnest($9::int[], $10::int[], $11::text[], $12::int[])
        AS fault (order_id, product_id, failure_code, available)
    WHERE order_items.order_id = fault.order_id AND order_items.product_id = fault.product_id
), settled AS (
    UPDATE orders
    SET status = settlement.status, failure_code = settlement.failure_code, total = settlement.total, due_at = NULL,
        attempts = greatest(attempts, 1), worker = NULL, version = version + 1, updated_at = now()
    FROM settlement WHERE orders.id = settlement.id
    RETURNING orders.id, user_id, settlement.status, settlement.failure_code, attempt, number
), noted AS (
    INSERT INTO order_events (order_id, user_id, status, failure_code, worker, attempt)
    SELECT id, user_id, status, failure_code, $14::text, attempt FROM settled ORDER BY number
)
SELECT (SELECT count(*) FROM taken WHERE quantity > 0) AS taken, (SELECT count(DISTINCT product_id) FROM sale) AS sold
"""


@dataclass(slots=True)
class OrderItems:
    """The items of an order: quantities by product id, what each leaves on hand, and their total in minor units."""

    quantities: dict[int, int] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    total: int = 0


class Fault(NamedTuple):
    """Why a product cannot be had: off sale, or out of stock, of which so much is *available*."""

    code: FailureCode
    available: int | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of an order: completed unless there is a *failure*, of products with these *faults* if any."""

    order_id: int
    attempt: int
    failure: FailureCode | None
    items: OrderItems
    faults: Mapping[int, Fault]

    @property
    def status(self) -> OrderStatus:
        """The status that the order gets."""
        return OrderStatus.FAILED if self.failure else OrderStatus.COMPLETED


@dataclass(frozen=True, slots=True)
class Settled:
    """The statuses that orders reached, and the claims of those that wait for a lock, with what is locked.

    Those are the ids of products; there are none where it is the order itself. An order in neither was lost: to a
    cancellation, or to a later claim.
    """

    statuses: dict[int, OrderStatus]
    waiting: dict[Claim, set[int]]


class ProductLocked(Exception):
    """A product's lock was not to be had in time; nothing is settled."""

    def __init__(self, error: asyncpg.LockNotAvailableError | TimeoutError) -> None:
        super().__init__(str(error))
        self.error = error


async def settle(
    claims: Sequence[Claim],
    *,
    lock_timeout: float,
    without: Set[int] = frozenset(),
    time_limit: asyncio.Timeout | None = None,
) -> Settled:
    """Complete or fail claimed orders of one worker, first come first served.

    Call it inside ``in_transaction()``, which takes everything back if this raises. Whoever waits for a lock with
    another one in hand lets others wait for that one.

    Args:
        lock_timeout: seconds to wait for each product's lock.
        without: the ids of products that are not waited for: orders that need one of them are left out.
        time_limit: of all locks of products together; whoever finds one held meanwhile may shorten it.

    Raises:
        ProductLocked: a product's lock was not to be had in time.
        asyncpg.LockNotAvailableError: a user's was not.
    """
    keys = [[claim.order_id for claim in claims], [claim.token for claim in claims]]
    held = {row["id"] for row in await fetch(HOLD, [*keys, milliseconds(lock_timeout)])}
    waiting: dict[Claim, set[int]] = {}
    if len(held) < len(claims):
        locked = {row["id"] for row in await fetch(CLAIMED, keys)} - held
        waiting = {claim: set() for claim in claims if claim.order_id in locked}
    claims = [claim for claim in claims if claim.order_id in held]
    # What cannot even be read is among the reasons why an order is tried for the last time.
    to_fill = [claim.order_id for claim in claims if not claim.is_last]
    try:
        async with time_limit or asyncio.timeout(None):
            rows = await fetch(LOCK_PRODUCTS, [to_fill, list(without)]) if to_fill else []
    except (asyncpg.LockNotAvailableError, TimeoutError) as error:
        raise ProductLocked(error) from error
    left_out: dict[int, set[int]] = {}
    for row in rows:
        if row["id"] in without:
            left_out.setdefault(row["order_id"], set()).add(row["id"])
    waiting |= {claim: left_out[claim.order_id] for claim in claims if claim.order_id in left_out}
    claims = [claim for claim in claims if claim.order_id not in left_out]
    if not claims:
        await fetch(LET_GO)
        return Settled({}, waiting)
    settlements = allocate(claims, rows)
    await _write(settlements, claims[0].worker)
    return Settled({settlement.order_id: settlement.status for settlement in settlements}, waiting)


async def wait_for_product(product_id: int, seconds: float) -> None:
    """Wait until a product's lock can be had, and let go of it at once.

    Call it outside a transaction: whoever waits has nothing that others wait for.

    Raises:
        asyncpg.LockNotAvailableError: it could not be had within so many seconds.
    """
    await fetch(AWAIT_PRODUCT, [product_id, milliseconds(seconds)])


async def read_locked(claims: Iterable[Claim]) -> dict[int, str]:
    """Return the products of these orders that somebody has locked, with the version of each row.

    It is another one after each settlement of an order of the product.
    """
    return {
        row["id"]: row["version"]
        for row in await fetch(LOCKED_PRODUCTS, [[claim.order_id for claim in claims]])
    }


def allocate(claims: Sequence[Claim], rows: Sequence[Any]) -> list[Settlement]:
    """Allocate the stock of *rows* (of ``LOCK_PRODUCTS``): an order gets all of its items, or none.

    Rows of orders that are not among *claims* are ignored.
    """
    items: dict[int, OrderItems] = {claim.order_id: OrderItems() for claim in claims}
    stock: dict[int, int] = {}
    archived: set[int] = set()
    for row in rows:
        if (of_order := items.get(row["order_id"])) is None:
            continue
        of_order.quantities[row["id"]] = row["quantity"]
        of_order.total += row["amount"]
        stock[row["id"]] = row["on_hand"]
        if row["archived"]:
            archived.add(row["id"])
    settlements = []
    for claim in claims:
        of_order = items[claim.order_id]
        faults = {} if claim.is_last else _faults(of_order, stock, archived)
        failure = FailureCode.PROCESSING_ERROR if claim.is_last else _failure(faults)
        if failure is None:
            for product_id, quantity in of_order.quantities.items():
                stock[product_id] -= quantity
                of_order.left[product_id] = stock[product_id]
        settlements.append(Settlement(claim.order_id, claim.attempt, failure, of_order, faults))
    return settlements


def _faults(items: OrderItems, stock: Mapping[int, int], archived: set[int]) -> dict[int, Fault]:
    """Return the faults of all products that cannot be had, by their ids."""
    faults = {}
    for product_id, quantity in items.quantities.items():
        if product_id in archived:
            faults[product_id] = Fault(FailureCode.PRODUCT_UNAVAILABLE)
        elif stock[product_id] < quantity:
            faults[product_id] = Fault(FailureCode.OUT_OF_STOCK, stock[product_id])
    return faults


def _failure(faults: Mapping[int, Fault]) -> FailureCode | None:
    """Return the code of an order: that of what will not come back before that of what may."""
    codes = {fault.code for fault in faults.values()}
    return next(
        (code for code in (FailureCode.PRODUCT_UNAVAILABLE, FailureCode.OUT_OF_STOCK) if code in codes), None
    )


async def _write(settlements: Sequence[Settlement], worker: str | None) -> None:
    sales = [
        (settlement.order_id, product_id, quantity, settlement.items.left[product_id])
        for settlement in settlements
        if settlement.failure is None
        for product_id, quantity in settlement.items.quantities.items()
    ]
    faults = [
        (settlement.order_id, product_id, fault.code.value, fault.available)
        for settlement in settlements
        for product_id, fault in settlement.faults.items()
    ]
    had = {product_id for settlement in settlements for product_id in settlement.items.quantities}
    values = [
        [settlement.order_id for settlement in settlements],
        [settlement.status.value for settlement in settlements],
        [settlement.failure.value if settlement.failure else None for settlement in settlements],
        [0 if settlement.failure else settlement.items.total for settlement in settlements],
        *([sale[column] for sale in sales] for column in range(4)),
        *([fault[column] for fault in faults] for column in range(4)),
        [settlement.attempt for settlement in settlements],
        worker,
        milliseconds(USER_LOCK_TIMEOUT),
        list(had - {sale[1] for sale in sales}),
    ]
    (stock,) = await fetch(SETTLE, values)
    if stock["taken"] != stock["sold"]:
        raise RuntimeError(f"stock moved under its lock: {stock['taken']} of {stock['sold']} products")
