"""Settling claimed orders: one transaction for as many as come together.

Orders of a batch share three statements: one holds the orders, one locks their products and reads what each
order needs, one writes everything. In between it is decided here, order by order as they came, what the stock
is enough for, so that within a batch nobody gets what an earlier one needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.postgres import fetch
from models import FailureCode, OrderStatus

#: Orders before products, and each in the order of their ids, here and everywhere: so nobody ever waits in a
#: circle. NO KEY: adding to an order's history, or placing an order, only needs the row's key to stay.
#: The time limit is the transaction's; it is set here to save a round trip, and in force before the first lock.
HOLD = """
WITH patience AS MATERIALIZED (SELECT set_config('lock_timeout', $3, TRUE))
SELECT orders.id FROM patience, orders
JOIN unnest($1::int[], $2::int[]) AS claim (id, attempt) ON claim.id = orders.id
WHERE orders.status = 'processing' AND orders.attempts = claim.attempt
ORDER BY orders.id FOR NO KEY UPDATE OF orders
"""
#: One row for each product of each order. What is read of the product is what holds once it is locked.
LOCK_PRODUCTS = """
WITH needed AS MATERIALIZED (
    SELECT order_id, product_id, sum(quantity)::int AS quantity, sum(quantity * accepted_price)::int8 AS amount
    FROM order_items WHERE order_id = ANY ($1::int[]) GROUP BY 1, 2
)
SELECT needed.order_id, products.id, needed.quantity, needed.amount,
    products.on_hand, products.archived_at IS NOT NULL AS archived
FROM needed JOIN products ON products.id = needed.product_id
ORDER BY products.id FOR NO KEY UPDATE OF products
"""
#: The condition on the stock repeats what was just decided: the statement alone must never sell what is not
#: there. Prices of a completed order are published together with its total (decision 6).
SETTLE = """
WITH outcome AS MATERIALIZED (
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::int8[])
        WITH ORDINALITY AS outcome (id, status, failure_code, total, number)
), sale AS MATERIALIZED (
    SELECT * FROM unnest($5::int[], $6::int[], $7::int[]) AS sale (order_id, product_id, quantity)
), taken AS (
    UPDATE products SET on_hand = on_hand - sold.quantity
    FROM (SELECT product_id, sum(quantity)::int AS quantity FROM sale GROUP BY 1) AS sold
    WHERE products.id = sold.product_id AND on_hand >= sold.quantity AND archived_at IS NULL
    RETURNING products.id
), moved AS (
    INSERT INTO stock_movements (product_id, delta, reason, order_id)
    SELECT product_id, -quantity, 'sale', order_id FROM sale
), published AS (
    UPDATE order_items SET unit_price = accepted_price WHERE order_id IN (SELECT order_id FROM sale)
), settled AS (
    UPDATE orders
    SET status = outcome.status, failure_code = outcome.failure_code, total = outcome.total, due_at = NULL,
        version = version + 1, updated_at = now()
    FROM outcome WHERE orders.id = outcome.id
    RETURNING orders.id, user_id, outcome.status, outcome.failure_code, number
), noted AS (
    INSERT INTO order_events (order_id, user_id, status, failure_code)
    SELECT id, user_id, status, failure_code FROM settled ORDER BY number
)
SELECT (SELECT count(*) FROM taken) AS taken, (SELECT count(DISTINCT product_id) FROM sale) AS sold
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """An order in the hands of this worker; *attempt* is the fencing token."""

    order_id: int
    user_id: int
    attempt: int
    #: True when it was tried too often: it is not tried again, but fails.
    is_last: bool


@dataclass(slots=True)
class Need:
    """What an order needs of each product, and what all of it costs."""

    quantities: dict[int, int] = field(default_factory=dict)
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an order: completed unless there is a *failure*."""

    order_id: int
    failure: FailureCode | None
    need: Need

    @property
    def status(self) -> OrderStatus:
        """The status that the order gets."""
        return OrderStatus.FAILED if self.failure else OrderStatus.COMPLETED


async def settle(claims: Sequence[Claim], *, patience: float = 0) -> dict[int, OrderStatus]:
    """Complete or fail claimed orders, first come first served.

    Call it inside ``in_transaction()``, which takes everything back if this raises.

    Args:
        patience: seconds to wait for each lock; 0 is as long as it takes.

    Returns:
        The statuses reached; an order that is missing was lost to a cancellation, or to a later claim.
    """
    values = [[claim.order_id for claim in claims], [claim.attempt for claim in claims]]
    held = await fetch(HOLD, [*values, f"{int(patience * 1000)}ms"])
    mine = {row["id"] for row in held}
    if not mine:
        return {}
    claims = [claim for claim in claims if claim.order_id in mine]
    # What cannot even be read is among the reasons why an order is tried for the last time.
    to_fill = [claim.order_id for claim in claims if not claim.is_last]
    rows = await fetch(LOCK_PRODUCTS, [to_fill]) if to_fill else []
    outcomes = decide(claims, rows)
    await _write(outcomes)
    return {outcome.order_id: outcome.status for outcome in outcomes}


def decide(claims: Sequence[Claim], rows: Sequence[Any]) -> list[Outcome]:
    """Share out the stock of *rows* (of ``LOCK_PRODUCTS``): an order gets all that it needs, or nothing."""
    needs: dict[int, Need] = {claim.order_id: Need() for claim in claims}
    left: dict[int, int] = {}
    archived: set[int] = set()
    for row in rows:
        need = needs[row["order_id"]]
        need.quantities[row["id"]] = row["quantity"]
        need.amount += row["amount"]
        left[row["id"]] = row["on_hand"]
        if row["archived"]:
            archived.add(row["id"])
    outcomes = []
    for claim in claims:
        need = needs[claim.order_id]
        failure = FailureCode.PROCESSING_ERROR if claim.is_last else _obstacle(need, left, archived)
        if failure is None:
            for product_id, quantity in need.quantities.items():
                left[product_id] -= quantity
        outcomes.append(Outcome(claim.order_id, failure, need))
    return outcomes


def _obstacle(need: Need, left: Mapping[int, int], archived: set[int]) -> FailureCode | None:
    for product_id, quantity in need.quantities.items():
        if product_id in archived:
            return FailureCode.PRODUCT_UNAVAILABLE
        if left[product_id] < quantity:
            return FailureCode.OUT_OF_STOCK
    return None


async def _write(outcomes: Sequence[Outcome]) -> None:
    sales = [
        (outcome.order_id, product_id, quantity)
        for outcome in outcomes
        if outcome.failure is None
        for product_id, quantity in outcome.need.quantities.items()
    ]
    values = [
        [outcome.order_id for outcome in outcomes],
        [outcome.status.value for outcome in outcomes],
        [outcome.failure.value if outcome.failure else None for outcome in outcomes],
        [0 if outcome.failure else outcome.need.amount for outcome in outcomes],
        *([sale[column] for sale in sales] for column in range(3)),
    ]
    (stock,) = await fetch(SETTLE, values)
    if stock["taken"] != stock["sold"]:
        raise RuntimeError(f"stock moved under its lock: {stock['taken']} of {stock['sold']} products")
