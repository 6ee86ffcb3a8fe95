"""Rules of the stock and its ledger."""

from models.audit.rule import Rule

STOCK = (
    Rule(
        "stock",
        "What is on hand of a product is what the last entry of its ledger has left, or 0 where there is none.",
        """
SELECT 'products', products.id, format('%s on hand, and the ledger has left %s', on_hand, coalesce(on_hand_after, 0))
FROM products LEFT JOIN LATERAL (
    SELECT on_hand_after FROM stock_movements WHERE product_id = products.id ORDER BY id DESC LIMIT 1
) AS last ON TRUE
WHERE products.id BETWEEN $1 AND $2 AND on_hand IS DISTINCT FROM coalesce(on_hand_after, 0)
""",
        "products",
    ),
    Rule(
        "ledger-chain",
        "Each entry of the ledger leaves what the one before it has left, plus its own change; the first begins at 0.",
        """
SELECT 'stock_movements', id,
    format('leaves %s of product %s, after %s and a change by %s', on_hand_after, product_id, before, delta)
FROM (
    SELECT id, product_id, delta, on_hand_after, coalesce(
        lag(on_hand_after) OVER (PARTITION BY product_id ORDER BY id), (
            SELECT on_hand_after FROM stock_movements AS earlier
            WHERE earlier.product_id = movement.product_id AND earlier.id < $1::int8 ORDER BY id DESC LIMIT 1
        ), 0) AS before
    FROM stock_movements AS movement WHERE id BETWEEN $1 AND $2
) AS entry
WHERE on_hand_after IS DISTINCT FROM before::int8 + delta
""",
        "stock_movements",
    ),
    Rule(
        "stock-not-negative",
        "There is never less than nothing: neither on hand now nor after any entry of the ledger.",
        """
SELECT 'products', id, format('%s on hand', on_hand) FROM products WHERE on_hand < 0
UNION ALL
SELECT 'stock_movements', id, format('leaves %s of product %s', on_hand_after, product_id)
FROM stock_movements WHERE on_hand_after < 0
""",
    ),
    Rule(
        "ledger-entry",
        "A sale takes away for an order, by a worker; an initial entry begins with what it adds; an adjustment has"
        " an actor; nothing moves by 0.",
        """
SELECT 'stock_movements', id, format('a movement of reason %s by %s, leaving %s, of order %s by actor %s', reason,
    delta, on_hand_after, coalesce(order_id::text, 'none'), coalesce(actor_id::text, 'none'))
FROM stock_movements
WHERE id BETWEEN $1 AND $2 AND CASE reason
    WHEN 'sale' THEN delta < 0 AND order_id IS NOT NULL AND actor_id IS NULL AND idempotency_key IS NULL
    WHEN 'initial' THEN delta > 0 AND on_hand_after = delta AND order_id IS NULL AND idempotency_key IS NULL
    WHEN 'adjustment' THEN delta <> 0 AND order_id IS NULL AND actor_id IS NOT NULL
END IS NOT TRUE
""",
        "stock_movements",
    ),
    Rule(
        "sales",
        "Each product of a completed order is sold once in the ledger, in the quantity of its items; nothing else is.",
        """
SELECT CASE WHEN sold.id IS NULL THEN 'order_items' ELSE 'stock_movements' END, coalesce(sold.id, bought.id),
    format('%s of product %s sold for order %s, which is to have %s; entries: %s', coalesce(sold.quantity, 0),
        product_id, order_id, coalesce(bought.quantity, 0), coalesce(entries, 0))
FROM (
    SELECT order_id, product_id, min(id) AS id, -sum(delta) AS quantity, count(*) AS entries
    FROM stock_movements WHERE order_id BETWEEN $1 AND $2 AND reason = 'sale' GROUP BY 1, 2
) AS sold FULL JOIN (
    SELECT order_id, product_id, min(order_items.id) AS id, sum(quantity) AS quantity
    FROM order_items JOIN orders ON orders.id = order_id
    WHERE order_id BETWEEN $1 AND $2 AND orders.id BETWEEN $1 AND $2 AND status = 'completed' GROUP BY 1, 2
) AS bought USING (order_id, product_id)
WHERE sold.quantity IS DISTINCT FROM bought.quantity OR entries > 1
""",
        "orders",
    ),
)
