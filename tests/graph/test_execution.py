"""The project's own schema over a real database, by both executors, whoever asks.

``TANDEM_COMPARE_CASES`` and ``TANDEM_COMPARE_SEED`` ask for more and other cases, as ``make compare`` does.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unittest.mock import AsyncMock

import pytest
import strawberry
from graphql import ExecutionResult, Undefined, parse

from core.http.caller import Caller, read_bearer
from core.resources import Resources
from engine.graphql import Executor
from engine.graphql.schema import core_schema
from engine.postgres import record_statements
from graph.operations import status as system
from graph.resolvers.context import Context, make_context
from graph.resolvers.loaders import Reads
from graph.schema import build_schema
from graph.types.nodes import encode_id
from models import FailureCode, OrderStatus
from tests.engine.graphql.comparison import differences, observe, refer
from tests.engine.graphql.documents import Request, Taste, draw_request
from tests.factories import make_admin, make_order, make_product, make_token, make_user

pytestmark = [
    pytest.mark.anyio,
    # graphql-core leaves coroutines behind where a synchronous error comes first.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CASES = int(os.environ.get("TANDEM_COMPARE_CASES", "200"))
SEED = int(os.environ.get("TANDEM_COMPARE_SEED", "1"))
#: Everything that has cursors.
CURSORS = (
    "{ orders(first: 3) { edges { cursor } } allOrders(first: 3) { edges { cursor } } products(first: 3,"
    " orderBy: {field: PRICE, direction: ASC}) { edges { cursor } } users(first: 3) { edges { cursor } } }"
)


@dataclass(frozen=True)
class Shop:
    """A database with something in it, and who may ask: by name, each with the caller of a request."""

    resources: Resources
    schema: strawberry.Schema
    executor: Executor
    callers: dict[str, Caller]
    ids: dict[str, list[str]]
    cursors: list[str]

    async def context(self, who: str, reads: Reads = None) -> Context:
        """Return a fresh context, as a request has it."""
        return await make_context(self.resources, self.callers[who], reads)


@pytest.fixture
async def shop(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Three users, products that are sold out or archived, and orders in every state."""
    admin, ann, bob = await make_admin(), await make_user(), await make_user(is_active=False)
    products = [await make_product(price=100 * number, on_hand=number % 3) for number in range(5)]
    products.append(await make_product(archived_at=datetime(2026, 1, 1, tzinfo=UTC)))
    orders = []
    for number, status in enumerate((*OrderStatus, *OrderStatus)):
        failed = FailureCode.OUT_OF_STOCK if status is OrderStatus.FAILED else None
        lines = [(products[(number + step) % 6], step + 1) for step in range(number % 4)]
        owner = (ann, admin, bob)[number % 3]
        orders.append(await make_order(owner, *lines, status=status, failure_code=failed))
    callers = {"nobody": Caller(read_bearer(None, resources.tokens), "127.0.0.1", "test")}
    for name, user in (("admin", admin), ("ann", ann)):
        token = await make_token(resources, user)
        callers[name] = Caller(read_bearer(f"Bearer {token}", resources.tokens), "127.0.0.1", "test")
    ids = {
        "User": [encode_id("User", row.id) for row in (admin, ann, bob)],
        "Product": [encode_id("Product", row.id) for row in products],
        "Order": [encode_id("Order", row.id) for row in orders],
        "Odd": ["", "nonsense", encode_id("Order", 999), encode_id("Session", 1), encode_id("User", 10**18)],
    }
    # Of one moment, whoever asks.
    monkeypatch.setattr(system, "read_status", AsyncMock(return_value=await system.read_status(resources)))
    schema = build_schema()
    shop = Shop(resources, schema, Executor(schema), callers, ids, [])
    for who in ("admin", "ann"):
        result = await refer(
            shop.schema, Request(CURSORS, parse(CURSORS), None, None), await shop.context(who)
        )
        shop.cursors.extend(edge["cursor"] for page in result.data.values() if page for edge in page["edges"])  # type: ignore[union-attr]
    return shop


def _suggestions(shop: Shop) -> Callable[[Random, str], Any]:
    """Return what gives arguments values that mean something in the shop, and a few that do not."""

    def suggest(rng: Random, place: str) -> Any:
        name = place.rpartition(".")[2]
        kind = {"Query.user.id": "User", "Query.product.id": "Product", "Query.order.id": "Order"}.get(place)
        if name in ("id", "ids"):
            kind = kind if kind and rng.random() < 0.8 else rng.choice(list(shop.ids))
            found = [
                rng.choice(shop.ids[kind if name == "id" else rng.choice(list(shop.ids))]) for _ in range(3)
            ]
            return found[0] if name == "id" else found
        if name in ("after", "before"):
            return rng.choice([*shop.cursors, "nonsense"])
        if name in ("first", "last"):
            return rng.choice((0, 1, 2, 3, 3, 100, -1, 101))
        if name == "search":
            return rng.choice(("product", "1", "user example", "", "%"))
        if name in ("createdAfter", "createdBefore"):
            moment = datetime.now(UTC) + timedelta(days=rng.choice((-1, 1)))
            return moment.replace(microsecond=0).isoformat()
        return Undefined

    return suggest


async def _compare(shop: Shop, request: Request, who: str) -> tuple[list[str], bool, ExecutionResult]:
    schema = shop.schema
    theirs = await shop.context(who)
    with record_statements() as their_statements:
        reference = await refer(schema, request, theirs)
    plan = shop.executor.plans(request.document).prepare(request.operation_name, request.variables)
    if plan is None:
        return [], False, reference
    ours = await shop.context(who, plan.reads)
    with record_statements() as our_statements:
        answer = await plan.run(ours, None, request.variables)
    truth = None
    if answer.errors or reference.errors:
        truth = await observe(schema, request, await shop.context(who))
    problems = differences(answer, reference, truth)
    # Which loads of two branches come together is a matter of time; a load for each object would be many more.
    if truth is None and len(our_statements) > 2 * len(their_statements) + 2:
        problems.append(f"{len(our_statements)} statements instead of {len(their_statements)}")
    return problems, True, reference


async def test_random_queries_have_graphql_cores_answer(shop: Shop) -> None:
    taste = Taste(selections=20, depth=5, mutations=0, mistakes=0.01, suggest=_suggestions(shop))
    compiled = with_data = with_errors = 0
    for number in range(CASES):
        rng = Random(SEED * 1_000_000 + number)
        request = draw_request(rng, core_schema(shop.schema), taste)
        who = rng.choice(list(shop.callers))
        problems, was_compiled, reference = await _compare(shop, request, who)
        variables = f"{request.operation_name!r} {request.variables!r}"
        assert not problems, "\n".join([f"case {number} by {who}", request.text, variables, *problems])
        compiled += was_compiled
        with_data += any((reference.data or {}).values())
        with_errors += bool(reference.errors)
    assert compiled > CASES * 0.85
    assert with_data > CASES * 0.3
    assert with_errors > CASES * 0.1


PAGE = (
    "edges { cursor node { ...O } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount"
)
QUERIES = {
    "nested orders": "{ orders(first: 20) { nodes { id status createdAt total { amount currency } items { quantity"
    " productName unitPrice { amount } product { id name price { amount } } } } } }",
    "a page of everything": f"{{ orders {{ {PAGE} }} allOrders(last: 3) {{ {PAGE} }} }} fragment O on Order {{ id"
    " databaseId status version shippingAddress failureCode updatedAt viewerCan { cancel { allowed code } }"
    " events { status failureCode createdAt cursor actor { id } order { id } } user { id email fullName isAdmin } }",
    "me": "{ me { id databaseId email fullName isActive isAdmin createdAt } }",
    "users": "{ users(filter: {isActive: true}) { nodes { __typename ... on Node { id } email } totalCount } }",
    "products": '{ products(filter: {search: "product", inStock: true}, orderBy: {field: NAME, direction: DESC})'
    " { nodes { id name description onHand inStock archivedAt price { amount } } totalCount } }",
    "the schema": "{ __schema { types { name fields { name args { name } } } } }",
}


@pytest.mark.parametrize("text", QUERIES.values(), ids=QUERIES)
async def test_usual_queries_have_graphql_cores_answer(shop: Shop, text: str) -> None:
    for who in shop.callers:
        problems, compiled, reference = await _compare(shop, Request(text, parse(text), None, None), who)
        assert not problems, "\n".join([who, *problems])
        assert compiled
        assert (who == "nobody") or not reference.errors or "users" in text or "allOrders" in text


async def test_nodes_of_every_type_come_back_in_order(shop: Shop) -> None:
    ids = [
        pair
        for pairs in zip(shop.ids["User"], shop.ids["Order"], shop.ids["Product"], strict=False)
        for pair in pairs
    ]
    text = (
        "query($ids: [ID!]!, $id: ID!) { nodes(ids: $ids) { __typename id ... on Order { status items { product"
        " { id } } } ... on User { email } ... on Product { name } } node(id: $id) { id ...U } }"
        " fragment U on User { fullName }"
    )
    for who in shop.callers:
        for odd in shop.ids["Odd"]:
            variables = {"ids": [*ids, odd], "id": ids[len(odd) % len(ids)]}
            problems, compiled, _ = await _compare(shop, Request(text, parse(text), None, variables), who)
            assert not problems, "\n".join([who, *problems])
            assert compiled
