"""Clients of Redis (or Valkey), none of which can make a request wait for long.

RESP2 is asked for on purpose: RESP3 brings nothing that is used here and costs each new connection a
``HELLO`` and a ``CLIENT MAINT_NOTIFICATIONS``, which Valkey does not know.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnectedError
from redis.exceptions import TimeoutError as NoAnswerError

from engine.redis.pipelined_connection import PipelinedConnection

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
        # No CLIENT SETINFO, which old servers do not know, and for which few access control lists have a rule.
        "driver_info": None,
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
        acquire_timeout: seconds that a caller queues at most.
        options: arguments of the connections.
    """

    def __init__(
        self,
        *,
        connection_class: type[AbstractConnection] = Connection,
        max_connections: int = MAX_CONNECTIONS,
        acquire_timeout: float = TIMEOUT_SECONDS,
        **options: Any,
    ) -> None:
        super().__init__(_prompt(connection_class), max_connections, **options)
        self._acquire_timeout = acquire_timeout
        self._free = asyncio.Semaphore(max_connections)
        #: A connection beside those of the pool, for what is asked for so often that a pool would cost too much.
        self.pipelined = PipelinedConnection(self.make_connection, timeout=TIMEOUT_SECONDS)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close all connections."""
        self.pipelined.close()
        await super().disconnect(inuse_connections)

    async def get_connection(self, *_: Any, **__: Any) -> AbstractConnection:
        """Return a connected connection; the arguments are redis-py's and mean nothing.

        Raises:
            redis.exceptions.ConnectionError: none came free, or none can be made.
        """
        try:
            async with asyncio.timeout(self._acquire_timeout):
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


def create_redis(url: str) -> Redis:
    """Return a client of the server at *url* whose answers are ``str``; close it with ``aclose()``.

    It connects at first use, so that it can be made while the server is down. At most ``MAX_CONNECTIONS``
    commands run at once and others queue for up to ``TIMEOUT_SECONDS``. Commands that block for longer than that
    are not for this client.
    """
    # What is no UTF-8 was written by somebody else, and must not be an exception that nobody expects.
    options = {"decode_responses": True, "encoding_errors": "replace", **connection_options()}
    pool = QueueingPool.from_url(url, **options)
    return Redis.from_pool(pool)
