"""Mutations: one root field after the other (GraphQL specification, section 6.2.2)."""

import asyncio
from typing import Any

import pytest
import strawberry

from engine.graphql import batch_field
from tests.engine.graphql.conftest import Run, errors_of

pytestmark = pytest.mark.anyio


@strawberry.type
class Counter:
    """What a mutation returns: the number as it is when the selection is executed."""

    steps: strawberry.Private[list[str]]

    @strawberry.field
    async def count(self) -> int:
        """Count the steps so far, after a turn of the loop."""
        await asyncio.sleep(0)
        return len(self.steps)

    @strawberry.field
    async def never(self) -> int:
        """Fail, where null may not be."""
        raise ValueError("never")


@strawberry.type
class Query:
    """Nothing much."""

    here: bool = True


@strawberry.type
class Mutation:
    """Each field writes down when it began and ended."""

    @strawberry.mutation
    async def slow(self, info: strawberry.Info, name: str) -> Counter:
        """Take a few turns."""
        steps: list[str] = info.context
        steps.append(f"{name} begins")
        for _ in range(5):
            await asyncio.sleep(0)
        steps.append(f"{name} ends")
        return Counter(steps=steps)

    @strawberry.mutation
    def quick(self, info: strawberry.Info, name: str) -> Counter | None:
        """Take none."""
        info.context.append(f"{name} at once")
        return Counter(steps=info.context)

    @strawberry.mutation
    async def fail(self, info: strawberry.Info) -> int | None:
        """Fail, where null may be."""
        info.context.append("fail")
        raise ValueError("no")

    @strawberry.mutation
    async def fatal(self, info: strawberry.Info) -> int:
        """Fail, where null may not be."""
        info.context.append("fatal")
        raise ValueError("fatal")

    @batch_field(graphql_type=int)  # type: ignore[untyped-decorator]
    async def together(roots: list[Any], ctx: Any, name: str) -> list[int]:  # noqa: N805
        """Be a batch of one."""
        ctx.append(f"{name} in a batch of {len(roots)}")
        await asyncio.sleep(0)
        ctx.append(f"{name} after it")
        return [len(ctx)]


SCHEMA = strawberry.Schema(Query, mutation=Mutation)
Case = tuple[str, Any, list[Any], list[str]]
CASES: dict[str, Case] = {
    "one after the other, each with its selection": (
        'mutation { a: slow(name: "a") { count } b: quick(name: "b") { count } c: slow(name: "c") { count } }',
        {"a": {"count": 2}, "b": {"count": 3}, "c": {"count": 5}},
        [],
        ["a begins", "a ends", "b at once", "c begins", "c ends"],
    ),
    "a nullable failure stops nothing": (
        'mutation { a: slow(name: "a") { count } fail b: quick(name: "b") { count } }',
        {"a": {"count": 2}, "fail": None, "b": {"count": 4}},
        [(["fail"], "no")],
        ["a begins", "a ends", "fail", "b at once"],
    ),
    "nothing begins once the answer is null": (
        'mutation { a: quick(name: "a") { count } fatal b: quick(name: "b") { count } c: slow(name: "c") { count } }',
        None,
        [(["fatal"], "fatal")],
        ["a at once", "fatal"],
    ),
    "nor when a failure below reaches the root": (
        'mutation { a: slow(name: "a") { never } b: quick(name: "b") { count } }',
        None,
        [(["a", "never"], "never")],
        ["a begins", "a ends"],
    ),
    "but it goes on when a failure stops half way": (
        'mutation { a: quick(name: "a") { never } b: quick(name: "b") { count } }',
        {"a": None, "b": {"count": 2}},
        [(["a", "never"], "never")],
        ["a at once", "b at once"],
    ),
    "batches and typenames keep their places": (
        'mutation { a: together(name: "a") __typename b: slow(name: "b") { __typename } c: together(name: "c") }',
        {"a": 2, "__typename": "Mutation", "b": {"__typename": "Counter"}, "c": 6},
        [],
        ["a in a batch of 1", "a after it", "b begins", "b ends", "c in a batch of 1", "c after it"],
    ),
    "the order is that of the merged selection": (
        'mutation { ...F b: quick(name: "b") { count } } fragment F on Mutation'
        ' { a: quick(name: "a") { count } b: quick(name: "b") { __typename } }',
        {"a": {"count": 1}, "b": {"__typename": "Counter", "count": 2}},
        [],
        ["a at once", "b at once"],
    ),
}


@pytest.mark.parametrize(("text", "data", "errors", "steps"), CASES.values(), ids=CASES)
async def test_mutations_run_in_order(
    run: Run, text: str, data: Any, errors: list[Any], steps: list[str]
) -> None:
    done: list[str] = []
    result = await run(SCHEMA, text, context=done)
    assert result.data == data
    assert list(result.data or ()) == list(data or ())
    assert errors_of(result) == errors
    assert done == steps
