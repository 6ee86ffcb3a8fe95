"""Money is exact: what comes in is what goes out, or is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import MAX_PRICE, format_minor, to_decimal, to_minor


@given(st.integers(0, MAX_PRICE))
def test_minor_units_survive_the_way_out_and_in(minor: int) -> None:
    assert to_minor(to_decimal(minor)) == minor
    assert str(to_decimal(minor)) == format_minor(minor)


@pytest.mark.parametrize(
    ("minor", "text"), [(0, "0.00"), (7, "0.07"), (4990, "49.90"), (10**12, "10000000000.00")]
)
def test_an_amount_is_written_with_two_places(minor: int, text: str) -> None:
    assert format_minor(minor) == text


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_any_decimal_is_exact_or_refused(amount: Decimal) -> None:
    try:
        minor = to_minor(amount)
    except ValueError:
        return
    assert to_decimal(minor) == amount


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("NaN", "must be a number"),
        ("sNaN", "must be a number"),
        ("-Infinity", "must be a number"),
        ("0.001", "at most two decimal places"),
        ("1.00000000000000000000000000000000000001", "at most two decimal places"),
        ("1e-999999", "at most two decimal places"),
        ("-0.01", "between 0 and 100000000.00"),
        ("100000000.01", "between 0 and 100000000.00"),
        ("1e999999", "between 0 and 100000000.00"),
    ],
)
def test_what_is_no_price_is_refused(amount: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        to_minor(Decimal(amount))


def test_a_sum_may_be_larger_than_a_price() -> None:
    largest = to_decimal(10**18)
    assert to_minor(largest, most=10**18) == 10**18
    with pytest.raises(ValueError, match=r"between 0 and 10000000000000000\.00"):
        to_minor(largest + to_decimal(1), most=10**18)


@pytest.mark.parametrize(
    "amount", ["0", "-0", "0.00", "1e2", "12.5", "12.50000000000000000000000000000000000"]
)
def test_it_matters_what_an_amount_is_and_not_how_it_is_written(amount: str) -> None:
    assert to_minor(Decimal(amount)) == int(Decimal(amount) * 100)
