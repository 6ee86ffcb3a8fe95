"""Scalars, and money made of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import strawberry
from strawberry.types.scalar import ScalarDefinition

from core.money import format_minor
from engine.graphql import encoder_passthrough
from graph.types.interning import Interned


def _parse_time(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"DateTime cannot represent {value!r}: write it as 2026-01-31T12:00:00Z") from None


# orjson, told OPT_UTC_Z, writes such a time in the same way.
@encoder_passthrough(datetime, tzinfo=UTC)
def serialize_time(value: datetime) -> str:
    """Return *value* in UTC with ``Z`` (RFC 3339)."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return f"{value.isoformat()[:-6]}Z"


def _parse_decimal(value: Any) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError
        number = Decimal(str(value))
        if not number.is_finite():
            raise ValueError
    except (TypeError, ValueError, InvalidOperation):
        raise ValueError(f'Decimal cannot represent {value!r}: write it as "12.50"') from None
    return number


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, such as `2026-01-31T12:00:00.123456Z` (RFC 3339). Inputs may have another offset"
        " from UTC instead of `Z`; without any, UTC is meant.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=serialize_time,
        parse_value=_parse_time,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number, as a string such as `"12.50"`, so that no binary float rounds it. Inputs'
        " may be numbers, too.",
        serialize=str,
        parse_value=_parse_decimal,
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
