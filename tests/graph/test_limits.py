"""What one document may ask for, and that more is refused."""

import re
from math import ceil

import pytest
from graphql import get_introspection_query, parse

from core.errors import ErrorCode
from core.settings import Settings
from engine.graphql.schema import core_schema
from graph.endpoint.limits import Limits, Measures
from graph.schema import build_schema
from models import Product
from tests.client import Answer, Client
from tests.factories import make_user

pytestmark = pytest.mark.anyio

SCHEMA = core_schema(build_schema())
LIMITS = Limits.of(Settings.model_construct())


async def refused(client: Client, document: str, reason: str) -> Answer:
    answer = await client.graphql(document)
    assert answer.codes, answer.body
    assert set(answer.codes) == {ErrorCode.VALIDATION_ERROR.value}
    assert reason in answer.body["errors"][0]["message"]
    assert "data" not in answer.body
    return answer


def cost(document: str, **variables: object) -> int:
    return Measures(SCHEMA, parse(document)).take(None, variables).cost


PAGE = " fragment P on ProductConnection { nodes { id } }"
#: Characters of an object, of a statement or mutation, and of a leaf that is short.
N, S, L = 100, 10_000, 20
ITEM = N + len("quantity") + L


@pytest.mark.parametrize(
    ("document", "characters"),
    [
        ("{ me { id email } }", 2 + N + 2 + L + 5 + L),
        ("{ products { totalCount } }", 8 + S + N + 10 + S + L),
        ("{ products { nodes { id name } } }", 8 + S + N + 20 * (5 + N + 2 + L + 4 + L)),
        ("{ products(first: 50) { nodes { id } } }", 8 + S + N + 50 * (5 + N + 2 + L)),
        ("{ products(last: 50) { edges { node { id } } } }", 8 + S + N + 50 * (5 + N + 4 + N + 2 + L)),
        ("query($n: Int) { products(first: $n) { nodes { id } } }", 8 + S + N + 20 * (5 + N + 2 + L)),
        ("query($n: Int = 70) { products(first: $n) { nodes { id } } }", 8 + S + N + 70 * (5 + N + 2 + L)),
        ("{ products(first: 1000000000) { nodes { id } } }", 8 + S + N + 100 * (5 + N + 2 + L)),
        ("{ products(first: 99999999999999999999) { nodes { id } } }", 8 + S + N + 100 * (5 + N + 2 + L)),
        ("{ products(first: -5) { nodes { id } } }", 8 + S + N + 5 + N + 2 + L),
        # What a page has once counts once.
        (
            "{ products(first: 50) { pageInfo { endCursor } nodes { id } } }",
            8 + S + N + 8 + N + 9 + L + 50 * (5 + N + 2 + L),
        ),
        (
            "{ ...F } fragment F on Query { products(first: 9) { ...P } }" + PAGE,
            8 + S + N + 9 * (5 + N + 2 + L),
        ),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 5 + 3 * (N + 2 + L)),
        ('query($ids: [ID!]! = ["a", "b"]) { nodes(ids: $ids) { id } }', 5 + 2 * (N + 2 + L)),
        ("{ orders(first: 9) { nodes { items { quantity } } } }", 6 + S + N + 9 * (5 + N + 5 + 100 * ITEM)),
        ("{ me { sessions { isCurrent } } }", 2 + N + 8 + S + 100 * (N + 9 + L)),
        ("{ products(first: 1) { nodes { description } } }", 8 + S + N + 5 + N + 11 + 10_000),
        ("{ products(first: 1) { nodes { %s: id } } }" % ("x" * 5_000), 8 + S + N + 5 + N + 5_000 + L),
        ("mutation { logout(input: {}) { signedOut } }", 6 + S + N + 9 + L),
        ("{ ...F } fragment F on Query { me { id } me { id } }", 2 * (2 + N + 2 + L)),
        ("{ ... on Query { me { id } } ... { me { id } } }", 2 * (2 + N + 2 + L)),
    ],
)
async def test_the_cost_follows_the_formula(document: str, characters: int) -> None:
    assert cost(document) == ceil(characters / 1_000)


async def test_a_page_size_in_a_variable_counts_as_much_as_one_in_the_document() -> None:
    document = "query($n: Int = 5) { products(first: $n) { nodes { price { amount } } } }"
    sizes: list[dict[str, object]] = [{}, {"n": 70}, {"n": 70.0}, {"n": None}, {"n": 10**9}, {"n": -1}]
    written = [
        cost(f"{{ products(first: {n}) {{ nodes {{ price {{ amount }} }} }} }}") for n in (5, 70, 20, 100, 1)
    ]
    assert [cost(document, **size) for size in sizes] == [written[at] for at in (0, 1, 1, 2, 3, 4)]


async def test_an_answer_of_megabytes_is_refused_however_it_is_repeated(client: Client) -> None:
    again = " ".join(f"a{number}: description" for number in range(29))
    for document in (
        f"{{ products(first: 100) {{ nodes {{ description {again} }} }} }}",
        f"{{ products(first: 100) {{ edges {{ node {{ ...F }} }} }} }} fragment F on Product {{ {again} }}",
        "{ products(first: 100) { nodes { a: id %s: id } } }" % ("x" * 99_900),
        "{ orders(first: 100) { nodes { items { %s: quantity } } } }" % ("x" * 2_000),
        "{ orders(first: 100) { nodes { a: items { product { id } } b: items { product { id } } c: items { product {"
        " id } } d: items { product { id } } e: items { product { id } } } } }",
    ):
        await refused(client, document, "cost")


BY_VALUE = "{ users(first: %s) { nodes { orders(first: 100) { nodes { items { quantity } } } } } }"
BY_VARIABLE = (
    "query($n: Int%s) { users(first: $n) { nodes { orders(first: $n) { nodes { items { quantity } } } } } }"
)


async def test_too_much_is_refused_however_it_is_said(client: Client) -> None:
    user = await make_user()
    for document, variables in (
        (BY_VALUE % 100, None),
        (BY_VARIABLE % "", {"n": 100}),
        (BY_VARIABLE % "", {"n": 100.0}),
        (BY_VARIABLE % " = 100", None),
        (BY_VARIABLE % " = 1", {"n": 100}),
    ):
        answer = await client.graphql(document, variables, user=user)
        assert answer.codes == ["VALIDATION_ERROR"]
        assert "cost" in answer.body["errors"][0]["message"]
    for document, variables in ((BY_VALUE % 5, None), (BY_VARIABLE % " = 100", {"n": 5})):
        await client.graphql(document, variables, user=user)
        # The same text, known by now to be valid, is still held to the limits.
        assert (await client.graphql(document, variables, user=user)).codes in ([], ["NOT_OWNER"])
    assert (await client.graphql(BY_VARIABLE % " = 100", {"n": 100}, user=user)).codes == ["VALIDATION_ERROR"]


async def test_depth_is_limited(client: Client) -> None:
    deep = "{ me { orders(first: 1) { nodes { " + "user { orders(first: 1) { nodes { " * 5
    document = deep + "id" + " }" * (deep.count("{"))
    await refused(client, document, f"depth is 19; the limit is {LIMITS.depth}")


async def test_tools_may_look_as_deep_into_types_as_they_do(client: Client) -> None:
    # graphql-js has nine levels (typeDepth), which is a depth of 15; other tools have up to eleven.
    query = get_introspection_query()
    for levels, answered in ((9, True), (11, True), (12, False)):
        nested = "ofType { name " * levels + "}" * levels
        document = re.sub(
            r"fragment TypeRef .*",
            f"fragment TypeRef on __Type {{ kind name {nested} }}",
            query,
            flags=re.DOTALL,
        )
        answer = await client.graphql(document)
        assert (answer.codes == []) == answered, levels


async def test_depth_inside_fragments_counts(client: Client) -> None:
    chain = " ".join(
        f"fragment F{n} on User {{ orders(first: 1) {{ nodes {{ user {{ ...F{n + 1} }} }} }} }}"
        for n in range(6)
    )
    await refused(client, f"{{ me {{ ...F0 }} }} {chain} fragment F6 on User {{ id }}", "depth")


async def test_aliases_are_limited_and_fragments_do_not_hide_them(client: Client) -> None:
    many = " ".join(f"a{n}: totalCount" for n in range(LIMITS.aliases))
    assert (await client.graphql(f"{{ products {{ {many} }} }}")).data
    await refused(client, f"{{ products {{ {many} b: totalCount }} }}", "aliases")
    half = " ".join(f"a{n}: totalCount" for n in range(LIMITS.aliases // 2 + 1))
    await refused(
        client,
        f"{{ x: products {{ ...F }} y: products {{ ...F }} }} fragment F on ProductConnection {{ {half} }}",
        "aliases",
    )


async def test_tokens_are_limited(client: Client) -> None:
    await refused(client, "{ me { " + "id " * LIMITS.tokens + "} }", "token")


async def test_the_length_of_a_document_is_limited(client: Client) -> None:
    await refused(client, "{ products { totalCount } } #" + "x" * 900_000, "too long")
    await refused(client, '{ node(id: "' + "x" * 900_000 + '") { id } }', "too long")
    assert (await client.graphql("{ products { totalCount } } #" + "x" * 90_000)).data


@pytest.mark.parametrize(
    "shape", ["{a" * 600, "{ f(x: " + "[" * 900, "{ f(x: " + "{a: " * 400, "{ ...{" * 400]
)
async def test_bottomless_nesting_is_refused_and_hurts_nobody(client: Client, shape: str) -> None:
    await refused(client, shape, "")


async def test_deep_but_closed_nesting_is_refused(client: Client) -> None:
    for levels in (50, 200, 400):
        await refused(client, "{a" * levels + "}" * levels, "")
        await refused(client, "{ me { id(x: " + "[" * levels + "]" * levels + ") } }", "")
    deep = "{" + "... {" * 400 + " me { x } " + "}" * 400 + "}"
    await refused(client, deep, "")


def bomb(levels: int) -> str:
    """Return a document that means ``2 ** levels`` fields."""
    fragments = [f"fragment F{n} on User {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return "{ me { ...F0 } } " + " ".join(fragments) + f" fragment F{levels} on User {{ id }}"


async def test_a_fragment_bomb_is_refused_before_it_goes_off(client: Client) -> None:
    await refused(client, bomb(22), f"number of fields is 4194305; the limit is {LIMITS.fields}")
    await refused(client, bomb(150), "number of fields is far more")


async def test_a_bomb_of_nested_fields_is_refused_too(client: Client) -> None:
    fragments = " ".join(
        f"fragment F{n} on Order {{ user {{ orders(first: 100) {{ nodes {{ ...F{n + 1} }} }} }} }}"
        for n in range(3)
    )
    await refused(
        client, f"{{ orders {{ nodes {{ ...F0 }} }} }} {fragments} fragment F3 on Order {{ id }}", "cost"
    )


async def test_fragment_cycles_are_refused(client: Client) -> None:
    await refused(client, "{ me { ...A } } fragment A on User { ...A }", "Cannot spread fragment")
    await refused(
        client,
        "{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }",
        "Cannot spread fragment",
    )
    ring = " ".join(f"fragment F{n} on User {{ ...F{(n + 1) % 100} }}" for n in range(100))
    await refused(client, f"{{ me {{ ...F0 }} }} {ring}", "Cannot spread fragment")


async def test_documents_that_make_validation_slow_are_refused_quickly(client: Client) -> None:
    # Fields of one response name are compared in pairs by the rule of the specification's section 5.3.2.
    await refused(client, "{ me { " + "id " * 900 + "x } }", "")
    await refused(client, "{ me { " + "...F " * 450 + "} } fragment F on User { id x }", "")
    await refused(client, "{ me { id " + "@include(if: true) " * 300 + "x } }", "")
    variables = " ".join(f"$v{n}: Int" for n in range(450))
    await refused(client, f"query({variables}) {{ me {{ id x }} }}", "")
    selections = " ".join(f"x{n}" for n in range(900))
    await refused(client, f"{{ {selections} }}", "")


async def test_the_standard_introspection_query_is_answered(client: Client) -> None:
    for query in (
        get_introspection_query(),
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
        ),
    ):
        answer = await client.graphql(query)
        assert {kind["name"] for kind in answer.data["__schema"]["types"]} >= {"Order", "Product", "User"}


async def test_introspection_that_multiplies_is_refused(client: Client) -> None:
    again = "fields { type { " * 4
    document = f"{{ __schema {{ types {{ {again} name {'} }' * 4} }} }} }}"
    await refused(client, document, "introspection")
    fragments = " ".join(
        f"fragment F{n} on __Type {{ fields {{ type {{ ...F{n + 1} }} }} }}" for n in range(4)
    )
    document = f"{{ __schema {{ types {{ ...F0 }} }} }} {fragments} fragment F4 on __Type {{ name }}"
    await refused(client, document, "introspection")


async def test_mutations_are_limited_in_number_of_what_they_do(client: Client) -> None:
    many = " ".join('createProduct(input: {name: "x", price: 1}) { errors { code } }' for _ in range(40))
    # Equal fields are one field; under aliases each counts.
    assert (await client.graphql(f"mutation {{ {many} }}")).codes == ["NOT_AUTHENTICATED"]
    assert LIMITS.cost // 10 > LIMITS.aliases
    assert await Product.all().count() == 0
