"""How the fields of a Strawberry schema are resolved."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import GraphQLField
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from engine.graphql.batch_fields import BATCH, READS, BatchResolver

_MAY_BE_AWAITABLE = re.compile(r"\b(Any|Await|Corout|Future|Task|object)")


@dataclass(frozen=True, slots=True)
class Resolver:
    """How a field is resolved: at most one of these is set, none if graphql-core's function must be called.

    Args:
        attribute: the name of the attribute that holds the value.
        batch: the batch resolver.
        call: Strawberry's resolver, to be called for each object.
        reads: the attributes that it reads of its object; None if that is not known.
    """

    strawberry: StrawberryField | None
    attribute: str | None = None
    batch: BatchResolver | None = None
    call: Callable[..., Any] | None = None
    is_async: bool = False
    reads: frozenset[str] | None = None


def find_resolver(definition: GraphQLField, schema: strawberry.Schema) -> Resolver:
    """Return how *definition* is resolved."""
    field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(field, StrawberryField):
        return Resolver(None)
    declared = field.metadata.get(READS)
    reads = None if declared is None else frozenset(declared)
    if type(field) is not StrawberryField or field.extensions or _handles_exceptions(field, schema):
        return Resolver(field, reads=reads)
    if field.base_resolver is None:
        if schema.config.default_resolver is not getattr or not field.python_name.isidentifier():
            return Resolver(field, reads=reads)
        return Resolver(field, attribute=field.python_name, reads=frozenset({field.python_name}))
    if batch := field.metadata.get(BATCH):
        return Resolver(field, batch=batch, reads=reads)
    return Resolver(
        field, call=field.base_resolver._unbound_wrapped_func, is_async=field.is_async, reads=reads
    )


def is_never_awaitable(function: Callable[..., Any]) -> bool:
    """Return whether the annotation of a synchronous resolver says that its result is no awaitable."""
    annotation = inspect.signature(function).return_annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return annotation is not inspect.Signature.empty and not _MAY_BE_AWAITABLE.search(text)


def _handles_exceptions(field: StrawberryField, schema: strawberry.Schema) -> bool:
    return bool(schema.schema_converter._get_field_exception_handlers(field))
