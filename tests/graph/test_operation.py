"""One road: documents known and new, compiled or left to graphql-core, are answered alike, byte for byte."""

from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from core.metrics import COMPILED, DECLINED
from core.settings import Environment
from models import OrderStatus, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_order, make_product, make_user

pytestmark = pytest.mark.anyio

LISTS = """
query Lists($first: Int = 2, $short: Boolean = false) {
  orders(first: $first) {
    totalCount
    edges { cursor node { ...Shown } }
    pageInfo { hasNextPage startCursor }
  }
}
fragment Shown on Order {
  __typename id databaseId status createdAt @skip(if: $short) total { amount currency }
  items { quantity productName unitPrice { amount } product { id name inStock price { amount } } }
  events { status cursor actor { email } order { id } }
  viewerCan { cancel { allowed code } }
  user { id fullName }
}
"""
CASES: list[tuple[str, dict[str, Any]]] = [
    (LISTS, {}),
    (LISTS, {"variables": {"first": 1, "short": True}}),
    (LISTS, {"variables": {"first": 500}}),
    (LISTS, {"variables": {"first": -1}}),
    (LISTS, {"variables": {"first": "x"}}),
    (LISTS, {"variables": {"first": None, "short": None}}),
    (LISTS, {"extensions": {"cost": True}}),
    ("{ me { email orders(last: 1) { nodes { status } } sessions { isCurrent } } }", {}),
    ('{ node(id: "nonsense") { id } me { id } }', {}),
    # One error each: graphql-core tells several in the order of their coming up, we in that of the answer.
    ('{ order(id: "T3JkZXI6OTk5") { id } __typename }', {}),
    ("{ __typename allOrders { totalCount } }", {}),
    ('{ nodes(ids: ["T3JkZXI6OTk5", "x"]) { id ... on Order { status } } }', {}),
    ("query A { me { id } } query B { me { fullName } }", {"operationName": "B"}),
    ("query A { me { id } } query B { me { fullName } }", {}),
    ("query A { me { id } }", {"operationName": ""}),
    ("query A($v: Boolean = true) { me { id @skip(if: $v) } }", {"variables": {"v": None}}),
    ("query A { me { id } }", {"operationName": "C"}),
    ('mutation { updateUser(input: {id: "x", fullName: "y"}) { user { id } errors { code field } } }', {}),
    (
        'mutation { a: cancelOrder(input: {id: "x"}) { errors { code message field } } '
        'b: cancelOrder(input: {id: "T3JkZXI6OTk5"}) { order { id } errors { code } } }',
        {},
    ),
    (get_introspection_query(), {}),
    (
        '{ __type(name: "Order") { fields(includeDeprecated: true) { name } } }',
        {"extensions": {"cost": True}},
    ),
]
ACCEPTED = (
    "application/json",
    "application/graphql-response+json",
    "*/*",
    "application/json; q=0.5, text/plain",
)


async def stock(user: User) -> None:
    products = [await make_product(name=f"Product {n}", price=1999 + n) for n in range(3)]
    for status in (OrderStatus.PENDING, OrderStatus.COMPLETED, OrderStatus.CANCELLED):
        await make_order(user, *((product, n + 1) for n, product in enumerate(products)), status=status)


async def ask(client: Client, token: str, body: dict[str, Any], accept: str = "*/*") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    return await client.rest.post("/graphql", json=body, headers=headers)


def told(response: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return what must not depend on the way."""
    own = ("x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset")
    headers = {name: value for name, value in response.headers.items() if name not in own}
    return response.status_code, headers, response.content


@pytest.mark.parametrize("production", [False, True], ids=["development", "production"])
async def test_known_and_new_documents_by_both_executors_answer_alike(
    client_with: ClientWith, production: bool
) -> None:
    settings: dict[str, Any] = {"graphql_introspection": True, "graphql_show_cost": None}
    if production:
        settings["environment"] = Environment.PRODUCTION
    compiling, core = await client_with(**settings), await client_with(**settings, graphql_compile=False)
    user = await make_user(email="ada@example.com", full_name="Ada")
    await stock(user)
    for document, more in CASES:
        token = (await compiling.headers(user))["Authorization"].split()[1]
        for accept in ACCEPTED:
            # The first request of a document makes it known.
            for _ in range(2):
                ours = await ask(compiling, token, {"query": document, **more}, accept)
                theirs = await ask(core, token, {"query": document, **more}, accept)
                assert told(ours) == told(theirs), (document, more, accept)


async def test_an_operation_is_counted_when_it_runs_and_not_when_it_is_refused(client: Client) -> None:
    query = "query($n: Int!) { products(first: $n) { totalCount } }"
    compiled, declined = COMPILED.value, DECLINED.value
    for variables in ({"n": 1}, {"n": "x"}, {}, {"n": 1}):
        await client.graphql(query, variables)
    assert (COMPILED.value, DECLINED.value) == (compiled + 2, declined)


async def test_what_is_declined_is_counted_and_runs_once(client_with: ClientWith) -> None:
    client = await client_with(graphql_show_cost=True)
    many = " ".join(f"$v{n}: Boolean = false," for n in range(5))
    fields = " ".join(f"a{n}: __typename @skip(if: $v{n})" for n in range(5))
    document = f"query ({many}) {{ products {{ totalCount }} {fields} }}"
    declined = DECLINED.value
    for number in range(32):
        variables = {f"v{n}": bool(number >> n & 1) for n in range(5)}
        answer = await client.graphql(document, variables)
        skipped = [n for n in range(5) if number >> n & 1]
        assert list(answer.data) == ["products", *(f"a{n}" for n in range(5) if n not in skipped)]
        assert answer.body["extensions"]["sqlQueries"] == 1
    # A client that tries all combinations makes no more plans than are kept.
    assert DECLINED.value - declined == 16


async def test_an_answer_about_the_schema_is_kept_but_never_for_a_signed_in_field(client: Client) -> None:
    document = "{ __typename __schema { queryType { name } } }"
    first = (await client.graphql(document)).body
    assert [(await client.graphql(document)).body for _ in range(3)] == [first] * 3
    with_me = "{ __schema { queryType { name } } me { email } }"
    users = [await make_user(), await make_user()]
    for user in [*users, *users]:
        assert (await client.graphql(with_me, user=user)).data["me"] == {"email": user.email}
