"""Lists of every shape, given in every way (GraphQL specification, section 6.4.3)."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import strawberry

from engine.graphql import batch_field
from tests.engine.graphql.conftest import Run, errors_of
from tests.engine.graphql.values import Arriving, Later

pytestmark = pytest.mark.anyio

TROUBLE = ValueError("trouble")
#: What a list of these shapes of an ``Int`` comes to. ``...`` stands for null by an error.
SHAPES: dict[str, Any] = {
    "[Int]": list[int | None] | None,
    "[Int!]": list[int] | None,
    "[Int]!": list[int | None],
    "[Int!]!": list[int],
}
#: Value; whether the list itself, or one of its items, is null or in error; and where.
VALUES: dict[str, tuple[Any, str, list[str | int]]] = {
    "values": ([1, 2], "", []),
    "nothing": ([], "", []),
    "a null": ([1, None, 2], "null item", [1]),
    "an error": ([1, TROUBLE, 2], "bad item", [1]),
    "a wrong item": ([1, "x", 2], "wrong item", [1]),
    "null": (None, "null list", []),
    "an error instead": (TROUBLE, "bad list", []),
    "no list": (7, "no list", []),
    "a text": ("12", "no list", []),
    "an object": ({"a": 1}, "no list", []),
}
MESSAGES = {
    "null item": "Cannot return null for non-nullable field Query.{name}.",
    "null list": "Cannot return null for non-nullable field Query.{name}.",
    "bad item": "trouble",
    "bad list": "trouble",
    "wrong item": "Int cannot represent non-integer value: 'x'",
    "no list": "Expected Iterable, but did not find one for field 'Query.{name}'.",
}


def _sync(root: strawberry.Parent[Any]) -> Any:
    if isinstance(root, Exception):
        raise root
    return root


async def _async(root: strawberry.Parent[Any]) -> Any:
    await asyncio.sleep(0)
    return _sync(root)


def _awaitable(root: strawberry.Parent[Any]) -> Any:
    return Later(root, 1)


def _awaited_items(root: strawberry.Parent[Any]) -> Any:
    return [Later(item, 2) for item in root] if isinstance(root, list) else root


def _one_item_late(root: strawberry.Parent[Any]) -> Any:
    return [Later(item, 1) if item == 2 else item for item in root] if isinstance(root, list) else root


def _generator(root: strawberry.Parent[Any]) -> Any:
    def give() -> Iterator[Any]:
        yield from root

    return give() if isinstance(root, list) else root


def _arriving(root: strawberry.Parent[Any]) -> Any:
    return Arriving(root, None) if isinstance(root, list) else root


def _tuple(root: strawberry.Parent[Any]) -> Any:
    return tuple(root) if isinstance(root, list) else root


async def _batch(roots: list[Any], ctx: Any) -> Any:
    await asyncio.sleep(0)
    return roots


WAYS: dict[str, Callable[..., Any]] = {
    "sync": _sync,
    "async": _async,
    "awaitable": _awaitable,
    "awaited items": _awaited_items,
    "one item late": _one_item_late,
    "generator": _generator,
    "async iterable": _arriving,
    "tuple": _tuple,
    "batch": _batch,
}


def _schema() -> strawberry.Schema:
    """Return a schema with a field for each shape and way."""
    fields: dict[str, Any] = {}
    for shape_number, shape in enumerate(SHAPES.values()):
        for way_number, (way, resolver) in enumerate(WAYS.items()):
            options: dict[str, Any] = {"graphql_type": shape, "name": f"f{shape_number}{way_number}"}
            declare: Any = batch_field(resolver, **options) if way == "batch" else None
            fields[options["name"]] = declare or strawberry.field(resolver, **options)
    return strawberry.Schema(strawberry.type(type("Query", (), fields)))


SCHEMA = _schema()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", WAYS)
async def test_lists(run: Run, way: str, shape: str) -> None:
    for value in VALUES:
        await _check(run, way, shape, value)


async def _check(run: Run, way: str, shape: str, value: str) -> None:
    given, trouble, below = VALUES[value]
    name = f"f{list(SHAPES).index(shape)}{list(WAYS).index(way)}"
    result = await run(SCHEMA, f"{{ {name} }}", root=given)
    item_may_be_null, list_may_be_null = "!]" not in shape, not shape.endswith("!")
    is_error = bool(trouble) and not (
        (trouble == "null item" and item_may_be_null) or (trouble == "null list" and list_may_be_null)
    )
    expected: Any = {name: given}
    if trouble.endswith("item") and item_may_be_null:
        expected = {name: [1, None, 2]}
    elif is_error or trouble == "null list":
        expected = {name: None} if list_may_be_null else None
    assert result.data == expected
    message = MESSAGES.get(trouble, "").format(name=name)
    assert errors_of(result) == ([([name, *below], message)] if is_error else [])


@strawberry.type(name="Query")
class Mixed:
    """Itself again and again, with a list that comes in another way each time."""

    way: strawberry.Private[str] = "none"

    @strawberry.field(graphql_type=list["Mixed"])  # type: ignore[untyped-decorator]
    def all(self) -> Any:
        """Be there once for each way."""
        return [Mixed(way=way) for way in ("generator", "broken", "tuple", "later", "arriving", "generator")]

    @strawberry.field(graphql_type=list[int] | None)  # type: ignore[untyped-decorator]
    def numbers(self) -> Any:
        """Give two numbers."""
        if self.way == "broken":
            return map(int, ["1", "x"])
        ways: dict[str, Callable[..., Any]] = {
            "generator": iter,
            "tuple": tuple,
            "later": lambda numbers: Later(iter(numbers), 2),
            "arriving": lambda numbers: Arriving(numbers, None),
        }
        return ways[self.way]([1, 2])


async def test_lists_that_can_be_read_but_once_stand_beside_those_that_are_awaited(run: Run) -> None:
    result = await run(strawberry.Schema(Mixed), "{ all { numbers } }", root=Mixed())
    assert result.data == {"all": [{"numbers": None if place == 1 else [1, 2]} for place in range(6)]}
    assert errors_of(result) == [(["all", 1, "numbers"], "invalid literal for int() with base 10: 'x'")]
