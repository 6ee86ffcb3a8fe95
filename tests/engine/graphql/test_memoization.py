"""Selections on objects that never change are executed once for each object, and answered alike."""

from typing import Any

import pytest
import strawberry
from graphql import execute, parse

import engine.graphql.memoization as remembering
from engine.graphql import Executor, unchanging

pytestmark = pytest.mark.anyio


@unchanging
@strawberry.type
class Amount:
    """Counts how often it is looked at."""

    looks: strawberry.Private[list[str]]

    value: int | None
    unit: str

    def __getattribute__(self, name: str) -> Any:
        if name in ("value", "unit"):
            object.__getattribute__(self, "looks").append(name)
        return object.__getattribute__(self, name)


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def amounts(self, info: strawberry.Info) -> list[Amount | None]:
        """Return the context."""
        amounts: list[Amount | None] = info.context
        return amounts


SCHEMA = strawberry.Schema(Query)
ASK = "{ amounts { value unit } }"


@pytest.fixture(autouse=True)
def _forget() -> None:
    remembering._memory.cache_clear()


def amount(value: Any, unit: str = "m") -> Amount:
    return Amount(looks=[], value=value, unit=unit)


async def answer(amounts: list[Amount | None], document: str = ASK, executor: Executor | None = None) -> Any:
    """Ask through the executor, and compare with graphql-core."""
    result = await (executor or Executor(SCHEMA)).execute(parse(document), context_value=amounts)
    theirs: Any = execute(SCHEMA._schema, parse(document), context_value=amounts)
    assert result.formatted == theirs.formatted
    return result


async def looks(amounts: list[Amount | None], executor: Executor, document: Any) -> list[int]:
    """Ask, and return how often each has been looked at."""
    operation = executor.prepare(document)
    assert operation
    for one in amounts:
        if one:
            one.looks.clear()
    await operation.execute(amounts)
    return [len(one.looks) for one in amounts if one]


async def test_what_is_known_is_not_looked_at_again() -> None:
    executor, document = Executor(SCHEMA), parse(ASK)
    one, other = amount(1), amount(2)
    assert await looks([one, None, other], executor, document) == [2, 2]
    third = amount(3)
    assert await looks([other, third, one], executor, document) == [0, 2, 0]
    await answer([one, other, None, third, one])


async def test_each_selection_has_answers_of_its_own() -> None:
    one = amount(1)
    for document in (
        ASK,
        "{ amounts { value } }",
        "{ amounts { v: value u: unit } }",
        "{ amounts { unit: value } }",
    ):
        for _ in range(2):
            await answer([one], document)
    await answer([one], "{ amounts { __typename value } }")
    await answer([one], "{ amounts { value: __typename } }")


async def test_failures_are_not_kept() -> None:
    bad, good = amount("x"), amount(1)
    for _ in range(2):
        result = await answer([bad, good])
        assert len(result.errors) == 1
    await answer([good])


async def test_a_value_that_is_still_to_come_is_awaited() -> None:
    async def wait() -> int:
        return 7

    executor, known = Executor(SCHEMA), amount(1)
    await answer([known], executor=executor)
    for later in (amount(wait()), amount(2)):
        result: Any = await executor.execute(parse(ASK), context_value=[known, later])
        assert [one["value"] for one in result.data["amounts"]] == [1, 7 if later.value != 2 else 2]


async def test_an_object_in_the_place_of_another_has_its_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MAX_OBJECTS", 3)
    executor = Executor(SCHEMA)
    for number in range(50):
        result = await answer([amount(number), amount(number + 1)], executor=executor)
        assert [one["value"] for one in result.data["amounts"]] == [number, number + 1]
    (memory,) = [remembering._memory(Amount, (("value", "value"), ("unit", "unit")))]
    assert len(memory.made) == len(memory.objects) <= 3
