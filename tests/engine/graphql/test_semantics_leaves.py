"""Leaves: what each scalar and enum makes of each value (GraphQL specification, sections 3.5 and 3.9)."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from engine.graphql import core_schema
from tests.engine.graphql.conftest import Run, errors_of
from tests.engine.graphql.leaves import LEAF_TYPES, SCALARS, Color, Mood, Odd, Shouting, Size
from tests.engine.graphql.values import ODD_LEAVES, Later, Plain

pytestmark = pytest.mark.anyio

#: Scalar, value, and what stands in the response; a text in ``Bad`` is a part of the error's message.
NAN, INFINITY = float("nan"), float("inf")


class Bad(str):
    """A part of an error's message."""

    __slots__ = ()


OUT_OF_RANGE = Bad("non 32-bit signed integer value: ")
CASES: list[tuple[str, Any, str]] = [
    ("Int", 2**31 - 1, "2147483647"),
    ("Int", -(2**31), "-2147483648"),
    ("Int", 2**31, OUT_OF_RANGE),
    ("Int", -(2**31) - 1, OUT_OF_RANGE),
    ("Int", True, "1"),
    ("Int", 3.0, "3"),
    ("Int", 3.5, Bad("non-integer value: 3.5")),
    ("Int", "12", "12"),
    ("Int", "x", Bad("non-integer value: 'x'")),
    ("Int", NAN, Bad("non-integer value: nan")),
    ("Int", Size.LARGE, Bad("Int cannot represent non-integer value")),
    ("Float", 1.5, "1.5"),
    ("Float", 3, "3.0"),
    ("Float", -0.0, "-0.0"),
    ("Float", True, "1"),
    ("Float", NAN, Bad("non numeric value: nan")),
    ("Float", INFINITY, Bad("non numeric value: inf")),
    ("Float", -INFINITY, Bad("non numeric value: -inf")),
    ("Float", "1.25", "1.25"),
    ("Float", "", Bad("non numeric value: ''")),
    ("Float", 10**400, Bad("Float cannot represent non numeric value: 1000")),
    ("String", "é\n", '"é\\n"'),
    ("String", 12, '"12"'),
    ("String", True, '"true"'),
    ("String", 1.5, '"1.5"'),
    ("String", Mood.GLAD, '"glad"'),
    ("String", Shouting("x"), '"x"'),
    ("String", Plain(), '"plain"'),
    ("String", [1], Bad("String cannot represent value: [1]")),
    ("String", b"x", Bad("String cannot represent value: b'x'")),
    ("Boolean", True, "true"),
    ("Boolean", 0, "false"),
    ("Boolean", 1.0, "true"),
    ("Boolean", "true", Bad("Boolean cannot represent a non boolean value: 'true'")),
    ("ID", "a", '"a"'),
    ("ID", 12, '"12"'),
    ("ID", -1.0, '"-1"'),
    ("ID", 1.5, Bad("ID cannot represent value: 1.5")),
    ("ID", True, Bad("ID cannot represent value: True")),
    ("ID", UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    ("Color", Color.RED, '"RED"'),
    ("Color", 2, '"GREEN"'),
    ("Color", "RED", Bad("Enum 'Color' cannot represent value: 'RED'")),
    ("Color", Size.SMALL, Bad("Enum 'Color' cannot represent value")),
    ("Size", 10, '"SMALL"'),
    ("Size", 11, Bad("Enum 'Size' cannot represent value: 11")),
    ("Mood", Mood.SAD, '"SAD"'),
    ("Mood", "glad", '"GLAD"'),
    ("Mood", "GLAD", Bad("Enum 'Mood' cannot represent value: 'GLAD'")),
    ("Odd", 3, "3"),
    ("Odd", 2, Bad("2 is even")),
    ("Odd", -1, Bad("-1 is negative")),
    ("Odd", 0, Bad("to return non-nullable value, returned: None")),
    ("JSON", {"b": [None, 1.5], "a": {}}, '{"b":[null,1.5],"a":{}}'),
    ("Date", date(2026, 1, 31), '"2026-01-31"'),
    ("Date", "2026-01-31", Bad("has no attribute 'isoformat'")),
    ("DateTime", datetime(2026, 1, 31, 1, 2, 3, tzinfo=UTC), '"2026-01-31T01:02:03+00:00"'),
    ("Time", time(1, 2), '"01:02:00"'),
    ("Decimal", Decimal("1.50"), '"1.50"'),
    ("Decimal", 3, '"3"'),
    ("UUID", UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
]
_NAMES = (
    "Int",
    "Float",
    "String",
    "Boolean",
    "ID",
    "Color",
    "Size",
    "Mood",
    "Odd",
    "JSON",
    "Date",
    "DateTime",
    "Time",
    "Decimal",
    "UUID",
)
TYPES: dict[str, Any] = dict(zip(_NAMES, LEAF_TYPES, strict=True))


def _given(root: strawberry.Parent[Any]) -> Any:
    return root.value


async def _given_later(root: strawberry.Parent[Any]) -> Any:
    return root.value


def _given_twice(root: strawberry.Parent[Any]) -> Any:
    return [root.value, root.value]


def _given_deep(root: strawberry.Parent[Any]) -> Any:
    return [[root.value], []]


def _schema() -> strawberry.Schema:
    """Return a schema with an attribute, a method, a coroutine and a list of each leaf."""
    fields: dict[str, Any] = {"__annotations__": {}}
    for name, kind in TYPES.items():
        nullable: Any = kind | None
        items: Any = list[nullable]
        fields["__annotations__"][f"attr_{name}"] = nullable
        for way, resolver, shape in (
            ("sync", _given, nullable),
            ("must", _given, kind),
            ("async", _given_later, nullable),
            ("list", _given_twice, items),
            ("grid", _given_deep, list[items]),
        ):
            fields[f"{way}_{name}"] = strawberry.field(resolver, graphql_type=shape, name=f"{way}_{name}")
    query = strawberry.type(type("Query", (), fields))
    config = StrawberryConfig(scalar_map=SCALARS, auto_camel_case=False)
    return strawberry.Schema(query, config=config)


SCHEMA = _schema()
WAYS = {"attr": "{}", "sync": "{}", "async": "{}", "must": "{}", "list": "[{0},{0}]", "grid": "[[{}],[]]"}


def _root(value: Any) -> Any:
    return type("Root", (), {"value": value} | {f"attr_{name}": value for name in TYPES})()


@pytest.mark.parametrize(("name", "value", "response"), CASES, ids=str)
async def test_leaves(run: Run, name: str, value: Any, response: str) -> None:
    for way in WAYS:
        await _check(run, name, value, response, way)


async def _check(run: Run, name: str, value: Any, response: str, way: str) -> None:
    field = f"{way}_{name}"
    result = await run(SCHEMA, f"{{ {field} }}", root=_root(value))
    if not isinstance(response, Bad):
        assert result.errors is None
        assert orjson.dumps(result.data).decode() == f'{{"{field}":{WAYS[way].format(response)}}}'
        return
    nulls = {"must": "null", "list": f'{{"{field}":[null,null]}}', "grid": f'{{"{field}":[[null],[]]}}'}
    assert orjson.dumps(result.data).decode() == nulls.get(way, f'{{"{field}":null}}')
    places: dict[str, list[list[int]]] = {"list": [[0], [1]], "grid": [[0, 0]]}
    told = errors_of(result)
    assert [path for path, _ in told] == [[field, *place] for place in places.get(way, [[]])]
    assert all(response in message for _, message in told), told


@pytest.mark.parametrize("way", WAYS)
async def test_a_class_that_was_right_once_may_be_wrong_the_next_time(run: Run, way: str) -> None:
    """Whatever is kept about classes of values must not let a wrong value through."""
    for name in TYPES:
        await _check_again(run, name, way)


async def _check_again(run: Run, name: str, way: str) -> None:
    for value in (*ODD_LEAVES[name], None, ValueError("bad"), Later(None, 1), *reversed(ODD_LEAVES[name])):
        if way == "async" and isinstance(value, Later):
            continue  # what has been awaited is not awaited again
        result = await run(SCHEMA, f"{{ {way}_{name} }}", root=_root(value))
        orjson.dumps(result.data)
        assert bool(result.errors) == _is_bad(name, value, way), value


def _is_bad(name: str, value: Any, way: str) -> bool:
    if isinstance(value, Later):
        value = value.value
    if value is None:
        return way == "must"
    if isinstance(value, Exception):
        return True
    try:
        kind: Any = core_schema(SCHEMA).type_map[name]
        return kind.coerce_output_value(value) is None
    except Exception:
        return True


async def test_a_failing_scalar_keeps_its_extensions(run: Run) -> None:
    result = await run(SCHEMA, "{ sync_Odd }", root=_root(Odd(-3)))
    assert result.errors
    assert result.errors[0].formatted == {
        "message": "-3 is negative",
        "locations": [{"line": 1, "column": 3}],
        "path": ["sync_Odd"],
        "extensions": {"code": "NEGATIVE"},
    }
