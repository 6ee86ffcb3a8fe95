"""graphql-core's schema behind Strawberry's, which has no public name for it."""

from graphql import GraphQLSchema
from strawberry import Schema


def core_schema(schema: Schema) -> GraphQLSchema:
    """Return the schema as graphql-core knows it: for its ``parse``, ``validate``, ``execute`` and ``TypeInfo``."""
    return schema._schema
