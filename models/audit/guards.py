"""What the database itself holds its rows to, and what one that was restored or mended may have lost.

A migration that adds a constraint, a unique index or a trigger adds its name here; a test compares.
"""

from models.audit.rule import Search

#: By table, the names of constraints, unique indexes and triggers.
GUARDS: dict[str, str] = {
    "users": "users_pkey users_email_check users_full_name_check users_email_live users_erase users_void_tokens",
    "sessions": "sessions_pkey sessions_user_id_fkey",
    "one_time_tokens": "one_time_tokens_pkey one_time_tokens_of_user one_time_tokens_email_check"
    " one_time_tokens_purpose_check one_time_tokens_user_id_fkey",
    "products": "products_pkey products_name_check products_on_hand_check products_price_check",
    "orders": "orders_pkey orders_failed_has_reason orders_failure_code_check orders_open_is_due"
    " orders_reference_check orders_status_check orders_total_check orders_user_id_fkey orders_reference",
    "order_items": "order_items_pkey order_items_accepted_price_check order_items_available_check"
    " order_items_failure_code_check order_items_quantity_check order_items_short_has_available"
    " order_items_unit_price_check order_items_order_id_fkey order_items_product_id_fkey",
    "order_events": "order_events_pkey order_events_status_check order_events_actor_id_fkey"
    " order_events_order_id_fkey order_events_user_id_fkey order_events_number order_events_append_only",
    "order_failures": "order_failures_pkey order_failures_attempt_check order_failures_order_id_fkey",
    "stock_movements": "stock_movements_pkey stock_movements_delta_check stock_movements_reason_check"
    " stock_movements_actor_id_fkey stock_movements_order_id_fkey stock_movements_product_id_fkey"
    " stock_movements_idempotency stock_movements_append_only",
    "idempotency_keys": "idempotency_keys_pkey idempotency_keys_of_user idempotency_keys_order_id_fkey"
    " idempotency_keys_user_id_fkey",
    "api_usage": "api_usage_pkey api_usage_calls_check api_usage_of_client",
}

_EXPECTED = ", ".join(f"('{table}', '{name}')" for table, names in GUARDS.items() for name in names.split())
#: A trigger that is disabled, or fires for replicas alone, guards as little as one that is not there.
MISSING = f"""
SELECT expected.place, expected.name, coalesce(found.fault, 'is not there')
FROM (VALUES {_EXPECTED}) AS expected (place, name) LEFT JOIN (
    SELECT conrelid AS place, conname AS name,
        CASE WHEN NOT convalidated THEN 'is not validated: rows from before may break it'
            WHEN EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = pg_constraint.oid AND tgenabled NOT IN ('O', 'A'))
            THEN 'is not kept: its triggers are disabled' END AS fault
    FROM pg_constraint WHERE contype <> 'n'
    UNION ALL
    SELECT tgrelid, tgname, CASE WHEN tgenabled NOT IN ('O', 'A') THEN 'is disabled' END
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT indrelid, relname, CASE WHEN NOT indisvalid THEN 'is not valid' END
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indisunique AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype <> 'f')
) AS found ON found.place = to_regclass(expected.place) AND found.name = expected.name
WHERE found.name IS NULL OR found.fault IS NOT NULL
"""  # noqa: S608 - names of ours

#: The tables whose ids a sequence draws: all but those with keys that are random.
NUMBERED = [table for table in GUARDS if table not in ("sessions", "one_time_tokens")]
#: A sequence is never read in a snapshot, so what is drawn meanwhile makes no finding. Of one that a role may not draw
#: from it is told nothing.
BEHIND = "\nUNION ALL\n".join(
    f"""
SELECT '{table}', '{table}_id_seq',
    format('has drawn %s, and there is an id %s', coalesce(last_value::text, 'nothing'), last)
FROM (SELECT max(id) AS last FROM {table}) AS ids, pg_sequences
WHERE schemaname = current_schema() AND sequencename = '{table}_id_seq' AND last > coalesce(last_value, 0)
    AND has_sequence_privilege(current_user, '{table}_id_seq', 'USAGE, SELECT')"""  # noqa: S608 - names of ours
    for table in NUMBERED
)

SCHEMA = (
    Search(
        "guards",
        "Every constraint, unique index and trigger that keeps the books is there, valid and enabled.",
        MISSING,
    ),
    Search("sequences", "No sequence will draw an id that is taken.", BEHIND),
)
