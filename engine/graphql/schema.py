"""graphql-core's schema behind Strawberry's, which has no public name for it, and what Strawberry cannot say of it."""

from itertools import chain

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)
from graphql.utilities.print_schema import print_schema_definition
from strawberry import Schema


def core_schema(schema: Schema) -> GraphQLSchema:
    """Return the schema as graphql-core knows it: for its ``parse``, ``validate``, ``execute`` and ``TypeInfo``."""
    return schema._schema


def drop_null_defaults(schema: Schema) -> None:
    """Take ``= null`` from every argument and input field, so that the schema says no more than that it is optional.

    Strawberry makes it of Python's ``= None``. What is left out then reaches a resolver as that default of Python's,
    so null and absent stay the same to it.
    """
    for kind in core_schema(schema).type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            inputs = chain(kind.fields.values())
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            inputs = chain.from_iterable(field.args.values() for field in kind.fields.values())
        else:
            continue
        for one in inputs:
            if one.default_value is None:
                one.default_value = Undefined


def print_schema(schema: Schema) -> str:
    """Return the schema in the definition language, with its own description, which Strawberry does not print."""
    described = print_schema_definition(core_schema(schema))
    return "\n\n".join(filter(None, (described, schema.as_str().strip()))) + "\n"
