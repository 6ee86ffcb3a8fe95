"""The comparison itself: it accepts graphql-core's answers, and notices every kind of wrong one."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, GraphQLError, parse

from tests.engine.graphql.comparison import Truth, ambiguous, differences, observe, refer
from tests.engine.graphql.documents import Request

pytestmark = pytest.mark.anyio


@strawberry.type
class Leaf:
    """Something below."""

    name: str
    weight: float | None = 1.0

    @strawberry.field
    def broken(self) -> int | None:
        """Fail where null may be."""
        raise ValueError("broken")

    @strawberry.field
    async def lost(self) -> int:
        """Fail where null may not be."""
        raise ValueError("lost")

    @strawberry.field
    async def gone(self) -> int:
        """Fail beside ``lost``."""
        raise ValueError("gone")


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def leaf(self) -> Leaf | None:
        """One."""
        return Leaf(name="oak")

    @strawberry.field
    def leaves(self) -> list[Leaf | None]:
        """Two, and nothing."""
        return [Leaf(name="ash"), None, Leaf(name="elm", weight=None)]


SCHEMA = strawberry.Schema(Query)


def _request(text: str) -> Request:
    return Request(text, parse(text), None, None)


async def _judged(text: str) -> tuple[ExecutionResult, Truth]:
    request = _request(text)
    return await refer(SCHEMA, request, None, Query()), await observe(SCHEMA, request, None, Query())


QUERY = "{ leaf { name weight broken } leaves { weight name broken } }"
Mutation = Callable[[Any, list[GraphQLError]], None]


def _swap(data: Any, errors: list[GraphQLError]) -> None:
    data["leaf"]["name"] = data["leaf"].pop("name")


def _moved(error: GraphQLError, **changes: Any) -> GraphQLError:
    parts: dict[str, Any] = {"nodes": error.nodes, "path": error.path, "original_error": error.original_error}
    return GraphQLError(**({"message": error.message} | parts | changes))


def _set(place: list[Any], value: Any) -> Mutation:
    def change(data: Any, errors: list[GraphQLError]) -> None:
        for key in place[:-1]:
            data = data[key]
        data[place[-1]] = value

    return change


def _error(change: Callable[[list[GraphQLError]], object]) -> Mutation:
    def mutation(data: Any, errors: list[GraphQLError]) -> None:
        change(errors)

    return mutation


def _replace(**changes: Any) -> Mutation:
    def change(data: Any, errors: list[GraphQLError]) -> None:
        errors[0] = _moved(errors[0], **changes)

    return change


WRONG: dict[str, Mutation] = {
    "keys in another order": _swap,
    "another text": _set(["leaf", "name"], "beech"),
    "an int for a float": _set(["leaf", "weight"], 1),
    "true for 1.0": _set(["leaf", "weight"], True),
    "null for a value": _set(["leaf", "name"], None),
    "nothing for null": lambda data, errors: data["leaves"][2].pop("weight") and None,
    "a value for null": _set(["leaves", 1], {}),
    "an object nulled": _set(["leaf"], None),
    "a list turned around": lambda data, errors: data["leaves"].reverse(),
    "an item more": lambda data, errors: data["leaves"].append(None),
    "a field more": _set(["leaf", "extra"], 1),
    "an error missing": _error(lambda errors: errors.pop()),
    "no errors": _error(lambda errors: errors.clear()),
    "an error twice": _error(lambda errors: errors.append(errors[0])),
    "an error more": _error(lambda errors: errors.append(GraphQLError("more", path=["leaf", "name"]))),
    "an error without a path": _error(lambda errors: errors.append(GraphQLError("more"))),
    "another path": _replace(path=["leaves", 1, "broken"]),
    "a path without its index": _replace(path=["leaves", "broken"]),
    "no path": _replace(path=None),
    "another message": _replace(message="Broken"),
    "no locations": _replace(nodes=None),
    "no cause": _replace(original_error=None),
    "another cause": _replace(original_error=TypeError("broken")),
    "extensions": _replace(extensions={"code": "BROKEN"}),
}


async def test_graphql_cores_own_answer_is_right() -> None:
    reference, truth = await _judged(QUERY)
    assert len(reference.errors or ()) == 3
    assert differences(reference, reference, truth) == []
    assert not ambiguous(truth)


@pytest.mark.parametrize("mutation", WRONG.values(), ids=WRONG)
async def test_a_wrong_answer_is_noticed(mutation: Mutation) -> None:
    reference, truth = await _judged(QUERY)
    data, errors = copy.deepcopy(reference.data), list(reference.errors or ())
    mutation(data, errors)
    assert differences(ExecutionResult(data, errors), reference, truth)


async def test_an_error_out_of_nowhere_is_noticed() -> None:
    reference, _ = await _judged("{ leaf { name } }")
    answer = ExecutionResult(reference.data, [GraphQLError("more", path=["leaf", "name"])])
    assert differences(answer, reference, None)
    assert differences(reference, reference, None) == []


@pytest.fixture
async def two_reasons() -> tuple[ExecutionResult, Truth, dict[str, GraphQLError]]:
    """An object that is null for two reasons, with a field inside that failed by itself."""
    text = "{ leaf { name broken lost gone } }"
    reference, truth = await _judged(text)
    causes = {"lost": ValueError("lost"), "gone": ValueError("gone"), "broken": ValueError("broken")}
    (operation,) = parse(text).definitions
    nodes = {node.name.value: node for node in operation.selection_set.selections[0].selection_set.selections}  # type: ignore[attr-defined]
    return (
        reference,
        truth,
        {
            name: GraphQLError(name, nodes=[nodes[name]], path=["leaf", name], original_error=cause)
            for name, cause in causes.items()
        },
    )


Reasons = tuple[ExecutionResult, Truth, dict[str, GraphQLError]]


@pytest.mark.parametrize(
    ("names", "right"),
    [
        (["lost"], True),
        (["gone"], True),
        (["lost", "broken"], True),
        (["broken", "gone"], True),
        (["lost", "gone"], False),
        (["broken"], False),
        ([], False),
        (["lost", "lost"], False),
    ],
)
async def test_one_error_for_one_null_is_right_whichever(
    two_reasons: Reasons, names: list[str], right: bool
) -> None:
    reference, truth, errors = two_reasons
    assert reference.data == {"leaf": None}
    assert ambiguous(truth)
    answer = ExecutionResult(reference.data, [errors[name] for name in names])
    assert (differences(answer, reference, truth) == []) is right


async def test_a_null_at_the_root_has_one_error() -> None:
    reference, truth = await _judged("{ leaf { name } }")
    truth.errors.clear()
    assert differences(ExecutionResult(None, []), reference, truth)
