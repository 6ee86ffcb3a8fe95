"""A whole system in processes of its own, on whatever servers and hosts; and, run as a module, its customer.

``python -m tests.deployment ORDERS URL…`` signs in, places orders at the addresses in turn, by both faces, and follows
each until it is completed.
"""

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import bcrypt
import httpx

from dev.processes import spawn, stop_process
from tests.conftest import SECRET
from tests.servers import NO_LIMITS, SECONDS, until
from tests.test_cli import environment

ROOT = Path(__file__).parents[1]
EMAIL, PASSWORD = "customer@example.com", "a password of a customer"
PLACE = """mutation { createOrder(input: { items: [{ productId: "UHJvZHVjdDox", quantity: 1 }],
  shippingAddress: "1 Test Street" }) { order { id } errors { code } } }"""
ADD_USER = "INSERT INTO users (email, full_name, full_name_key, password_hash) VALUES ($1, 'A', 'a', $2)"
ADD_PRODUCT = """
WITH product AS (
    INSERT INTO products (name, name_key, price, on_hand) VALUES ('Thing', 'thing', 250, 1000) RETURNING id
)
INSERT INTO stock_movements (product_id, delta, on_hand_after, reason) SELECT id, 1000, 1000, 'initial' FROM product
"""
FOLLOW = "subscription($id: ID!) { orderUpdated(id: $id) { status total { amount } } }"
LIST = "{ orders(first: 100) { nodes { status items { quantity product { name } } } } }"


async def furnish(url: str) -> None:
    """Add the customer, and a product that there is enough of."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        await connection.execute(ADD_USER, EMAIL, hashed)
        await connection.execute(ADD_PRODUCT)
    finally:
        await connection.close()


class Deployment:
    """Runs commands, API processes and workers, each on a host.

    Args:
        settings: of all processes, as the environment has them.
        on_host: what stands before a command to run it on a host, by the host's name; nothing if not given.
    """

    def __init__(
        self,
        stack: ExitStack,
        settings: Mapping[str, str],
        on_host: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> None:
        self._stack = stack
        self._on_host = on_host
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-deployment-"))
        self._path = Path(folder, "log")
        common = NO_LIMITS | {
            "TANDEM_SECRET_KEY": SECRET,
            "TANDEM_DATABASE_POOL_SIZE": "5",
            "TANDEM_PASSWORD_HASH_ROUNDS": "4",
            # Long enough in each status that its subscriber has to be told of the next.
            "TANDEM_ORDER_PAUSE_SECONDS": "0.2",
            "TANDEM_ORDER_LEASE_SECONDS": "3",
            "TANDEM_ORDER_RESEND_SECONDS": "1",
            "TANDEM_SWEEP_SECONDS": "0.5",
        }
        self._environment = environment(**common, **settings)

    def run(self, host: str, *command: str) -> str:
        """Run a command to its end, and return what it prints."""
        done = subprocess.run(
            [*self._on_host(host), sys.executable, "-m", *command],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=3 * SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.output()[-6_000:]}"
        return done.stdout

    def start(self, host: str, *command: str) -> subprocess.Popen[bytes]:
        """Run a command until the deployment is taken down."""
        with self._path.open("ab") as log:
            process = spawn(
                [*self._on_host(host), sys.executable, "-m", *command],
                cwd=ROOT,
                env=self._environment,
                output=log.fileno(),
                death_signal=signal.SIGKILL,
            )
        self._stack.callback(stop_process, process, ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0)))
        return process

    def output(self) -> str:
        """Return what the processes have written."""
        return self._path.read_text(errors="replace") if self._path.exists() else ""


async def shop(orders: int, addresses: Sequence[str]) -> None:
    """Be the customer."""
    async with httpx.AsyncClient(timeout=SECONDS) as http:
        for address in addresses:
            await _until_ready(http, address)
        answer = await http.post(
            f"{addresses[0]}/api/v1/auth/login", json={"username": EMAIL, "password": PASSWORD}
        )
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        turns = [addresses[number % len(addresses)] for number in range(orders)]
        ids = await asyncio.gather(
            *(_place(http, address, by_rest=number % 3 == 0) for number, address in enumerate(turns))
        )
        # Placed at one address, followed at another.
        async with asyncio.timeout(2 * SECONDS):
            await asyncio.gather(*map(_follow, [http] * orders, turns[::-1], ids))
        await asyncio.gather(*(_look(http, address, orders) for address in turns))


async def _until_ready(http: httpx.AsyncClient, address: str) -> None:
    async def is_ready() -> bool:
        try:
            return (await http.get(f"{address}/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    await until(is_ready, seconds=3 * SECONDS)


async def _place(http: httpx.AsyncClient, address: str, *, by_rest: bool) -> str:
    if by_rest:
        body = {"items": [{"product_id": 1, "quantity": 1}], "shipping_address": "1 Test Street"}
        placed = (await http.post(f"{address}/api/v1/orders", json=body)).json()
        found = await _ask(http, address, "{ orders(first: 100) { nodes { id databaseId } } }")
        return next(str(one["id"]) for one in found["orders"]["nodes"] if one["databaseId"] == placed["id"])
    told = (await _ask(http, address, PLACE))["createOrder"]
    return str(told["order"]["id"])


async def _ask(http: httpx.AsyncClient, address: str, query: str) -> Any:
    answer = (await http.post(f"{address}/graphql", json={"query": query})).json()
    if "errors" in answer:
        raise RuntimeError(answer)
    return answer["data"]


async def _follow(http: httpx.AsyncClient, address: str, order_id: str) -> None:
    body = {"query": FOLLOW, "variables": {"id": order_id}}
    headers = {"Accept": "text/event-stream"}
    async with http.stream("POST", f"{address}/graphql", json=body, headers=headers) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:") and '"status"' in line:
                order = json.loads(line[5:])["data"]["orderUpdated"]
                if order["status"] == "COMPLETED":
                    if order["total"]["amount"] != "2.50":
                        raise RuntimeError(order)
                    return
    raise RuntimeError(f"the stream of {order_id} has ended")


async def _look(http: httpx.AsyncClient, address: str, orders: int) -> None:
    nodes = (await _ask(http, address, LIST))["orders"]["nodes"]
    listed = (await http.get(f"{address}/api/v1/orders?page_size=100")).json()
    if not len(nodes) == listed["total"] >= orders or {node["status"] for node in nodes} != {"COMPLETED"}:
        raise RuntimeError((nodes, listed))


if __name__ == "__main__":
    asyncio.run(shop(int(sys.argv[1]), sys.argv[2:]))
