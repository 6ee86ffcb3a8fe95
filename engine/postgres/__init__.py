"""PostgreSQL by asyncpg under Tortoise: the pool, projected rows, one select, one way to send SQL.

Three ways lead to the database: Tortoise's models and querysets, :class:`Select` for projected rows, and
:func:`fetch` for SQL that is written by hand. Whoever stands inside ``in_transaction()`` gets its connection by each.
"""

from engine.postgres.batching import BatchedStatement, QueryBatcher, describe_lock, milliseconds
from engine.postgres.client import (
    PoolState,
    advisory_lock,
    connect,
    disconnect,
    fetch,
    is_in_transaction,
    pool_state,
    tortoise_config,
)
from engine.postgres.errors import DATABASE_ERRORS, is_stopped, is_unavailable
from engine.postgres.opening import has_session, keeps_statements_apart, single_connection
from engine.postgres.recording import RecordedStatement, record_statements
from engine.postgres.rows import (
    Columns,
    Row,
    check_value,
    column_type,
    declared_columns,
    model_of,
    row_class,
    row_columns,
)
from engine.postgres.select import MAX_SHAPES, Select, Selected
from engine.postgres.total_counts import TotalCounts

__all__ = [
    "DATABASE_ERRORS",
    "MAX_SHAPES",
    "BatchedStatement",
    "Columns",
    "PoolState",
    "QueryBatcher",
    "RecordedStatement",
    "Row",
    "Select",
    "Selected",
    "TotalCounts",
    "advisory_lock",
    "check_value",
    "column_type",
    "connect",
    "declared_columns",
    "describe_lock",
    "disconnect",
    "fetch",
    "has_session",
    "is_in_transaction",
    "is_stopped",
    "is_unavailable",
    "keeps_statements_apart",
    "milliseconds",
    "model_of",
    "pool_state",
    "record_statements",
    "row_class",
    "row_columns",
    "single_connection",
    "tortoise_config",
]
