"""How values are resolved: attributes, methods, extensions, and what a resolver is told (section 6.4.2)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig

from graph.execution import batch_field
from tests.graph.execution.conftest import Run, errors_of
from tests.graph.execution.values import Later

pytestmark = pytest.mark.anyio


class Shout(FieldExtension):
    """Changes the result."""

    def resolve(self, next_: Callable[..., Any], source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        """Shout at once."""
        return next_(source, info, **kwargs).upper()

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        """Shout later."""
        return (await next_(source, info, **kwargs)).upper()


class Members(BasePermission):
    """Lets those in who are in the context."""

    message = "members only"
    error_extensions = {"code": "FORBIDDEN"}

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        """Ask the context."""
        return bool(info.context)


class Waiting(Members):
    """The same, after a while."""

    async def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:  # type: ignore[override]
        """Ask the context later."""
        await asyncio.sleep(0)
        return bool(info.context)


def _constant() -> str:
    return "constant"


@strawberry.type
class Thing:
    """Resolved in many ways."""

    plain: str = "plain"
    renamed: str = strawberry.field(name="otherName", default="renamed")
    secret: strawberry.Private[str] = "secret"

    @strawberry.field
    def method(self) -> str:
        """Use ``self``."""
        return self.secret

    @strawberry.field
    def with_info(self, info: strawberry.Info, word: str = "w") -> str:
        """Use ``info`` and an argument."""
        return f"{info.field_name} {info.python_name} {word} {info.context} {info.root_value}"

    @strawberry.field
    def by_parent(parent: strawberry.Parent["Thing"]) -> str:  # noqa: N805
        """Use the parent by its annotation."""
        return parent.secret

    @strawberry.field
    def by_root(root: "Thing") -> str:  # noqa: N805
        """Use the parent by its name."""
        return root.secret

    constant: str = strawberry.field(resolver=_constant)
    late_constant: str = strawberry.field(resolver=lambda: Later("late", 2))

    @strawberry.field(extensions=[Shout()])  # type: ignore[untyped-decorator]
    def shouted(self, word: str) -> str:
        """Be changed by an extension."""
        return self.plain + word

    @strawberry.field(extensions=[Shout(), Shout()])  # type: ignore[untyped-decorator]
    async def shouted_later(self, word: str = "!") -> str:
        """Be changed by two."""
        await asyncio.sleep(0)
        return self.plain + word

    @strawberry.field(permission_classes=[Members])  # type: ignore[untyped-decorator]
    def for_members(self) -> str | None:
        """Be refused."""
        return "welcome"

    @strawberry.field(permission_classes=[Waiting])  # type: ignore[untyped-decorator]
    async def for_members_later(self) -> str | None:
        """Be refused later."""
        return "welcome"

    @strawberry.field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    def coded(self) -> Any:
        """Fail with extensions."""
        raise GraphQLError("coded", extensions={"code": "CODED", "list": [1, None]})

    @strawberry.field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def placed(self) -> Any:
        """Fail with a path of its own."""
        raise GraphQLError("placed", path=["elsewhere", 3])

    @strawberry.field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    def returned(self) -> Any:
        """Return an error instead of raising it."""
        return ValueError("returned")

    @strawberry.field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def silent(self) -> Any:
        """Fail without a word."""
        raise RuntimeError

    @batch_field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def some(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Fail for one."""
        return [ValueError(root.plain) if root.plain == "bad" else root.plain for root in roots]

    @batch_field(graphql_type=str)  # type: ignore[untyped-decorator]
    async def all_fail(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Fail for everyone."""
        raise ValueError("all")

    @batch_field(graphql_type=str | None)  # type: ignore[untyped-decorator]
    async def too_few(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Forget somebody."""
        return ["x"] * (len(roots) - 1)

    @batch_field(graphql_type=int)  # type: ignore[untyped-decorator]
    def at_once(roots: list[Any], ctx: Any, plus: int = 1) -> Any:  # noqa: N805
        """Be a batch that waits for nothing."""
        return (len(root.plain) + plus for root in roots)

    broken: str | None = None


@strawberry.type
class Query:
    """The root."""

    thing: Thing
    things: list[Thing | None]


SCHEMA = strawberry.Schema(Query)


class BrokenThing:
    """Stands in for a thing, and fails when it is looked at."""

    plain = "plain"

    @property
    def broken(self) -> str | None:
        """Fail."""
        raise ValueError("broken property")


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
