"""What an encoder writes as the scalar would is left to the encoder; everything else is written by the scalar."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
import strawberry
from graphql import parse
from strawberry.schema.config import StrawberryConfig

from engine.graphql import Executor, batch_field, encoder_passthrough

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 1, 2, 12, 0, 0, 500, tzinfo=UTC)
ELSEWHERE = NOON.astimezone(timezone(timedelta(hours=2)))


class Later(datetime):
    """A time that is not exactly ``datetime``."""


@encoder_passthrough(datetime, tzinfo=UTC)
def _write(value: Any) -> str:
    if value.tzinfo is None:
        raise ValueError("somewhere")
    return f"{value.astimezone(UTC).isoformat()[:-6]}Z"


@strawberry.type
class Moments:
    """Times as attributes, in lists, and still to come."""

    at: datetime | None

    @strawberry.field
    def several(self) -> list[datetime | None]:
        """Return a list."""
        return [self.at, None, NOON]

    @strawberry.field
    async def soon(self) -> datetime | None:
        """Return it later."""
        return self.at

    @batch_field(graphql_type=datetime | None)  # type: ignore[untyped-decorator]
    async def together(moments: list[Any], _ctx: Any) -> list[Any]:  # noqa: N805 - the objects
        """Return all."""
        return [moment.at for moment in moments]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def moments(self, info: strawberry.Info) -> list[Moments]:
        """Return one for each time in the context."""
        return [Moments(at=time) for time in info.context]


SCHEMA = strawberry.Schema(
    Query,
    config=StrawberryConfig(
        scalar_map={
            datetime: strawberry.scalar(name="DateTime", serialize=_write, parse_value=datetime.fromisoformat)
        }
    ),
)


async def answer(times: list[Any], *, encoded: bool) -> Any:
    """Ask for the same times in every way."""
    operation = Executor(SCHEMA).plans(parse("{ moments { at several soon together } }")).prepare()
    assert operation
    return await operation.execute(times, encoded=encoded)


async def test_the_encoder_writes_what_the_scalar_would() -> None:
    times = [NOON, ELSEWHERE, NOON.replace(microsecond=0), None, Later(1, 2, 3, tzinfo=UTC)]
    theirs, ours = await answer(times, encoded=False), await answer(times, encoded=True)
    assert theirs.errors is ours.errors is None
    assert orjson.dumps(ours.data, option=orjson.OPT_UTC_Z) == orjson.dumps(theirs.data)
    kinds = [type(moment["at"]) for moment in ours.data["moments"]]
    assert kinds == [datetime, str, datetime, type(None), str]
    assert {type(moment["at"]) for moment in theirs.data["moments"]} == {str, type(None)}


async def test_what_the_scalar_refuses_is_refused() -> None:
    for encoded in (False, True):
        result = await answer([NOON.replace(tzinfo=None)], encoded=encoded)
        assert result.data["moments"][0]["at"] is None
        assert [error.message for error in result.errors] == ["somewhere"] * 4
