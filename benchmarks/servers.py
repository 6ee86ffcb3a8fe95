"""The servers that are compared, each as it is run in production: how to start it, and how to talk to it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.installing import PEERS, install_node, install_python
from benchmarks.machine import confined
from benchmarks.product import ServiceError, free_port, spawn
from benchmarks.stage import SECRET, Stage, environment, say
from benchmarks.workloads import Face, Workload

ROOT = Path(__file__).parents[1]
#: Connections to PostgreSQL of each server.
POOL = 10
#: Requests a minute of one user: counted, but nobody reaches it.
RATE_LIMIT = 100_000_000
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Server:
    """One of those compared.

    Attributes:
        title: what it is, for the table.
        kind: what runs it: our own environment, the Python peers', or Node.
        program: the file or the ASGI application.
        faces: what it is asked through, workload by workload.
        settings: further variables of its environment.
        processes: how many it runs as.
        same_duties: whether it does for a request what Tandem does besides answering it: the session looked up in
            PostgreSQL, the rate limit counted in Valkey, a log line, the limit on bodies.
        wrapper: a module, with arguments, that runs our own command.
    """

    name: str
    title: str
    kind: Literal["tandem", "python", "node", "own"]
    program: str
    faces: tuple[Face, ...] = ("graphql",)
    settings: dict[str, str] = field(default_factory=dict)
    processes: int = 1
    same_duties: bool = False
    wrapper: tuple[str, ...] = ()


_COMPILED = {"TANDEM_GRAPHQL_COMPILE": "true"}
_REFERENCE = {"TANDEM_GRAPHQL_COMPILE": "false"}
_DUTIES = {"BENCH_DUTIES": "1"}

SERVERS = (
    Server("tandem", "Tandem", "tandem", "", ("graphql", "rest"), _COMPILED, same_duties=True),
    Server(
        "tandem-core",
        "Tandem, its executor off (graphql-core)",
        "tandem",
        "",
        settings=_REFERENCE,
        same_duties=True,
    ),
    Server(
        "tandem-2",
        "Tandem, two processes",
        "tandem",
        "",
        ("graphql",),
        _COMPILED,
        processes=2,
        same_duties=True,
    ),
    Server("mercurius", "Mercurius + graphql-jit (Fastify)", "node", "mercurius.mjs"),
    Server(
        "mercurius-same-duties",
        "Mercurius + graphql-jit, same duties",
        "node",
        "mercurius.mjs",
        settings=_DUTIES,
        same_duties=True,
    ),
    Server(
        "yoga-jit", "GraphQL Yoga + graphql-jit (node:http)", "node", "yoga.mjs", settings={"BENCH_JIT": "1"}
    ),
    Server("yoga", "GraphQL Yoga (node:http)", "node", "yoga.mjs"),
    Server("apollo", "Apollo Server (Fastify)", "node", "apollo.mjs"),
    Server("postgraphile", "PostGraphile 5 (node:http)", "node", "postgraphile.mjs", ("postgraphile",)),
    Server("strawberry", "stock Strawberry + Tortoise (FastAPI)", "python", "strawberry_app:app"),
    Server("ariadne", "Ariadne + asyncpg", "python", "ariadne_app:app"),
    Server("sqlalchemy", "REST: FastAPI + SQLAlchemy", "python", "sqlalchemy_app:app", ("rest",)),
    Server("raw", "by hand: FastAPI + asyncpg + orjson", "python", "raw:app", ("raw",)),
    Server(
        "raw-same-duties", "by hand, same duties", "python", "raw:app", ("raw",), _DUTIES, same_duties=True
    ),
    Server("ceiling", "the load generator's own ceiling", "own", "benchmarks.ceiling", ("ceiling",)),
)
BY_NAME = {server.name: server for server in SERVERS}
#: Those of a run that names none: all but what measures the bench itself.
USUAL = tuple(server.name for server in SERVERS if server.kind != "own")


def face_of(server: Server, workload: Workload) -> Face | None:
    """Return through what the server answers the workload; None if it does not."""
    return next((face for face in server.faces if face in workload.faces), None)


@dataclass
class Running:
    """A server that answers at :attr:`port`."""

    server: Server
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def check(self) -> None:
        """Raise ServiceError if it has ended."""
        if self.process.poll() is not None:
            tail = "\n".join(f"  {line}" for line in self.log.read_text(errors="replace").splitlines()[-12:])
            raise ServiceError(
                f"{self.server.name} ended unexpectedly; the end of its log ({self.log}):\n{tail}"
            )

    def wait(self) -> None:
        """Return when it listens.

        Raises:
            ServiceError: it has ended, or takes too long.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self.check()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.server.name} did not listen in time; its log: {self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it, and whatever it started."""
        _end(self.process)


def start(server: Server, on: Stage, *, allowed: set[int] | None) -> Running:
    """Start a server and return when it answers.

    Args:
        allowed: the processors it may run on; None is any.

    Raises:
        ServiceError: its packages cannot be installed, or it does not start.
    """
    port = free_port()
    command, folder, variables = _describe(server, on, port)
    log = on.cache / "logs" / f"{server.name}.log"
    log.parent.mkdir(exist_ok=True)
    say(f"Starting {server.name} …")
    with log.open("wb") as output, confined(allowed):
        process = spawn(command, env=environment(**variables), cwd=folder, output=output.fileno())
    running = Running(server, process, port, log)
    try:
        running.wait()
    except BaseException:
        running.stop()
        raise
    return running


@contextmanager
def run_command(on: Stage, name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of ``tandem``, such as ``worker``, as it is run in production."""
    with (on.cache / "logs" / f"{name}.log").open("wb") as output:
        command = [sys.executable, "-m", "cli", name, *options]
        process = spawn(command, env=environment(**settings_of(on)), cwd=ROOT, output=output.fileno())
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it, and whatever it started."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _describe(server: Server, on: Stage, port: int) -> tuple[Sequence[str | Path], Path, dict[str, str]]:
    if server.kind == "tandem":
        address = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(server.processes)]
        command = [sys.executable, "-m", *server.wrapper, "cli", "serve", *address]
        return command, ROOT, settings_of(on) | server.settings
    variables = {
        "BENCH_PORT": str(port),
        "BENCH_DATABASE_URL": on.settings.database_url,
        "BENCH_REDIS_URL": on.settings.redis_url,
        "BENCH_RATE_LIMIT": str(RATE_LIMIT),
        "BENCH_MAX_BODY_BYTES": str(on.settings.max_body_bytes),
        "BENCH_POOL": str(POOL),
        "BENCH_SECRET": SECRET,
        "BENCH_SCHEMA": str(ROOT / "schema.graphql"),
    } | server.settings
    if server.kind == "node":
        node, home = install_node(on.cache)
        return [node, home / server.program], home, variables | {"NODE_ENV": "production"}
    if server.kind == "own":
        return [sys.executable, "-m", server.program], ROOT, variables
    options = ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    quiet = ["--no-access-log", "--log-level", "warning"]
    python = install_python(on.cache)
    return [python, "-m", "uvicorn", server.program, *options, *quiet], PEERS / "python", variables


def settings_of(on: Stage) -> dict[str, str]:
    """Return Tandem's environment in production: everything on, with limits that nobody reaches."""
    return {
        "TANDEM_ENVIRONMENT": "production",
        "TANDEM_SECRET_KEY": SECRET,
        "TANDEM_DATABASE_URL": on.settings.database_url,
        "TANDEM_DATABASE_POOL_SIZE": str(POOL),
        "TANDEM_REDIS_URL": on.settings.redis_url,
        "TANDEM_DATA_DIR": str(on.cache.absolute()),
        "TANDEM_RATE_LIMIT_USER": str(RATE_LIMIT),
        "TANDEM_RATE_LIMIT_ANONYMOUS": str(RATE_LIMIT),
        "TANDEM_GRAPHQL_INTROSPECTION": "true",
    }
