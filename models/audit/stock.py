"""Rules of the stock and its ledger."""

from models.audit.orphans import orphans
from models.audit.rule import Check, Scan, Screen, Search

_NEVER_NEGATIVE = (
    "stock-not-negative",
    "There is never less than nothing: neither on hand now nor after any entry of the ledger.",
)
_PARENTS = {"order_id": "orders", "product_id": "products", "actor_id": "users"}
#: A product a row.
_PRODUCTS = Scan(
    """
SELECT products.id, on_hand, on_hand_after
FROM products LEFT JOIN LATERAL (
    SELECT on_hand_after FROM stock_movements WHERE product_id = products.id ORDER BY id DESC LIMIT 1
) AS last ON TRUE
WHERE products.id BETWEEN $1 AND $2
""",
    (
        Check(
            "stock",
            "What is on hand of a product is what the last entry of its ledger has left, or 0 where there is none.",
            "products",
            "on_hand IS DISTINCT FROM coalesce(on_hand_after, 0)",
            "format('%s on hand, and the ledger has left %s', on_hand, coalesce(on_hand_after, 0))",
        ),
        Check(*_NEVER_NEGATIVE, "products", "on_hand < 0", "format('%s on hand', on_hand)"),
    ),
    "products",
)
#: What the last entry before the chunk has left of the product of a *movement*.
_LEFT_EARLIER = """(
    SELECT on_hand_after FROM stock_movements AS earlier
    WHERE earlier.product_id = movement.product_id AND earlier.id < $1::int8 ORDER BY earlier.id DESC LIMIT 1
)"""
_IS_ENTRY = """CASE reason
    WHEN 'sale' THEN delta < 0 AND order_id IS NOT NULL AND actor_id IS NULL AND idempotency_key IS NULL
    WHEN 'initial' THEN delta > 0 AND on_hand_after = delta AND order_id IS NULL AND idempotency_key IS NULL
    WHEN 'adjustment' THEN delta <> 0 AND order_id IS NULL AND actor_id IS NOT NULL
END"""
#: In order is a product of whose entries each leaves what the one before it has left, plus its own change.
_SUSPECTS = f"""
SELECT unnest(ids) FROM (
    SELECT product_id, array_agg(id ORDER BY id) AS ids, array_agg(left_behind ORDER BY id) AS left_behind,
        array_agg(found ORDER BY id) AS found, bool_and(is_plain) AS is_plain
    FROM (
        SELECT id, product_id, on_hand_after::int8 AS left_behind, on_hand_after::int8 - delta AS found, (
            on_hand_after >= 0 AND (actor_id IS NULL OR (SELECT id FROM users WHERE id = actor_id) IS NOT NULL)
            AND {_IS_ENTRY}
        ) IS TRUE AS is_plain
        FROM stock_movements WHERE id BETWEEN $1 AND $2 OFFSET 0
    ) AS entry
    GROUP BY product_id
) AS movement LEFT JOIN products ON products.id = product_id
WHERE (
    is_plain AND products.id IS NOT NULL AND left_behind[:cardinality(ids) - 1] = found[2:]
    AND found[1] = coalesce({_LEFT_EARLIER}, 0)
) IS NOT TRUE
"""  # noqa: S608 - a condition of ours
#: An entry of the ledger a row, with what was on hand before it.
_LEDGER = Scan(
    f"""
SELECT entry.*, products.id AS product_id_found, (SELECT id FROM users WHERE id = actor_id) AS actor_id_found
FROM (
    SELECT *, coalesce(
        lag(on_hand_after) OVER (PARTITION BY product_id ORDER BY id), {_LEFT_EARLIER}, 0) AS before
    FROM (
        SELECT id, product_id, delta, on_hand_after, reason, order_id, actor_id, idempotency_key
        FROM stock_movements WHERE id BETWEEN $1 AND $2
    ) AS movement
) AS entry
LEFT JOIN products ON products.id = product_id
""",  # noqa: S608 - a select of ours
    (
        Check(
            "ledger-chain",
            "Each entry of the ledger leaves what the one before it has left, plus its own change; the first begins"
            " at 0.",
            "stock_movements",
            "on_hand_after IS DISTINCT FROM before::int8 + delta",
            "format('leaves %s of product %s, after %s and a change by %s', on_hand_after, product_id, before, delta)",
        ),
        Check(
            *_NEVER_NEGATIVE,
            "stock_movements",
            "on_hand_after < 0",
            "format('leaves %s of product %s', on_hand_after, product_id)",
        ),
        Check(
            "ledger-entry",
            "A sale takes away for an order, by a worker; an initial entry begins with what it adds; an adjustment has"
            " an actor; nothing moves by 0.",
            "stock_movements",
            f"{_IS_ENTRY} IS NOT TRUE",
            """format('a movement of reason %s by %s, leaving %s, of order %s by actor %s', reason,
    delta, on_hand_after, coalesce(order_id::text, 'none'), coalesce(actor_id::text, 'none'))""",
        ),
        orphans("stock_movements", "product_id", "actor_id", **_PARENTS),
    ),
    "stock_movements",
)
#: Both sides in one list, so that they are grouped once.
_SALES = Search(
    "sales",
    "Each product of a completed order is sold once in the ledger, in the quantity of its items; nothing else is.",
    """
SELECT CASE WHEN min(sale) IS NULL THEN 'order_items' ELSE 'stock_movements' END, coalesce(min(sale), min(item)),
    format('%s of product %s sold for order %s, which is to have %s; entries: %s', coalesce(-sum(sold), 0),
        product_id, order_id, coalesce(sum(bought), 0), count(sale))
FROM (
    SELECT order_id, product_id, order_items.id AS item, quantity AS bought, NULL::int8 AS sale, NULL::int AS sold
    FROM order_items JOIN orders ON orders.id = order_id
    WHERE order_id BETWEEN $1 AND $2 AND orders.id BETWEEN $1 AND $2 AND status = 'completed'
    UNION ALL
    SELECT order_id, product_id, NULL, NULL, id, delta
    FROM stock_movements WHERE order_id BETWEEN $1 AND $2 AND reason = 'sale'
) AS moved
GROUP BY order_id, product_id HAVING -sum(sold) IS DISTINCT FROM sum(bought) OR count(sale) > 1
""",
    "orders",
)
#: By the orders' ids, which are far from those of the entries where an old order is settled late.
_ORDERS_OF_ENTRIES = Scan(
    """
SELECT entry.id, order_id, orders.id AS order_id_found
FROM stock_movements AS entry LEFT JOIN orders ON orders.id = order_id AND orders.id BETWEEN $1 AND $2
WHERE order_id BETWEEN $1 AND $2
""",
    (orphans("stock_movements", "order_id", **_PARENTS),),
    "orders",
)
STOCK = (_PRODUCTS, Screen(_SUSPECTS, (_LEDGER,), "stock_movements"))
#: What is told of an order, with its items.
SALES = (_SALES, _ORDERS_OF_ENTRIES)
