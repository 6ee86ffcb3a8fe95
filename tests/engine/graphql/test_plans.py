"""Which operations are compiled, how often, and which are left to graphql-core."""

from typing import Any

import pytest
import strawberry
from graphql import parse

from engine.graphql import Executor

pytestmark = pytest.mark.anyio

CALLS: list[str] = []


@strawberry.type
class Item:
    """Something to select from."""

    name: str = "item"


@strawberry.type
class Query:
    """The root."""

    items: list[Item]

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
    assert executor.prepare(parse(text), name, variables) is None
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
    document = parse("query($be: String) { who(be: $be) }")
    plans = {id(executor.prepare(document, None, {"be": f"user {number}"})) for number in range(20)}
    assert len(plans) == 1
    assert executor.compiled == 1


def test_and_for_each_of_its_operations(executor: Executor) -> None:
    document = parse("query A { who } query B { items { name } }")
    assert executor.prepare(document, "A", None) is executor.prepare(document, "A", None)
    assert executor.prepare(document, "A", None) is not executor.prepare(document, "B", None)
    assert executor.compiled == 2


def test_and_for_each_choice_of_skip_and_include(executor: Executor) -> None:
    document = parse(
        "query($v: Boolean!, $be: String) { who(be: $be) @skip(if: $v) items @include(if: $v) { name } }"
    )
    for number in range(10):
        for value in (True, False):
            assert executor.prepare(document, None, {"v": value, "be": str(number), f"other{number}": number})
    assert executor.compiled == 2


def test_a_client_cannot_have_plans_without_end(executor: Executor) -> None:
    switches = [f"v{number}" for number in range(12)]
    declared = ", ".join(f"${name}: Boolean!" for name in switches)
    fields = " ".join(f"a{name}: who @skip(if: ${name})" for name in switches)
    document = parse(f"query({declared}) {{ {fields} }}")
    for number in range(200):
        executor.prepare(document, None, {name: bool(number >> bit & 1) for bit, name in enumerate(switches)})
    assert 1 <= executor.compiled <= 64
    assert executor.compiled + executor.declined == 200


def test_documents_are_forgotten_in_time() -> None:
    executor = Executor(SCHEMA, max_documents=2)
    first, second, third = (parse("{ who }") for _ in range(3))
    for document in (first, second, first, third, first, second):
        assert executor.prepare(document, None, None)
    assert executor.compiled == 4
