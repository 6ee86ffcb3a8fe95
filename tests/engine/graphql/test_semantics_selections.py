"""Which fields are executed, and in what order they stand (GraphQL specification, sections 6.3.1 and 6.3.2)."""

from typing import Any

import orjson
import pytest
import strawberry
from graphql import parse

from engine.graphql import Executor, batch_field
from tests.engine.graphql.comparison import refer
from tests.engine.graphql.conftest import Run, errors_of
from tests.engine.graphql.documents import Request

pytestmark = pytest.mark.anyio


@strawberry.type
class Part:
    """A part, with parts of its own."""

    name: str

    @strawberry.field
    async def size(self) -> int:
        """How long its name is."""
        return len(self.name)

    @strawberry.field
    def inner(self) -> "Part":
        """The part inside."""
        return Part(name=self.name + "!")

    @batch_field(graphql_type=list["Part"])  # type: ignore[untyped-decorator]
    async def pair(roots: list[Any], ctx: Any) -> Any:  # noqa: N805
        """Be two at a time."""
        return [[Part(name=root.name + "1"), Part(name=root.name + "2")] for root in roots]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def part(self, name: str = "p") -> Part:
        """One part."""
        return Part(name=name)

    @strawberry.field
    def one(self) -> int:
        """One."""
        return 1

    @strawberry.field
    async def two(self) -> int:
        """Two."""
        return 2

    three: int = 3


SCHEMA = strawberry.Schema(Query)
#: A document, its variables, and the data with the keys in their order.
CASES: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "the document's order": ("{ two one three }", None, '{"two":2,"one":1,"three":3}'),
    "another one": ("{ three two one }", None, '{"three":3,"two":2,"one":1}'),
    "aliases": ("{ b: one a: one one }", None, '{"b":1,"a":1,"one":1}'),
    "awkward names": ("{ __proto: one _: two __: three _1: one }", None, '{"__proto":1,"_":2,"__":3,"_1":1}'),
    "typenames": (
        "{ __typename part { __typename t: __typename } }",
        None,
        '{"__typename":"Query","part":{"__typename":"Part","t":"Part"}}',
    ),
    "the same field again": ("{ one two one }", None, '{"one":1,"two":2}'),
    "a fragment's place is its first": (
        "{ one ...F three } fragment F on Query { two one }",
        None,
        '{"one":1,"two":2,"three":3}',
    ),
    "a fragment that is spread twice": (
        "{ ...F three ...F } fragment F on Query { two }",
        None,
        '{"two":2,"three":3}',
    ),
    "fragments in fragments": (
        "{ ...A } fragment A on Query { part { ...B } } fragment B on Part { ...C size }"
        " fragment C on Part { name }",
        None,
        '{"part":{"name":"p","size":1}}',
    ),
    "inline fragments": ("{ ... { one } ... on Query { two } }", None, '{"one":1,"two":2}'),
    "merged selections": (
        "{ part { name } part { size } ... { part { inner { name } } part { inner { size } } } }",
        None,
        '{"part":{"name":"p","size":1,"inner":{"name":"p!","size":2}}}',
    ),
    "merged lists": (
        "{ part { pair { name } pair { size } } part { pair { pair { name } } } }",
        None,
        '{"part":{"pair":[{"name":"p1","size":2,"pair":[{"name":"p11"},{"name":"p12"}]},'
        '{"name":"p2","size":2,"pair":[{"name":"p21"},{"name":"p22"}]}]}}',
    ),
    "arguments part what has another alias": (
        '{ a: part(name: "x") { name } b: part(name: "yy") { name size } }',
        None,
        '{"a":{"name":"x"},"b":{"name":"yy","size":2}}',
    ),
    "skip": ("{ one @skip(if: true) two @skip(if: false) }", None, '{"two":2}'),
    "include": ("{ one @include(if: true) two @include(if: false) }", None, '{"one":1}'),
    "both": (
        "{ a: one @skip(if: true) @include(if: true) b: one @skip(if: false) @include(if: true)"
        " c: one @skip(if: true) @include(if: false) d: one @include(if: false) @skip(if: false) }",
        None,
        '{"b":1}',
    ),
    "a field that stays by its other place": ("{ one @skip(if: true) two one }", None, '{"two":2,"one":1}'),
    "everything skipped": ("{ part { name @skip(if: true) } one @skip(if: true) }", None, '{"part":{}}'),
    "fragments skipped": (
        "{ one ...F @skip(if: true) ... @include(if: false) { three } } fragment F on Query { two }",
        None,
        '{"one":1}',
    ),
    "a fragment skipped at one of its places": (
        "{ ...F @skip(if: true) one ...F } fragment F on Query { two }",
        None,
        '{"one":1,"two":2}',
    ),
    "a variable skips": (
        "query($no: Boolean!) { one @skip(if: $no) two @include(if: $no) }",
        {"no": True},
        '{"two":2}',
    ),
    "the other way": (
        "query($no: Boolean!) { one @skip(if: $no) two @include(if: $no) }",
        {"no": False},
        '{"one":1}',
    ),
    "a default skips": ("query($no: Boolean! = true) { one @skip(if: $no) two }", {}, '{"two":2}'),
    "a nullable one with a default": (
        "query($no: Boolean = true) { one @skip(if: $no) two }",
        None,
        '{"two":2}',
    ),
    "and its value instead": (
        "query($no: Boolean = true) { one @skip(if: $no) two }",
        {"no": False},
        '{"one":1,"two":2}',
    ),
    "a variable below": (
        "query($no: Boolean!) { part { name @skip(if: $no) ...F } } fragment F on Part"
        " { size @include(if: $no) }",
        {"no": True},
        '{"part":{"size":1}}',
    ),
    "nothing but a typename": ("{ part { __typename } }", None, '{"part":{"__typename":"Part"}}'),
}


@pytest.mark.parametrize(("text", "variables", "data"), CASES.values(), ids=CASES)
async def test_selections(run: Run, text: str, variables: dict[str, Any] | None, data: str) -> None:
    result = await run(SCHEMA, text, variables, root=Query())
    assert result.errors is None
    assert orjson.dumps(result.data).decode() == data


OPERATIONS = "query A { one } query B { two } mutation C { nothing } subscription D { nothing }"
MUTABLE = strawberry.Schema(
    Query,
    mutation=strawberry.type(
        type("Mutation", (), {"__annotations__": {"nothing": int | None}, "nothing": None})
    ),
    subscription=strawberry.type(
        type("Subscription", (), {"__annotations__": {"nothing": int | None}, "nothing": None})
    ),
)


@pytest.mark.parametrize(("name", "data"), [("A", {"one": 1}), ("B", {"two": 2}), ("C", {"nothing": None})])
async def test_the_operation_is_chosen_by_name(run: Run, name: str, data: Any) -> None:
    root = type("Root", (), {"nothing": None})()
    result = await run(MUTABLE, OPERATIONS, root=root, operation_name=name)
    assert (result.data, result.errors) == (data, None)


async def test_a_lone_operation_needs_no_name(run: Run) -> None:
    assert (await run(SCHEMA, "query A { one }")).data == {"one": 1}
    assert (await run(SCHEMA, "query A { one }", operation_name="A")).data == {"one": 1}


#: What is the request's mistake: graphql-core words it, before anything runs.
MISTAKES: dict[str, tuple[str, str | None, dict[str, Any] | None]] = {
    "no name where there are several": (OPERATIONS, None, None),
    "an unknown name": (OPERATIONS, "X", None),
    "an unknown name for a lone one": ("query A { one }", "X", None),
    "a variable of the wrong type": ("query($n: String!) { part(name: $n) { name } }", None, {"n": 1}),
    "a variable missing": ("query($n: String!) { part(name: $n) { name } }", None, {}),
    "null for one that may not be": ("query($n: String!) { part(name: $n) { name } }", None, {"n": None}),
    "a switch that is none": ("query($n: Boolean!) { one @skip(if: $n) }", None, {"n": "yes"}),
    "a switch that is null": ("query($n: Boolean = true) { one @skip(if: $n) }", None, {"n": None}),
    "a switch that is null below": (
        "query($n: Boolean = true) { part { name @skip(if: $n) } }",
        None,
        {"n": None},
    ),
    "a switch missing": ("query($n: Boolean!) { one @skip(if: $n) }", None, {}),
}


@pytest.mark.parametrize(("text", "name", "variables"), MISTAKES.values(), ids=MISTAKES)
async def test_mistakes_of_the_request_have_graphql_cores_words(
    text: str, name: str | None, variables: dict[str, Any] | None
) -> None:
    document = parse(text)
    schema = MUTABLE if "mutation" in text else SCHEMA
    expected = await refer(schema, Request(text, document, name, variables), None, Query())
    result = await Executor(schema).execute(
        document, root_value=Query(), variable_values=variables, operation_name=name
    )
    assert expected.errors
    assert result.data == expected.data
    assert errors_of(result) == errors_of(expected)
    assert [error.locations for error in result.errors or ()] == [
        error.locations for error in expected.errors
    ]
