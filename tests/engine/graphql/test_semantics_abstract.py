"""Interfaces and unions: how the type of a value is found, and what is selected from it (section 6.4.3)."""

from typing import Any

import orjson
import pytest

from tests.engine.graphql.conftest import Run, errors_of
from tests.engine.graphql.pets import SCHEMA, CatRow, DogRow, Row
from tests.engine.graphql.values import Later

pytestmark = pytest.mark.anyio


REX, TOM, OLD = DogRow("Rex"), CatRow("Tom"), Row("Old")
#: The name of a root field, its value, the selection, data (in order), errors.
CASES: dict[str, tuple[str, Any, str, str, list[Any]]] = {
    "each value has its own type, in the list's order": (
        "pets",
        [REX, TOM, None, DogRow("Max")],
        "{ __typename name ... on Dog { barks } ... on Cat { meows } }",
        '[{"__typename":"Dog","name":"Rex","barks":true},{"__typename":"Cat","name":"Tom","meows":null},null,'
        '{"__typename":"Dog","name":"Max","barks":true}]',
        [],
    ),
    "a fragment of an interface that the type implements": (
        "animals",
        [TOM, REX],
        "{ ... on Named { name } ... on Dog { ... on Pet { n: name } } }",
        '[{"name":"Tom"},{"name":"Rex","n":"Rex"}]',
        [],
    ),
    "a selection that fits no type": ("pets", [REX], "{ ... on Cat { meows } }", "[{}]", []),
    "a batch of an interface gets the rows of each type": (
        "pets",
        [REX, TOM, DogRow("Max")],
        "{ tag }",
        '[{"tag":"#Rex"},{"tag":"#Tom"},{"tag":"#Max"}]',
        [],
    ),
    "the same row several times": (
        "pets",
        [REX, REX],
        "{ name __typename }",
        '[{"name":"Rex","__typename":"Dog"},{"name":"Rex","__typename":"Dog"}]',
        [],
    ),
    "rows that are awaited": (
        "pets",
        [Later(TOM, 2), REX, Later(None, 1)],
        "{ __typename }",
        '[{"__typename":"Cat"},{"__typename":"Dog"},null]',
        [],
    ),
    "an interface of interfaces": (
        "named",
        [REX, TOM],
        "{ ... on Pet { name } ... on Dog { __typename } }",
        '[{"name":"Rex","__typename":"Dog"},{"name":"Tom"}]',
        [],
    ),
    "an error among the values": (
        "pets",
        [REX, ValueError("gone")],
        "{ name }",
        '[{"name":"Rex"},null]',
        [(["pets", 1], "gone")],
    ),
    "is_type_of fails": (
        "pets",
        [REX, CatRow("Schrödinger's")],
        "{ name }",
        '[{"name":"Rex"},null]',
        [(["pets", 1], "alive or not")],
    ),
    "is_type_of fails for a type known beforehand": (
        "dogs",
        [REX, OLD],
        "{ name }",
        '[{"name":"Rex"},null]',
        [(["dogs", 1], "Expected value of type 'Dog' but got: <Row instance>.")],
    ),
    "no type knows the value": (
        "pet",
        OLD,
        "{ name }",
        "null",
        [
            (
                ["pet"],
                "Abstract type 'Pet' must resolve to an Object type at runtime for field 'Query.pet'. Either the"
                " 'Pet' type should provide a 'resolve_type' function or each possible type should provide an"
                " 'is_type_of' function.",
            )
        ],
    ),
    "no member of the union knows the value": (
        "animals",
        [REX, OLD],
        "{ ... on Dog { name } }",
        '[{"name":"Rex"},null]',
        [
            (
                ["animals", 1],
                f'The type "{Row}" cannot be resolved for the field'
                ' "animals" , are you using a strawberry.field?',
            )
        ],
    ),
    "the interface tells": (
        "toy",
        Row("red"),
        "{ __typename name }",
        '{"__typename":"Ball","name":"red"}',
        [],
    ),
    "the interface fails": ("toy", Row("broken"), "{ name }", "null", [(["toy"], "broken toy")]),
    "the interface tells what the type denies": (
        "toy",
        CatRow("red"),
        "{ name }",
        "null",
        [(["toy"], "Expected value of type 'Ball' but got: <CatRow instance>.")],
    ),
    "the interface tells another type": (
        "toy",
        Row("dog"),
        "{ name }",
        "null",
        [(["toy"], "Runtime Object type 'Dog' is not a possible type for 'Toy'.")],
    ),
    "the interface tells no object type": (
        "toy",
        Row("color"),
        "{ name }",
        "null",
        [(["toy"], "Abstract type 'Toy' was resolved to a non-object type 'String'.")],
    ),
    "the interface tells no type": (
        "toy",
        Row("lost"),
        "{ name }",
        "null",
        [
            (
                ["toy"],
                "Abstract type 'Toy' was resolved to a type 'Nobody' that does not exist inside the schema.",
            )
        ],
    ),
    "the interface tells no name": (
        "toy",
        Row("number"),
        "{ name }",
        "null",
        [
            (
                ["toy"],
                "Abstract type 'Toy' must resolve to an Object type at runtime for field 'Query.toy' with value"
                " <Row instance>, received '7', which is not a valid Object type name.",
            )
        ],
    ),
    "types that take their time": (
        "slow",
        [Row("snail"), Row("sloth"), None, Row("snail")],
        "{ __typename name }",
        '[{"__typename":"Snail","name":"snail"},{"__typename":"Sloth","name":"sloth"},null,'
        '{"__typename":"Snail","name":"snail"}]',
        [],
    ),
    "types that take their time and fail": (
        "slow",
        [Row("broken"), Row("snail"), Row("hare")],
        "{ name }",
        '[null,{"name":"snail"},null]',
        [
            (["slow", 0], "broken snail"),
            (["slow", 2], "Expected value of type 'Sloth' but got: <Row instance>."),
        ],
    ),
}


@pytest.mark.parametrize(("field", "value", "selection", "data", "errors"), CASES.values(), ids=CASES)
async def test_abstract_types(
    run: Run, field: str, value: Any, selection: str, data: str, errors: list[Any]
) -> None:
    result = await run(SCHEMA, f"{{ {field} {selection} }}", root=type("Root", (), {field: value})())
    assert errors_of(result) == errors
    assert orjson.dumps(result.data).decode() == f'{{"{field}":{data}}}'


async def test_a_wrong_value_where_null_may_not_be(run: Run) -> None:
    result = await run(SCHEMA, "{ slowOne { name } }", root=type("Root", (), {"slow_one": Row("broken")})())
    assert result.data is None
    assert errors_of(result) == [(["slowOne"], "broken snail")]
