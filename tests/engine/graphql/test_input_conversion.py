"""Arguments are converted into what Strawberry would make of them."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from strawberry import UNSET, Maybe
from strawberry.relay import GlobalID
from strawberry.types.arguments import convert_arguments

from engine.graphql.input_conversion import Converters


@strawberry.enum
class Color(Enum):
    """An enum."""

    RED = "red"


@strawberry.input
class Tree:
    """An input of its own type, with every kind of field."""

    name: str
    number: int | None = 7
    not_told: int | None
    colors: list[Color] | None = UNSET
    branches: list["Tree | None"] | None = None
    grid: list[list["Tree"]] | None = None
    lazy: Annotated["Leaf", strawberry.lazy("tests.engine.graphql.test_input_conversion")] | None = None
    other_name: str | None = strawberry.field(default=None, name="named")


@strawberry.input
class Leaf:
    """Named before it is made."""

    maybe: Maybe[int | None]
    node: GlobalID | None = None


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def plant(
        self,
        tree: Tree,
        trees: list[Tree] | None = None,
        ids: list[GlobalID] | None = None,
        color: Color | None = None,
        words: Annotated[list[str] | None, strawberry.argument(name="texts")] = UNSET,
        maybe: Maybe[Tree] = None,
    ) -> int:
        """Never called."""
        raise NotImplementedError


SCHEMA = strawberry.Schema(Query)
ID = "VHJlZTox"
SMALL: dict[str, Any] = {"name": "a"}
CASES: list[dict[str, Any]] = [
    {},
    {"tree": SMALL},
    {"tree": {"name": "a", "number": None, "notTold": 3, "colors": [Color.RED], "named": "b"}},
    {"tree": SMALL | {"colors": None, "branches": [SMALL, None, SMALL | {"branches": [SMALL]}]}},
    {"tree": SMALL | {"grid": [[SMALL], []], "lazy": {"maybe": 1, "node": ID}}},
    {"tree": SMALL | {"lazy": {"maybe": None}}},
    {"tree": SMALL | {"lazy": {"node": None}}},
    {"trees": [SMALL, SMALL], "ids": [ID], "color": Color.RED, "texts": ["x"], "maybe": SMALL},
    {"trees": None, "ids": None, "color": None, "texts": None},
    {"tree": UNSET, "texts": UNSET, "trees": UNSET},
]
BAD: list[dict[str, Any]] = [
    {"ids": ["?"]},
    {"tree": SMALL | {"lazy": {"maybe": 1, "node": "?"}}},
    {"maybe": None},
]


def both(raw: dict[str, Any]) -> list[Any]:
    """Return what either makes of *raw*: the arguments, or the class of the error."""
    definition: Any = SCHEMA.get_type_by_name("Query")
    (field,) = definition.fields
    converters = Converters(SCHEMA.config, SCHEMA.schema_converter.scalar_registry)
    ours = [converters.argument(argument) for argument in field.arguments]
    registry = SCHEMA.schema_converter.scalar_registry
    ways: tuple[Callable[[], Any], ...] = (
        lambda: converters.convert(raw, ours, None),
        lambda: convert_arguments(raw, field.arguments, scalar_registry=registry, config=SCHEMA.config),
    )
    outcomes: list[Any] = []
    for way in ways:
        try:
            outcomes.append(way())
        except Exception as error:
            outcomes.append((type(error), str(error)))
    return outcomes


@pytest.mark.parametrize("raw", CASES)
def test_what_fits_becomes_what_strawberry_makes_of_it(raw: dict[str, Any]) -> None:
    ours, theirs = both(raw)
    assert isinstance(ours, dict)
    assert ours == theirs


@pytest.mark.parametrize("raw", BAD)
def test_what_does_not_fit_fails_as_with_strawberry(raw: dict[str, Any]) -> None:
    ours, theirs = both(raw)
    assert isinstance(ours, tuple)
    assert ours == theirs


def test_lists_are_never_the_very_lists_that_were_given() -> None:
    words = ["x"]
    ours, _ = both({"texts": words})
    assert ours["words"] == words
    assert ours["words"] is not words
