"""A breadth-first, compiling executor of GraphQL operations, for Strawberry schemas (``docs/execution.md``).

It imports Strawberry and graphql-core alone, and knows nothing of what a schema is about.
"""

from engine.graphql.analysis import find_fragments
from engine.graphql.batch_fields import batch_field, reads
from engine.graphql.executor import Executor, Operation, Plans
from engine.graphql.leaves import encoder_passthrough
from engine.graphql.objects import static_type_guard
from engine.graphql.schema import core_schema, deprecate, drop_null_defaults, find_deprecatable, print_schema
from engine.graphql.subfields import selects_only

__all__ = [
    "Executor",
    "Operation",
    "Plans",
    "batch_field",
    "core_schema",
    "deprecate",
    "drop_null_defaults",
    "encoder_passthrough",
    "find_deprecatable",
    "find_fragments",
    "print_schema",
    "reads",
    "selects_only",
    "static_type_guard",
]
