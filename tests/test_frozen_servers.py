"""Servers that stop in the middle of their work, with their sockets open: every request still ends.

No time is measured: the server stays frozen until all have ended.
"""

import asyncio
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from core.settings import load_settings
from dev import EmbeddedPostgres, EmbeddedValkey
from models.migrate import migrate
from tests.conftest import SECRET
from tests.servers import SECONDS, frozen, own_postgres, own_valkey, until
from tests.test_cli import Running, environment

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EMAIL, PASSWORD = "admin@example.com", "a password of the tests"
#: Fewer than the requests that hang at once: the others wait for a connection that does not come.
POOL = 3
ORDER = {"items": [{"product_id": 1, "quantity": 1}], "shipping_address": "1 Test Street"}
PRODUCTS = "{ products { nodes { name } } }"
ME = "{ me { email } }"
ADJUST = """mutation {
  adjustStock(input: {id: "UHJvZHVjdDox", delta: 1, note: "x"}) { product { onHand } errors { code } }
}"""


@dataclass
class Shop:
    """An API process over servers of its own, and an administrator who is signed in."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    database_url: str
    port: int
    api: Running
    http: httpx.AsyncClient

    async def is_ready(self) -> bool:
        """Tell whether the API says so."""
        assert self.api.process.poll() is None, self.api.output.read_text()
        try:
            return (await self.http.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def sign_in(self) -> None:
        """Sign in for all further requests."""
        answer = await self.http.post("/api/v1/auth/login", json={"username": EMAIL, "password": PASSWORD})
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    async def graphql(self, query: str, **headers: str) -> httpx.Response:
        """Send an operation."""
        return await self.http.post("/graphql", json={"query": query}, headers=headers)

    async def stored(self, query: str) -> Any:
        """Return a value from the database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    """One for all tests. Its deadline is longer than Redis is waited for."""
    with own_postgres() as postgres, own_valkey() as valkey, tempfile.TemporaryDirectory() as folder:
        url = postgres.url("postgres")
        await migrate(load_settings(database_url=url, secret_key=SECRET))
        connection = await asyncpg.connect(url)
        await connection.execute(
            "INSERT INTO products (name, name_key, price, on_hand) VALUES ('x', 'x', 100, 9)"
        )
        await connection.close()
        variables = {
            "TANDEM_DATABASE_URL": url,
            "TANDEM_REDIS_URL": valkey.url(),
            "TANDEM_SECRET_KEY": SECRET,
            "TANDEM_DATABASE_POOL_SIZE": str(POOL),
            "TANDEM_DEADLINE_SECONDS": "3",
            "TANDEM_RATE_LIMIT_USER": "100000",
            "TANDEM_RATE_LIMIT_ANONYMOUS": "100000",
            "TANDEM_SIGN_IN_LIMIT_ADDRESS": "0",
            "TANDEM_SIGN_IN_LIMIT_ACCOUNT": "0",
            "TANDEM_SIGN_IN_LIMIT_ACCOUNT_TOTAL": "0",
            "TANDEM_PASSWORD_HASH_ROUNDS": "4",
        }
        command = ["create-admin", "--email", EMAIL, "--full-name", "Admin", "--password-stdin"]
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "cli", *command],
            input=PASSWORD,
            text=True,
            check=True,
            cwd=folder,
            env=environment(**variables),
            stdout=subprocess.DEVNULL,
        )
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        with Running(Path(folder), "serve", "--port", str(port), **variables) as api:
            # The server closes connections that are idle for some seconds, perhaps just as one is used again.
            fresh = httpx.Limits(max_keepalive_connections=0)
            async with httpx.AsyncClient(base_url=address, timeout=SECONDS, limits=fresh) as http:
                made = Shop(postgres, valkey, url, port, api, http)
                await until(made.is_ready)
                await made.sign_in()
                yield made


Send = Callable[[Shop], Awaitable[httpx.Response]]
REST: dict[str, Send] = {
    "list of products": lambda shop: shop.http.get("/api/v1/products"),
    "list of orders": lambda shop: shop.http.get("/api/v1/orders"),
    "order": lambda shop: shop.http.post("/api/v1/orders", json=ORDER),
    "change in a transaction": lambda shop: shop.http.patch("/api/v1/users/1", json={"full_name": "Other"}),
    "sign-in": lambda shop: shop.http.post(
        "/api/v1/auth/login", json={"username": EMAIL, "password": PASSWORD}
    ),
}
GRAPHQL: dict[str, Send] = {
    "query": lambda shop: shop.graphql(PRODUCTS),
    "viewer": lambda shop: shop.graphql(ME),
    "mutation": lambda shop: shop.graphql(ADJUST),
    "stream": lambda shop: shop.graphql(ME, Accept="text/event-stream"),
}


async def test_every_request_ends_while_postgresql_is_frozen(shop: Shop) -> None:
    before = await shop.stored("SELECT on_hand FROM products")
    with frozen(shop.postgres.pid):
        rest = asyncio.gather(*(send(shop) for send in REST.values() for _ in range(2)))
        graphql = asyncio.gather(*(send(shop) for send in GRAPHQL.values() for _ in range(2)))
        ready = shop.http.get("/health/ready")
        async with asyncio.timeout(SECONDS):
            for answer in await rest:
                assert answer.status_code == 503, answer.text
                assert answer.json()["error_code"] == "DEADLINE_EXCEEDED"
            for answer in await graphql:
                assert "DEADLINE_EXCEEDED" in answer.text
            assert (await ready).json()["checks"] == {"database": "failed", "redis": "ok"}
        # Whatever has given up leaves nothing behind that later requests wait for.
        async with asyncio.timeout(SECONDS):
            assert (await shop.http.get("/api/v1/products")).status_code == 503
    # All connections of the pool come back.
    await until(shop.is_ready)
    answers = await asyncio.gather(*(shop.http.get("/api/v1/products") for _ in range(4 * POOL)))
    assert {answer.status_code for answer in answers} == {200}
    assert await shop.stored("SELECT on_hand FROM products") == before
    # No order without its items and its event, whether or not it was placed in the end.
    half_done = """SELECT count(*) FROM orders WHERE NOT EXISTS (SELECT FROM order_items WHERE order_id = orders.id)
        OR NOT EXISTS (SELECT FROM order_events WHERE order_id = orders.id)"""
    assert await shop.stored(half_done) == 0


async def test_an_order_that_waits_for_a_lock_is_not_placed_after_it_was_given_up(shop: Shop) -> None:
    before = await shop.stored("SELECT count(*) FROM orders")
    connection = await asyncpg.connect(shop.database_url)
    await connection.execute("BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
    answers = await asyncio.gather(*(REST["order"](shop) for _ in range(4 * POOL)))
    assert {answer.json()["error_code"] for answer in answers} == {"DEADLINE_EXCEEDED"}
    # Nor does one of them still wait for its turn.
    await until(shop.is_ready)
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"

    async def nobody_waits() -> bool:
        return int(await shop.stored(waiting)) == 0

    await until(nobody_waits)
    await connection.execute("ROLLBACK")
    await connection.close()
    assert (await REST["order"](shop)).status_code == 201
    assert await shop.stored("SELECT count(*) FROM orders") == before + 1


async def test_sockets_end_while_postgresql_is_frozen(shop: Shop) -> None:
    address, protocols = f"ws://127.0.0.1:{shop.port}/graphql", [Subprotocol("graphql-transport-ws")]
    signed_in = {"Authorization": shop.http.headers["Authorization"]}
    async with (
        connect(address, subprotocols=protocols) as late,
        connect(address, subprotocols=protocols) as socket,
    ):
        await socket.send(orjson.dumps({"type": "connection_init"}).decode())
        assert orjson.loads(await socket.recv())["type"] == "connection_ack"
        with frozen(shop.postgres.pid):
            async with asyncio.timeout(SECONDS):
                message = {"id": "1", "type": "subscribe", "payload": {"query": PRODUCTS}}
                await socket.send(orjson.dumps(message).decode())
                assert "DEADLINE_EXCEEDED" in str(await socket.recv())
                payload = {"authorization": signed_in["Authorization"]}
                await late.send(orjson.dumps({"type": "connection_init", "payload": payload}).decode())
                with pytest.raises(ConnectionClosed):
                    await late.recv()
                with pytest.raises((InvalidStatus, ConnectionClosed)):
                    async with connect(
                        address, subprotocols=protocols, additional_headers=signed_in
                    ) as third:
                        await third.recv()
    await until(shop.is_ready)


@pytest.mark.parametrize(
    "send", [REST["list of products"], REST["order"], GRAPHQL["query"], GRAPHQL["viewer"]]
)
async def test_redis_that_is_frozen_stops_nothing(shop: Shop, send: Send) -> None:
    with frozen(shop.valkey.pid):
        async with asyncio.timeout(SECONDS):
            assert (await send(shop)).is_success
            ready = await shop.http.get("/health/ready")
            assert ready.json()["checks"] == {"database": "ok", "redis": "failed"}
    await until(shop.is_ready)


@pytest.mark.parametrize("path", ["/api/v1/orders", "/graphql"])
async def test_a_database_that_cannot_be_reached_is_said_to_be_unavailable(shop: Shop, path: str) -> None:
    shop.postgres.stop()
    try:
        answer = await (shop.graphql(ME) if path == "/graphql" else shop.http.get(path))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "SERVICE_UNAVAILABLE" in answer.text
        # An operation that nobody has signed in for has begun when it fails.
        async with httpx.AsyncClient(base_url=shop.http.base_url, timeout=SECONDS) as nobody:
            body = (await nobody.post("/graphql", json={"query": PRODUCTS})).json()
        assert body["errors"][0]["extensions"] == {"code": "SERVICE_UNAVAILABLE", "retryAfter": 5}
    finally:
        shop.postgres.start()
    await until(shop.is_ready)
