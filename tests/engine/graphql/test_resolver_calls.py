"""What is promised about resolvers: how often they run, side by side with what, and in whose context."""

import asyncio
from collections import Counter
from contextvars import ContextVar
from typing import Any

import pytest
import strawberry
from graphql import parse

from engine.graphql import Executor, batch_field
from tests.engine.graphql.conftest import errors_of

pytestmark = pytest.mark.anyio

CALLS: Counter[str] = Counter()
SETS: list[list[str]] = []
USER: ContextVar[str] = ContextVar("USER", default="nobody")


class Gate:
    """Lets its visitors go when all have come."""

    def __init__(self, visitors: int) -> None:
        self.missing = visitors
        self.open = asyncio.Event()

    async def pass_through(self) -> None:
        """Come, and wait for the others."""
        self.missing -= 1
        if self.missing <= 0:
            self.open.set()
        await self.open.wait()


@strawberry.type
class Item:
    """Counts whoever resolves something of it."""

    name: str

    @strawberry.field
    def sync(self) -> str | None:
        """Count, and fail for some."""
        CALLS[f"sync {self.name}"] += 1
        return self._fail()

    @strawberry.field
    async def later(self) -> str | None:
        """Count, wait, and fail for some."""
        CALLS[f"later {self.name}"] += 1
        await asyncio.sleep(0)
        return self._fail()

    @strawberry.field
    async def must(self) -> str:
        """Fail for some where null may not be."""
        CALLS[f"must {self.name}"] += 1
        return self._fail()

    def _fail(self) -> str:
        if self.name.startswith("bad"):
            raise ValueError(self.name)
        return self.name

    @batch_field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def together(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Note who came together."""
        SETS.append([root.name for root in roots])
        await asyncio.sleep(0)
        return [ValueError(root.name) if root.name.startswith("bad") else root.name for root in roots]

    @batch_field(graphql_type=list["Item"])  # type: ignore[untyped-decorator]
    async def children(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Have two children each."""
        SETS.append([root.name for root in roots])
        return [[Item(name=f"{root.name}.{number}") for number in range(2)] for root in roots]

    @strawberry.field
    async def meet(self, info: strawberry.Info) -> str:
        """Wait for the others."""
        await info.context.pass_through()
        return self.name

    @strawberry.field(graphql_type=str)  # type: ignore[untyped-decorator]
    def meet_by_awaitable(self, info: strawberry.Info) -> Any:
        """Return a coroutine that waits for the others."""
        return info.context.pass_through_as(self.name)

    @batch_field(graphql_type=str)  # type: ignore[untyped-decorator]
    async def meet_together(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Wait for the others, all at once."""
        await ctx.pass_through()
        return [root.name for root in roots]


class Stay(Gate):
    """Keeps its visitors until they are cancelled, and counts those."""

    def __init__(self, visitors: int) -> None:
        super().__init__(visitors)
        self.cancelled = 0

    async def stay(self) -> None:
        """Come, and never leave."""
        try:
            await self.pass_through()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Meeting(Gate):
    """A gate that returns a value, too."""

    async def pass_through_as(self, name: str) -> str:
        """Come, wait, and return *name*."""
        await self.pass_through()
        return name


@strawberry.type
class Query:
    """The root."""

    items: list[Item | None]

    @strawberry.field
    async def meet(self, info: strawberry.Info) -> str:
        """Wait for the others."""
        await info.context.pass_through()
        return "root"

    @strawberry.field
    async def stay(self, info: strawberry.Info) -> str:
        """Stay until cancelled, and tell."""
        await info.context.stay()
        return "never"

    @batch_field(graphql_type=str)  # type: ignore[untyped-decorator]
    async def stay_together(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Stay until cancelled, and tell."""
        await ctx.stay()

    @strawberry.field
    async def fail(self) -> str:
        """Fail at once, where null may not be."""
        raise ValueError("fail")

    @strawberry.field
    async def who(self, be: str | None = None) -> str:
        """Tell the context variable, after setting it for oneself."""
        if be:
            USER.set(be)
        await asyncio.sleep(0)
        return USER.get()


SCHEMA = strawberry.Schema(Query)


def _root(*names: str) -> Any:
    return type("Root", (), {"items": [Item(name=name) for name in names]})()


async def _run(text: str, root: Any = None, context: Any = None) -> Any:
    CALLS.clear()
    SETS.clear()
    operation = Executor(SCHEMA).plans(parse(text)).prepare(None, None)
    assert operation, "declined"
    async with asyncio.timeout(60):
        return await operation.run(context, root, None)


async def test_each_resolver_runs_once_for_each_object_though_some_fail() -> None:
    result = await _run("{ items { sync later must } }", _root("a", "bad1", "b", "bad2"))
    assert result.data["items"] == [
        {"sync": "a", "later": "a", "must": "a"},
        None,
        {"sync": "b", "later": "b", "must": "b"},
        None,
    ]
    assert set(CALLS) == {
        f"{way} {name}" for way in ("sync", "later", "must") for name in ("a", "b", "bad1", "bad2")
    }
    assert set(CALLS.values()) == {1}


async def test_aliases_are_fields_of_their_own() -> None:
    await _run("{ items { a: later b: later later later } }", _root("x"))
    assert CALLS == {"later x": 3}


async def test_a_batch_runs_once_for_the_set() -> None:
    result = await _run("{ items { together } }", _root("a", "bad1", "b"))
    assert SETS == [["a", "bad1", "b"]]
    assert result.data["items"] == [{"together": "a"}, {"together": None}, {"together": "b"}]
    assert errors_of(result) == [(["items", 1, "together"], "bad1")]


async def test_a_batch_below_lists_of_lists_still_runs_once() -> None:
    await _run("{ items { children { children { together } } } }", _root("a", "b"))
    assert [len(names) for names in SETS] == [2, 4, 8]
    assert SETS[2] == [f"{name}.{i}.{j}" for name in "ab" for i in (0, 1) for j in (0, 1)]


async def test_a_batch_of_nobody_does_not_run() -> None:
    result = await _run("{ items { together children { together } } }", _root())
    assert result.data == {"items": []}
    assert SETS == []


async def test_the_same_object_twice_is_two_of_the_set() -> None:
    item = Item(name="a")
    root = type("Root", (), {"items": [item, None, item]})()
    result = await _run("{ items { together later } }", root)
    assert result.data["items"] == [{"together": "a", "later": "a"}, None, {"together": "a", "later": "a"}]
    assert SETS == [["a", "a"]]
    assert CALLS == {"later a": 2}


@pytest.mark.parametrize(
    ("visitors", "text"),
    [
        (2, "{ a: meet b: meet }"),
        (3, "{ items { meet } }"),
        (4, "{ items { meet } meet }"),
        (6, "{ items { a: meet b: meet } }"),
        (4, "{ items { meetTogether meet } }"),
        (2, "{ items { a: meetTogether } b: meet }"),
        (2, "{ items { a: meetTogether b: meetTogether } }"),
        (4, "{ items { meetTogether meetByAwaitable } }"),
        (6, "{ items { meet meetByAwaitable } }"),
        (2, "{ meet items { children { children { meetTogether } } } }"),
    ],
)
async def test_fields_that_wait_for_each_other_run_side_by_side(visitors: int, text: str) -> None:
    result = await _run(text, _root("a", "b", "c"), Meeting(visitors))
    assert result.errors is None


async def test_context_variables_reach_resolvers_and_stay_apart() -> None:
    token = USER.set("request")
    try:
        result = await _run('{ a: who b: who(be: "b") c: who }')
    finally:
        USER.reset(token)
    assert result.data == {"a": "request", "b": "b", "c": "request"}


@pytest.mark.parametrize(
    "text", ["{ stay }", "{ a: stay b: stay }", "{ stayTogether }", "{ stay stayTogether }"]
)
async def test_a_cancelled_run_cancels_its_resolvers(text: str) -> None:
    visitors = text.count("stay")
    stay = Stay(visitors)
    before = asyncio.all_tasks()
    task = asyncio.create_task(_run(text, context=stay))
    await stay.open.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stay.cancelled == visitors
    assert asyncio.all_tasks() == before


async def test_nothing_runs_on_after_the_answer() -> None:
    before = asyncio.all_tasks()
    result = await _run("{ fail items { must later together } }", _root("a", "bad"))
    assert result.data is None
    assert asyncio.all_tasks() == before
