"""Clients of Redis (or Valkey), none of which can make a request wait for long.

RESP2 is asked for on purpose: RESP3 brings nothing that is used here and costs each new connection a
``HELLO`` and a ``CLIENT MAINT_NOTIFICATIONS``, which Valkey does not know.
"""

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnectedError
from redis.exceptions import InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as NoAnswerError

#: Seconds for connecting, for one answer, and for a free connection of the pool, each.
TIMEOUT_SECONDS = 1.0
MAX_CONNECTIONS = 20


def connection_options() -> dict[str, Any]:
    """Return the arguments that every connection of ours is made with.

    Nothing is tried twice: redis-py nests its retries, so that one more of each would make a request wait four
    times as long. After a restart of the server the pool notices by itself that its connections are closed.
    """
    return {
        "protocol": 2,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        # redis-py would send under ``asyncio.wait_for``, which costs a task each time and in Python 3.11 swallows
        # cancellations. PromptAnswers has the time limit instead, and asyncio.timeout() works around everything.
        "socket_timeout": None,
        "socket_keepalive": True,
        "health_check_interval": 30,
        "retry": Retry(NoBackoff(), 0),
    }


if TYPE_CHECKING:
    _Base = AbstractConnection
else:
    _Base = object


class PromptAnswers(_Base):
    """Part of a connection class: an answer comes within ``TIMEOUT_SECONDS``, or the connection is given up."""

    async def read_response(
        self,
        disable_decoding: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - redis-py's signature
        **options: Any,
    ) -> Any:
        """Read one answer; a *timeout* in seconds overrides the limit, as in redis-py.

        Raises:
            redis.exceptions.TimeoutError: none came in time.
        """
        if timeout is not None:
            return await super().read_response(disable_decoding, timeout, **options)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await super().read_response(disable_decoding, **options)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise NoAnswerError(f"no answer within {TIMEOUT_SECONDS:.0f} s") from None


def _prompt(connection_class: type[AbstractConnection]) -> type[AbstractConnection]:
    return type(f"Prompt{connection_class.__name__}", (PromptAnswers, connection_class), {})


class QueueingPool(ConnectionPool):
    """A pool whose connections go to those who wait for one in the order of their coming.

    redis-py's ``BlockingConnectionPool`` lets newcomers overtake: with 200 concurrent callers on 20 connections
    some waited for more than a second while thousands were served.

    Args:
        connection_class: TCP, TLS or Unix socket; its answers are made to be prompt.
        max_connections: beyond that callers queue.
        patience: seconds that a caller queues at most.
        options: arguments of the connections.
    """

    def __init__(
        self,
        *,
        connection_class: type[AbstractConnection] = Connection,
        max_connections: int = MAX_CONNECTIONS,
        patience: float = TIMEOUT_SECONDS,
        **options: Any,
    ) -> None:
        super().__init__(_prompt(connection_class), max_connections, **options)
        self._patience = patience
        self._free = asyncio.Semaphore(max_connections)
        self._lines: WeakSet[Line] = WeakSet()

    def line(self) -> "Line":
        """Return a connection of somebody's own, beside those of the pool; it is closed with the pool."""
        line = Line(self.make_connection())  # type: ignore[no-untyped-call]
        self._lines.add(line)
        return line

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close all connections."""
        for line in list(self._lines):
            await line.close()
        await super().disconnect(inuse_connections)

    async def get_connection(self, *_: Any, **__: Any) -> AbstractConnection:
        """Return a connected connection; the arguments are redis-py's and mean nothing.

        Raises:
            redis.exceptions.ConnectionError: none came free, or none can be made.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise NotConnectedError("no connection of the pool came free") from None
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Give *connection* to the caller who has waited longest."""
        try:
            await super().release(connection)
        finally:
            self._free.release()


class Line:
    """One connection for commands that are answered by a number, many in one round trip.

    redis-py makes the connection and signs in. What is sent and answered goes past its pipelines and parsers,
    which cost some fifteen times as much. One caller at a time; it connects at first use, and again after
    whatever went wrong.

    Args:
        connection: not connected yet, and nobody else's.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection: Any = connection

    async def exchange(self, commands: bytes, answers: int) -> list[int]:
        """Send packed *commands* (Redis serialization protocol, version 2) and return their *answers*.

        Raises:
            redis.exceptions.RedisError: a command was refused, or there was no answer within ``TIMEOUT_SECONDS``.
        """
        connection = self._connection
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if connection.is_connected and connection._reader.at_eof():
                    await self.close()
                await connection.send_packed_command(commands, check_health=False)
                return await self._read(answers)
        except BaseException as error:
            # Answers may still be on their way, which nobody must take for those of the next commands.
            await self.close()
            if isinstance(error, TimeoutError):
                raise NoAnswerError(f"no answer within {TIMEOUT_SECONDS:.0f} s") from None
            raise

    async def _read(self, answers: int) -> list[int]:
        read, data = self._connection._reader.read, b""
        while data.count(b"\r\n") < answers:
            chunk = await read(65_536)
            if not chunk:
                raise NotConnectedError("the server has closed the connection")
            data += chunk
        *lines, rest = data.split(b"\r\n")
        if rest or len(lines) != answers:
            raise InvalidResponse("there are more answers than commands")
        for line in lines:
            if not line.startswith(b":"):
                raise ResponseError(line[1:].decode(errors="replace"))
        return [int(line[1:]) for line in lines]

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.disconnect(nowait=True)


def create_redis(url: str) -> Redis:
    """Return a client of the server at *url* whose answers are ``str``; close it with ``aclose()``.

    It connects at first use, so that it can be made while the server is down. At most ``MAX_CONNECTIONS``
    commands run at once and others queue for up to ``TIMEOUT_SECONDS``. Commands that block for longer than that
    are not for this client.
    """
    pool = QueueingPool.from_url(url, decode_responses=True, **connection_options())
    return Redis.from_pool(pool)
