"""Resolvers get the arguments that they get from Strawberry under graphql-core."""

from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from graphql import parse
from strawberry import UNSET, Maybe
from strawberry.relay import GlobalID

from engine.graphql import Executor
from tests.engine.graphql.comparison import Seen, refer
from tests.engine.graphql.documents import Request

pytestmark = pytest.mark.anyio


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
        info: strawberry.Info,
        tree: Tree | None = UNSET,
        trees: list[Tree] | None = None,
        ids: list[GlobalID] | None = None,
        color: Color | None = None,
        words: Annotated[list[str] | None, strawberry.argument(name="texts")] = UNSET,
        maybe: Maybe[Tree | None] = None,
    ) -> bool:
        """Put the arguments into the context."""
        info.context.update(tree=tree, trees=trees, ids=ids, color=color, words=words, maybe=maybe)
        return True

    @strawberry.field
    def grow(self, words: list[str] = ["seed"]) -> list[str]:  # noqa: B006
        """Change the argument."""
        words.append("leaf")
        return words


SCHEMA = strawberry.Schema(Query)
DOCUMENT = """
    query($tree: Tree, $trees: [Tree!], $ids: [ID!], $color: Color, $texts: [String!], $maybe: Tree) {
        plant(tree: $tree, trees: $trees, ids: $ids, color: $color, texts: $texts, maybe: $maybe)
    }
"""
ID = "VHJlZTox"
SMALL: dict[str, Any] = {"name": "a"}
CASES: list[dict[str, Any]] = [
    {},
    {"tree": SMALL},
    {"tree": {"name": "a", "number": None, "notTold": 3, "colors": ["RED"], "named": "b"}},
    {"tree": SMALL | {"colors": None, "branches": [SMALL, None, SMALL | {"branches": [SMALL]}]}},
    {"tree": SMALL | {"grid": [[SMALL], []], "lazy": {"maybe": 1, "node": ID}}},
    {"tree": SMALL | {"lazy": {"maybe": None}}},
    {"tree": SMALL | {"lazy": {"node": None}}},
    {"trees": [SMALL, SMALL], "ids": [ID], "color": "RED", "texts": ["x"], "maybe": SMALL},
    {"tree": None, "trees": None, "ids": None, "color": None, "texts": None, "maybe": None},
]
BAD: list[dict[str, Any]] = [
    {"ids": ["?"]},
    {"tree": SMALL | {"lazy": {"maybe": 1, "node": "?"}}},
]


async def outcome(variables: dict[str, Any], *, by_executor: bool) -> tuple[dict[str, Any], list[Seen]]:
    """Return the arguments that the resolver got, and the errors."""
    arguments: dict[str, Any] = {}
    document = parse(DOCUMENT)
    if by_executor:
        operation = Executor(SCHEMA).plans(document).prepare(None, variables)
        assert operation
        result = await operation.run(arguments, None, variables)
    else:
        result = await refer(SCHEMA, Request(DOCUMENT, document, None, variables), arguments)
    return arguments, [Seen.of(error) for error in result.errors or ()]


@pytest.mark.parametrize("variables", CASES)
async def test_arguments_are_what_strawberry_makes_of_them(variables: dict[str, Any]) -> None:
    arguments, errors = await outcome(variables, by_executor=True)
    assert arguments
    assert not errors
    assert (arguments, errors) == await outcome(variables, by_executor=False)


@pytest.mark.parametrize("variables", BAD)
async def test_what_does_not_fit_fails_as_with_strawberry(variables: dict[str, Any]) -> None:
    arguments, errors = await outcome(variables, by_executor=True)
    assert not arguments
    assert len(errors) == 1
    assert (arguments, errors) == await outcome(variables, by_executor=False)


async def test_a_default_list_is_another_one_for_each_run() -> None:
    document = parse("query($words: [String!]) { grow(words: $words) }")
    operation = Executor(SCHEMA).plans(document).prepare()
    assert operation
    for _ in range(3):
        assert (await operation.run(None)).data == {"grow": ["seed", "leaf"]}
