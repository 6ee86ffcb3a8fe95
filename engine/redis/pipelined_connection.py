"""Redis pipelining: any number of requests in flight over one connection, whose answers come in their order."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as NotConnectedError
from redis.exceptions import InvalidResponse, RedisError, ResponseError
from redis.exceptions import TimeoutError as NoAnswerError


class PipelinedConnection:
    """One connection to Redis for commands that are answered by a number, shared by all callers of an event loop.

    It connects at first use, and again after the connection was lost or has become doubtful. redis-py makes the
    connection and signs in; what is sent and answered goes past its pipelines and parsers, which cost some fifteen
    times as much.

    Args:
        make_connection: returns a connection of redis-py that is not connected yet, and nobody else's.
        timeout: seconds that a request waits at most for its answers, connecting included.
    """

    def __init__(self, make_connection: Callable[[], AbstractConnection], *, timeout: float) -> None:
        self._make_connection = make_connection
        self._timeout = timeout
        self._session: _Session | None = None

    def submit(self, commands: bytes, answers: int) -> "asyncio.Future[list[int]]":
        """Send packed *commands* and return what will have their *answers*, so many numbers in the same order.

        Whoever stops waiting takes nothing from others; what was submitted is sent all the same.

        Raises (when awaited):
            redis.exceptions.ResponseError: Redis refused a command of this request.
            redis.exceptions.RedisError: there is no connection, or no answer within the timeout. All that was in
                flight fails then, whether or not Redis has done it.
        """
        if self._session is None or not self._session.takes_requests:
            self._session = _Session(self._make_connection(), self._timeout)
        return self._session.submit(commands, answers)

    def close(self) -> None:
        """Close the connection; what is in flight fails."""
        if self._session is not None:
            self._session.fail(NotConnectedError, "the connection was closed")


class _Session(asyncio.Protocol):
    """A connection while it lasts, and the requests in flight on it.

    A request that fails never leaves answers behind that the next one could take for its own: answers are matched
    to requests until the last is there, or nothing is read any more.
    """

    def __init__(self, connection: Any, timeout: float) -> None:
        self.takes_requests = True
        self._connection = connection
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        #: What will have the answers, how many they are, and when it will have waited for too long; oldest first.
        self._in_flight: deque[tuple[asyncio.Future[list[int]], int, float]] = deque()
        #: What has been read and not matched yet: whole answers, and the rest.
        self._lines: list[bytes] = []
        self._rest = b""
        self._timer: asyncio.TimerHandle | None = None
        # In an empty context: the request that happens to be the first has nothing to do with the later ones.
        self._connecting = Context().run(self._loop.create_task, self._connect())

    def submit(self, commands: bytes, answers: int) -> "asyncio.Future[list[int]]":
        waiter: asyncio.Future[list[int]] = self._loop.create_future()
        self._in_flight.append((waiter, answers, self._loop.time() + self._timeout))
        if self._timer is None:  # one for all: the oldest request is the first to have waited for too long
            self._timer = self._loop.call_later(self._timeout, self._check_timeout)
        if not self._unsent and self._transport is not None:
            # In the loop's next round, with all that is submitted in this one: a write costs most of a round trip.
            self._loop.call_soon(self._send)
        self._unsent.append(commands)
        return waiter

    def fail(self, error: type[RedisError], message: str) -> None:
        """Let the connection go, and everything that is in flight fail."""
        self.takes_requests = False
        self._connecting.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()  # close() would first wait until everything is written
            self._transport = None
        self._connection._close()
        while self._in_flight:
            waiter, _, _ = self._in_flight.popleft()
            if not waiter.done():
                waiter.set_exception(error(message))

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        self._lines += lines
        answered = 0
        try:
            while self._in_flight and len(self._lines) >= answered + self._in_flight[0][1]:
                waiter, answers, _ = self._in_flight[0]
                self._resolve(waiter, self._lines[answered : answered + answers])
                self._in_flight.popleft()
                answered += answers
        except ValueError as error:
            self.fail(InvalidResponse, str(error))
        del self._lines[:answered]
        if not self._in_flight and (self._lines or not self.takes_requests):
            self.fail(InvalidResponse, "there are more answers than commands")

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(NotConnectedError, f"the server has closed the connection{f': {exc}' if exc else ''}")

    async def _connect(self) -> None:
        try:
            await self._connection.connect_check_health(check_health=False)
        except Exception as error:
            self.fail(NotConnectedError, str(error))
            return
        reader, transport = self._connection._reader, self._connection._writer.transport
        transport.set_protocol(self)
        if reader.at_eof():  # which we would not be told any more
            self.connection_lost(None)
            return
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def _resolve(self, waiter: "asyncio.Future[list[int]]", lines: list[bytes]) -> None:
        try:
            numbers = [_parse(line) for line in lines]
        except ResponseError as refusal:
            # It may be the server that should not be asked any more, as after a failover.
            self.takes_requests = False
            if not waiter.done():
                waiter.set_exception(refusal)
        else:
            if not waiter.done():
                waiter.set_result(numbers)

    def _check_timeout(self) -> None:
        self._timer = None
        if self._in_flight:
            _, _, due = self._in_flight[0]
            if due <= self._loop.time():
                self.fail(NoAnswerError, f"no answer within {self._timeout:g} s")
            else:
                self._timer = self._loop.call_at(due, self._check_timeout)


def _parse(line: bytes) -> int:
    """Return a number of the Redis serialization protocol (RESP, version 2).

    Raises:
        ResponseError: it is an error.
        ValueError: it is something else, and there is no telling where the next answer begins.
    """
    if line.startswith(b":"):
        return int(line[1:])
    if line.startswith(b"-"):
        raise ResponseError(line[1:].decode(errors="replace"))
    raise ValueError(f"neither a number nor an error: {line[:80]!r}")
