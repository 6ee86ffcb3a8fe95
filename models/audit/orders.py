"""Rules of orders and their items."""

from models.audit.orphans import orphans
from models.audit.rule import Check, Scan, Screen, Search
from models.audit.stock import SALES

#: In order is what has all that its status asks for, items that are alike, and a sale for each of them exactly where it
#: is completed. Where as many items and sales are joined as there are, none was joined twice; else all are suspect.
#: What items cost is summed up as float8, which takes half of the time of numeric, and is exact below 2^53 where
#: nothing is negative. A name that begins with no blank is not blank; to trim each takes a tenth of the time.
_SUSPECTS = """
SELECT unnest(
    CASE WHEN sum(items) = (SELECT count(*) FROM order_items WHERE order_id BETWEEN $1 AND $2)
        AND sum(sales) = (SELECT count(*) FROM stock_movements WHERE order_id BETWEEN $1 AND $2)
    THEN array_agg(id) FILTER (WHERE is_in_order IS NOT TRUE) ELSE array_agg(id) END
) FROM (
    SELECT coalesce(orders.id, order_id) AS id, items, sales, (
        is_plain AND owner IS NOT NULL AND version >= 1 AND attempts >= 0 AND CASE status
            WHEN 'completed' THEN
                total = amount AND amount < 2 ^ 53 AND is_sold AND code IS NULL
                AND due_at IS NULL AND failure_code IS NULL AND attempts > 0
            WHEN 'failed' THEN
                total = 0 AND is_unsold AND due_at IS NULL AND attempts > 0
                AND coalesce(code, failure_code) = failure_code
                AND failure_code IN ('OUT_OF_STOCK', 'PRODUCT_UNAVAILABLE', 'PROCESSING_ERROR')
            WHEN 'cancelled' THEN
                total = 0 AND is_unsold AND code IS NULL AND due_at IS NULL AND failure_code IS NULL
            ELSE
                status IN ('pending', 'processing') AND total = 0 AND is_unsold AND code IS NULL
                AND due_at IS NOT NULL AND failure_code IS NULL AND btrim(shipping_address) <> ''
        END
    ) AS is_in_order
    FROM (
        SELECT orders.id, status, total, due_at, attempts, orders.version, failure_code, shipping_address,
            users.id AS owner
        FROM orders LEFT JOIN users ON users.id = user_id WHERE orders.id BETWEEN $1 AND $2
    ) AS orders FULL JOIN (
        SELECT order_id, count(item) AS items, count(sale) AS sales, max(failure_code) AS code,
            sum(quantity::float8 * accepted_price) AS amount,
            bool_and((unit_price = accepted_price AND sold = quantity AND reason = 'sale') IS TRUE) AS is_sold,
            bool_and((unit_price = 0 AND sale IS NULL) IS TRUE) AS is_unsold,
            bool_and((
                quantity >= 1 AND accepted_price >= 0 AND product_name COLLATE "C" >= '!' AND products.id IS NOT NULL
                AND CASE failure_code
                    WHEN 'OUT_OF_STOCK' THEN available >= 0 AND available < quantity
                    ELSE available IS NULL AND (failure_code IS NULL OR failure_code = 'PRODUCT_UNAVAILABLE')
                END
            ) IS TRUE) AS is_plain
        FROM (
            SELECT order_id, product_id, id AS item, quantity, accepted_price, unit_price, product_name, failure_code,
                available
            FROM order_items WHERE order_id BETWEEN $1 AND $2
        ) AS bought FULL JOIN (
            SELECT order_id, product_id, id AS sale, -delta::int8 AS sold, reason
            FROM stock_movements WHERE order_id BETWEEN $1 AND $2
        ) AS entries USING (order_id, product_id)
        LEFT JOIN products ON products.id = product_id
        GROUP BY order_id
    ) AS items ON order_id = orders.id
) AS looked_at
"""
#: An order a row.
_ORDERS = Scan(
    """
SELECT orders.*, amount, users.id AS user_id_found
FROM orders LEFT JOIN users ON users.id = user_id LEFT JOIN (
    SELECT order_id, sum(quantity::numeric * accepted_price) AS amount
    FROM order_items WHERE order_id BETWEEN $1 AND $2 GROUP BY 1
) AS items ON order_id = orders.id
WHERE orders.id BETWEEN $1 AND $2
""",
    (
        Check("order-items", "Every order has items.", "orders", "amount IS NULL", "'no items'"),
        Check(
            "order-total",
            "The total of a completed order is what its items cost, and that of any other is 0.",
            "orders",
            "total IS DISTINCT FROM CASE status WHEN 'completed' THEN coalesce(amount, 0) ELSE 0 END",
            "format('%s, total %s, items %s', status, total, coalesce(amount, 0))",
        ),
        Check(
            "order-due",
            "An order that is pending or in processing is due some time; nothing final is still due.",
            "orders",
            """CASE
    WHEN status IN ('pending', 'processing') THEN due_at IS NOT NULL
    WHEN status IN ('completed', 'failed', 'cancelled') THEN due_at IS NULL
END IS NOT TRUE""",
            "format('%s, due at %s', status, coalesce(due_at::text, 'no time'))",
        ),
        Check(
            "order-claimed",
            "No order is completed or failed that no worker has claimed; what is counted is not negative.",
            "orders",
            """(attempts >= 0 AND version >= 1
    AND (attempts > 0 OR status IN ('pending', 'processing', 'cancelled'))) IS NOT TRUE""",
            "format('%s after %s claims and %s versions', status, attempts, version)",
        ),
        Check(
            "order-failure",
            "An order has a failure code, a known one, exactly where it failed.",
            "orders",
            """CASE status
    WHEN 'failed' THEN failure_code IN ('OUT_OF_STOCK', 'PRODUCT_UNAVAILABLE', 'PROCESSING_ERROR')
    ELSE failure_code IS NULL
END IS NOT TRUE""",
            "format('%s, failure code %s', status, coalesce(failure_code, 'none'))",
        ),
        Check(
            "order-address",
            "An order that is pending or in processing has an address to go to.",
            "orders",
            "status IN ('pending', 'processing') AND coalesce(btrim(shipping_address), '') = ''",
            "format('%s without a shipping address', status)",
        ),
        orphans("orders", user_id="users"),
    ),
    "orders",
)
#: An item a row.
_ITEMS = Scan(
    """
SELECT item.*, status, orders.id AS order_id_found, products.id AS product_id_found
FROM order_items AS item
LEFT JOIN orders ON orders.id = order_id AND orders.id BETWEEN $1 AND $2
LEFT JOIN products ON products.id = product_id
WHERE order_id BETWEEN $1 AND $2
""",
    (
        Check(
            "prices-published",
            "The unit price of an item is the accepted one exactly where the order is completed, and else 0.",
            "order_items",
            "order_id_found IS NOT NULL"
            " AND unit_price IS DISTINCT FROM CASE status WHEN 'completed' THEN accepted_price ELSE 0 END",
            "format('unit price %s, accepted %s, order %s is %s', unit_price, accepted_price, order_id, status)",
        ),
        Check(
            "item-values",
            "An item has a quantity of at least 1, a price of at least 0, and the name that its product had.",
            "order_items",
            "(quantity >= 1 AND accepted_price >= 0 AND btrim(product_name) <> '') IS NOT TRUE",
            "format('quantity %s, price %s, name \"%s\"', quantity, accepted_price, product_name)",
        ),
        orphans("order_items", order_id="orders", product_id="products"),
    ),
    "orders",
)
_ITEM_FAILURE = Search(
    "item-failure",
    "An item has a failure code only where its order failed for stock or sale, and then the order has the gravest"
    " of its items; how much was available is known exactly where that was too little.",
    """
SELECT 'order_items', item.id, format('%s, %s available, quantity %s; order %s is %s %s', item.failure_code,
    coalesce(available::text, 'not known how many'), quantity, order_id, status, orders.failure_code)
FROM (
    SELECT id, order_id, failure_code, available, sum(quantity) OVER (PARTITION BY order_id, product_id) AS quantity,
        max(failure_code) OVER (PARTITION BY order_id) AS gravest
    FROM order_items WHERE order_id BETWEEN $1 AND $2 AND order_id IN (
        SELECT order_id FROM order_items
        WHERE order_id BETWEEN $1 AND $2 AND (failure_code IS NOT NULL OR available IS NOT NULL)
    )
) AS item JOIN orders ON orders.id = order_id
WHERE (item.failure_code IS NOT NULL OR available IS NOT NULL) AND (
    status = 'failed' AND orders.failure_code = gravest AND CASE item.failure_code
        WHEN 'OUT_OF_STOCK' THEN available >= 0 AND available < quantity
        WHEN 'PRODUCT_UNAVAILABLE' THEN available IS NULL
    END
) IS NOT TRUE
""",
    "orders",
)
ORDERS = (Screen(_SUSPECTS, (_ORDERS, _ITEMS, _ITEM_FAILURE, *SALES), "orders"),)
