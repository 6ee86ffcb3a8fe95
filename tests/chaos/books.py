"""What a row ends with: whether the books are right, and whether every client was told the truth."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from models.audit import audit as prove_books
from tests.chaos.load import Tally
from tests.chaos.stand import PLENTY, PRODUCTS, SCARCE, Stand

ORDERS = """
SELECT id, shipping_address AS key, status, failure_code FROM orders
WHERE shipping_address LIKE $1::text || '/%' ORDER BY id
"""
OPEN = "SELECT count(*) FROM orders WHERE status IN ('pending', 'processing')"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many orders were lost and doubled, how many pieces were oversold, and what is wrong, in words."""

    lost: int
    doubled: int
    oversold: int
    wrong: list[str] = field(default_factory=list)


def audit(stand: Stand) -> list[str]:
    """Return what is wrong with the books of the whole database, a sentence each."""
    findings = stand.run(prove_books(stand.database_url))
    return [f"{found.rule}: {found.table} {found.id}: {found.problem}" for found in findings[:10]]


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
