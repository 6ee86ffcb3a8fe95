"""Amounts of money: integers of minor units inside, decimals with two places outside, never a float."""

import re
from decimal import Context, Decimal, Inexact

MINOR_UNITS = 100
#: A hundred million of the currency: the total of 100 items of a million pieces each still fits 64 bits.
MAX_PRICE = 10**10

#: Decimal() alone would also take "1_000", "1e3", "NaN", white space and digits of other scripts.
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
#: Refuses to round; a price in bounds never fills its digits.
_EXACT = Context(prec=28, traps=[Inexact])


def parse_decimal(text: str) -> Decimal:
    """Return exactly the number that *text* writes: ``-?digits[.digits]``, in ASCII and without bounds.

    Raises:
        ValueError: it is written otherwise.
    """
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f'{text!r} is not written as "12.50"')
    return Decimal(text)


def to_decimal(minor: int) -> Decimal:
    """Return *minor* units as a decimal with two places."""
    return Decimal(minor).scaleb(-2)


def format_minor(minor: int) -> str:
    """Return *minor* units, which are not negative, as the text of a decimal with two places."""
    whole, rest = divmod(minor, MINOR_UNITS)
    return f"{whole}.{rest:02}"


def to_minor(amount: Decimal, *, most: int = MAX_PRICE) -> int:
    """Return *amount* in minor units.

    Args:
        most: the largest amount that may be, in minor units.

    Raises:
        ValueError: it is not a number, has more than two places, is negative or too large.
    """
    if not amount.is_finite():
        raise ValueError("must be a number")
    if not 0 <= amount <= to_decimal(most):
        raise ValueError(f"must be between 0 and {to_decimal(most)}")
    try:
        exact = amount.quantize(to_decimal(1), context=_EXACT)
    except Inexact:
        raise ValueError("must have at most two decimal places") from None
    return int(exact * MINOR_UNITS)
