"""Which operations are compiled, how often, and which are left to graphql-core."""

import gc
import weakref
from typing import Any

import pytest
import strawberry
from graphql import DocumentNode, parse

from engine.graphql import Executor

pytestmark = pytest.mark.anyio

CALLS: list[str] = []


@strawberry.type
class Item:
    """Something to select from."""

    name: str = "item"


@strawberry.type
class Other:
    """Has a field of the same name, and of the same generated code."""

    @strawberry.field
    async def who(self) -> str:
        """Tell that it is another one."""
        return "other"


@strawberry.type
class Query:
    """The root."""

    items: list[Item]

    @strawberry.field
    def other(self) -> Other:
        """Return another type."""
        return Other()

    @strawberry.field
    async def who(self, be: str | None = None) -> str:
        """Tell who is asked for, and note it."""
        CALLS.append(be or "")
        return be or ""


SCHEMA = strawberry.Schema(Query)
DECLINED: dict[str, tuple[str, str | None, dict[str, Any] | None]] = {
    "no such operation": ("query A { who }", "B", None),
    "no name": ("query A { who } query B { who }", None, None),
    "a switch that is null": ("query($v: Boolean = true) { who @skip(if: $v) }", None, {"v": None}),
    "a subscription": ("subscription { who }", None, None),
}


@pytest.mark.parametrize(("text", "name", "variables"), DECLINED.values(), ids=DECLINED)
async def test_what_is_declined_has_run_no_resolver(
    text: str, name: str | None, variables: dict[str, Any] | None
) -> None:
    CALLS.clear()
    executor = Executor(SCHEMA)
    assert executor.plans(parse(text)).prepare(name, variables) is None
    assert not CALLS
    assert (executor.compiled, executor.declined) == (0, 1)
    result = await executor.execute(parse(text), variable_values=variables, operation_name=name)
    assert result.errors
    assert executor.declined == 2


@pytest.fixture
def executor() -> Executor:
    """A new executor."""
    return Executor(SCHEMA)


def test_a_plan_is_kept_for_a_document(executor: Executor) -> None:
    plans = executor.plans(parse("query($be: String) { who(be: $be) }"))
    assert len({id(plans.prepare(None, {"be": f"user {number}"})) for number in range(20)}) == 1
    assert executor.compiled == 1


def test_and_for_each_of_its_operations(executor: Executor) -> None:
    plans = executor.plans(parse("query A { who } query B { items { name } }"))
    assert plans.prepare("A", None) is plans.prepare("A", None)
    assert plans.fields == 1
    assert plans.prepare("A", None) is not plans.prepare("B", None)
    assert executor.compiled == 2
    assert plans.fields == 3


def test_and_for_each_choice_of_skip_and_include(executor: Executor) -> None:
    plans = executor.plans(
        parse(
            "query($v: Boolean!, $be: String) { who(be: $be) @skip(if: $v) items @include(if: $v) { name } }"
        )
    )
    for number in range(10):
        for value in (True, False):
            assert plans.prepare(None, {"v": value, "be": str(number), f"other{number}": number})
    assert executor.compiled == 2


def switched(count: int) -> DocumentNode:
    """Return a document with so many fields that variables skip."""
    names = [f"v{number}" for number in range(count)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"a{name}: who @skip(if: ${name})" for name in names)
    return parse(f"query({declared}) {{ {fields} }}")


def test_a_client_cannot_have_plans_without_end() -> None:
    executor = Executor(SCHEMA, max_plans=3)
    plans = executor.plans(switched(4))
    made = [
        plans.prepare(None, {f"v{bit}": bool(number >> bit & 1) for bit in range(4)})
        for number in [*range(16), *range(16)]
    ]
    assert [bool(plan) for plan in made] == ([True] * 3 + [False] * 13) * 2
    assert (executor.compiled, executor.declined) == (3, 26)


def test_unknown_names_of_operations_take_no_plan_from_others() -> None:
    executor = Executor(SCHEMA, max_plans=2)
    plans = executor.plans(parse("query A { who } query B { who }"))
    for number in range(10):
        assert plans.prepare(f"Nobody{number}") is None
    assert plans.prepare("A")
    assert plans.prepare("B")


def test_plans_live_as_long_as_whoever_keeps_them(executor: Executor) -> None:
    document = parse("{ who }")
    plans = executor.plans(document)
    plan = plans.prepare()
    assert plan
    assert plans.prepare() is plan
    code = weakref.ref(plan.select)
    del plans, plan
    gc.collect()
    assert code() is None


async def test_a_plan_outlives_its_document_where_somebody_holds_it(executor: Executor) -> None:
    plan = executor.plans(parse('{ who(be: "here") }')).prepare()
    gc.collect()
    assert plan
    assert (await plan.execute(None)).data == {"who": "here"}


async def test_code_is_shared_by_the_selections_of_all_types_and_stays_theirs() -> None:
    """Whatever is kept of generated code, the same text with other fields behind it answers by those."""
    for max_code_entries in (0, 1, 100):
        executor = Executor(SCHEMA, max_code_entries=max_code_entries)
        for text in ("{ who other { who } }", '{ who(be: "a") other { who } }', "{ other { who } }"):
            result = await executor.execute(parse(text), root_value=Query(items=[]))
            assert result.errors is None
            assert result.data
            assert result.data["other"] == {"who": "other"}
