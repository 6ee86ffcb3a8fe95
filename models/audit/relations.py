"""Rules of what rows have to do with each other, and with people."""

from models.audit.orphans import orphans
from models.audit.rule import Scan, Search

OWNERS = (
    Search(
        "key-owner",
        "An idempotency key stands for an order of the user who sent it.",
        """
SELECT 'idempotency_keys', key.id, format('of user %s, for order %s of user %s', key.user_id, order_id, orders.user_id)
FROM idempotency_keys AS key JOIN orders ON orders.id = order_id
WHERE key.id BETWEEN $1 AND $2 AND key.user_id IS DISTINCT FROM orders.user_id
""",
        "idempotency_keys",
    ),
    Search(
        "user-erased",
        "Of a deleted user nothing is left but a tombstone: no email, name, password, session or one-time token; and"
        " where the addresses count as erased, no order has one, nor a reference.",
        """
SELECT 'users', id, format('deleted at %s, erased at %s, and there is %s', coalesce(deleted_at::text, 'no time'),
    coalesce(erased_at::text, 'no time'), concat_ws(', ', told, sign_in, sent))
FROM users CROSS JOIN LATERAL (
    SELECT CASE WHEN deleted_at IS NULL AND erased_at IS NOT NULL THEN 'a user who is not deleted'
            WHEN deleted_at IS NOT NULL AND (
                email = 'deleted-' || id || '@deleted.invalid' AND full_name = 'Deleted user'
                AND full_name_key = 'deleted user' AND recovery_email IS NULL AND password_hash LIKE '$2b$12$.%'
            ) IS NOT TRUE
            THEN 'an email, a name or a password' END AS told,
        CASE WHEN deleted_at IS NOT NULL AND (EXISTS (SELECT FROM sessions WHERE user_id = users.id)
                OR EXISTS (SELECT FROM one_time_tokens WHERE user_id = users.id))
            THEN 'a session or a one-time token' END AS sign_in,
        CASE WHEN erased_at IS NOT NULL AND EXISTS (
                SELECT FROM orders WHERE user_id = users.id AND (shipping_address <> '' OR reference IS NOT NULL)
            ) THEN 'an address or a reference of an order' END AS sent
) AS found
WHERE id BETWEEN $1 AND $2 AND (deleted_at IS NOT NULL OR erased_at IS NOT NULL)
    AND (told IS NOT NULL OR sign_in IS NOT NULL OR sent IS NOT NULL)
""",
        "users",
    ),
)


def _orphans(table: str, keys: str, column: str, **parents: str) -> Scan:
    """Return the scan of rows for their parents; see :func:`orphans`.

    Args:
        keys: the table whose ids are cut into chunks.
        column: of *table*, which holds such an id, and is looked at in chunks of it.
    """
    found = ", ".join(f"{name}_.id AS {name}_found" for name in parents)
    joins = "\n".join(
        f"LEFT JOIN {parent} AS {name}_ ON {name}_.id = child.{name}"
        + (f" AND {name}_.id BETWEEN $1 AND $2" if parent == keys else "")
        for name, parent in parents.items()
    )
    rows = f"SELECT child.*, {found} FROM {table} AS child\n{joins}\nWHERE child.{column} BETWEEN $1 AND $2"  # noqa: S608
    return Scan(rows, (orphans(table, **parents),), keys)


ORPHANS = (
    _orphans("order_failures", "orders", "order_id", order_id="orders"),
    _orphans("idempotency_keys", "idempotency_keys", "id", user_id="users", order_id="orders"),
    _orphans("sessions", "users", "user_id", user_id="users"),
    _orphans("one_time_tokens", "users", "user_id", user_id="users"),
)


def _unique(table: str, what: str, *columns: str, where: str = "TRUE") -> Search:
    """Return the rule that no two rows have the same values in these columns."""
    together = ", ".join(columns)
    return Search(
        f"unique-{table.replace('_', '-')}",
        f"No two {what}.",
        f"""
SELECT '{table}', max(id), format('the same %s as %s', '{" and ".join(columns)}', min(id))
FROM {table} WHERE {where} GROUP BY {together} HAVING count(*) > 1
""",  # noqa: S608 - names of ours
    )


UNIQUE = (
    _unique("users", "live users have the same email", "email", where="deleted_at IS NULL"),
    _unique(
        "orders",
        "orders of a user have the same reference",
        "reference",
        "user_id",
        where="reference IS NOT NULL",
    ),
    _unique("idempotency_keys", "rows are for the same key of a user", "user_id", "key"),
    _unique(
        "stock_movements",
        "movements were made by the same key of an actor",
        "actor_id",
        "idempotency_key",
        where="idempotency_key IS NOT NULL",
    ),
    _unique("api_usage", "rows count the same use of a day", "day", "client", "operation"),
)
