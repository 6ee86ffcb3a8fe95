"""graphql-core's schema behind Strawberry's, which has no public name for it, and what Strawberry cannot say of it."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    is_required_argument,
    is_required_input_field,
    resolve_schema_coordinate,
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


def deprecate(schema: Schema, reasons: Mapping[str, str]) -> None:
    """Deprecate fields, arguments, input fields and enum values.

    Args:
        schema: is changed.
        reasons: why, by schema coordinate (https://spec.graphql.org/draft/#sec-Schema-Coordinates).

    Raises:
        ValueError: there is no such thing, or it cannot be deprecated: a type, or an input that is required, which
            nobody can stop using (https://spec.graphql.org/draft/#sec--deprecated).
    """
    for coordinate, reason in reasons.items():
        found = find_deprecatable(core_schema(schema), coordinate)
        if found is None:
            raise ValueError(f"{coordinate} cannot be deprecated")
        found.deprecation_reason = reason


def find_deprecatable(schema: GraphQLSchema, coordinate: str) -> Any:
    """Return the field, argument, input field or enum value at a coordinate; None if there is none that is optional."""
    try:
        found: Any = resolve_schema_coordinate(schema, coordinate)
    except TypeError:  # no such type
        return None
    match getattr(found, "kind", None):
        case "Field":
            return found.field
        case "EnumValue":
            return found.enum_value
        case "FieldArgument" if not is_required_argument(found.field_argument):
            return found.field_argument
        case "InputField" if not is_required_input_field(found.input_field):
            return found.input_field
    return None


def print_schema(schema: Schema) -> str:
    """Return the schema in the definition language, with its own description, which Strawberry does not print."""
    described = print_schema_definition(core_schema(schema))
    return "\n\n".join(filter(None, (described, schema.as_str().strip()))) + "\n"
