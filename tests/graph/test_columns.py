"""No dark data: what is stored can be read by whoever may know it, or stands here with the reason why not.

Every column of every model is looked at. One is read by the field of its model's GraphQL type that has its name, or by
the one in ``ELSEWHERE``; that the field reads it is what its resolver declares, and what the executor goes by when it
selects columns (``tests/graph/test_reads.py``).
"""

from typing import Any

import pytest
from fastapi import FastAPI
from graphql import GraphQLObjectType, get_named_type
from strawberry.utils.str_converters import to_camel_case
from tortoise.models import Model

import models
from engine.graphql.fields import find_resolver
from engine.graphql.schema import core_schema
from graph.schema import build_schema

pytestmark = pytest.mark.anyio

#: Columns by the field that reads them, where that has another name.
ELSEWHERE = {
    "api_usage.day": "ApiUsage.lastDay",
    "order_events.id": "OrderEvent.cursor",
    "order_items.accepted_price": "OrderItem.agreedPrice",
    "order_items.available": "OrderItem.shortage",
    "order_items.order_id": "Order.items",
    "sessions.user_id": "User.sessions",
}
_MAILED = "a token is told to a mailbox and to nobody else, not even that it has been sent"
#: Columns that nobody can read by GraphQL, and why.
SECRET = {
    "api_usage.id": "nothing refers to it",
    "idempotency_keys.created_at": "the order's own time, but for a moment",
    "idempotency_keys.expires_at": "24 hours after the order",
    "idempotency_keys.id": "nothing refers to it",
    "idempotency_keys.key": "the client's own, who sends it again to see the order; it goes after 24 hours",
    "idempotency_keys.order_id": "who has the key is answered with the order; `replayed` tells that it was used",
    "idempotency_keys.request_hash": "a digest of what the order says",
    "idempotency_keys.user_id": "the order's own user",
    "one_time_tokens.created_at": _MAILED,
    "one_time_tokens.email": _MAILED,
    "one_time_tokens.expires_at": _MAILED,
    "one_time_tokens.purpose": _MAILED,
    "one_time_tokens.token_hash": "whoever has the token is the person; nobody needs its digest",
    "one_time_tokens.user_id": _MAILED,
    "order_events.user_id": "that of `order`, copied for an index",
    "order_failures.id": "nothing refers to it; cursors say it",
    "products.name_key": "what `name` is sorted by",
    "sessions.network": "the part of `address` that tells one device from another",
    "sessions.revoked_at": "a session that has ended is shown to nobody",
    "sessions.token_hash": "whoever has the token is the person; nobody needs its digest",
    "users.deleted_at": "a deleted user is shown to nobody",
    "users.erased_at": "notes of the sweep about a user who is shown to nobody",
    "users.full_name_key": "what `fullName` is sorted by",
    "users.password_hash": "nobody needs it, and it can be guessed at offline (CWE-916)",
}
MODELS = [value for value in vars(models).values() if isinstance(value, type) and issubclass(value, Model)]


def columns_of(model: type[Model]) -> dict[str, str]:
    """Return the columns by their full names: what the field of the same name would be called."""
    foreign = {str(model._meta.fields_map[name].source_field): name for name in model._meta.fk_fields}
    return {
        f"{model._meta.db_table}.{column}": to_camel_case(foreign.get(column, column))
        for column in model._meta.fields_db_projection.values()
    }


@pytest.mark.parametrize("model", MODELS)
async def test_every_column_is_read_by_a_field_or_secret_for_a_reason(
    model: type[Model], app: FastAPI
) -> None:
    schema = build_schema()
    types: dict[str, Any] = core_schema(schema).type_map
    for column, same_name in columns_of(model).items():
        if column in SECRET:
            continue
        type_name, _, field = ELSEWHERE.get(column, f"{model.__name__}.{same_name}").partition(".")
        kind = types.get(type_name)
        assert isinstance(kind, GraphQLObjectType), f"{column} is dark: there is no type {type_name}"
        assert field in kind.fields, f"{column} is dark: {type_name} has no field {field}"
        if type_name == model.__name__:
            reads = find_resolver(kind.fields[field], schema).reads or ()
            assert column.partition(".")[2] in reads, f"{type_name}.{field} does not read {column}"
        else:  # what a row belongs to leads to it
            assert get_named_type(kind.fields[field].type).name in (
                model.__name__,
                f"{model.__name__}Connection",
            )
            (owner,) = [name for name in model._meta.fk_fields if column.endswith(f".{name}_id")]
            related: Any = model._meta.fields_map[owner]
            assert related.related_model.__name__ == type_name


async def test_what_is_listed_is_a_column_that_no_field_reads(app: FastAPI) -> None:
    schema = build_schema()
    types: dict[str, Any] = core_schema(schema).type_map
    columns = {column: model for model in MODELS for column in columns_of(model)}
    assert set(SECRET) | set(ELSEWHERE) <= set(columns)
    assert not set(SECRET) & set(ELSEWHERE)
    for column in SECRET:
        kind = types.get(columns[column].__name__)
        for name, field in getattr(kind, "fields", {}).items():
            assert column.partition(".")[2] not in (find_resolver(field, schema).reads or ()), (column, name)
