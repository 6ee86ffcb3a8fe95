"""Rules that what a row refers to is there."""

from models.audit.rule import Check

#: What names a row that has no ``id``.
_KEYS = {"one_time_tokens": "user_id || ' ' || purpose"}


def orphans(table: str, *columns: str, **parents: str) -> Check:
    """Return the rule that rows have their parents.

    Args:
        columns: those that are looked at here, if not all of them.
        parents: by each column, the table in which its value is an id; the scan has found it as ``…_found``.
    """
    columns = columns or tuple(parents)
    missing = ", ".join(f"CASE WHEN {name}_found IS NULL THEN '{name} ' || {name} END" for name in columns)
    owners = ", ".join(sorted({parent.replace("_", " ") for parent in parents.values()}))
    return Check(
        f"orphans-{table.replace('_', '-')}",
        f"What a row of {table} refers to is there ({owners}).",
        table,
        " OR ".join(f"{name} IS NOT NULL AND {name}_found IS NULL" for name in columns),
        f"concat_ws(', ', {missing}) || ' is not there'",
        _KEYS.get(table, "id"),
    )
