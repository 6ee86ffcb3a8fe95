"""The whole service as child processes, with a database and a Valkey of its own, and a hand on its worker."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from websockets.typing import Subprotocol

from core.demo_people import CUSTOMER
from dev.ports import LOOPBACK, free_port
from dev.processes import spawn
from tests.servers import own_valkey, until

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the clients' tests, long enough to be one"
STOP_SECONDS = 15
SOCKET_PROTOCOL = Subprotocol("graphql-transport-ws")


@dataclass(frozen=True)
class Service:
    """A running service with the sample data; its worker does what the stage says."""

    port: int
    database_url: str
    api: int
    worker: int
    environment: dict[str, str]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def graphql_url(self) -> str:
        """Address of the endpoint."""
        return f"{self.url}/graphql"

    @property
    def socket_url(self) -> str:
        """The same for WebSockets."""
        return f"ws://{LOOPBACK}:{self.port}/graphql"

    def sign_in(self) -> str:
        """Return a new access token of the sample customer."""
        body = {"username": CUSTOMER.email, "password": CUSTOMER.password}
        answer = httpx.post(f"{self.url}/api/v1/auth/login", json=body, timeout=30)
        return str(answer.json()["access_token"])

    def another(self, **settings: str) -> AbstractContextManager["Process"]:
        """Run one more API process, with settings and a log of its own."""
        return answering(self.environment | settings)

    @asynccontextmanager
    async def stage(self) -> AsyncIterator["Stage"]:
        """Take charge of the worker, which rests at first."""
        async with AsyncExitStack() as stack:
            connection = await asyncpg.connect(self.database_url)
            stack.push_async_callback(connection.close)
            stage = Stage(self.worker, connection)
            await stage.rest()
            yield stage


@dataclass(frozen=True)
class Process:
    """One API process that listens on *address* and writes to *log*."""

    address: str
    pid: int
    log: Path

    @property
    def graphql_url(self) -> str:
        """Address of the endpoint."""
        return f"http://{self.address}/graphql"

    @property
    def files(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def megabytes(self) -> int:
        """How much memory it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024


@contextmanager
def answering(
    environment: dict[str, str], *options: str, module: str = "cli", port: int | None = None
) -> Iterator[Process]:
    """Run an API process from *module*, which is started like ``tandem``, until it answers and then until the end.

    Args:
        options: of ``tandem serve``, beside the port.
    """
    port = port or free_port()
    with tempfile.NamedTemporaryFile(prefix="tandem-log-") as log:
        process = _start(("serve", "--port", str(port), *options), environment, log.fileno(), module=module)
        try:
            asyncio.run(until(lambda: _answers(port), seconds=90))
            yield Process(f"{LOOPBACK}:{port}", process.pid, Path(log.name))
        finally:
            _stop(process)


class Stage:
    """Lets an order stand in each of its states for as long as somebody looks at it."""

    def __init__(self, worker: int, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.worker = worker
        self.connection = connection

    async def do(self, wish: str) -> None:
        """Do what a check wishes: ``work``, ``finish`` or ``rest``."""
        await {"work": self.work, "finish": self.finish, "rest": self.rest}[wish]()

    async def work(self) -> None:
        """Have the worker take orders up, but keep them in processing: it waits for the products' locks."""
        os.killpg(self.worker, signal.SIGCONT)

    async def finish(self) -> None:
        """Let the worker settle them."""
        await self.connection.execute("ROLLBACK")

    async def rest(self) -> None:
        """Keep new orders pending: hold the products' locks, and stop the worker, which then holds none."""
        if not self.connection.is_in_transaction():
            os.killpg(
                self.worker, signal.SIGCONT
            )  # stopped while it settled an order, it would keep its locks
            await self.connection.execute("BEGIN; SELECT id FROM products ORDER BY id FOR NO KEY UPDATE")
        os.killpg(self.worker, signal.SIGSTOP)


@contextmanager
def running_service(postgres_url: str, **settings: str) -> Iterator[Service]:
    """Start everything, with further settings, and leave nothing behind."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-tests-")))
        database_url = stack.enter_context(_own_database(postgres_url))
        port = free_port()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TANDEM_")} | {
            "TANDEM_DATABASE_URL": database_url,
            "TANDEM_REDIS_URL": stack.enter_context(own_valkey()).url(),
            "TANDEM_DATA_DIR": str(folder),
            "TANDEM_SECRET_KEY": SECRET,
            "TANDEM_PASSWORD_HASH_ROUNDS": "4",
            "TANDEM_RATE_LIMIT_USER": "0",
            "TANDEM_SUBSCRIPTIONS_PER_USER": "1000",
            "TANDEM_RATE_LIMIT_ANONYMOUS": "0",
            "TANDEM_SIGN_IN_LIMIT_ACCOUNT": "0",
            "TANDEM_SIGN_IN_LIMIT_ACCOUNT_TOTAL": "0",
        }
        environment |= settings
        log = stack.enter_context((folder / "log").open("wb"))

        def start(*arguments: str) -> subprocess.Popen[bytes]:
            process = _start(arguments, environment, log.fileno())
            stack.callback(_stop, process)
            return process

        migration = start("migrate")
        api = start("serve", "--port", str(port))  # most of its start is imports, which need no tables
        _finish(migration, folder)
        sample_data = start("demo")
        worker = start("worker")
        _finish(sample_data, folder)
        service = Service(port, database_url, api.pid, worker.pid, environment)
        asyncio.run(until(lambda: _answers(port), seconds=90))
        yield service


@contextmanager
def _own_database(postgres_url: str) -> Iterator[str]:
    # Two services may run beside each other in one process of a run.
    name = f"tandem_test_clients_{os.getpid()}_{time.monotonic_ns()}"

    async def execute(statement: str) -> None:
        maintenance = await asyncpg.connect(postgres_url)
        try:
            await maintenance.execute(statement)
        finally:
            await maintenance.close()

    asyncio.run(execute(f'CREATE DATABASE "{name}"'))
    try:
        yield str(urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}")))
    finally:
        asyncio.run(execute(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _start(
    arguments: Sequence[str], environment: dict[str, str], output: int, *, module: str = "cli"
) -> subprocess.Popen[bytes]:
    return spawn([sys.executable, "-m", module, *arguments], env=environment, cwd=ROOT, output=output)


def _finish(process: subprocess.Popen[bytes], folder: Path) -> None:
    assert process.wait(120) == 0, (folder / "log").read_text()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGCONT)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def _answers(port: int) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            response = await client.get(f"http://{LOOPBACK}:{port}/health/ready")
        except httpx.TransportError:
            return False
    return response.is_success
