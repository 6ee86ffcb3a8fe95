"""Rules of what happened to orders."""

from models.audit.rule import Rule

HISTORY = (
    Rule(
        "history-path",
        "The events of an order are a legal path, without a gap or a repetition: pending, processing, then completed or"
        " failed; cancelled from either of the first two; from a failure by PROCESSING_ERROR back to pending.",
        """
SELECT 'order_events', id, format('%s after %s, of order %s', status, coalesce(before, 'nothing'), order_id)
FROM (
    SELECT id, order_id, status, lag(status) OVER of_order AS before, lag(failure_code) OVER of_order AS code
    FROM order_events WHERE order_id BETWEEN $1 AND $2 WINDOW of_order AS (PARTITION BY order_id ORDER BY id)
) AS step
WHERE CASE status
    WHEN 'pending' THEN before IS NULL OR before = 'failed' AND code = 'PROCESSING_ERROR'
    WHEN 'processing' THEN before = 'pending'
    WHEN 'completed' THEN before = 'processing'
    WHEN 'failed' THEN before = 'processing'
    WHEN 'cancelled' THEN before IN ('pending', 'processing')
END IS NOT TRUE
""",
        "orders",
    ),
    Rule(
        "history-end",
        "The last event of an order has the order's status and failure code, and no order is without one.",
        """
SELECT 'orders', id, format('%s, and its history ends with %s', concat_ws(' ', orders.status, orders.failure_code),
    coalesce(nullif(concat_ws(' ', last.status, last.failure_code), ''), 'nothing'))
FROM orders LEFT JOIN (
    SELECT DISTINCT ON (order_id) order_id, status, failure_code FROM order_events
    WHERE order_id BETWEEN $1 AND $2 ORDER BY order_id DESC, order_events.id DESC
) AS last ON order_id = id
WHERE id BETWEEN $1 AND $2
    AND (last.status = orders.status AND last.failure_code IS NOT DISTINCT FROM orders.failure_code) IS NOT TRUE
""",
        "orders",
    ),
    Rule(
        "history-names",
        "An event names the user whose order it is; people place and cancel, workers do the rest (to try"
        " again may be anybody's); an event has a failure code exactly where the order failed.",
        """
SELECT 'order_events', event.id, format('%s by %s for user %s, failure code %s, of order %s of user %s', event.status,
    coalesce('actor ' || actor_id, 'a worker'), event.user_id, coalesce(event.failure_code, 'none'), order_id,
    orders.user_id)
FROM order_events AS event JOIN orders ON orders.id = order_id
WHERE order_id BETWEEN $1 AND $2 AND orders.id BETWEEN $1 AND $2 AND (
    event.user_id = orders.user_id AND (event.status = 'failed') = (event.failure_code IS NOT NULL)
    AND CASE event.status
        WHEN 'cancelled' THEN actor_id IS NOT NULL
        WHEN 'pending' THEN actor_id IS NOT NULL OR EXISTS (
            SELECT FROM order_events AS earlier WHERE earlier.order_id = event.order_id AND earlier.id < event.id
        )
        ELSE actor_id IS NULL
    END
) IS NOT TRUE
""",
        "orders",
    ),
)
