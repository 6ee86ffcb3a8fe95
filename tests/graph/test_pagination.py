"""Keyset connections: every entry once, in order, whatever the pages, and whatever happens meanwhile."""

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import cycle
from itertools import product as product_of
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.resources import Resources
from engine.postgres import Select, TotalCounts, fetch, record_statements
from graph.resolvers.pagination import MAX_SEARCH_WORDS, Keyset, Offset, Ordering, paginate
from models import MAX_ID, Product, ProductRow
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_admin, make_order, make_product, make_token, make_user

pytestmark = pytest.mark.anyio

PAGE = """
query($first: Int, $after: String, $last: Int, $before: String, $orderBy: ProductSort) {
    products(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
        edges { cursor node { name } } nodes { name }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}
"""
TIME = datetime(2026, 1, 1, tzinfo=UTC)
BY_NAME = {"field": "NAME", "direction": "ASC"}
BY_PRICE = {"field": "PRICE", "direction": "ASC"}
COLUMNS = {"NAME": "name_key", "PRICE": "price", "CREATED_AT": "created_at"}


async def page(client: Client, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await client.graphql(PAGE, variables)).data["products"]
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    cursors = [edge["cursor"] for edge in found["edges"]]
    assert found["pageInfo"]["startCursor"] == (cursors[0] if cursors else None)
    assert found["pageInfo"]["endCursor"] == (cursors[-1] if cursors else None)
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [node["name"] for node in found["nodes"]]


def more(found: dict[str, Any]) -> tuple[bool, bool]:
    return found["pageInfo"]["hasPreviousPage"], found["pageInfo"]["hasNextPage"]


async def make_products(count: int) -> None:
    """Make products A, B, C, … of which each three have the same time and the same price."""
    for number in range(count):
        product = await make_product(name=chr(ord("A") + number), price=100 + number // 3)
        await Product.filter(id=product.id).update(created_at=TIME + timedelta(seconds=number // 3))


async def test_pages_forward_have_every_entry_once_though_times_are_tied(client: Client) -> None:
    await make_products(7)
    first = await page(client, first=3)
    assert (names(first), more(first)) == (["G", "F", "E"], (False, True))
    second = await page(client, first=3, after=first["pageInfo"]["endCursor"])
    assert (names(second), more(second)) == (["D", "C", "B"], (True, True))
    third = await page(client, first=3, after=second["pageInfo"]["endCursor"])
    assert (names(third), more(third)) == (["A"], (True, False))


async def test_pages_backward_show_the_lists_own_order(client: Client) -> None:
    await make_products(5)
    last = await page(client, last=2)
    assert (names(last), more(last)) == (["B", "A"], (True, False))
    before = await page(client, last=2, before=last["pageInfo"]["startCursor"])
    assert (names(before), more(before)) == (["D", "C"], (True, True))
    first = await page(client, last=2, before=before["pageInfo"]["startCursor"])
    assert (names(first), more(first)) == (["E"], (False, True))


async def test_both_cursors_bound_a_page(client: Client) -> None:
    await make_products(6)
    cursors = {edge["node"]["name"]: edge["cursor"] for edge in (await page(client))["edges"]}
    between = {"after": cursors["F"], "before": cursors["A"]}
    assert names(await page(client, **between)) == ["E", "D", "C", "B"]
    assert names(await page(client, **between, first=2)) == ["E", "D"]
    assert names(await page(client, **between, last=2)) == ["C", "B"]


async def test_an_empty_list_has_an_empty_page(client: Client) -> None:
    found = await page(client, first=5)
    assert (names(found), more(found)) == ([], (False, False))


async def test_a_page_of_none_is_empty_but_knows_its_count(client: Client) -> None:
    await make_products(2)
    answer = await client.graphql("{ products(first: 0) { totalCount nodes { name } } }")
    assert answer.data["products"] == {"totalCount": 2, "nodes": []}


async def test_twenty_entries_if_not_told_and_a_hundred_at_most(client: Client) -> None:
    await Product.bulk_create([Product(name=f"Product {number}", price=1) for number in range(101)])
    assert len(names(await page(client))) == 20
    assert len(names(await page(client, first=100))) == 100
    for arguments in ({"first": 101}, {"last": 101}, {"first": -1}, {"last": -1}, {"first": 1, "last": 1}):
        assert (await client.graphql(PAGE, arguments)).codes == ["VALIDATION_ERROR"], arguments


async def test_what_is_added_or_removed_meanwhile_moves_no_entry_to_another_page(client: Client) -> None:
    await make_products(6)
    first = await page(client, first=2)
    await make_product(name="New")
    await Product.filter(name="E").update(archived_at=TIME)  # the entry of the cursor itself
    second = await page(client, first=2, after=first["pageInfo"]["endCursor"])
    assert names(first) + names(second) == ["F", "E", "D", "C"]


async def test_the_flags_tell_whether_there_is_something_on_either_side(client: Client) -> None:
    """Every size, every pair of cursors: of entries, of entries that have left the list, empty, and none."""
    await make_products(5)
    cursors = {edge["node"]["name"]: edge["cursor"] for edge in (await page(client))["edges"]}
    await Product.filter(name__in=["E", "C", "A"]).update(archived_at=TIME)  # both ends, and one between
    shown = ["D", "B"]
    for size, (after, before) in product_of(range(4), product_of([None, "", *"EDCBA"], repeat=2)):
        start = sum(name >= after for name in shown) if after else 0
        end = sum(name > before for name in shown) if before else len(shown)
        if start > end:
            continue  # the cursors are the wrong way round: there is no such place
        for argument in ("first", "last"):
            given = {
                argument: size,
                "after": cursors.get(after or "", after),
                "before": cursors.get(before or "", before),
            }
            found = await page(client, **given)
            left, right = (
                (start, min(end, start + size)) if argument == "first" else (max(start, end - size), end)
            )
            assert names(found) == shown[left:right], (argument, size, after, before)
            assert more(found) == (left > 0, right < len(shown)), (argument, size, after, before)


async def test_a_flag_costs_a_statement_only_where_reading_the_page_has_not_shown_it(client: Client) -> None:
    await make_products(5)
    cursor = (await page(client, first=2))["pageInfo"]["endCursor"]
    for arguments, flag, statements_sent in (
        ("first: 2, after: $cursor", "hasNextPage", 1),
        ("first: 2, after: $cursor", "hasPreviousPage", 2),
        ("first: 0", "hasNextPage hasPreviousPage", 1),
        ("last: 1, before: $cursor", "hasPreviousPage", 1),
        ("last: 1, before: $cursor", "hasNextPage", 2),
    ):
        head = "query($cursor: String)" if "$cursor" in arguments else "query"
        document = f"{head} {{ products({arguments}) {{ nodes {{ name }} pageInfo {{ {flag} }} }} }}"
        with record_statements() as statements:
            assert not (await client.graphql(document, {"cursor": cursor})).codes
        assert len(statements) == statements_sent, (arguments, flag)


async def test_a_list_is_counted_only_when_asked(client: Client) -> None:
    await make_products(3)
    with record_statements() as statements:
        await client.graphql("{ products(first: 1) { nodes { name } pageInfo { hasNextPage } } }")
    assert len(statements) == 1
    with record_statements() as statements:
        answer = await client.graphql("{ products(first: 1) { nodes { name } totalCount } }")
    assert answer.data["products"]["totalCount"] == 3
    assert len(statements) == 2
    assert "COUNT(*)" in statements[1]


@pytest.mark.parametrize(
    ("selection", "statements_sent"),
    [
        ("totalCount", 1),
        ("__typename length: totalCount", 1),
        ("...F", 1),
        ("... { ... on ProductConnection { totalCount } }", 1),
        ("__typename", 0),
        ("totalCount pageInfo { hasNextPage }", 2),
        ("totalCount edges { cursor }", 2),
        ("...F ...N", 2),
        ("totalCount nodes @include(if: $some) { id }", 2),
    ],
)
async def test_a_list_of_which_only_the_length_is_asked_is_not_read(
    client_with: ClientWith, selection: str, statements_sent: int
) -> None:
    """Whatever else the document asks of other lists; by the compiled executor and by graphql-core."""
    await make_products(3)
    fragments = {"F": "totalCount", "N": "nodes { id }"}
    head = "query ($some: Boolean = true)" if "$some" in selection else "query"
    document = f"{head} {{ products(first: 2) {{ {selection} }} }}" + "".join(
        f" fragment {name} on ProductConnection {{ {fields} }}"
        for name, fields in fragments.items()
        if f"...{name}" in selection
    )
    for client in (await client_with(), await client_with(graphql_compile=False)):
        with record_statements() as statements:
            answer = await client.graphql(document)
        assert 3 in (*answer.data["products"].values(), 3)
        assert len(statements) == statements_sent


async def test_a_list_that_is_only_counted_refuses_what_any_list_refuses(client: Client) -> None:
    await make_products(1)
    for arguments in ("first: 101", 'after: "x"', 'before: "x"', "first: 1, last: 1"):
        answer = await client.graphql(f"{{ products({arguments}) {{ totalCount }} }}")
        assert answer.codes == ["VALIDATION_ERROR"], arguments
    assert (await client.graphql("{ allOrders { totalCount } }")).codes == ["NOT_AUTHENTICATED"]


async def test_a_count_beside_a_page_of_the_same_list_reads_that_page_alone(client: Client) -> None:
    await make_products(3)
    with record_statements() as statements:
        answer = await client.graphql(
            "{ all: products { totalCount } some: products(filter: {inStock: true}) { totalCount }"
            " page: products(first: 2) { nodes { name } } }"
        )
    assert (answer.data["all"]["totalCount"], len(answer.data["page"]["nodes"])) == (3, 2)
    assert len(statements) == 3


async def test_a_count_is_of_the_whole_filtered_list(client: Client) -> None:
    await make_products(5)
    cursor = (await page(client, first=2))["pageInfo"]["endCursor"]
    answer = await client.graphql(
        "query($after: String) { all: products(after: $after) { totalCount }"
        ' some: products(after: $after, filter: {search: "A"}) { totalCount } }',
        {"after": cursor},
    )
    assert answer.data == {"all": {"totalCount": 5}, "some": {"totalCount": 1}}


def cursor_of(*parts: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(parts))).decode().rstrip("=")


NOW = TIME.isoformat()


def bad_cursors(origin: str) -> dict[str, str]:
    return {
        "garbage": "garbage!",
        "a NUL": "\x00",
        "not ASCII": "é" * 8,
        "an astral character": "\N{PILE OF POO}" * 4,
        "not JSON": base64.urlsafe_b64encode(b"{{").decode(),
        "not UTF-8": base64.urlsafe_b64encode(f'["{origin}","'.encode() + b'\xff",1]').decode(),
        "an object": base64.urlsafe_b64encode(b'{"a":1}').decode(),
        "a number": base64.urlsafe_b64encode(b"12").decode(),
        "a string of three": base64.urlsafe_b64encode(b'"abc"').decode(),
        "bottomless": base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        "a huge number": base64.urlsafe_b64encode(f'["{origin}",'.encode() + b"9" * 5000 + b",1]").decode(),
        "too few parts": cursor_of(origin, NOW),
        "too many parts": cursor_of(origin, NOW, 1, 1),
        "of another order": cursor_of(origin.replace("-created_at", "name"), "A", 1),
        "of the same order turned around": cursor_of(origin.replace("-", ""), NOW, 1),
        "of another list": cursor_of(f"Other{origin}", NOW, 1),
        "of no list": cursor_of("created_at", NOW, 1),
        "of an unknown column": cursor_of("User.password_hash", "A", 1),
        "a number for a time": cursor_of(origin, 12, 1),
        "null for a time": cursor_of(origin, None, 1),
        "a list for a time": cursor_of(origin, [NOW], 1),
        "no time": cursor_of(origin, "yesterday", 1),
        "a time beyond UTC": cursor_of(origin, "0001-01-01T00:00:00+14:00", 1),
        "a text for an id": cursor_of(origin, NOW, "1"),
        "a fraction for an id": cursor_of(origin, NOW, 1.5),
        "true for an id": cursor_of(origin, NOW, True),
        "null for an id": cursor_of(origin, NOW, None),
        "a negative id": cursor_of(origin, NOW, -1),
        "a huge id": cursor_of(origin, NOW, MAX_ID + 1),
        "an id beyond 64 bits": base64.urlsafe_b64encode(f'["{origin}","{NOW}",{2**70}]'.encode()).decode(),
    }


BAD_CURSORS_BY_NAME = {
    "of another order": cursor_of("Product.-created_at", NOW, 1),
    "a number for a name": cursor_of("Product.name_key", 12, 1),
    "a NUL in a name": cursor_of("Product.name_key", "a\x00b", 1),
    "a name longer than any": cursor_of("Product.name_key", "x" * 201, 1),
    "a surrogate in a name": base64.urlsafe_b64encode(b'["Product.name_key","\\ud800",1]').decode(),
}
BAD_CURSORS_BY_PRICE = {
    "a text for a price": cursor_of("Product.price", "12", 1),
    "true for a price": cursor_of("Product.price", True, 1),
    "a fraction for a price": cursor_of("Product.price", 1.5, 1),
    "a negative price": cursor_of("Product.price", -1, 1),
    "a price beyond 63 bits": cursor_of("Product.price", 2**63, 1),
}


@pytest.mark.parametrize("argument", ["after", "before"])
@pytest.mark.parametrize(
    ("cursors", "order_by"),
    [
        (bad_cursors("Product.-created_at"), None),
        (BAD_CURSORS_BY_NAME, BY_NAME),
        (BAD_CURSORS_BY_PRICE, BY_PRICE),
    ],
    ids=["by time", "by name", "by price"],
)
async def test_what_is_not_a_cursor_of_this_list_in_this_order_is_refused(
    client: Client, argument: str, cursors: dict[str, str], order_by: object
) -> None:
    await make_products(2)
    for what, cursor in cursors.items():
        answer = await client.graphql(PAGE, {argument: cursor, "orderBy": order_by})
        assert answer.codes == ["VALIDATION_ERROR"], what


@pytest.mark.parametrize(
    ("order_by", "cursor"),
    [
        (None, cursor_of("Product.-created_at", "0001-01-01T00:00:00+00:00", 0)),
        (None, cursor_of("Product.-created_at", "9999-12-31T23:59:59+00:00", MAX_ID)),
        (BY_NAME, cursor_of("Product.name_key", "\N{PILE OF POO}" * 200, MAX_ID)),
        (BY_NAME, cursor_of("Product.name_key", "", 0)),
        (BY_PRICE, cursor_of("Product.price", 2**63 - 1, MAX_ID)),
    ],
)
async def test_a_place_where_nothing_stands_is_a_place_all_the_same(
    client: Client, order_by: object, cursor: str
) -> None:
    await make_products(2)
    behind = await page(client, after=cursor, orderBy=order_by)
    ahead = await page(client, before=cursor, orderBy=order_by)
    assert len(names(behind)) + len(names(ahead)) == 2


@pytest.mark.parametrize("field", ["users", "orders"])
async def test_users_and_orders_refuse_the_same_cursors(client: Client, field: str) -> None:
    token = await make_token(client.resources, await make_user())
    document = f"query($after: String) {{ {field}(after: $after) {{ nodes {{ id }} }} }}"
    origin = {"users": "User", "orders": "Order"}[field] + ".-created_at"
    for what, cursor in bad_cursors(origin).items():
        answer = await client.graphql(document, {"after": cursor}, token=token)
        assert answer.codes == ["VALIDATION_ERROR"], what
    good = {"after": cursor_of(origin, NOW, 1)}
    assert not (await client.graphql(document, good, token=token)).codes


@pytest.mark.parametrize("argument", ["after", "before"])
@pytest.mark.parametrize("field", ["users", "orders", "allOrders", "products", "me { orders }"])
async def test_an_empty_cursor_is_as_none(client: Client, field: str, argument: str) -> None:
    """Apollo Client sends an empty text for the first page."""
    admin = await make_admin()
    await make_order(admin, (await make_product(), 1))
    token = await make_token(client.resources, admin)
    outer, _, inner = field.rstrip(" }").rpartition("{ ")
    document = f"query($cursor: String) {{ {outer}{'{ ' if outer else ''}{inner}({argument}: $cursor)"
    document += f" {{ nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage }} }} {'}' if outer else ''} }}"
    empty, none = [
        (await client.graphql(document, {"cursor": cursor}, token=token)).data for cursor in ("", None)
    ]
    assert empty == none
    assert '"nodes": [{' in json.dumps(empty)


async def test_a_cursor_is_refused_by_other_lists_and_by_its_own_in_another_order(client: Client) -> None:
    await make_products(2)
    token = await make_token(client.resources, await make_user())
    given = {"after": (await page(client, first=1))["pageInfo"]["endCursor"]}
    for elsewhere in (
        "users(after: $after)",
        "orders(after: $after)",
        "products(after: $after, orderBy: {field: CREATED_AT, direction: ASC})",
        "products(after: $after, orderBy: {field: NAME, direction: ASC})",
    ):
        document = f"query($after: String) {{ {elsewhere} {{ nodes {{ id }} }} }}"
        answer = await client.graphql(document, given, token=token)
        assert answer.codes == ["VALIDATION_ERROR"], elsewhere


@pytest.fixture
async def shelf(resources: Resources) -> None:
    """Products in every order of names, with ties in every column; the test below only reads."""
    for number, name in enumerate(("b", "A", "a", "ö", "O", "zb", "é", "a b", "ab", "Z-a", "1", "b", "10")):
        product = await Product.create(name=name, price=number % 4)
        await Product.filter(id=product.id).update(created_at=TIME + timedelta(microseconds=number % 5))


ORDERINGS = [Ordering(column, descending) for column in COLUMNS.values() for descending in (False, True)]


@given(
    ordering=st.sampled_from(ORDERINGS),
    forward=st.booleans(),
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
async def test_walking_any_list_in_pages_of_any_size_either_way_meets_each_entry_once_in_order(
    shelf: None, ordering: Ordering, forward: bool, sizes: list[int]
) -> None:
    whole, counts = [row.id for row in await Product.all().order_by(*ordering.terms)], TotalCounts()
    walked: list[int] = []
    cursor: str | None = None
    for size in cycle(sizes):
        window = Keyset(first=size, after=cursor) if forward else Keyset(last=size, before=cursor)
        found = await paginate(Select(ProductRow), ordering, window, counts=counts)
        ids = [row.id for row in found.rows]
        walked = walked + ids if forward else ids + walked
        if not (found.has_next if forward else found.has_previous):
            break
        assert ids, "a page that promises more holds something"
        cursor = found.cursor(found.rows[-1 if forward else 0])
    assert walked == whole
    by_number: list[int] = []
    for number in range(1, len(whole) + 1):
        found = await paginate(Select(ProductRow), ordering, Offset(number, 1), counts=counts)
        by_number += [row.id for row in found.rows]
    assert by_number == whole


async def test_words_of_a_search_beyond_the_limit_are_ignored(client: Client) -> None:
    await make_product(name="Kettle")
    search = "kettle " * MAX_SEARCH_WORDS + "nothing"
    answer = await client.graphql(
        "query($filter: ProductFilter) { products(filter: $filter) { nodes { name } } }",
        {"filter": {"search": search}},
    )
    assert answer.data["products"]["nodes"] == [{"name": "Kettle"}]


TOO_LONG = {
    "underscores": "_" * 100_000,
    "percent signs": "%" * 201,
    "spaces": " " * 201,
    "words": "a " * 101,
    "a word": "x" * 61,
    "a word with a letter of two parts": "x" * 59 + "e\N{COMBINING ACUTE ACCENT}",
    "an email": "ada@" + "x" * 57,
}
LONGEST = ("_" * 59 + " ") * 3 + "%" * 20


@pytest.mark.parametrize("search", TOO_LONG.values(), ids=TOO_LONG)
async def test_a_search_too_long_is_refused_before_postgresql_gets_it(client: Client, search: str) -> None:
    await make_product()
    user = await make_user()
    token = await make_token(client.resources, user)
    for list_ in ("products", "users"):
        with record_statements() as statements:
            answer = await client.graphql(
                f"query($search: String) {{ {list_}(filter: {{ search: $search }}) {{ totalCount }} }}",
                {"search": search},
                token=token,
            )
        assert answer.codes == ["VALIDATION_ERROR"]
        assert "search must have at most 200 characters, and 60 in a word" in answer.response.text
        assert len(statements) == 1  # who asks
    answered = await client.v1("GET", "/products", params={"search": search[:60_000]})
    assert answered.status_code == 422
    assert answered.json()["errors"][0]["field"] == "search"


async def test_the_longest_search_is_looked_for_as_it_is_written(client: Client) -> None:
    await make_product(description=LONGEST)
    await make_product(description="x" * 200)
    document = "query($search: String) { products(filter: { search: $search }) { nodes { description } } }"
    assert len(LONGEST) == 200
    answer = await client.graphql(document, {"search": LONGEST})
    assert answer.data["products"]["nodes"] == [{"description": LONGEST}]
    answered = await client.v1("GET", "/products", params={"search": LONGEST})
    assert answered.json()["total"] == 1


async def test_statements_of_requests_end_in_postgresql_with_the_deadline(client: Client) -> None:
    (row,) = await fetch("SHOW statement_timeout")
    assert row["statement_timeout"] == f"{client.resources.settings.deadline_seconds:.0f}s"


E_ACUTE = ("Caf\N{LATIN SMALL LETTER E WITH ACUTE}", "Cafe\N{COMBINING ACUTE ACCENT}")


@pytest.mark.parametrize("stored", E_ACUTE, ids=["stored as one", "stored as two"])
@pytest.mark.parametrize("typed", E_ACUTE, ids=["typed as one", "typed as two"])
async def test_a_search_finds_both_normal_forms(client: Client, stored: str, typed: str) -> None:
    await make_product(name=f"{stored} au lait", description="")
    await make_product(name="Cafe au lait", description=f"no {stored[:3]}")
    await make_product(name="Mug", description=f"of the {stored}")
    user = await make_user(full_name=f"Zo {stored}")
    found = await client.graphql(
        "query($products: ProductFilter, $users: UserFilter) {"
        " products(filter: $products) { nodes { name } } users(filter: $users) { nodes { fullName } } }",
        {"products": {"search": f"{typed.upper()}"}, "users": {"search": f"zo {typed}"}},
        user=user,
    )
    assert names(found.data["products"]) == ["Mug", f"{stored} au lait"]
    assert found.data["users"]["nodes"] == [{"fullName": f"Zo {stored}"}]
