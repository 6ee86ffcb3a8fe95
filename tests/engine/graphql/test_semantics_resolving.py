"""How values are resolved: attributes, methods, extensions, and what a resolver is told (section 6.4.2)."""

from typing import Any

import pytest
import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from tests.engine.graphql.conftest import Run, errors_of
from tests.engine.graphql.things import SCHEMA, BrokenThing, Thing

pytestmark = pytest.mark.anyio


def _root(*things: Any) -> Any:
    return type("Root", (), {"thing": Thing(), "things": list(things), "__repr__": lambda self: "<root>"})()


#: A selection on one thing, its data, and errors below ``thing``.
CASES: dict[str, tuple[str, Any, list[Any]]] = {
    "an attribute": ("plain", {"plain": "plain"}, []),
    "another name": ("otherName", {"otherName": "renamed"}, []),
    "a method": ("method", {"method": "secret"}, []),
    "the info": ("withInfo", {"withInfo": "withInfo with_info w member <root>"}, []),
    "an alias and an argument": ('x: withInfo(word: "z")', {"x": "withInfo with_info z member <root>"}, []),
    "the parent by annotation": ("byParent", {"byParent": "secret"}, []),
    "the parent by name": ("byRoot", {"byRoot": "secret"}, []),
    "nothing at all": ("constant", {"constant": "constant"}, []),
    "a lambda that returns an awaitable": ("lateConstant", {"lateConstant": "late"}, []),
    "an extension": ('shouted(word: "x")', {"shouted": "PLAINX"}, []),
    "an asynchronous extension": ("shoutedLater", {"shoutedLater": "PLAIN!"}, []),
    "a permission": (
        "forMembers forMembersLater",
        {"forMembers": "welcome", "forMembersLater": "welcome"},
        [],
    ),
    "a returned error": ("returned", {"returned": None}, [(["returned"], "returned")]),
    "an error without words": ("silent", {"silent": None}, [(["silent"], "")]),
    "a batch": ("some", {"some": "plain"}, []),
    "a batch without a coroutine": ("atOnce a: atOnce(plus: 3)", {"atOnce": 6, "a": 8}, []),
}


@pytest.mark.parametrize(("selection", "data", "errors"), CASES.values(), ids=CASES)
async def test_resolving(run: Run, selection: str, data: Any, errors: list[Any]) -> None:
    result = await run(SCHEMA, f"{{ thing {{ {selection} }} }}", root=_root(), context="member")
    assert errors_of(result) == [(["thing", *path], message) for path, message in errors]
    assert result.data == {"thing": data}


async def test_a_permission_refuses_with_its_code(run: Run) -> None:
    result = await run(SCHEMA, "{ thing { forMembers forMembersLater } }", root=_root(), context="")
    assert result.data == {"thing": {"forMembers": None, "forMembersLater": None}}
    assert errors_of(result) == [
        (["thing", "forMembers"], "members only"),
        (["thing", "forMembersLater"], "members only"),
    ]
    assert [error.extensions for error in result.errors or ()] == [{"code": "FORBIDDEN"}] * 2


async def test_an_error_keeps_its_extensions(run: Run) -> None:
    result = await run(SCHEMA, "{ thing { coded } }", root=_root())
    assert result.data == {"thing": {"coded": None}}
    assert result.errors
    assert result.errors[0].formatted == {
        "message": "coded",
        "locations": [{"line": 1, "column": 11}],
        "path": ["thing", "coded"],
        "extensions": {"code": "CODED", "list": [1, None]},
    }
    assert isinstance(result.errors[0].original_error, GraphQLError)


async def test_an_error_keeps_its_own_path(run: Run) -> None:
    result = await run(SCHEMA, "{ thing { placed } }", root=_root())
    assert result.data == {"thing": {"placed": None}}
    assert errors_of(result) == [(["elsewhere", 3], "placed")]


async def test_attributes_that_fail_or_are_missing(run: Run) -> None:
    bare = type("Bare", (), {"plain": "bare"})()
    result = await run(SCHEMA, "{ things { plain broken } }", root=_root(Thing(), BrokenThing(), bare))
    assert result.data == {
        "things": [
            {"plain": "plain", "broken": None},
            {"plain": "plain", "broken": None},
            {"plain": "bare", "broken": None},
        ]
    }
    assert errors_of(result) == [
        (["things", 1, "broken"], "broken property"),
        (["things", 2, "broken"], "'Bare' object has no attribute 'broken'"),
    ]


async def test_a_batch_fails_for_one_or_for_all(run: Run) -> None:
    things = [Thing(), Thing(plain="bad"), None, Thing(plain="good")]
    result = await run(SCHEMA, "{ things { some } }", root=_root(*things))
    assert result.data == {"things": [{"some": "plain"}, {"some": None}, None, {"some": "good"}]}
    assert errors_of(result) == [(["things", 1, "some"], "bad")]
    result = await run(SCHEMA, "{ things { allFail } }", root=_root(*things))
    assert result.data == {"things": [None] * 4}
    assert errors_of(result) == [(["things", index, "allFail"], "all") for index in (0, 1, 3)]


async def test_a_batch_that_forgets_somebody_fails_for_all(run: Run) -> None:
    result = await run(SCHEMA, "{ things { tooFew } }", root=_root(Thing(), Thing()))
    assert result.data == {"things": [{"tooFew": None}, {"tooFew": None}]}
    assert [path for path, _ in errors_of(result)] == [["things", 0, "tooFew"], ["things", 1, "tooFew"]]


async def test_the_info_says_what_is_selected(run: Run) -> None:
    def tell(info: strawberry.Info) -> str:
        names = [getattr(part, "name", None) for part in info.selected_fields]
        operation = info.operation.name.value if info.operation.name else None
        return repr((info.variable_values, info.path.key, str(info.return_type), names, operation))

    schema = strawberry.Schema(strawberry.type(type("Query", (), {"tell": strawberry.field(tell)})))
    result = await run(schema, "query Q($a: Boolean!) { x: tell @include(if: $a) }", {"a": True})
    assert result.data == {"x": "({'a': True}, 'x', \"<class 'str'>\", ['tell'], 'Q')"}


async def test_rows_that_are_mappings_by_a_resolver_of_ones_own(run: Run) -> None:
    @strawberry.type
    class Row:
        name: str
        size: int | None

    @strawberry.type(name="Query")
    class Root:
        rows: list[Row]

    config = StrawberryConfig(
        default_resolver=lambda row, name: row[name] if isinstance(row, dict) else getattr(row, name)
    )
    rows = [{"name": "a", "size": 1}, {"name": "b"}]
    result = await run(strawberry.Schema(Root, config=config), "{ rows { name size } }", root={"rows": rows})
    assert result.data == {"rows": [{"name": "a", "size": 1}, {"name": "b", "size": None}]}
    assert errors_of(result) == [(["rows", 1, "size"], "'size'")]


async def test_the_result_is_not_the_applications_own_list(run: Run) -> None:
    numbers: list[Any] = [1, "x", None]
    empty: list[Any] = []

    @strawberry.type(name="Query")
    class Root:
        numbers: list[int | None]
        empty: list[int]

    root = type("Data", (), {"numbers": numbers, "empty": empty})()
    result = await run(strawberry.Schema(Root), "{ numbers empty }", root=root)
    assert result.data == {"numbers": [1, None, None], "empty": []}
    assert numbers == [1, "x", None]
    assert empty == []
