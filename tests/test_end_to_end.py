"""The whole system in real processes: API and workers, and what they survive."""

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis
from tortoise.functions import Sum

from core.demo_people import CUSTOMER
from core.resources import Resources
from dev import EmbeddedValkey
from models import FailureCode, Order, OrderEvent, OrderFailure, OrderStatus, Product, StockMovement
from models.orders import OPEN_STATUSES
from tests.conftest import SECRET, empty_tables
from tests.factories import make_product, make_token, make_user
from tests.graph.documents import global_id
from tests.servers import SECONDS, own_valkey, until
from tests.test_cli import Running

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

BUYERS = 200
UNITS = 50
PLACE = """mutation Place($input: CreateOrderInput!) {
  createOrder(input: $input) { order { databaseId status } errors { code message } }
}"""


class System:
    """An API process and any number of workers, over the test's database and a Valkey of their own."""

    def __init__(self, valkey: EmbeddedValkey, database_url: str, folder: Path) -> None:
        self.valkey = valkey
        self.workers: list[Running] = []
        self.api: Running
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            timeout=SECONDS,
            limits=httpx.Limits(max_connections=BUYERS),
        )
        self._folder = folder
        self._started = ExitStack()
        self._environment = {
            "TANDEM_DATABASE_URL": database_url,
            "TANDEM_REDIS_URL": valkey.url(),
            "TANDEM_SECRET_KEY": SECRET,
            "TANDEM_DATABASE_POOL_SIZE": "10",
            "TANDEM_RATE_LIMIT_USER": "0",
            "TANDEM_RATE_LIMIT_ANONYMOUS": "0",
            "TANDEM_ORDER_LEASE_SECONDS": "2",
            "TANDEM_ORDER_RESEND_SECONDS": "0.5",
            # A lease this short runs out by itself where the machine has much else to do.
            "TANDEM_ORDER_MAX_ATTEMPTS": "100",
            "TANDEM_SWEEP_SECONDS": "0.25",
        }

    def run(self, *arguments: str) -> Running:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return self._started.enter_context(Running(folder, *arguments, **self._environment))

    async def start(self, *, workers: int) -> None:
        """Start the API and workers, and wait until all of them are at work."""
        self.api = self.run("serve", "--port", str(self.port))
        self.workers = [self.run("worker") for _ in range(workers)]
        await until(self._is_ready, seconds=3 * SECONDS)
        async with Redis.from_url(self.valkey.url()) as redis:
            await until(lambda: self._listening(redis, workers), seconds=3 * SECONDS)

    async def _is_ready(self) -> bool:
        for running in (self.api, *self.workers):
            assert running.process.poll() is None, running.output.read_text()
        try:
            return (await self.http.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def _listening(self, redis: Redis, workers: int) -> bool:
        if not await redis.exists("tandem:tasks"):
            return False
        groups: Any = await redis.xinfo_groups("tandem:tasks")
        return int(sum(group["consumers"] for group in groups)) >= workers

    async def stop(self) -> None:
        """Send SIGTERM to everything at once; all of it must end well."""
        running = [running.process for running in (self.api, *self.workers)]
        for process in running:
            process.send_signal(signal.SIGTERM)
        codes = [await asyncio.to_thread(process.wait, SECONDS) for process in running]
        # uvicorn, once everything is closed, ends by the signal that it was sent.
        assert codes[0] in (0, -signal.SIGTERM)
        assert set(codes[1:]) == {0}

    async def place(self, token: str, *lines: tuple[Product, int], graphql: bool = False) -> int:
        """Place an order on one of the faces and return its id."""
        headers = {"Authorization": f"Bearer {token}"}
        if not graphql:
            items = [{"product_id": product.id, "quantity": quantity} for product, quantity in lines]
            body: dict[str, Any] = {"items": items, "shipping_address": "1 Test Street"}
            answer = await self.http.post("/api/v1/orders", json=body, headers=headers)
            assert answer.status_code == 201, answer.text
            return int(answer.json()["id"])
        places = [{"productId": global_id(product), "quantity": quantity} for product, quantity in lines]
        body = {
            "query": PLACE,
            "variables": {"input": {"items": places, "shippingAddress": "1 Test Street"}},
        }
        answer = await self.http.post("/graphql", json=body, headers=headers)
        order = answer.json()["data"]["createOrder"]["order"]
        assert order["status"] == "PENDING"
        return int(order["databaseId"])

    async def close(self) -> None:
        await self.http.aclose()
        self._started.close()


@pytest.fixture(scope="module")
async def system(database_url: str) -> AsyncIterator[System]:
    """An API and two workers."""
    # Orders that earlier tests have left behind would be processed beside what the first test here counts.
    connection = await asyncpg.connect(database_url)
    await empty_tables(connection)
    await connection.close()
    with own_valkey() as valkey, tempfile.TemporaryDirectory(prefix="tandem-e2e-") as folder:
        made = System(valkey, database_url, Path(folder))
        try:
            await made.start(workers=2)
            yield made
        finally:
            await made.close()


def is_final(*order_ids: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return not await Order.filter(id__in=order_ids, status__in=OPEN_STATUSES).exists()

    return look


async def stock(product: Product) -> tuple[int, int]:
    """What is on hand, and what the ledger says."""
    await product.refresh_from_db()
    (ledger,) = await StockMovement.filter(product_id=product.id).annotate(sum=Sum("delta")).values("sum")
    return product.on_hand, ledger["sum"]


async def buyers(resources: Resources, number: int) -> list[str]:
    return [await make_token(resources, await make_user()) for _ in range(number)]


async def test_two_workers_never_sell_more_than_there_is(system: System, resources: Resources) -> None:
    product = await make_product(on_hand=UNITS, price=1_250)
    tokens = await buyers(resources, BUYERS)

    order_ids = await asyncio.gather(
        *(system.place(token, (product, 1), graphql=bool(n % 2)) for n, token in enumerate(tokens))
    )
    await until(is_final(*order_ids))

    orders = await Order.all()
    completed = [order for order in orders if order.status is OrderStatus.COMPLETED]
    failed = [order for order in orders if order.failure_code is FailureCode.OUT_OF_STOCK]
    sales = await StockMovement.filter(product_id=product.id, reason="sale")
    assert (len(orders), len(completed), len(failed)) == (BUYERS, UNITS, BUYERS - UNITS)
    assert await stock(product) == (0, 0)
    assert sorted(sale.order_id or 0 for sale in sales) == sorted(order.id for order in completed)
    assert {order.total for order in completed} == {1_250}
    assert await OrderEvent.filter(status=OrderStatus.COMPLETED).count() == UNITS


async def test_what_is_served_takes_no_body_for_a_request(system: System) -> None:
    body = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
    offer = b"Connection: Upgrade, close\r\nUpgrade: h2c\r\n"
    head = b"POST /nothing HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n" % (offer, len(body))
    reader, writer = await asyncio.open_connection("127.0.0.1", system.port)
    for segment in (head, body):
        writer.write(segment)
        await writer.drain()
    async with asyncio.timeout(SECONDS):
        answers = await reader.read()
    writer.close()
    assert answers.startswith(b"HTTP/1.1 404 ")
    assert answers.count(b"HTTP/1.1 ") == 1


async def test_an_order_accepted_while_redis_is_down_is_processed_once_it_is_back(
    system: System, resources: Resources
) -> None:
    product = await make_product(on_hand=10)
    (token,) = await buyers(resources, 1)
    port = system.valkey.port
    await asyncio.to_thread(system.valkey.stop)

    order_ids = [await system.place(token, (product, 1), graphql=graphql) for graphql in (False, True)]
    assert await Order.filter(id__in=order_ids, status=OrderStatus.PENDING).count() == 2

    await asyncio.to_thread(system.valkey.start)
    assert system.valkey.port == port
    await until(is_final(*order_ids))
    assert await Order.filter(status=OrderStatus.COMPLETED).count() == 2
    assert await stock(product) == (8, 8)


async def test_an_order_of_a_killed_worker_is_finished_by_another(
    system: System, resources: Resources, database_url: str
) -> None:
    product = await make_product(on_hand=10)
    (token,) = await buyers(resources, 1)
    blocker = await asyncpg.connect(database_url)
    try:
        async with blocker.transaction():
            # Whoever claims the order now waits for the product.
            await blocker.execute("SELECT 1 FROM products WHERE id = $1 FOR NO KEY UPDATE", product.id)
            order_id = await system.place(token, (product, 3))
            await until(lambda: has_status(order_id, OrderStatus.PROCESSING))
            os.kill(await holder(system), signal.SIGKILL)
    finally:
        await blocker.close()

    await until(is_final(order_id))
    order = await Order.get(id=order_id)
    assert order.status is OrderStatus.COMPLETED
    lost = await OrderFailure.filter(order_id=order_id).order_by("id").first()
    assert lost is not None
    assert lost.error == "LeaseExpired"
    assert await stock(product) == (7, 7)


async def has_status(order_id: int, status: OrderStatus) -> bool:
    return (await Order.get(id=order_id)).status is status


async def holder(system: System) -> int:
    """The process that has the oldest message there is: a consumer is called ``host:pid:…``."""
    async with Redis.from_url(system.valkey.url(), decode_responses=True) as redis:
        pending, *_ = await redis.xpending_range("tandem:tasks", "workers", "-", "+", 10)
    return int(str(pending["consumer"]).split(":")[1])


async def test_stopping_everything_at_once_loses_nothing(
    system: System, resources: Resources, database_url: str
) -> None:
    product = await make_product(on_hand=100)
    (token,) = await buyers(resources, 1)
    blocker = await asyncpg.connect(database_url)
    try:
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("SELECT 1 FROM products WHERE id = $1 FOR NO KEY UPDATE", product.id)
        order_ids = [await system.place(token, (product, 1)) for _ in range(40)]
        await until(lambda: has_status(order_ids[0], OrderStatus.PROCESSING))
        stopping = asyncio.create_task(system.stop())
        await until(lambda: system.api.process.poll() is not None)
        await transaction.commit()
        await stopping
    finally:
        await blocker.close()

    await system.start(workers=2)
    await until(is_final(*order_ids))
    assert await Order.filter(status=OrderStatus.COMPLETED).count() == 40
    assert await stock(product) == (60, 60)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tandem-dev-"))
    # As root the servers run as another user, who must get in.
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


async def test_a_newcomer_gets_from_nothing_to_completed_orders(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    base = f"http://127.0.0.1:{port}"
    with Running(folder, "dev", "--port", str(port)) as dev:
        await asyncio.to_thread(dev.wait_for, lambda: dev.says("Ctrl-C stops everything"))
        assert dev.says(f"{CUSTOMER.email} / {CUSTOMER.password}")
        async with httpx.AsyncClient(base_url=base, timeout=SECONDS) as http:
            by_rest, by_graphql = await sign_in_by_rest(http), await sign_in_by_graphql(http)
            placed = [await place_by_rest(http, by_rest), await place_by_graphql(http, by_graphql)]
            # The demo's own pending order is taken up as well.
            await until(lambda: are_final(http, by_rest))
            before = await statuses(http, by_rest)
            assert [before[order_id] for order_id in placed] == ["completed", "completed"]
            assert set(before.values()) == {"completed", "failed", "cancelled"}
        assert dev.stop(signal.SIGTERM) == 0
        assert dev.says("Stopped; the data are kept.")
        assert "Traceback" not in dev.output.read_text()

    with Running(folder, "dev", "--port", str(port)) as again:
        await asyncio.to_thread(again.wait_for, lambda: again.says("Ctrl-C stops everything"))
        assert not again.says("Loading demo data")
        async with httpx.AsyncClient(base_url=base, timeout=SECONDS) as http:
            assert await statuses(http, by_rest) == before
        assert again.stop(signal.SIGTERM) == 0


async def sign_in_by_rest(http: httpx.AsyncClient) -> str:
    body = {"username": CUSTOMER.email, "password": CUSTOMER.password}
    return str((await http.post("/api/v1/auth/login", json=body)).json()["access_token"])


async def sign_in_by_graphql(http: httpx.AsyncClient) -> str:
    mutation = "mutation($input: LoginInput!) { login(input: $input) { accessToken errors { code } } }"
    values = {"email": CUSTOMER.email, "password": CUSTOMER.password}
    answer = await http.post("/graphql", json={"query": mutation, "variables": {"input": values}})
    return str(answer.json()["data"]["login"]["accessToken"])


async def place_by_rest(http: httpx.AsyncClient, token: str) -> int:
    body = {"items": [{"product_id": 1, "quantity": 2}], "shipping_address": "1 Test Street"}
    answer = await http.post("/api/v1/orders", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def place_by_graphql(http: httpx.AsyncClient, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    query = "{ products(first: 1, filter: {inStock: true}) { nodes { id } } }"
    found = (await http.post("/graphql", json={"query": query})).json()
    item = {"productId": found["data"]["products"]["nodes"][0]["id"], "quantity": 1}
    values = {"items": [item], "shippingAddress": "1 Test Street"}
    body = {"query": PLACE, "variables": {"input": values}}
    answer = (await http.post("/graphql", json=body, headers=headers)).json()
    return int(answer["data"]["createOrder"]["order"]["databaseId"])


async def are_final(http: httpx.AsyncClient, token: str) -> bool:
    return not {"pending", "processing"} & set((await statuses(http, token)).values())


async def statuses(http: httpx.AsyncClient, token: str) -> dict[int, str]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await http.get("/api/v1/orders?page_size=100", headers=headers)
    return {order["id"]: order["status"] for order in answer.json()["items"]}
