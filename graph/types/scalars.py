"""Scalars, and money made of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, cast

import strawberry
from strawberry.types.scalar import ScalarDefinition

from core.money import to_decimal
from engine.graphql import encoder_passthrough


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


#: Amounts that are kept.
MAX_AMOUNTS = 20_000

SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, such as `2026-01-31T12:00:00.123456Z` (RFC 3339).",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=serialize_time,
        parse_value=_parse_time,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number, as a string such as `"12.50"`: no binary float touches it.',
        serialize=str,
        parse_value=_parse_decimal,
    ),
}


@strawberry.type(description="An amount of money.")
class Money:
    """An amount in the one configured currency."""

    amount: Decimal = strawberry.field(description='The amount with two decimal places, such as `"49.90"`.')
    currency: str = strawberry.field(description="The currency's ISO 4217 code, such as `USD`.")


class _Amounts(dict[int, Money]):
    """Amounts of one currency, each made when it is first looked up."""

    def __init__(self, currency: str) -> None:
        super().__init__()
        self.currency = currency

    def __missing__(self, minor: int) -> Money:
        if len(self) >= MAX_AMOUNTS:
            self.clear()
        # Written as the scalar would write it: prices are what lists are full of.
        amount = self[minor] = Money(amount=cast("Decimal", str(to_decimal(minor))), currency=self.currency)
        return amount


#: Made once a currency, of which there is one.
_amounts = lru_cache(_Amounts)


def moneys(minor: Iterable[int], currency: str) -> list[Money]:
    """Return amounts of *minor* units as GraphQL values, the same one for all who ask: nobody changes them."""
    return list(map(_amounts(currency).__getitem__, minor))
