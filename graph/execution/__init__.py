"""A breadth-first, compiling executor for Strawberry schemas.

It knows nothing of what a schema is about, and needs nothing of the rest of this project.
"""

from graph.execution.executor import Executor, Operation
from graph.execution.fields import batch_field, reads
from graph.execution.leaves import encoded_alike
from graph.execution.objects import decided_by_class
from graph.execution.remembering import unchanging

__all__ = [
    "Executor",
    "Operation",
    "batch_field",
    "decided_by_class",
    "encoded_alike",
    "reads",
    "unchanging",
]
