"""A breadth-first, compiling executor for Strawberry schemas.

It knows nothing of what a schema is about, and needs nothing of the rest of this project.
"""

from engine.graphql.executor import Executor, Operation
from engine.graphql.fields import batch_field, reads
from engine.graphql.leaves import encoded_alike
from engine.graphql.objects import decided_by_class

__all__ = [
    "Executor",
    "Operation",
    "batch_field",
    "decided_by_class",
    "encoded_alike",
    "reads",
]
