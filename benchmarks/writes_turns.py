"""The turns of the bench of writes: one thing done by Tandem, and by what it is compared with."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import bcrypt
from taskiq import async_shared_broker

from benchmarks import writes_pgbench as pgbench
from benchmarks.dataset import Size
from benchmarks.product import ServiceError, broker_for, create_redis, free_port, process_orders, spawn
from benchmarks.stage import SECRET, Stage, environment
from benchmarks.writes_load import LOGIN, Answered, Orders, is_placed, keep_asking, post, until_completed

ROOT = Path(__file__).parents[1]
SIZE = Size(users=5_000, products=5_000, orders=2_000, viewers=1_000)
PRICE = 100
PASSWORD = b"the password of the bench"
ROUNDS_OF_BCRYPT = 12
THREADS = 2
PEOPLE = 8
#: Seconds of load that do not count.
LEAD = 0.5
_START_SECONDS = 60.0

#: Orders of the bench's own, their numbers without a gap.
PENDING = f"""
WITH placed AS (
    INSERT INTO orders (user_id, shipping_address, due_at)
    SELECT 1 + n % {SIZE.users}, '1 Main Street, Springfield', now() + interval '1 hour' FROM generate_series(1, $1) n
    RETURNING id
), lines AS (
    INSERT INTO order_items (order_id, product_id, product_name, quantity, accepted_price)
    SELECT id, {pgbench.product_of("id", 0, SIZE.products).replace("0 * 1231", "line * 1231")}, 'Thing', line, {PRICE}
    FROM placed, generate_series(1, 3) line
)
SELECT id FROM placed ORDER BY id
"""
#: Of the orders that were completed, when the first tenth was done and when nine tenths were.
PACE = """
SELECT extract(epoch FROM percentile_disc(0.9) WITHIN GROUP (ORDER BY created_at)
    - percentile_disc(0.1) WITHIN GROUP (ORDER BY created_at)) AS seconds
FROM order_events WHERE order_id BETWEEN $1 AND $2 AND status = 'completed'
"""


class Turns:
    """What is measured, over servers that are up; times are told in milliseconds, all else a second."""

    def __init__(self, on: Stage, *, clients: int, seconds: float) -> None:
        self.on = on
        self.clients = clients
        self.seconds = seconds
        self.url = on.settings.database_url
        self.tokens = [on.token(number) for number in range(1, SIZE.viewers + 1)]
        self.environment = environment(
            TANDEM_ENVIRONMENT="production",
            TANDEM_SECRET_KEY=SECRET,
            TANDEM_DATABASE_URL=self.url,
            TANDEM_REDIS_URL=on.settings.redis_url,
            TANDEM_DATA_DIR=str(on.cache.absolute()),
            TANDEM_RATE_LIMIT_USER="100000000",
            TANDEM_RATE_LIMIT_ANONYMOUS="100000000",
            TANDEM_SIGN_IN_LIMIT_ACCOUNT="100000000",
            TANDEM_SIGN_IN_LIMIT_ACCOUNT_TOTAL="100000000",
            TANDEM_SIGN_IN_LIMIT_ADDRESS="100000000",
            TANDEM_PASSWORD_HASH_ROUNDS=str(ROUNDS_OF_BCRYPT),
            TANDEM_PASSWORD_HASH_THREADS=str(THREADS),
        )

    @contextmanager
    def running(self, *arguments: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[None]:
        """Run a module of ours until the block ends."""
        log = tempfile.TemporaryFile()  # noqa: SIM115 - the child has it, too
        process = spawn(
            [sys.executable, "-m", *arguments], env=self.environment, cwd=ROOT, output=log.fileno()
        )
        try:
            yield
            if process.poll() is not None:
                log.seek(0)
                raise ServiceError(f"{arguments[0]} ended:\n{log.read().decode(errors='replace')[-2000:]}")
        finally:
            process.send_signal(stop)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()

    @contextmanager
    def api(self) -> Iterator[int]:
        """Run the API and return its port."""
        port = free_port()
        with self.running("cli", "serve", "--port", str(port)):
            _wait_for(port)
            yield port

    async def prepare(self) -> None:
        """Fill the shelves, and take away what earlier runs have left."""
        await self._do("UPDATE products SET on_hand = 1000000000", "VACUUM products")
        await self._clear()

    def place(self) -> tuple[float, float]:
        """Return orders placed a second: by us, by pgbench."""
        clients, seconds = self.clients, self.seconds
        script = pgbench.placing(users=SIZE.viewers, products=SIZE.products)
        limit = ["-T", f"{seconds:.0f}"]
        reference = pgbench.run(self.url, script, clients=clients, limit=limit, values={})
        with self.api() as port:
            orders = Orders(port, self.tokens, SIZE.products)
            answered = self._ask(port, orders, good=is_placed)
        asyncio.run(self._clear())
        return answered.rate, reference

    def process(self, count: int) -> tuple[float, float]:
        """Return orders processed a second: by one worker, by pgbench."""
        clients = self.clients
        first = asyncio.run(self._place(count))[0]
        script = pgbench.processing(products=SIZE.products, clients=clients, price=PRICE)
        limit = ["-t", str(count // clients)]
        values = {"first": first, "turn": 0}
        reference = pgbench.run(self.url, script, clients=clients, limit=limit, values=values)
        return asyncio.run(self._drain(count)), reference

    def _ask(self, port: int, requests: Sequence[bytes], *, good: Callable[[bytes], bool]) -> Answered:
        return keep_asking(port, requests, clients=self.clients, seconds=self.seconds, lead=LEAD, good=good)

    async def _place(self, count: int) -> list[int]:
        connection = await asyncpg.connect(self.url)
        try:
            return [row["id"] for row in await connection.fetch(PENDING, count)]
        finally:
            await connection.close()

    async def _drain(self, count: int) -> float:
        """Let a worker find a full queue, with a message for each order, and time it from a tenth to nine."""
        ids = await self._place(count)
        broker = broker_for(self.on.settings)
        async_shared_broker.default_broker(broker)
        for order_id in ids:
            await process_orders.kiq([order_id])
        await broker.shutdown()
        connection = await asyncpg.connect(self.url)
        left = "SELECT count(*) FROM orders WHERE id BETWEEN $1 AND $2 AND due_at IS NOT NULL"
        try:
            with self.running("cli", "worker"):
                async with asyncio.timeout(300):
                    # The event is in another process.
                    while await connection.fetchval(left, ids[0], ids[-1]):  # noqa: ASYNC110
                        await asyncio.sleep(0.2)
            seconds = float(await connection.fetchval(PACE, ids[0], ids[-1]))
        finally:
            await connection.close()
        return 0.8 * count / seconds

    async def _clear(self) -> None:
        """Take what was only placed out of the way of the sweep, and of the next turn."""
        cancel = (
            "UPDATE orders SET status = 'cancelled', due_at = NULL WHERE due_at < now() + interval '1 year'"
        )
        await self._do(cancel, "VACUUM orders, order_items, order_events, idempotency_keys", "CHECKPOINT")
        redis = create_redis(self.on.settings.redis_url)
        await redis.flushdb()
        await redis.aclose()

    async def _do(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def wait(self, samples: int) -> dict[str, list[float]]:
        """Return how long after the answer an event says completed, on an otherwise idle system."""
        with self.api() as port, self.running("cli", "worker"):
            orders = Orders(port, self.tokens[:1], SIZE.products)
            # The first ones wait for the worker's start.
            asyncio.run(until_completed(port, self.tokens[0], orders, samples=5))
            return asyncio.run(until_completed(port, self.tokens[0], orders, samples=samples))

    def sign_in(self) -> tuple[float, float, list[float], list[float]]:
        """Return sign-ins a second, bcrypt's checks a second alone, and how late the loop was: meanwhile, and idle."""
        digest = bcrypt.hashpw(PASSWORD, bcrypt.gensalt(ROUNDS_OF_BCRYPT)).decode()
        asyncio.run(self._do(f"UPDATE users SET password_hash = '{digest}' WHERE id <= {PEOPLE}"))
        reference = _per_second(lambda: bcrypt.checkpw(PASSWORD, digest.encode()), self.seconds)
        port = free_port()
        people = [
            {"email": f"user{n}@example.com", "password": PASSWORD.decode()} for n in range(1, PEOPLE + 1)
        ]
        requests = [post(port, LOGIN, person) for person in people]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "late")
            with self.running("benchmarks.writes_server", str(port), str(path), stop=signal.SIGINT):
                _wait_for(port)
                time.sleep(2 * LEAD)
                idle = time.monotonic()
                time.sleep(self.seconds)
                began = time.monotonic() + LEAD
                answered = self._ask(port, requests, good=lambda answer: b'"accessToken":"' in answer)
                ended = began + self.seconds
            late = [json.loads(line) for line in path.read_text().splitlines()]
        busy = [delay * 1000 for moment, delay in late if began < moment < ended]
        quiet = [delay * 1000 for moment, delay in late if idle < moment < began - LEAD]
        return answered.rate, reference, busy, quiet


def _per_second(work: Callable[[], object], seconds: float) -> float:
    """Return how often *work* is done in a second by as many threads as the API has for it."""
    ends = time.perf_counter() + seconds
    began = time.perf_counter()

    def repeat() -> int:
        count = 0
        while time.perf_counter() < ends:
            work()
            count += 1
        return count

    with ThreadPoolExecutor(THREADS) as pool:
        total = sum(pool.map(lambda _: repeat(), range(THREADS)))
    return total / (time.perf_counter() - began)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise ServiceError(f"nothing listens at port {port}")
