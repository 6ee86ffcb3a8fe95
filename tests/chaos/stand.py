"""What faults happen to: two API processes, two workers, PostgreSQL and Valkey, with a proxy before each server."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import bcrypt
import httpx
from redis import Redis

from dev import EmbeddedPostgres, EmbeddedValkey
from dev.embedded_server import EmbeddedServer
from dev.ports import LOOPBACK, free_port
from dev.processes import spawn, stop_process
from tests.chaos.proxy import Proxy
from tests.servers import NO_LIMITS

Result = TypeVar("Result")

ROOT = Path(__file__).parents[2]
#: After which what is waited for counts as never happening; long, for a machine that has much else to do.
SECONDS = 180.0
LEASE_SECONDS = 3.0
#: A deadline that a frozen server makes requests meet while it is frozen.
DEADLINE_SECONDS = 4.0
POOL_SIZE = 8
#: After so many attempts a poison order is given up; that what is slow or away makes orders fail so often is a defect.
MAX_ATTEMPTS = 8
PASSWORD = "a password of the fault table"
USERS = 4
APIS = WORKERS = 2
#: Of the products of each row, the last ones are scarce: fewer pieces than are asked for.
PRODUCTS, SCARCE = 6, 2
PLENTY = 1_000_000

SETTINGS = NO_LIMITS | {
    "TANDEM_SECRET_KEY": "a secret of the fault table, long enough to be one",
    "TANDEM_ENVIRONMENT": "development",
    "TANDEM_PASSWORD_HASH_ROUNDS": "4",
    # A long run takes longer than a token is good for, as it comes.
    "TANDEM_ACCESS_TOKEN_SECONDS": "86400",
    "TANDEM_DATABASE_POOL_SIZE": str(POOL_SIZE),
    "TANDEM_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
    "TANDEM_ORDER_LEASE_SECONDS": str(LEASE_SECONDS),
    "TANDEM_ORDER_RESEND_SECONDS": "2",
    "TANDEM_ORDER_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
    "TANDEM_SWEEP_SECONDS": "0.5",
}
_ADD_PRODUCT = """
WITH product AS (
    INSERT INTO products (name, name_key, price, on_hand) VALUES ($1::text, lower($1::text), $2, $3) RETURNING id, on_hand
), moved AS (
    INSERT INTO stock_movements (product_id, delta, on_hand_after, reason) SELECT id, on_hand, on_hand, 'initial' FROM product
)
SELECT id FROM product
"""  # noqa: E501


class Stand:
    """The running service. Faults are functions of the main thread; clients run on a loop beside it.

    So a server may be started again, which takes a second, while clients go on asking.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self.folder = folder
        #: After which what is waited for counts as never happening; longer where much is to be done before.
        self.seconds = SECONDS
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="chaos", daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(self._loop.call_soon_threadsafe, self._loop.stop)
        # Durable: what was acknowledged outlives the process.
        self.postgres: EmbeddedPostgres = stack.enter_context(EmbeddedPostgres(folder / "postgres"))
        self.valkey = stack.enter_context(EmbeddedValkey(folder / "valkey"))
        self.postgres_proxy = self._proxy(self.postgres)
        self.valkey_proxy = self._proxy(self.valkey)
        self._log = stack.enter_context((folder / "log").open("wb"))
        (folder / "points").mkdir()
        self.points = folder / "points"
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")}
        self.environment |= SETTINGS | {
            "TANDEM_DATABASE_URL": self._through(self.postgres.url(), self.postgres_proxy),
            "TANDEM_REDIS_URL": self._through(self.valkey.url(), self.valkey_proxy),
            "TANDEM_DATA_DIR": str(folder / "var"),
            "CHAOS_FOLDER": str(self.points),
        }
        self.api_ports = [free_port() for _ in range(APIS)]
        assert self._run("cli", "migrate").wait(SECONDS) == 0, self.log()
        self.user_ids = self._add_users()
        self.apis = [self._api(port) for port in self.api_ports]
        self.workers = [self._worker() for _ in range(WORKERS)]
        stack.callback(self._stop_processes)
        self.until(self.is_ready)
        self.tokens = [self._sign_in(number) for number in range(USERS)]

    # ---- the loop beside

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the loop, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def begin(self, coroutine: Coroutine[Any, Any, Result]) -> "Callable[[], Result]":
        """Begin a coroutine on the loop; return what waits for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result

    def until(self, condition: Callable[[], bool], *, pause: float = 0.02) -> None:
        """Poll until *condition* holds, for ``self.seconds`` at most, with so many seconds between two looks.

        Raises:
            TimeoutError: it did not come to pass.
        """
        deadline = time.monotonic() + self.seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"it did not come to pass in {self.seconds:.0f} s:\n{self.log()[-4_000:]}")
            time.sleep(pause)

    def log(self) -> str:
        """Return what all processes have written."""
        return (self.folder / "log").read_text(errors="replace")

    def at_end(self, callback: Callable[[], object]) -> None:
        """Call *callback* when the stand is taken down, before its servers end."""
        self._stack.callback(callback)

    @property
    def log_descriptor(self) -> int:
        """Where processes write to."""
        return self._log.fileno()

    # ---- servers

    @property
    def database_url(self) -> str:
        """Address of the database beside the proxy, for those who look."""
        return (
            urlsplit(self.postgres.url())._replace(netloc=self._netloc(self.postgres_proxy.target)).geturl()
        )

    def _netloc(self, port: int) -> str:
        return f"{urlsplit(self.postgres.url()).netloc.rpartition(':')[0]}:{port}"

    @staticmethod
    def _through(url: str, proxy: Proxy) -> str:
        parts = urlsplit(url)
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.port}").geturl()

    def _proxy(self, server: EmbeddedServer) -> Proxy:
        proxy = Proxy(server.port)
        self._stack.callback(proxy.stop)
        return proxy

    def restart(self, server: EmbeddedServer, number: signal.Signals) -> None:
        """End a server by a signal, and start it again on the same data."""
        assert server.pid is not None
        os.kill(server.pid, number)
        self.until(lambda: not server.alive)
        server.stop()
        server.start()
        proxy = self.postgres_proxy if server is self.postgres else self.valkey_proxy
        proxy.target = server.port

    def flush_valkey(self) -> None:
        """Empty Valkey."""
        with Redis.from_url(self.valkey.url()) as redis:
            redis.flushall()

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement as the superuser, beside the proxy, and return its rows."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.database_url)
            try:
                return list(await connection.fetch(statement, *values))
            finally:
                await connection.close()

        return self.run(run())

    def value(self, statement: str, *values: Any) -> Any:
        """Return the one value of a statement."""
        return self.sql(statement, *values)[0][0]

    @contextmanager
    def holding(self, statement: str, *values: Any) -> Iterator[None]:
        """Hold what a statement has locked."""
        connection = self.run(asyncpg.connect(self.database_url))
        try:
            self.run(connection.execute("BEGIN"))
            self.run(connection.fetch(statement, *values))
            yield
        finally:
            self.run(connection.close())

    # ---- processes

    def _run(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        return spawn(
            [sys.executable, "-m", module, *arguments],
            env=self.environment,
            cwd=ROOT,
            output=self._log.fileno(),
            death_signal=signal.SIGKILL,
        )

    def _api(self, port: int) -> subprocess.Popen[bytes]:
        return self._run("cli", "serve", "--port", str(port))

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._run("tests.chaos.mortal", "worker")

    def children(self, process: subprocess.Popen[bytes]) -> list[int]:
        """Return the worker processes of a manager."""
        with suppress(FileNotFoundError):
            path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            return [int(pid) for pid in path.read_text().split()]
        return []

    def kill_worker(self, number: int) -> None:
        """Kill a worker process; its manager starts another one."""
        for pid in self.children(self.workers[number]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @contextmanager
    def frozen_workers(self, numbers: Sequence[int] = range(WORKERS)) -> Iterator[None]:
        """Stop workers in the middle of whatever they do."""
        for number in numbers:
            os.killpg(self.workers[number].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            self.resume_workers(numbers)

    def resume_workers(self, numbers: Sequence[int] = range(WORKERS)) -> None:
        """Let workers that were stopped go on."""
        for number in numbers:
            os.killpg(self.workers[number].pid, signal.SIGCONT)

    def end(self, processes: Sequence[subprocess.Popen[bytes]], number: signal.Signals) -> None:
        """Send a signal to processes, with their children if it is SIGKILL, and wait until they have ended."""
        for process in processes:
            if number == signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        for process in processes:
            process.wait(SECONDS)

    def mend(self) -> None:
        """Start what is not running, as whoever runs the service would."""
        self.postgres_proxy.mend()
        self.valkey_proxy.mend()
        for port, process in zip(self.api_ports, list(self.apis), strict=True):
            if process.poll() is not None:
                self.apis[self.apis.index(process)] = self._api(port)
        for process in list(self.workers):
            if process.poll() is not None:
                self.workers[self.workers.index(process)] = self._worker()

    def is_ready(self) -> bool:
        """Tell whether all API processes take requests, and every manager has a worker process."""
        for process in (*self.apis, *self.workers):
            assert process.poll() is None, self.log()[-4_000:]
        with suppress(httpx.TransportError):
            return (
                all(
                    httpx.get(f"http://{LOOPBACK}:{port}/health/ready", timeout=10).is_success
                    for port in self.api_ports
                )
                and self.has_workers()
            )
        return False

    def has_workers(self) -> bool:
        """Tell whether every manager has a worker process."""
        return all(self.children(worker) for worker in self.workers)

    def _stop_processes(self) -> None:
        for process in (*self.apis, *self.workers):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGCONT)
            stop_process(process, ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)))

    # ---- rows

    def _add_users(self) -> list[int]:
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        return [
            self.value(
                "INSERT INTO users (email, full_name, full_name_key, password_hash)"
                " VALUES ($1, $2, $3, $4) RETURNING id",
                f"user{number}@example.com",
                f"User {number}",
                f"user {number}",
                hashed,
            )
            for number in range(USERS)
        ]

    def _sign_in(self, number: int) -> str:
        body = {"username": f"user{number}@example.com", "password": PASSWORD}
        answer = httpx.post(f"http://{LOOPBACK}:{self.api_ports[0]}/api/v1/auth/login", json=body, timeout=60)
        assert answer.is_success, answer.text
        return str(answer.json()["access_token"])

    def add_products(self, name: str, *, scarce: int) -> list[int]:
        """Put the products of a row on sale, the last ones with so many pieces, and return their ids."""
        return [
            self.value(
                _ADD_PRODUCT,
                f"{name} {number}",
                100 + number,
                PLENTY if number < PRODUCTS - SCARCE else scarce,
            )
            for number in range(PRODUCTS)
        ]


@contextmanager
def running_stand() -> Iterator[Stand]:
    """Start everything, and leave nothing behind."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="tandem-chaos-", ignore_cleanup_errors=True)
            )
        )
        folder.chmod(0o755)
        yield Stand(folder, stack)
