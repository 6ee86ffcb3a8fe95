"""Arguments: literals, variables, defaults and nulls, as the resolver gets them (section 6.4.1)."""

from collections.abc import Callable
from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from engine.graphql import batch_field
from tests.engine.graphql.conftest import Run, errors_of
from tests.engine.graphql.leaves import SCALARS, Choice, Color, Demand, Filter, Mood, Odd, Size

pytestmark = pytest.mark.anyio


def _told(**arguments: Any) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


#: The parameters of the fields, each of which is there once for every way of resolving.
PARAMETERS = {
    "int": "n: int = 3",
    "must": "n: int",
    "null": "n: int | None = 4",
    "unset": "n: int | None = strawberry.UNSET",
    "maybe": "n: strawberry.Maybe[int | None] = None",
    "list": "n: list[int] | None = None",
    "grid": "n: list[list[int | None]] | None = None",
    "color": "n: Color = Color.GREEN",
    "colors": "n: list[Color] | None = None",
    "mood": "n: Mood | None = None",
    "odd": "n: Odd | None = None",
    "filter": "n: Filter | None = None",
    "demand": "n: Demand | None = None",
    "choice": "n: Choice | None = None",
    "id": "n: strawberry.ID | None = None",
    "two": "a: int = 1, b: str = 'x'",
}
_ = (Choice, Color, Demand, Filter, Mood, Odd, Size)


def _function(name: str, parameters: str, way: str) -> Any:
    names = [parameter.split(":")[0].strip() for parameter in parameters.split(", ")]
    told = f"_told({', '.join(f'{one}={one}' for one in names)})"
    source = {
        "sync": f"def {name}(self, {parameters}) -> str: return {told}",
        "async": f"async def {name}(self, {parameters}) -> str: return {told}",
        "batch": f"async def {name}(roots: list[Any], ctx: Any, {parameters}) -> Any: return [{told} for _ in roots]",
    }[way]
    namespace: dict[str, Any] = {}
    exec(source, globals(), namespace)
    return namespace[name]


def _schema() -> strawberry.Schema:
    fields: dict[str, Any] = {}
    for name, parameters in PARAMETERS.items():
        for way in ("sync", "async", "batch"):
            declare: Callable[..., Any] = batch_field if way == "batch" else strawberry.field
            function = _function(f"{name}_{way}", parameters, way)
            fields[f"{name}_{way}"] = declare(function, graphql_type=str | None, name=f"{name}_{way}")
    config = StrawberryConfig(scalar_map=SCALARS, auto_camel_case=False)
    return strawberry.Schema(strawberry.type(type("Query", (), fields)), config=config)


SCHEMA = _schema()
FILTER = "Filter(least={}, color={}, tags={}, sizes={}, shop_name={}, inner={}, odd={})"
NEW = FILTER.format(0, None, "['new']", "UNSET", "'main'", None, None)
NULL = (
    "Argument 'n' has invalid value: Expected variable '$v' provided to non-null type 'Int!' not to be None."
)
#: Parameters, arguments, the variable's declaration, the variables, and what the resolver is told; or an error.
CASES: dict[str, tuple[str, str, str, dict[str, Any] | None, str]] = {
    "a literal": ("int", "(n: 5)", "", None, "n=5"),
    "a default": ("int", "", "", None, "n=3"),
    "a variable": ("int", "(n: $v)", "$v: Int!", {"v": 6}, "n=6"),
    "a float for an int": ("int", "(n: $v)", "$v: Int!", {"v": 6.0}, "n=6"),
    "a variable that is not given": ("int", "(n: $v)", "$v: Int", {}, "n=3"),
    "no variables at all": ("int", "(n: $v)", "$v: Int", None, "n=3"),
    "null for a variable that may not be": ("int", "(n: $v)", "$v: Int", {"v": None}, "! " + NULL),
    "a variable's default": ("int", "(n: $v)", "$v: Int = 8", {}, "n=8"),
    "null instead of the variable's default": ("int", "(n: $v)", "$v: Int = 8", {"v": None}, "! " + NULL),
    "a value instead of it": ("int", "(n: $v)", "$v: Int = 8", {"v": 9}, "n=9"),
    "a required argument by a default": ("must", "(n: $v)", "$v: Int = 8", None, "n=8"),
    "null by a literal": ("null", "(n: null)", "", None, "n=None"),
    "null by a variable": ("null", "(n: $v)", "$v: Int", {"v": None}, "n=None"),
    "nothing by a variable": ("null", "(n: $v)", "$v: Int", {}, "n=4"),
    "null by the variable's default": ("null", "(n: $v)", "$v: Int = null", {}, "n=None"),
    "unset": ("unset", "", "", None, "n=UNSET"),
    "unset by a variable": ("unset", "(n: $v)", "$v: Int", {}, "n=UNSET"),
    "null where it could be unset": ("unset", "(n: null)", "", None, "n=None"),
    "maybe not": ("maybe", "", "", None, "n=None"),
    "maybe null": ("maybe", "(n: null)", "", None, "n=Some(None)"),
    "maybe something": ("maybe", "(n: $v)", "$v: Int", {"v": 1}, "n=Some(1)"),
    "a list": ("list", "(n: [1, 2])", "", None, "n=[1, 2]"),
    "one for a list": ("list", "(n: 1)", "", None, "n=[1]"),
    "a variable in a list": ("list", "(n: [1, $v])", "$v: Int!", {"v": 2}, "n=[1, 2]"),
    "a list by a variable": ("list", "(n: $v)", "$v: [Int!]", {"v": [7]}, "n=[7]"),
    "one for a list by a variable": ("list", "(n: $v)", "$v: [Int!]", {"v": 7}, "n=[7]"),
    "a grid": ("grid", "(n: [[1, null], []])", "", None, "n=[[1, None], []]"),
    "one for a grid": ("grid", "(n: 1)", "", None, "n=[[1]]"),
    "nothing in a grid": ("grid", "(n: [[$v]])", "$v: Int", {}, "n=[[None]]"),
    "an enum's default": ("color", "", "", None, "n=<Color.GREEN: 2>"),
    "an enum": ("color", "(n: RED)", "", None, "n=<Color.RED: 1>"),
    "an enum by a variable": ("color", "(n: $v)", "$v: Color!", {"v": "BLUE"}, "n=<Color.BLUE: 3>"),
    "enums": ("colors", "(n: [RED, $v])", "$v: Color = GREEN", None, "n=[<Color.RED: 1>, <Color.GREEN: 2>]"),
    "an enum of texts": ("mood", "(n: SAD)", "", None, "n=<Mood.SAD: 'sad'>"),
    "a scalar": ("odd", "(n: 7)", "", None, "n=7"),
    "a scalar by a variable": ("odd", "(n: $v)", "$v: Odd", {"v": 9}, "n=9"),
    "an id of an int": ("id", "(n: 7)", "", None, "n='7'"),
    "an id of an int by a variable": ("id", "(n: $v)", "$v: ID", {"v": 7}, "n='7'"),
    "an input's defaults": ("filter", "(n: {})", "", None, f"n={NEW}"),
    "no input": ("filter", "", "", None, "n=None"),
    "an input": (
        "filter",
        '(n: {least: 2, color: RED, tags: ["a"], sizes: [SMALL, null], shop: null, odd: 3})',
        "",
        None,
        "n=" + FILTER.format(2, "<Color.RED: 1>", "['a']", "[<Size.SMALL: 10>, None]", None, None, 3),
    ),
    "an input by a variable": (
        "filter",
        "(n: $v)",
        "$v: Filter",
        {"v": {"shop": "s", "inner": {}, "tags": "one"}},
        "n=" + FILTER.format(0, None, "['one']", "UNSET", "'s'", NEW, None),
    ),
    "variables in an input": (
        "filter",
        "(n: {least: $v, inner: {shop: $w}})",
        "$v: Int!, $w: String",
        {"v": 4, "w": None},
        "n="
        + FILTER.format(
            4,
            None,
            "['new']",
            "UNSET",
            "'main'",
            FILTER.format(0, None, "['new']", "UNSET", None, None, None),
            None,
        ),
    ),
    "a variable in an input that is not given": (
        "filter",
        "(n: {shop: $v, color: $w, least: 1})",
        "$v: String, $w: Color",
        {},
        "n=" + FILTER.format(1, None, "['new']", "UNSET", "'main'", None, None),
    ),
    "an input that must be full": (
        "demand",
        '(n: {price: "1.50", count: 2})',
        "",
        None,
        "n=Demand(price=Decimal('1.50'), count=2, choice=UNSET)",
    ),
    "one of": ("choice", "(n: {number: 1})", "", None, "n=Choice(number=1, text=UNSET, filter=UNSET)"),
    "one of by a variable": (
        "choice",
        "(n: $v)",
        "$v: Choice",
        {"v": {"text": "t"}},
        "n=Choice(number=UNSET, text='t', filter=UNSET)",
    ),
    "two of": (
        "choice",
        "(n: $v)",
        "$v: Choice",
        {"v": {"text": "t", "number": 1}},
        "!! OneOf Input Object 'Choice' must specify exactly one key.",
    ),
    "none of": (
        "choice",
        "(n: $v)",
        "$v: Choice",
        {"v": {}},
        "!! OneOf Input Object 'Choice' must specify exactly one key.",
    ),
    "one that is null": (
        "choice",
        "(n: $v)",
        "$v: Choice",
        {"v": {"text": None}},
        "!! Value for member field 'text' must be non-null",
    ),
    "a wrong variable": (
        "int",
        "(n: $v)",
        "$v: Int!",
        {"v": "x"},
        "!! Variable '$v' has invalid value: Int cannot represent non-integer value: 'x'",
    ),
    "a wrong scalar": ("odd", "(n: $v)", "$v: Odd", {"v": 2}, "!! Variable '$v' has invalid value"),
    "a wrong field of an input": (
        "filter",
        "(n: $v)",
        "$v: Filter",
        {"v": {"nobody": 1}},
        "!! Variable '$v' has invalid value",
    ),
    "a missing field of an input": (
        "demand",
        "(n: $v)",
        "$v: Demand",
        {"v": {"count": 1}},
        "!! Variable '$v' has invalid value",
    ),
    "a wrong enum": ("color", "(n: $v)", "$v: Color!", {"v": "GREY"}, "!! Variable '$v' has invalid value"),
    "a missing variable": ("int", "(n: $v)", "$v: Int!", {}, "!! Variable '$v' has invalid value"),
    "arguments in another order": ("two", '(b: "y", a: 2)', "", None, "a=2, b='y'"),
}


@pytest.mark.parametrize("case", CASES)
async def test_arguments(run: Run, case: str) -> None:
    for way in ("sync", "async", "batch"):
        await _check(run, way, *CASES[case])


async def _check(
    run: Run, way: str, name: str, arguments: str, declared: str, variables: dict[str, Any] | None, told: str
) -> None:
    field = f"{name}_{way}"
    text = f"query{f'({declared})' if declared else ''} {{ {field}{arguments} }}"
    result = await run(SCHEMA, text, variables, root=object())
    if told.startswith("!! "):
        assert result.data is None
        assert [path for path, _ in errors_of(result)] == [None]
        assert told[3:] in errors_of(result)[0][1]
    elif told.startswith("! "):
        assert result.data == {field: None}
        assert errors_of(result) == [([field], told[2:])]
    else:
        assert (result.data, result.errors) == ({field: told}, None)


async def test_every_mistake_in_the_variables_is_told(run: Run) -> None:
    text = (
        "query($a: Int!, $b: Color!, $c: Filter) { x: int_sync(n: $a) color_sync(n: $b) filter_sync(n: $c) }"
    )
    result = await run(SCHEMA, text, {"a": "x", "b": 1, "c": {"least": None, "nobody": 2}})
    assert result.data is None
    assert len(result.errors or ()) == 4
    assert all(error.path is None for error in result.errors or ())


async def test_a_list_that_a_resolver_changes_is_fresh_the_next_time(run: Run) -> None:
    def spoil(self: Any, n: list[int]) -> int:
        n.append(9)
        return len(n)

    schema = strawberry.Schema(strawberry.type(type("Query", (), {"spoil": strawberry.field(spoil)})))
    for _ in range(2):
        assert (await run(schema, "{ a: spoil(n: [1]) b: spoil(n: [1, 2]) }")).data == {"a": 2, "b": 3}
        assert (await run(schema, "query($v: [Int!]!) { spoil(n: $v) }", {"v": [1]})).data == {"spoil": 2}
