"""What a row ends with: whether the books are right, and whether every client was told the truth."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tests.chaos.load import Tally
from tests.chaos.stand import PLENTY, PRODUCTS, SCARCE, Stand

ORDERS = """
SELECT id, shipping_address AS key, status, failure_code FROM orders WHERE shipping_address LIKE $1::text || '/%' ORDER BY id
"""
OPEN = "SELECT count(*) FROM orders WHERE status IN ('pending', 'processing')"
#: A rule each: its name, and a statement that returns what breaks it.
RULES = {
    "stock is what the ledger says": """
        SELECT id FROM products WHERE on_hand <> coalesce(
            (SELECT sum(delta) FROM stock_movements WHERE product_id = products.id), 0)""",
    "stock is not negative": "SELECT id FROM products WHERE on_hand < 0",
    "sales are the items of completed orders": """
        SELECT coalesce(bought.order_id, sold.order_id) FROM (
            SELECT order_id, product_id, sum(quantity) AS pieces FROM order_items
            JOIN orders ON orders.id = order_id WHERE status = 'completed' GROUP BY 1, 2
        ) AS bought FULL JOIN (
            SELECT order_id, product_id, -sum(delta) AS pieces FROM stock_movements WHERE reason = 'sale' GROUP BY 1, 2
        ) AS sold USING (order_id, product_id) WHERE bought.pieces IS DISTINCT FROM sold.pieces""",
    "totals are those of the items": """
        SELECT orders.id FROM orders WHERE total <> CASE WHEN status = 'completed'
            THEN (SELECT sum(quantity * unit_price) FROM order_items WHERE order_id = orders.id) ELSE 0 END""",
    "histories are legal": """
        SELECT orders.id FROM orders LEFT JOIN LATERAL (
            SELECT string_agg(status, ' ' ORDER BY id) AS path FROM order_events WHERE order_id = orders.id
        ) AS history ON TRUE
        WHERE path IS NULL OR path NOT LIKE '%' || status
            OR path !~ '^pending( processing)?( cancelled)?$|^pending processing (completed|failed)$'""",
    "nothing final is due": "SELECT id FROM orders WHERE status NOT IN ('pending', 'processing') AND due_at IS NOT NULL",
    "orders have items": "SELECT id FROM orders WHERE NOT EXISTS (SELECT FROM order_items WHERE order_id = orders.id)",
    "keys are their users'": """
        SELECT orders.id FROM idempotency_keys JOIN orders ON orders.id = order_id
        WHERE idempotency_keys.user_id <> orders.user_id""",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many orders were lost and doubled, how many pieces were oversold, and what is wrong, in words."""

    lost: int
    doubled: int
    oversold: int
    wrong: list[str] = field(default_factory=list)


def audit(stand: Stand) -> list[str]:
    """Return what is wrong with the books of the whole database, a sentence each."""
    found = {rule: [row[0] for row in stand.sql(statement)] for rule, statement in RULES.items()}
    return [f"{rule}: not of {ids[:10]}" for rule, ids in found.items() if ids]


def judge(
    stand: Stand, row: str, tally: Tally, products: Sequence[int], scarce: int, poison: Collection[int]
) -> Verdict:
    """Compare what clients were told with what is stored.

    Args:
        products: those of the row, of the last of which there were so few pieces.
        poison: ids of orders that were made to fail.
    """
    stored = stand.sql(ORDERS, row)
    by_key = Counter(order["key"] for order in stored)
    ids = {order["key"]: order["id"] for order in stored}
    wrong = audit(stand)
    # Lost: not there, another than was said, never finished, or given up for somebody else's fault.
    lost = {wish.key for wish in tally.wishes if not wish.finished or wish.told != {ids.get(wish.key)}}
    lost |= {order["key"] for order in stored if order["status"] in ("pending", "processing")}
    lost |= {
        order["key"]
        for order in stored
        if order["failure_code"] == "PROCESSING_ERROR" and order["id"] not in poison
    }
    doubled = {key for key, count in by_key.items() if count > 1}
    oversold = 0
    for number, product in enumerate(products):
        at_first = PLENTY if number < PRODUCTS - SCARCE else scarce
        sold = stand.value(
            "SELECT coalesce(sum(quantity), 0) FROM order_items JOIN orders ON orders.id = order_id "
            "WHERE status = 'completed' AND product_id = $1",
            product,
        )
        oversold += max(0, int(sold) - at_first)
    wrong += [f"lost: {key}" for key in sorted(lost)[:5]] + [f"doubled: {key}" for key in sorted(doubled)[:5]]
    return Verdict(len(lost), len(doubled), oversold, wrong)
