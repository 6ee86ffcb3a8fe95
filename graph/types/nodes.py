"""Global ids, and the nodes that have them (relay.dev/graphql/objectidentification.htm)."""

import base64
import binascii
from functools import partial
from typing import Any
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case

from core.errors import Problem, ValidationFailed
from engine.graphql import batch_field, reads, static_type_guard
from engine.postgres import model_of
from graph.resolvers.context import Context
from graph.types.interning import Interned
from models import MAX_ID, Order, OrderItem, Product, Session, StockMovement, User

Info = strawberry.Info[Context, None]

#: The description of an argument that several mutations have.
EXPECTED_VERSION = (
    "The `version` that the change was made for. If it is not the present one, nothing changes and the error is"
    " `CONFLICT`. Without it, the change is made in any case."
)

#: The rows that have a global id, by the name of their GraphQL type.
NODE_TYPES: dict[str, type[Any]] = {
    "Order": Order,
    "OrderItem": OrderItem,
    "Product": Product,
    "Session": Session,
    "StockMovement": StockMovement,
    "User": User,
}


def encode_id(type_name: str, key: int | UUID) -> str:
    """Return the global id of a row."""
    return binascii.b2a_base64(f"{type_name}:{key}".encode(), newline=False).decode()


#: The global ids of each type's rows, by primary key.
_ids = {model: Interned(partial(encode_id, name)) for name, model in NODE_TYPES.items()}


def global_id(model: type[Any], key: int | UUID) -> strawberry.ID:
    """Return the global id of a row of *model*, by its primary key."""
    return strawberry.ID(_ids[model][key])


def decode_id(global_id: str, *, argument: str = "id") -> tuple[str, int | UUID]:
    """Return the type name and the primary key that a global id stands for.

    Raises:
        ValidationFailed: it is not a global id.
    """
    try:
        name, _, key = base64.b64decode(global_id, validate=True).decode().partition(":")
        if name == "Session":
            return name, _uuid(key)
        if name not in NODE_TYPES or not key.isascii() or not key.isdecimal() or len(key) > 19:
            raise ValueError(global_id)
        return name, int(key)
    except (ValueError, binascii.Error):
        raise _wrong(argument, "is not a global id") from None


def _wrong(argument: str, reason: str) -> ValidationFailed:
    # Only GraphQL has global ids, so the sentence names the argument as GraphQL does.
    name = ".".join(map(to_camel_case, argument.split(".")))
    return ValidationFailed(Problem(tuple(argument.split(".")), f"{name} {reason}"))


def _uuid(text: str) -> UUID:
    # UUID() would take braces and other decoration, and one row would have many ids.
    if str(UUID(text)) != text:
        raise ValueError(text)
    return UUID(text)


def database_id(global_id: str, type_name: str, *, argument: str = "id") -> int:
    """Return the database id behind a global id of one type; 0, which no row has, if none can have it.

    Raises:
        ValidationFailed: it is not a global id of that type.
    """
    number = _key(global_id, type_name, argument)
    return number if isinstance(number, int) and number <= MAX_ID else 0


def session_id(global_id: str) -> UUID:
    """Return the primary key behind the global id of a session.

    Raises:
        ValidationFailed: it is not a global id of a session.
    """
    key = _key(global_id, "Session", "id")
    return key if isinstance(key, UUID) else UUID(int=0)


def _key(global_id: str, type_name: str, argument: str) -> int | UUID:
    name, key = decode_id(global_id, argument=argument)
    if name != type_name:
        raise _wrong(argument, f"is a global id of type {name}, not {type_name}")
    return key


@strawberry.interface(description="An object with a global ID, by which `node` finds it again.")
class Node:
    """Relay's ``Node``."""

    @batch_field(
        reads=("id",), description="The global ID: opaque, unique among all types, and always the same."
    )
    def id(rows: list[Any], _ctx: Context) -> list[strawberry.ID]:
        ids: Any = _ids[model_of(type(rows[0]))]
        return list(map(ids.__getitem__, [row.id for row in rows]))


def row_id() -> Any:
    """Return the field for a row's primary key."""
    return strawberry.field(
        resolver=_primary_key,
        description="The number by which REST knows it, unique among objects of this type.",
        metadata=reads("id"),
    )


def _primary_key(root: strawberry.Parent[Any]) -> int:
    return int(root.id)


def recognise(model: type[Any]) -> Any:
    """Return the ``is_type_of`` of a GraphQL type for the rows of *model*."""

    def is_type_of(cls: type[Any], value: Any, _info: Any) -> bool:
        return model_of(type(value)) is model or isinstance(value, cls)

    return classmethod(static_type_guard(is_type_of))
