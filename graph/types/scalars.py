"""Scalars, and money made of them."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import strawberry
from graphql import FloatValueNode, IntValueNode, StringValueNode, ValueNode, print_ast
from strawberry.types.scalar import ScalarDefinition

from core.money import format_minor, parse_decimal
from engine.graphql import encoder_passthrough
from graph.types.interning import Interned

#: RFC 3339 section 5.6, "date-time", with no more digits than PostgreSQL keeps; T and Z may be in lower case.
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)


def _parse_time(value: Any) -> datetime:
    try:
        if not _DATE_TIME.fullmatch(value):
            raise ValueError
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"DateTime cannot represent {value!r}: write it as 2026-01-31T12:00:00Z, or with an offset"
            " such as +02:00 instead of Z, and with at most six digits of a second"
        ) from None


# orjson, told OPT_UTC_Z, writes such a time in the same way.
@encoder_passthrough(datetime, tzinfo=UTC)
def serialize_time(value: datetime) -> str:
    """Return *value* in UTC with ``Z`` (RFC 3339)."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return f"{value.isoformat()[:-6]}Z"


def _parse_decimal(value: Any) -> Decimal:
    # A float is refused: which number the client has written is lost by then.
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    try:
        return parse_decimal(value)
    except (TypeError, ValueError):
        raise _no_decimal(repr(value)) from None


def _parse_decimal_literal(node: ValueNode, _variables: dict[str, Any] | None = None) -> Decimal:
    """Read a number of a document by its digits, before they would become a float."""
    try:
        if not isinstance(node, StringValueNode | IntValueNode | FloatValueNode):
            raise TypeError
        return parse_decimal(node.value)
    except (TypeError, ValueError):
        raise _no_decimal(print_ast(node)) from None


def _no_decimal(written: str) -> ValueError:
    return ValueError(f'Decimal cannot represent {written}: write it as a string, such as "12.50"')


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment, in the form of RFC 3339: `2026-01-31T12:00:00.123456Z`. Outputs are in UTC, with `Z`."
        " Inputs need `Z` or another offset, such as `+02:00`, and have at most six digits of a second.",
        specified_by_url="https://scalars.graphql.org/chillicream/date-time.html",
        serialize=serialize_time,
        parse_value=_parse_time,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number as a string, so that no binary float rounds it: an optional minus sign,"
        ' digits, and optionally a point and more digits, such as `"12.50"`. Inputs may also be whole numbers; and, in'
        " the text of a document only, numbers with a point.",
        serialize=str,
        parse_value=_parse_decimal,
        parse_literal=_parse_decimal_literal,
    ),
}


@strawberry.type(description="An amount of money.")
class Money:
    """An amount in the one configured currency."""

    amount: str = strawberry.field(
        graphql_type=Decimal, description='The amount, with two decimal places, such as `"49.90"`.'
    )
    currency: str = strawberry.field(description="The ISO 4217 code of the currency, such as `USD`.")


@lru_cache
def _amounts(currency: str) -> Interned[int, Money]:
    return Interned(lambda minor: Money(amount=format_minor(minor), currency=currency))


def moneys(minor: Iterable[int], currency: str) -> list[Money]:
    """Return amounts of *minor* units, none of them negative, as GraphQL values, which are shared: never change one."""
    return list(map(_amounts(currency).__getitem__, minor))
