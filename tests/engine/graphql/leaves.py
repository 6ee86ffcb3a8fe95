"""The leaves of the test schemas: enums, custom scalars, and the inputs made of them."""

from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition


@strawberry.enum
class Color(Enum):
    """Values that are neither names nor texts."""

    RED = 1
    GREEN = 2
    BLUE = strawberry.enum_value(3, deprecation_reason="out of stock")


@strawberry.enum
class Size(Enum):
    """Numbers as values."""

    SMALL = 10
    LARGE = 20


@strawberry.enum
class Mood(StrEnum):
    """Members that are texts themselves."""

    GLAD = "glad"
    SAD = "sad"


class Shouting(str):
    """A text that is not exactly ``str``."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.upper()


Odd = NewType("Odd", int)


def _serialize_odd(value: Any) -> int | None:
    if value == 0:
        return None
    if value < 0:
        raise GraphQLError(f"{value} is negative", extensions={"code": "NEGATIVE"})
    if value % 2 == 0:
        raise ValueError(f"{value} is even")
    return int(value)


def _parse_odd(value: Any) -> Odd:
    if type(value) is not int or value % 2 == 0:
        raise ValueError(f"{value!r} is not odd")
    return Odd(value)


SCALARS: dict[object, ScalarDefinition] = {
    Odd: strawberry.scalar(name="Odd", serialize=_serialize_odd, parse_value=_parse_odd),
}

LEAF_TYPES: tuple[Any, ...] = (
    *(int, float, str, bool, strawberry.ID),
    *(Color, Size, Mood, Odd, JSON),
    *(date, datetime, time, Decimal, UUID),
)


@strawberry.input
class Filter:
    """An input with defaults of every kind, and itself inside."""

    least: int = 0
    color: Color | None = None
    tags: list[str] = strawberry.field(default_factory=lambda: ["new"])
    sizes: list[Size | None] | None = strawberry.UNSET
    shop_name: str | None = strawberry.field(name="shop", default="main")
    inner: "Filter | None" = None
    odd: Odd | None = None


@strawberry.input(one_of=True)
class Choice:
    """One of several."""

    number: int | None = strawberry.UNSET
    text: str | None = strawberry.UNSET
    filter: Filter | None = strawberry.UNSET


@strawberry.input
class Demand:
    """An input with fields that must be given."""

    price: Decimal
    count: int
    choice: Choice | None = strawberry.UNSET
