"""What an answer tells of itself, how long it may take, and what production keeps to itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from graphql import get_introspection_query

from core.settings import Environment, Settings
from engine.postgres import record_statements
from graph.endpoint.limits import MAX_SHOWN
from models import Product
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_admin, make_order, make_product, make_user
from tests.graph.conftest import Serve
from tests.graph.documents import global_id, mutation
from tests.servers import until

pytestmark = pytest.mark.anyio

COUNT = "{ products { totalCount } }"
LIMIT = Settings.model_fields["graphql_max_cost"].default


# Cost


async def test_development_shows_cost_and_statements(client_with: ClientWith) -> None:
    client = await client_with(graphql_show_cost=None)
    with record_statements() as statements:
        answer = await client.graphql("{ products(first: 5) { totalCount nodes { id } } }")
    assert answer.body["extensions"] == {
        "cost": {"requested": 21, "limit": LIMIT},
        "sqlQueries": len(statements),
    }
    assert len(statements) == 1  # a page that is the whole list knows its length


async def test_a_longer_list_costs_more_but_takes_no_more_statements(client_with: ClientWith) -> None:
    client = await client_with(graphql_show_cost=True)
    user = await make_user()
    for number in range(3):
        await make_order(user, (await make_product(), number + 1))
    document = "query($n: Int!) { orders(first: $n) { nodes { items { product { name } } } } }"
    few, many = [
        (await client.graphql(document, {"n": number}, user=user)).body["extensions"] for number in (1, 3)
    ]
    assert few["sqlQueries"] == many["sqlQueries"] == 3
    assert few["cost"]["requested"] < many["cost"]["requested"]


async def test_development_shows_the_statements_to_those_who_ask(client_with: ClientWith) -> None:
    client = await client_with(graphql_show_cost=None)
    user, product = await make_user(), await make_product()
    for _ in range(3):
        await make_order(user, (product, 1))
    body = {"query": "{ orders(first: 2) { nodes { id items { quantity } } } }", "extensions": {"sql": True}}
    headers = await client.headers(user)
    with record_statements() as statements:
        extensions = (await client.rest.post("/graphql", json=body, headers=headers)).json()["extensions"]
    shown = extensions["sql"]
    assert [(one["statement"], one["rows"]) for one in shown] == [
        (statement.strip(), rows) for statement, rows in zip(statements[1:], (3, 2), strict=True)
    ]
    assert all(one["milliseconds"] > 0 for one in shown)
    assert extensions["sqlQueries"] == 2
    asked_otherwise = body | {"extensions": {"sql": "yes"}}
    answer = await client.rest.post("/graphql", json=asked_otherwise, headers=headers)
    assert "sql" not in answer.json()["extensions"]


async def test_statements_that_are_shown_have_no_values(client_with: ClientWith) -> None:
    client = await client_with(graphql_show_cost=None)
    product = await make_product()
    document = (
        "mutation($input: CreateOrderInput!) { createOrder(input: $input) { order { id } errors { code } } }"
    )
    item = {"productId": global_id(product), "quantity": 1}
    values = {"input": {"items": [item], "shippingAddress": "12 Secret Lane", "idempotencyKey": "hush"}}
    body = {"query": document, "variables": values, "extensions": {"sql": True}}
    answer = await client.rest.post("/graphql", json=body, headers=await client.headers(await make_user()))
    assert answer.json()["data"]["createOrder"]["order"]
    assert any("INSERT INTO orders" in one["statement"] for one in answer.json()["extensions"]["sql"])
    assert not any(secret in answer.text for secret in ("12 Secret Lane", "hush"))


async def test_production_never_shows_statements(client_with: ClientWith) -> None:
    client = await client_with(environment=Environment.PRODUCTION, graphql_show_cost=True)
    body = {"query": COUNT, "extensions": {"sql": True}}
    answer = (await client.rest.post("/graphql", json=body)).json()
    assert list(answer["extensions"]) == ["cost"]


async def test_production_shows_the_cost_to_those_who_ask(client_with: ClientWith) -> None:
    client = await client_with(environment=Environment.PRODUCTION, graphql_show_cost=None)
    assert (await client.graphql(COUNT)).body == {"data": {"products": {"totalCount": 0}}}
    for asked, shown in ((True, True), (False, False), ("yes", False), ({}, False)):
        body = {"query": COUNT, "extensions": {"cost": asked}}
        answer = (await client.rest.post("/graphql", json=body)).json()
        assert answer.get("extensions") == ({"cost": {"requested": 21, "limit": LIMIT}} if shown else None)
    by_get = await client.rest.get(
        "/graphql",
        params={"query": COUNT, "extensions": '{"cost": true}'},
        headers={"Accept": "application/json"},
    )
    assert by_get.json()["extensions"]["cost"]["requested"] == 21


async def test_what_is_refused_for_its_cost_shows_it(client_with: ClientWith) -> None:
    client = await client_with(graphql_show_cost=True)
    answer = await client.graphql(
        "{ users(first: 100) { nodes { orders(first: 100) { nodes { items { quantity } } } } } }",
        user=await make_user(),
    )
    cost = answer.body["extensions"]["cost"]
    assert (cost["requested"] > LIMIT, cost["limit"]) == (True, LIMIT)
    levels = "orders(first: 100) { nodes { user { " * 5
    bomb = f"{{ me {{ {levels} id {'} } } ' * 5} }} }}"
    assert (await client.graphql(bomb)).body["extensions"]["cost"]["requested"] == MAX_SHOWN


async def told_of(client: Client, document: str, *, asks: bool = True) -> Any:
    """Return all of an answer that may differ with the schema."""
    body = {"query": document, "extensions": {"cost": asks}}
    answer = await client.rest.post("/graphql", json=body)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("shows", [None, True], ids=["asked", "always"])
@pytest.mark.parametrize(
    ("document", "real", "invented"),
    [
        ("{ NAME { wrong } }", "users", "people"),
        ("{ NAME(first: 100) { edges { node { wrong } } } }", "orders", "parcels"),
        ("{ NAME(first: 100) { nodes { orders(first: 100) { nodes { wrong } } } } }", "users", "people"),
        ("{ nodes(NAME: [1, 2, 3]) { wrong } }", "ids", "keys"),
        ("{ products { ...F } wrong } fragment F on NAME { nodes { id } }", "ProductConnection", "Goods"),
        ("{ products { ... on NAME { nodes { id } } } wrong }", "ProductConnection", "Goods"),
        ("mutation { NAME }", "login", "enter"),
        ("mutation { a: NAME b: NAME }", "login", "enter"),
        ("mutation { a: NAME(input: {}) { x } b: NAME(input: {}) { x } }", "changePassword", "enter"),
        ("subscription { NAME { wrong } }", "orderEvents", "parcels"),
    ],
)
async def test_production_tells_no_names_by_the_cost_of_what_is_not_valid(
    client_with: ClientWith, shows: bool | None, document: str, real: str, invented: str
) -> None:
    client = await client_with(environment=Environment.PRODUCTION, graphql_show_cost=shows)
    answers = [await told_of(client, document.replace("NAME", name)) for name in (real, invented)]
    assert answers[0] == answers[1]
    assert "extensions" not in answers[0][1]


async def test_a_socket_shows_the_cost_too(serve: Serve) -> None:
    live = await serve(graphql_show_cost=True)
    socket = await live.socket()
    await socket.init()
    await socket.subscribe(COUNT)
    assert (await socket.receive())["payload"]["extensions"]["cost"] == {"requested": 21, "limit": LIMIT}


async def test_limits_are_settings(client_with: ClientWith) -> None:
    for setting, word in (
        ("characters", "too long"),
        ("tokens", "token"),
        ("depth", "depth"),
        ("aliases", "aliases"),
        ("fields", "fields"),
        ("cost", "cost"),
    ):
        client = await client_with(**{f"graphql_max_{setting}": 2 if setting != "aliases" else 0})
        answer = await client.graphql("{ a: products { nodes { id name } } }")
        assert word in answer.body["errors"][0]["message"]
        assert answer.codes == ["VALIDATION_ERROR"]


# Deadline


@asynccontextmanager
async def locked_products(settings: Settings) -> AsyncIterator[None]:
    """Keep everybody else away from the table of products."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        await connection.execute("BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        await connection.close()


async def waiting(settings: Settings) -> int:
    """Return how many statements wait for a lock in this database."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


async def test_others_are_served_while_an_operation_waits(
    client_with: ClientWith, settings: Settings
) -> None:
    client = await client_with(deadline_seconds=60)
    async with locked_products(settings):
        slow = asyncio.create_task(client.graphql(COUNT))
        await until(lambda: _is_waiting(settings))
        assert (await client.graphql("{ __typename }")).data == {"__typename": "Query"}
        assert not slow.done()
    assert (await slow).data


async def test_what_takes_too_long_is_stopped(client_with: ClientWith, settings: Settings) -> None:
    client = await client_with(deadline_seconds=0.5)
    async with locked_products(settings):
        answer = await client.graphql(COUNT)
        # The statement has ended in the database too.
        await until(lambda: _is_free(settings))
    assert answer.response.status_code == 200
    assert answer.body == {
        "data": None,
        "errors": [
            {
                "message": "The operation took longer than 0.5 s and was stopped",
                "extensions": {"code": "DEADLINE_EXCEEDED"},
            }
        ],
    }
    assert (await client.graphql(COUNT)).data


async def _is_waiting(settings: Settings) -> bool:
    return await waiting(settings) > 0


async def _is_free(settings: Settings) -> bool:
    return await waiting(settings) == 0


async def test_a_stopped_mutation_changes_nothing_and_gives_its_connection_back(
    client_with: ClientWith, settings: Settings
) -> None:
    client = await client_with(deadline_seconds=0.3)
    admin, product = await make_admin(), await make_product(on_hand=5)
    variables = {"input": {"id": global_id(product), "delta": 1, "note": "x"}}
    document = mutation("adjustStock")
    size = settings.database_pool_size
    async with locked_products(settings):
        stopped = await asyncio.gather(
            *(client.graphql(document, variables, user=admin) for _ in range(size + 5))
        )
        assert {code for answer in stopped for code in answer.codes} == {"DEADLINE_EXCEEDED"}
    # As many at once as there are connections: none of them is lost.
    patient = await client_with()
    again = await asyncio.gather(*(patient.graphql(COUNT) for _ in range(size)))
    assert all(answer.data for answer in again)
    assert (await Product.get(id=product.id)).on_hand == 5


async def test_the_deadline_holds_on_sockets_and_streams(serve: Serve, settings: Settings) -> None:
    live = await serve(deadline_seconds=0.3)
    socket = await live.socket()
    await socket.init()
    async with locked_products(settings):
        await socket.subscribe(COUNT)
        message = await socket.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
        stream = await live.client.rest.post(
            "/graphql", json={"query": COUNT}, headers={"Accept": "text/event-stream"}
        )
        assert "DEADLINE_EXCEEDED" in stream.text
    await socket.subscribe(COUNT)
    assert (await socket.receive())["type"] == "next"


# Production


PROBES = [
    "{ prodcts { totalCount } }",
    "{ product { id } }",
    "{ products }",
    "{ products { totalCount { x } } }",
    "{ products(frist: 1) { totalCount } }",
    '{ products(first: "x") { totalCount } }',
    "{ products(orderBy: NAME_UP) { totalCount } }",
    "{ me { ... on Prodct { id } } }",
    "mutation { loginn { signedOut } }",
    "mutation { login(input: {}) { accessToken } }",
    "mutation { login(input: {emial: 1}) { accessToken } }",
    "mutation($x: LoginInptu!) { login(input: $x) { accessToken } }",
    "{ __schema { types { name } } }",
    '{ __type(name: "User") { name } }',
    get_introspection_query(),
]


async def production(client_with: ClientWith, **more: Any) -> Client:
    return await client_with(environment=Environment.PRODUCTION, **more)


@pytest.mark.parametrize("document", PROBES, ids=lambda text: text[:40])
async def test_production_tells_nothing_of_the_schema(client_with: ClientWith, document: str) -> None:
    client = await production(client_with)
    answer = await client.graphql(document)
    assert answer.body == {
        "errors": [
            {
                "message": "The request does not fit the schema",
                "extensions": {"code": "VALIDATION_ERROR"},
            }
        ]
    }


@pytest.mark.parametrize(
    "value", [{}, {"emial": "x"}, {"email": 1}, "x", None, {"email": "a@b.example", "password": []}]
)
async def test_nor_do_variables_that_do_not_fit(client_with: ClientWith, value: object) -> None:
    client = await production(client_with)
    answer = await client.graphql(mutation("login"), {"input": value})
    assert answer.body == {
        "errors": [
            {"message": "The request does not fit the schema", "extensions": {"code": "VALIDATION_ERROR"}}
        ]
    }


async def test_production_still_says_what_is_wrong_with_the_document_as_such(client_with: ClientWith) -> None:
    client = await production(client_with)
    for document, words in (
        ("{ me {", "Syntax Error"),
        ("{ me { " + "orders { nodes { user { " * 10 + "id" + "} } } " * 10 + "} }", "depth"),
        ("query A { me { id } } query B { me { id } }", "operation name"),
        ("{ ...A } fragment A on Query { ...A }", "Cannot spread fragment 'A' within itself"),
        ("query($unused: Int) { me { nonsense } }", "$unused"),
    ):
        assert words in (await client.graphql(document)).body["errors"][0]["message"]
    assert (await client.graphql("{ __typename }")).data == {"__typename": "Query"}
    assert (await client.graphql("{ me { id } }")).codes == ["NOT_AUTHENTICATED"]


async def test_a_setting_opens_the_schema_or_closes_it(client_with: ClientWith) -> None:
    opened = await production(client_with, graphql_introspection=True)
    assert (await opened.graphql(get_introspection_query())).data
    closed = await client_with(graphql_introspection=False)
    assert (await closed.graphql(PROBES[0])).body["errors"][0]["message"].endswith("not fit the schema")


async def test_development_helps(client: Client) -> None:
    assert "Did you mean 'products'" in json.dumps((await client.graphql(PROBES[0])).body)


async def test_a_socket_of_production_tells_no_more(serve: Serve) -> None:
    live = await serve(environment=Environment.PRODUCTION)
    socket = await live.socket()
    await socket.init()
    for document in (PROBES[0], PROBES[-1], "subscription { orderUpdatde }"):
        await socket.subscribe(document)
        message = await socket.receive()
        assert message["type"] == "error"
        assert [error["message"] for error in message["payload"]] == ["The request does not fit the schema"]
