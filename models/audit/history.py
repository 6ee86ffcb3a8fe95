"""Rules of what happened to orders."""

from models.audit.orphans import orphans
from models.audit.rule import Check, Scan, Screen

#: In order is what went the straight way, its user placing and cancelling it.
_SUSPECTS = """
SELECT coalesce(orders.id, order_id) FROM (
    SELECT orders.id, user_id, status, failure_code, users.id AS owner
    FROM orders LEFT JOIN users ON users.id = user_id WHERE orders.id BETWEEN $1 AND $2
) AS orders FULL JOIN (
    SELECT order_id, string_agg(status, ' ' ORDER BY id) AS way, max(failure_code) AS code,
        min(user_id) AS first_user, max(user_id) AS last_user,
        bool_and((
            (status = 'failed') = (failure_code IS NOT NULL)
            AND CASE WHEN status IN ('pending', 'cancelled') THEN actor_id = user_id ELSE actor_id IS NULL END
        ) IS TRUE) AS is_plain
    FROM order_events WHERE order_id BETWEEN $1 AND $2 GROUP BY order_id
) AS history ON order_id = orders.id
WHERE (
    is_plain AND owner IS NOT NULL AND first_user = user_id AND last_user = user_id
    AND code IS NOT DISTINCT FROM failure_code
    AND CASE status
        WHEN 'completed' THEN way = 'pending processing completed'
        WHEN 'failed' THEN way = 'pending processing failed'
        WHEN 'cancelled' THEN way IN ('pending cancelled', 'pending processing cancelled')
        WHEN 'pending' THEN way = 'pending'
        WHEN 'processing' THEN way = 'pending processing'
    END
) IS NOT TRUE
"""
#: An event a row, and a row for an order that has none.
_EVENTS = (
    Scan(
        """
SELECT event.*, orders.id AS order_id_found, orders.user_id AS owner, orders.status AS order_status,
    orders.failure_code AS order_code,
    (SELECT id FROM users WHERE id = event.user_id) AS user_id_found,
    (SELECT id FROM users WHERE id = actor_id) AS actor_id_found
FROM (
    SELECT id, order_id, user_id, actor_id, status, failure_code, lag(status) OVER of_order AS before,
        lead(id) OVER of_order IS NULL AS is_last
    FROM order_events WHERE order_id BETWEEN $1 AND $2 WINDOW of_order AS (PARTITION BY order_id ORDER BY id)
) AS event
FULL JOIN (SELECT id, user_id, status, failure_code FROM orders WHERE id BETWEEN $1 AND $2) AS orders
    ON orders.id = order_id
""",
        (
            Check(
                "history-path",
                "The events of an order are a legal path, without a gap or a repetition: pending, processing, then"
                " completed or failed; cancelled from either of the first two; from a failure by PROCESSING_ERROR back"
                " to pending.",
                "order_events",
                """id IS NOT NULL AND CASE status
    WHEN 'pending' THEN before IS NULL OR before = 'failed' AND (
        SELECT earlier.failure_code FROM order_events AS earlier
        WHERE earlier.order_id = looked_at.order_id AND earlier.id < looked_at.id ORDER BY earlier.id DESC LIMIT 1
    ) = 'PROCESSING_ERROR'
    WHEN 'processing' THEN before = 'pending'
    WHEN 'completed' THEN before = 'processing'
    WHEN 'failed' THEN before = 'processing'
    WHEN 'cancelled' THEN before IN ('pending', 'processing')
END IS NOT TRUE""",
                "format('%s after %s, of order %s', status, coalesce(before, 'nothing'), order_id)",
            ),
            Check(
                "history-end",
                "The last event of an order has the order's status and failure code, and no order is without one.",
                "orders",
                """order_id_found IS NOT NULL AND (id IS NULL OR is_last)
    AND (status = order_status AND failure_code IS NOT DISTINCT FROM order_code) IS NOT TRUE""",
                """format('%s, and its history ends with %s', concat_ws(' ', order_status, order_code),
    coalesce(nullif(concat_ws(' ', status, failure_code), ''), 'nothing'))""",
                id="order_id_found",
            ),
            Check(
                "history-names",
                "An event names the user whose order it is; people place and cancel, workers do the rest (to try again"
                " may be anybody's); an event has a failure code exactly where the order failed.",
                "order_events",
                """id IS NOT NULL AND order_id_found IS NOT NULL AND (
    user_id = owner AND (status = 'failed') = (failure_code IS NOT NULL)
    AND CASE status
        WHEN 'cancelled' THEN actor_id IS NOT NULL
        WHEN 'pending' THEN actor_id IS NOT NULL OR before IS NOT NULL
        ELSE actor_id IS NULL
    END
) IS NOT TRUE""",
                """format('%s by %s for user %s, failure code %s, of order %s of user %s', status,
    coalesce('actor ' || actor_id, 'a worker'), user_id, coalesce(failure_code, 'none'), order_id, owner)""",
            ),
            orphans("order_events", order_id="orders", user_id="users", actor_id="users"),
        ),
        "orders",
    ),
)
HISTORY = (Screen(_SUSPECTS, _EVENTS, "orders"),)
