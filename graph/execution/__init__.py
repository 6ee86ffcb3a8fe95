"""A breadth-first, compiling executor for Strawberry schemas."""

from graph.execution.loader import BatchLoader

__all__ = ["BatchLoader"]
