"""Arguments without variables are converted once; no run sees what another has made of them."""

from collections.abc import Mapping
from typing import Any

import pytest
import strawberry
from graphql import parse
from strawberry.types.arguments import InputContext

from engine.graphql import Executor

pytestmark = pytest.mark.anyio


@strawberry.input
class Inner:
    """Part of an input."""

    words: list[str]


@strawberry.input
class Outer:
    """An input whose conversions are counted."""

    inner: Inner | None = None
    number: int = 1

    def __post_init__(self) -> None:
        conversions.append(self.number)


@strawberry.input
class Own:
    """An input that makes its value itself."""

    number: int


conversions: list[int] = []
made: list[int] = []


def _make(_: type, value: Mapping[str, Any], context: InputContext) -> Any:
    made.append(value["number"])
    assert context.info
    return (context.info.context, value["number"])


Own.__strawberry_definition__.from_input = _make  # type: ignore[attr-defined]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def told(
        self, outer: Outer, words: list[str] | None = None, first: int = 20, last: int | None = None
    ) -> str:
        """Tell what was given, and spoil it."""
        text = f"{outer.inner and outer.inner.words} {outer.number} {words or 'unset'} {first} {last}"
        outer.number = 99
        if outer.inner:
            outer.inner.words.append("spoilt")
        if words:
            words.append("spoilt")
        return text

    @strawberry.field
    def own(self, own: Own) -> str:
        """Tell what it has made of itself."""
        return str(own)


SCHEMA = strawberry.Schema(Query)


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    conversions.clear()
    made.clear()


async def runs(document: str, *variables: dict[str, Any], context: Any = None) -> list[Any]:
    """Run one operation with one set of variables after the other."""
    operation = Executor(SCHEMA).plans(parse(document)).prepare()
    assert operation
    results = [await operation.run(context, None, values) for values in variables]
    assert [result.errors for result in results] == [None] * len(results)
    return [next(iter(result.data.values())) for result in results if result.data]


async def test_constants_are_converted_once_and_never_spoilt() -> None:
    document = '{ told(outer: { inner: { words: ["a"] }, number: 5 }, words: ["b"], first: 3) }'
    assert await runs(document, {}, {}, {}) == ["['a'] 5 ['b'] 3 None"] * 3
    assert conversions == [5]


async def test_what_holds_a_variable_is_converted_each_time() -> None:
    document = "query($n: Int!, $w: [String!]) { told(outer: { number: $n }, words: $w, last: 7) }"
    answers = await runs(document, {"n": 1, "w": ["x"]}, {"n": 2}, {"n": 3, "w": ["y"]})
    assert answers == ["None 1 ['x'] 20 7", "None 2 unset 20 7", "None 3 ['y'] 20 7"]
    assert conversions == [1, 2, 3]


async def test_a_variable_deep_in_an_input_is_seen() -> None:
    document = "query($w: String!) { told(outer: { inner: { words: [$w] } }) }"
    answers = await runs(document, {"w": "x"}, {"w": "y"})
    assert answers == ["['x'] 1 unset 20 None", "['y'] 1 unset 20 None"]


async def test_an_input_that_makes_itself_is_made_for_each_run() -> None:
    assert await runs("{ own(own: { number: 4 }) }", {}, {}, context="here") == ["('here', 4)"] * 2
    assert made == [4, 4]
