"""Who uses what: counted on every way into either API, added up over processes and days, shown to administrators."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from graphql import GraphQLSchema

import core.usage
import tasks.usage
from core.usage import OTHER, UsageCounts
from engine.graphql import core_schema
from graph.operations.usage import MAX_DAYS, MAX_LINES, judge
from graph.schema import build_schema
from models import OrderStatus
from models.advisory_locks import AdvisoryLock
from tasks.usage import MAX_DAYS as MAX_DAYS_KEPT
from tasks.usage import UsageWriter
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_admin, make_order, make_product, make_user
from tests.graph.conftest import Serve
from tests.graph.documents import global_id
from tests.servers import until

pytestmark = pytest.mark.anyio

USAGE = """query ($days: Int, $operation: String, $client: String, $first: Int) {
    apiUsage(days: $days, operation: $operation, client: $client, first: $first) { operation client calls lastDay } }"""
PRODUCTS = "{ products(first: 1) { nodes { id } } }"
CANCEL = "mutation ($id: ID!) { cancelOrder(input: {id: $id}) { errors { code } } }"


async def write(*apps: FastAPI) -> None:
    """Have processes write what they have counted, all at once."""
    await asyncio.gather(*(app.state.usage.write() for app in apps))


async def usage(asking: Client, **arguments: Any) -> list[dict[str, Any]]:
    answer = await asking.graphql(USAGE, {"first": MAX_LINES} | arguments, user=await make_admin())
    return list(answer.data["apiUsage"])


async def calls(asking: Client, **arguments: Any) -> dict[tuple[str, str], int]:
    """Return what is told but for what nobody uses."""
    lines = await usage(asking, **arguments)
    return {(line["operation"], line["client"]): line["calls"] for line in lines if line["client"]}


def named(name: str) -> dict[str, str]:
    return {"GraphQL-Client-Name": name}


async def read(client: Client, name: str, query: str = PRODUCTS) -> None:
    response = await client.rest.post("/graphql", json={"query": query}, headers=named(name))
    assert "errors" not in response.json()


async def test_every_way_in_is_counted_by_client_and_operation(serve: Serve) -> None:
    live = await serve()
    client = live.client
    user, order = await make_user(), await make_order(await make_user(), (await make_product(), 1))
    await client.v1("GET", "/products", headers={"User-Agent": "legacy/2.1 (Java 8)"})
    await client.v1("GET", "/products/1", headers={"User-Agent": "legacy/2.2"})
    await client.v1("GET", "/orders", headers={"User-Agent": "legacy/2.2"} | named("till"))
    await read(client, "shop")
    both = "{ ...F b: products(first: 1) { nodes { id } } } fragment F on Query { me { id } }"
    headers = named("shop") | await client.headers(user)
    await client.rest.post("/graphql", json={"query": both}, headers=headers)
    by_get = {"apollographql-client-name": "apollo-ios"}
    await client.rest.get("/graphql", params={"query": PRODUCTS}, headers=by_get)
    digest = sha256(PRODUCTS.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    for query in ({"query": PRODUCTS}, {}):
        body = {"extensions": extensions, **query}
        await client.rest.post("/graphql", json=body, headers=named("persisted"))
    await client.rest.post(
        "/graphql", json={"query": PRODUCTS}, headers={"Accept": "text/event-stream"} | named("stream")
    )
    for payload, options in (
        ({"GraphQL-Client-Name": "socket"}, {"user_agent_header": "node"}),
        ({}, {"user_agent_header": "curl/8.1"}),
    ):
        socket = await live.socket(**options)
        await socket.send("connection_init", payload=payload)
        await socket.receive()
        await socket.subscribe(PRODUCTS)
        while (await socket.receive())["type"] != "complete":
            pass
    await client.graphql(CANCEL, {"id": global_id(order)})
    await write(client.app)
    told = await calls(client)
    agent = next(name for _, name in told if name.startswith("python-httpx"))
    assert told == {
        ("listProducts", "legacy"): 1,
        ("getProduct", "legacy"): 1,
        ("listOrders", "till"): 1,
        ("Query.products", "shop"): 2,
        ("Query.me", "shop"): 1,
        ("Query.products", "apollo-ios"): 1,
        ("Query.products", "persisted"): 2,
        ("Query.products", "stream"): 1,
        ("Query.products", "socket"): 1,
        ("Query.products", "curl"): 1,
        ("Mutation.cancelOrder", agent): 1,
    }


async def test_a_subscription_counts_when_it_begins(serve: Serve) -> None:
    live = await serve()
    user = await make_user()
    order = await make_order(user, (await make_product(), 1), status=OrderStatus.COMPLETED)
    socket = await live.socket()
    token = (await live.client.headers(user))["Authorization"]
    await socket.send(
        "connection_init", payload={"authorization": token, "apollographql-client-name": "watch"}
    )
    await socket.receive()
    await socket.subscribe(
        "subscription ($id: ID!) { orderUpdated(id: $id) { status } }", id=global_id(order)
    )
    assert (await socket.receive())["payload"]["data"]["orderUpdated"]
    await write(live.client.app)
    assert await calls(live.client) == {("Subscription.orderUpdated", "watch"): 1}


async def test_what_is_refused_before_it_is_an_operation_is_not_counted(client_with: ClientWith) -> None:
    client = await client_with()
    for query in ("{ nonsense }", "{", "{ __typename }", "{ __schema { queryType { name } } }"):
        await client.rest.post("/graphql", json={"query": query}, headers=named("shop"))
    await client.v1("GET", "/nothing", headers=named("shop"))
    await client.v1("PUT", "/products", headers=named("shop"))
    await client.rest.get("/health/live", headers=named("shop"))
    await write(client.app)
    assert await calls(client) == {}


async def test_processes_add_up_and_so_do_days(
    client_with: ClientWith, superuser: asyncpg.Connection
) -> None:
    one, two = await client_with(), await client_with()
    for client in (one, one, two):
        await read(client, "shop")
    await write(one.app, two.app)
    await read(two, "shop")
    await write(one.app, two.app)
    assert await superuser.fetchval("SELECT count(*) FROM api_usage WHERE client = 'shop'") == 1
    assert await calls(one) == {("Query.products", "shop"): 4}
    await superuser.execute(
        "INSERT INTO api_usage (day, client, operation, calls) SELECT day - 29, client, operation, 3000000000"
        " FROM api_usage WHERE client = 'shop'"
    )
    assert (await calls(one, days=29))["Query.products", "shop"] == 4
    (line,) = await usage(one, days=30, operation="Query.products")
    assert line["calls"] == 2**31 - 1
    assert line["lastDay"] == datetime.now(UTC).date().isoformat()


async def test_what_nobody_uses_is_told(client_with: ClientWith) -> None:
    client = await client_with()
    await read(client, "shop")
    await write(client.app)
    lines = await usage(client)
    unused = [line for line in lines if line["client"] is None]
    assert lines[0]["operation"] == "Query.products"
    assert lines[1:] == unused
    assert all((line["calls"], line["lastDay"]) == (0, None) for line in unused)
    assert {"listOrders", "Query.orders", "Mutation.createOrder", "Subscription.orderUpdated"} <= {
        line["operation"] for line in unused
    }
    assert await usage(client, client="nobody at all") == []
    assert len(await usage(client, first=3)) == 3


@pytest.mark.parametrize(
    "arguments", [{"days": 0}, {"days": MAX_DAYS + 1}, {"first": 0}, {"first": MAX_LINES + 1}]
)
async def test_only_administrators_ask_and_within_bounds(client: Client, arguments: dict[str, int]) -> None:
    for user, code in ((None, "NOT_AUTHENTICATED"), (await make_user(), "ADMIN_REQUIRED")):
        assert (await client.graphql(USAGE, arguments, user=user)).codes == [code]
    answer = await client.graphql(USAGE, arguments, user=await make_admin())
    assert answer.codes == ["VALIDATION_ERROR"]


async def clients_of_today(superuser: asyncpg.Connection) -> list[str]:
    rows = await superuser.fetch("SELECT DISTINCT client FROM api_usage WHERE client <> '' ORDER BY 1")
    return [client for (client,) in rows]


async def test_a_flood_of_names_is_one_client_beyond_the_bound(
    client_with: ClientWith, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.usage, "MAX_CLIENTS", 5)
    monkeypatch.setattr(tasks.usage, "MAX_CLIENTS", 5)
    processes = [await client_with() for _ in range(4)]
    await read(processes[0], "shop")
    await write(processes[0].app)
    for number, client in enumerate(processes):
        for name in range(8):
            await read(client, f"{number}-{name}")
    # All write at once: none sees what the others are about to write.
    await write(*(client.app for client in processes))
    await write(*(client.app for client in processes))
    found = await clients_of_today(superuser)
    assert len(found) == 6
    assert {OTHER, "shop"} < {*found}
    await read(processes[1], "shop")
    await read(processes[1], found[1])
    await read(processes[1], "late")
    await write(processes[1].app)
    assert await clients_of_today(superuser) == found
    told = await calls(processes[0])
    assert told["Query.products", "shop"] == 2
    assert told["Query.products", found[1]] == 2
    assert sum(told.values()) == 1 + 4 * 8 + 3


async def test_memory_holds_so_many_clients_and_the_busiest_are_let_in(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.usage, "MAX_CLIENTS", 5)
    monkeypatch.setattr(tasks.usage, "MAX_CLIENTS", 2)
    client = await client_with()
    for name in (*"abcdefgh", "c", "d"):
        await read(client, name)
    assert len(client.resources.usage.rows()) == 6
    await write(client.app)
    assert await calls(client) == {
        ("Query.products", "c"): 2,
        ("Query.products", "d"): 2,
        ("Query.products", OTHER): 6,
    }


async def test_nothing_is_lost_while_the_database_is_away(
    client_with: ClientWith, superuser: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    client = await client_with()
    await read(client, "shop")
    await superuser.execute("ALTER TABLE api_usage RENAME TO api_usage_gone")
    try:
        await write(client.app)
        await read(client, "shop")
        await write(client.app)
        await read(client, "till")
    finally:
        await superuser.execute("ALTER TABLE api_usage_gone RENAME TO api_usage")
    warnings = [record for record in caplog.records if record.name == "tandem.usage"]
    assert len(warnings) == 1  # not each time
    await write(client.app)
    await write(client.app)
    assert await calls(client) == {("Query.products", "shop"): 2, ("Query.products", "till"): 1}


async def test_a_long_outage_keeps_the_last_days(client: Client, superuser: asyncpg.Connection) -> None:
    counts, now = UsageCounts(), datetime(2026, 3, 1, 12, tzinfo=UTC)
    writer = UsageWriter(counts, ["listOrders"], lambda: now)
    await superuser.execute("ALTER TABLE api_usage RENAME TO api_usage_gone")
    try:
        for _ in range(MAX_DAYS_KEPT + 3):
            counts.count("shop", ["listOrders"])
            now += timedelta(days=1)
            await writer.write()
    finally:
        await superuser.execute("ALTER TABLE api_usage_gone RENAME TO api_usage")
    await writer.write()
    days = await superuser.fetch("SELECT day, calls FROM api_usage WHERE client = 'shop' ORDER BY day")
    assert len(days) == MAX_DAYS_KEPT
    assert days[-1]["day"] == (now - timedelta(days=1)).date()
    assert {row["calls"] for row in days} == {1}


async def test_a_call_counts_for_its_own_day(client: Client, superuser: asyncpg.Connection) -> None:
    counts, now = UsageCounts(), datetime(2026, 3, 1, 23, 59, 57, tzinfo=UTC)
    writer = UsageWriter(counts, ["listOrders"], lambda: now)
    assert writer._pause() == 3.0
    counts.count("shop", ["listOrders"])
    now += timedelta(seconds=3)
    await writer.write()
    counts.count("shop", ["listOrders"])
    now += timedelta(seconds=10)
    await writer.write()
    rows = await superuser.fetch("SELECT day, calls FROM api_usage WHERE client = 'shop' ORDER BY day")
    assert [(row["day"].day, row["calls"]) for row in rows] == [(1, 1), (2, 1)]
    assert await superuser.fetchval("SELECT count(*) FROM api_usage WHERE client = ''") == 2


async def test_what_is_left_is_written_when_the_process_ends(client_with: ClientWith) -> None:
    client = await client_with()
    client.app.state.usage.start()
    await read(client, "shop")
    await client.app.state.usage.stop()
    assert await calls(client) == {("Query.products", "shop"): 1}


@pytest.fixture
def schema(monkeypatch: pytest.MonkeyPatch) -> GraphQLSchema:
    """The schema, with a field, an argument, input fields and an enum value that are deprecated."""
    schema = core_schema(build_schema())
    types: dict[str, Any] = schema.type_map
    for member in (
        types["Order"].fields["reference"],
        types["Query"].fields["product"],
        types["Query"].fields["orders"].args["last"],
        types["OrderFilter"].fields["status"],
        types["OrderItemInput"].fields["quantity"],
        types["OrderStatus"].values["CANCELLED"],
    ):
        monkeypatch.setattr(member, "deprecation_reason", "of the test")
    return schema


ORDERS = "query ($filter: OrderFilter, $status: [OrderStatus!]) { orders%s { nodes { %s } } }"


@pytest.mark.parametrize(
    ("query", "variables", "uses"),
    [
        ("{ me { id } }", {}, ["Query.me"]),
        ('{ product(id: "x") { id } }', {}, ["Query.product"]),
        ("{ orders { nodes { reference reference } } }", {}, ["Query.orders", "Order.reference"]),
        (
            "{ orders { nodes { ...F } } } fragment F on Order { ...G } fragment G on Order { r: reference }",
            {},
            ["Query.orders", "Order.reference"],
        ),
        ("{ orders(last: 1) { totalCount } }", {}, ["Query.orders", "Query.orders(last:)"]),
        (
            "{ orders(filter: {status: CANCELLED}) { totalCount } }",
            {},
            ["Query.orders", "OrderFilter.status", "OrderStatus.CANCELLED"],
        ),
        (
            "query ($filter: OrderFilter = {status: CANCELLED}) { orders(filter: $filter) { totalCount } }",
            {},
            ["Query.orders", "OrderFilter.status", "OrderStatus.CANCELLED"],
        ),
        (
            "query ($filter: OrderFilter) { orders(filter: $filter) { totalCount } }",
            {"filter": {"status": "CANCELLED"}},
            ["Query.orders", "OrderFilter.status", "OrderStatus.CANCELLED"],
        ),
        (
            "query ($filter: OrderFilter) { orders(filter: $filter) { totalCount } }",
            {"filter": {"search": None, "nonsense": [{"status": "CANCELLED"}]}},
            ["Query.orders"],
        ),
        (
            "mutation ($input: CreateOrderInput!) { createOrder(input: $input) { errors { code } } }",
            {"input": {"shippingAddress": "x", "items": [{"productId": "x", "quantity": 1}] * 2}},
            ["Mutation.createOrder", "OrderItemInput.quantity"],
        ),
    ],
)
async def test_uses_of_what_is_deprecated_are_counted_by_coordinate(
    schema: GraphQLSchema, client_with: ClientWith, query: str, variables: dict[str, Any], uses: Sequence[str]
) -> None:
    client = await client_with()
    for _ in range(2):  # a new document, then a known one
        await client.graphql(query, variables)
    assert Counter({use: n for _, use, n in client.resources.usage.rows()}) == Counter(dict.fromkeys(uses, 2))


async def test_what_was_used_or_not_counted_for_long_enough_stays(
    schema: GraphQLSchema, client_with: ClientWith, superuser: asyncpg.Connection
) -> None:
    assert not (await judge("Order.reference")).may_remove  # nothing was ever counted
    client = await client_with()
    await read(client, "shop")
    await client.graphql("{ orders { nodes { reference } } }")
    await write(client.app)
    in_use = await judge("Order.reference")
    assert (in_use.may_remove, len(in_use.used_by)) == (False, 1)
    unused = await judge("Query.product")
    assert (unused.may_remove, [*unused.used_by]) == (False, [])
    assert "counted since" in unused.reason
    await superuser.execute("UPDATE api_usage SET day = day - 29")
    assert not (await judge("Query.product")).may_remove
    assert not (await judge("Order.reference")).may_remove
    await superuser.execute("UPDATE api_usage SET day = day - 1")
    for name in ("Query.product", "Order.reference", "Query.products"):
        assert (await judge(name)).may_remove
    assert not (await judge("Query.products", days=31)).may_remove
    await read(client, "late")
    await write(client.app)
    late = await judge("Query.products")
    assert (late.may_remove, [use.client for use in late.used_by]) == (False, ["late"])


async def test_a_process_sees_whom_the_one_before_has_let_in(
    client_with: ClientWith, database_url: str, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.usage, "MAX_CLIENTS", 1)
    client = await client_with()
    await read(client, "late")
    before = await asyncpg.connect(database_url)
    try:
        async with before.transaction():
            await before.execute(f"SELECT pg_advisory_xact_lock({AdvisoryLock.USAGE.value})")
            await before.execute(
                "INSERT INTO api_usage (day, client, operation, calls)"
                " VALUES ((now() AT TIME ZONE 'UTC')::date, 'shop', 'Query.products', 1)"
            )
            writing = asyncio.create_task(write(client.app))
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
            await until(lambda: superuser.fetchval(waits))
        await writing
    finally:
        await before.close()
    assert await clients_of_today(superuser) == [OTHER, "shop"]
