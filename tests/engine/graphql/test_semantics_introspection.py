"""The schema's description of itself, and types by name (GraphQL specification, section 4)."""

from typing import Any

import orjson
import pytest
import strawberry
from graphql import get_introspection_query, parse

from tests.engine.graphql.comparison import refer
from tests.engine.graphql.conftest import Run
from tests.engine.graphql.documents import Request
from tests.engine.graphql.pets import SCHEMA as PETS
from tests.engine.graphql.test_semantics_arguments import SCHEMA as ARGUMENTS

pytestmark = pytest.mark.anyio

FULL = get_introspection_query(
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
    one_of=True,
)
CASES: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "types by name": (
        '{ __type(name: "Dog") { kind name interfaces { name } } }',
        None,
        '{"__type":{"kind":"OBJECT","name":"Dog","interfaces":[{"name":"Pet"},{"name":"Named"}]}}',
    ),
    "a type that there is not": ('{ __type(name: "Nobody") { name } }', None, '{"__type":null}'),
    "a type by a variable": (
        "query($n: String!) { t: __type(name: $n) { possibleTypes { name } } }",
        {"n": "Animal"},
        '{"t":{"possibleTypes":[{"name":"Dog"},{"name":"Cat"}]}}',
    ),
    "wrappers": (
        '{ __type(name: "Query") { fields { name type { kind ofType { kind ofType { name } } } } } }',
        None,
        '{"__type":{"fields":[{"name":"pets","type":{"kind":"NON_NULL","ofType":{"kind":"LIST","ofType":{"name":"Pet"}}}},'
        '{"name":"pet","type":{"kind":"INTERFACE","ofType":null}},'
        '{"name":"named","type":{"kind":"LIST","ofType":{"kind":"INTERFACE","ofType":null}}},'
        '{"name":"animals","type":{"kind":"NON_NULL","ofType":{"kind":"LIST","ofType":{"name":"Animal"}}}},'
        '{"name":"toy","type":{"kind":"INTERFACE","ofType":null}},'
        '{"name":"slow","type":{"kind":"NON_NULL","ofType":{"kind":"LIST","ofType":{"name":"Slow"}}}},'
        '{"name":"slowOne","type":{"kind":"NON_NULL","ofType":{"kind":"INTERFACE","ofType":null}}},'
        '{"name":"dogs","type":{"kind":"NON_NULL","ofType":{"kind":"LIST","ofType":{"name":"Dog"}}}}]}}',
    ),
    "typenames": (
        "{ __schema { __typename queryType { __typename name } mutationType { name } } __typename }",
        None,
        '{"__schema":{"__typename":"__Schema","queryType":{"__typename":"__Type","name":"Query"},'
        '"mutationType":null},"__typename":"Query"}',
    ),
    "beside data": (
        '{ pets { __typename } __type(name: "Cat") { name } }',
        None,
        '{"pets":[],"__type":{"name":"Cat"}}',
    ),
}


@pytest.mark.parametrize(("text", "variables", "data"), CASES.values(), ids=CASES)
async def test_introspection(run: Run, text: str, variables: dict[str, Any] | None, data: str) -> None:
    result = await run(PETS, text, variables, root=type("Root", (), {"pets": []})())
    assert result.errors is None
    assert orjson.dumps(result.data).decode() == data


@pytest.mark.parametrize("schema", [PETS, ARGUMENTS], ids=["pets", "arguments"])
async def test_everything_at_once(run: Run, schema: strawberry.Schema) -> None:
    expected = await refer(schema, Request(FULL, parse(FULL), None, None), None)
    result = await run(schema, FULL)
    assert result.errors is None
    assert orjson.dumps(result.data) == orjson.dumps(expected.data)
    assert len(result.data["__schema"]["types"]) > 15  # type: ignore[index]
