"""Scalars that are left to the encoder are written as they would write themselves."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
from hypothesis import given
from hypothesis import strategies as st

from graph.types.scalars import serialize_time

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-7)), timezone(timedelta(minutes=90))])


@given(st.datetimes(timezones=st.just(UTC)))
def test_orjson_writes_a_time_as_the_scalar_does(time: datetime) -> None:
    assert orjson.dumps(time, option=orjson.OPT_UTC_Z).decode() == f'"{serialize_time(time)}"'


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001 - as hypothesis wants it
def test_a_time_is_told_in_utc(time: datetime) -> None:
    assert datetime.fromisoformat(serialize_time(time)) == time
    assert serialize_time(time).endswith("Z")
