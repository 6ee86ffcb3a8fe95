"""Servers and databases that a test may stop, restart and flush, and waiting for what happens in them."""

import asyncio
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
import uvicorn
from redis.asyncio import Redis
from starlette.types import ASGIApp

from dev import EmbeddedPostgres, EmbeddedValkey
from dev.embedded_server import EmbeddedServer
from engine.http import ConnectionLimits, HttpProtocol
from engine.redis.pubsub import channel_name

Server = TypeVar("Server", bound=EmbeddedServer)

#: After which what a test waits for counts as never happening; long, for a machine that has much else to do.
SECONDS = 60.0
#: For a process that as many requests and sign-ins are sent to as a test likes.
NO_LIMITS = {
    "TANDEM_RATE_LIMIT_USER": "0",
    "TANDEM_RATE_LIMIT_ANONYMOUS": "0",
    "TANDEM_SIGN_IN_LIMIT_ACCOUNT": "0",
    "TANDEM_SIGN_IN_LIMIT_ACCOUNT_TOTAL": "0",
    "TANDEM_SIGN_IN_LIMIT_ADDRESS": "0",
}


@contextmanager
def _own(kind: Callable[..., Server]) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="tandem-tests-"))
    # As root the server runs as another user, who must get in.
    folder.chmod(0o755)
    server = kind(folder / "server", durable=False)
    try:
        with server:
            yield server
    finally:
        shutil.rmtree(server.home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def own_valkey() -> AbstractContextManager[EmbeddedValkey]:
    """Run a Valkey for one test; it forgets everything when it is stopped."""
    return _own(EmbeddedValkey)


def own_postgres() -> AbstractContextManager[EmbeddedPostgres]:
    """Run a PostgreSQL for one test, without a database."""
    return _own(EmbeddedPostgres)


@asynccontextmanager
async def own_database(postgres_url: str) -> AsyncIterator[str]:
    """Make an empty database, drop it in the end, and return its address in between."""
    # The process tells the workers of a run, and the runs on one server, apart.
    name = f"tandem_test_{os.getpid()}_{time.monotonic_ns()}"
    maintenance = await asyncpg.connect(postgres_url)
    await maintenance.execute(f"CREATE DATABASE {name}")
    try:
        yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    finally:
        await maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await maintenance.close()


async def until(condition: Callable[[], bool | Awaitable[bool]], *, seconds: float = SECONDS) -> None:
    """Poll until *condition* holds, or fail the test."""
    deadline = time.monotonic() + seconds
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.01)


async def is_subscribed(redis: Redis, channel: str) -> bool:
    """Tell whether some process is subscribed to *channel*: whatever is published from now on reaches it."""
    ((_, subscribers),) = await redis.pubsub_numsub(channel_name(redis, channel))
    return bool(subscribers)


class HeldOpen:
    """A way to a server on which the client never learns that the server has closed the connection.

    Args:
        port: of the server, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._tasks: set[asyncio.Task[None]] = set()
        #: Set when a server has closed its end, and the client has been sent all that came before.
        self.ended = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        for task in (self._forward(reader, to_server), self._forward(from_server, writer, self.ended)):
            self._tasks.add(asyncio.create_task(task))

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ended: asyncio.Event | None = None
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        if ended is None:
            writer.close()
        else:
            ended.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Listen, and return on which port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


class _Server(uvicorn.Server):
    """uvicorn's server, which ends at once, not at the next few tenths of a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leave = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to pytest."""
        yield

    async def main_loop(self) -> None:
        """Serve until told to leave."""
        await self.on_tick(0)
        await self.leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close every connection in good order, and stop what has not ended in the configured seconds."""
        for closing in (*self.servers, *(sockets or ())):
            closing.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await until(lambda: not (state.connections or state.tasks))
        for task in state.tasks:
            task.cancel()


@asynccontextmanager
async def serving(app: ASGIApp, limits: ConnectionLimits | None = None) -> AsyncIterator[int]:
    """Serve *app*, whose lifespan is somebody else's, as ``tandem serve`` would; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=partial(HttpProtocol, limits=limits),  # type: ignore[arg-type]  # it is called
        ws="websockets-sansio",
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await until(lambda: server.started or task.done())
        yield listener.getsockname()[1]
    finally:
        server.leave.set()
        await task


@contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    """Stop a server and all that it has started in the middle of whatever they do; its sockets stay open."""
    assert pid is not None
    stopped: list[int] = []
    try:
        # The parent first, which can start nothing more then.
        for process in (pid, *_children(pid)):
            os.kill(process, signal.SIGSTOP)
            stopped.append(process)
        yield
    finally:
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def _children(pid: int) -> Iterator[int]:
    # Read when the parent has been stopped already.
    yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
