"""Any number of requests in flight over one connection: each caller gets its own answers or an error, in time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as NotConnectedError
from redis.exceptions import InvalidResponse, RedisError, ResponseError
from redis.exceptions import TimeoutError as NoAnswerError

from engine.redis import create_redis
from engine.redis.pipelined_connection import PipelinedConnection
from tests.servers import own_valkey, until

pytestmark = pytest.mark.anyio

LONG = 60.0


class Server:
    """Gives to each line that it reads the answer that *reply* has for it."""

    def __init__(self, reply: Callable[[bytes], bytes]) -> None:
        self.reply = reply
        self.port = 0
        self.connections = 0
        self.closed = 0
        self.read: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with suppress(ConnectionError):
            while line := await reader.readline():
                self.read.append(line.strip())
                writer.write(self.reply(line.strip()))
        self.closed += 1
        writer.close()

    @asynccontextmanager
    async def pipelined(self, *, timeout: float = LONG) -> AsyncIterator[PipelinedConnection]:  # noqa: ASYNC109
        """Listen, and return a connection to this server that is not connected yet."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            connection = PipelinedConnection(self.make_connection, timeout=timeout)
            yield connection
            connection.close()
            for writer in self.writers:
                writer.close()

    def make_connection(self) -> Connection:
        # Without a name and a database it says nothing before it is told to.
        return Connection(host="127.0.0.1", port=self.port, protocol=2, driver_info=None)


def echo(line: bytes) -> bytes:
    """Answer a number by itself, ``mute`` not at all, anything else as it stands."""
    if line == b"mute":
        return b""
    return b":%d\r\n" % int(line) if line.isdigit() else line + b"\r\n"


async def outcome(waiter: "asyncio.Future[list[int]]") -> list[int] | type[BaseException]:
    async with asyncio.timeout(10):
        try:
            return await waiter
        except (RedisError, asyncio.CancelledError) as error:
            return type(error)


def line(number: int) -> bytes:
    return b"%d\n" % number


async def test_a_thousand_concurrent_callers_get_their_own_answers_over_one_connection() -> None:
    with own_valkey() as valkey:
        redis = create_redis(valkey.url())
        before = await redis.client_list()
        connection = PipelinedConnection(redis.connection_pool.make_connection, timeout=LONG)

        async def call(number: int) -> list[int]:
            return await connection.submit(b"INCRBY a%d %d\r\nINCRBY b 1\r\n" % (number, number), 2)

        answers = await asyncio.gather(*map(call, range(1_000)))
        assert [own for own, _ in answers] == [*range(1_000)]
        assert [shared for _, shared in answers] == [*range(1, 1_001)]
        assert len(await redis.client_list()) == len(before) + 1
        connection.close()
        await redis.aclose()


class Wire(asyncio.Transport):
    """A transport, and the connection of redis-py that was opened over it."""

    def __init__(self) -> None:
        super().__init__()
        self._reader, self._writer, self.transport = asyncio.StreamReader(), self, self
        self.protocol: Any = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads it."""

    def abort(self) -> None:
        """Nothing is open."""

    async def connect_check_health(self, check_health: bool) -> None:
        """It is connected."""

    def _close(self) -> None:
        """Nothing is open."""


#: What a request is answered by: numbers, and errors in place of some.
REQUESTS = st.lists(
    st.lists(st.one_of(st.integers(), st.just("ERR no")), min_size=1, max_size=3), max_size=20
)


@given(requests=REQUESTS, cuts=st.lists(st.integers(min_value=0, max_value=400)))
def test_answers_may_come_in_pieces_of_any_size(requests: list[list[int | str]], cuts: list[int]) -> None:
    text = "".join(
        f":{answer}\r\n" if isinstance(answer, int) else f"-{answer}\r\n"
        for answers in requests
        for answer in answers
    ).encode()
    borders = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})

    async def check() -> None:
        wire: Any = Wire()
        connection = PipelinedConnection(lambda: wire, timeout=LONG)
        waiters = [connection.submit(b"", len(answers)) for answers in requests]
        await asyncio.sleep(0)  # connected
        for start, end in pairwise(borders):
            wire.protocol.data_received(text[start:end])
        expected = [ResponseError if "ERR no" in answers else answers for answers in requests]
        assert [await outcome(waiter) for waiter in waiters] == expected
        connection.close()

    asyncio.run(check())


async def test_a_refused_command_fails_its_own_request_and_nothing_else() -> None:
    server = Server(echo)
    async with server.pipelined() as connection:
        first = connection.submit(line(1), 1)
        refused = connection.submit(b"2\n-READONLY You can't write against a replica\n3\n", 3)
        last = connection.submit(line(4), 1)
        assert [await outcome(first), await outcome(last)] == [[1], [4]]
        with pytest.raises(ResponseError, match="READONLY You can't write"):
            await refused
        # The server may not be the right one any more, so it is looked up again.
        assert await connection.submit(line(5), 1) == [5]
        assert server.connections == 2


async def test_a_server_that_falls_silent_fails_what_is_in_flight() -> None:
    server = Server(lambda line: echo(line) if line == b"1" else b"")
    async with server.pipelined(timeout=0.1) as connection:
        waiters = [connection.submit(line(number), 1) for number in (1, 2, 3)]
        assert [await outcome(waiter) for waiter in waiters] == [[1], NoAnswerError, NoAnswerError]
        server.reply = echo
        assert await connection.submit(line(5), 1) == [5]
        assert server.connections == 2


async def test_an_answer_that_comes_too_late_is_nobodys() -> None:
    server = Server(lambda _: b"")
    async with server.pipelined(timeout=0.05) as connection:
        assert await outcome(connection.submit(line(1), 1)) is NoAnswerError
        server.writers[0].write(b":1\r\n")
        server.reply = echo
        assert await connection.submit(line(2), 1) == [2]


async def test_the_time_limit_includes_connecting() -> None:
    server = Server(lambda _: b"")

    def with_database() -> Connection:
        return Connection(host="127.0.0.1", port=server.port, protocol=2, driver_info=None, db=1)

    async with server.pipelined():
        connection = PipelinedConnection(with_database, timeout=0.05)
        waiters = [connection.submit(line(number), 1) for number in range(3)]
        assert [await outcome(waiter) for waiter in waiters] == [NoAnswerError] * 3


async def test_a_connection_may_be_busy_for_longer_than_a_request_may_wait() -> None:
    server = Server(echo)
    async with server.pipelined(timeout=0.5) as connection:
        loop = asyncio.get_running_loop()
        end, number = loop.time() + 1.2, 0
        while loop.time() < end:
            number += 1
            assert await connection.submit(line(number), 1) == [number]
        assert server.connections == 1


@pytest.mark.parametrize("cut", [b"", b":", b":1\r\n:2", b":1\r\n:2\r"])
async def test_a_connection_that_closes_fails_what_is_in_flight(cut: bytes) -> None:
    server = Server(echo)
    async with server.pipelined() as connection:
        assert await connection.submit(line(1), 1) == [1]
        waiters = [connection.submit(b"mute\nmute\n", 2) for _ in range(3)]
        await until(lambda: server.read.count(b"mute") == 6)
        server.writers[0].write(cut)
        server.writers[0].close()
        assert [await outcome(waiter) for waiter in waiters] == [NotConnectedError] * 3
        assert await connection.submit(line(2), 1) == [2]


async def test_a_connection_that_was_closed_while_idle_costs_no_request() -> None:
    server = Server(echo)
    async with server.pipelined() as connection:
        for number in range(3):
            assert await connection.submit(line(number), 1) == [number]
            server.writers[-1].write_eof()
            await until(lambda: server.closed == server.connections)
        assert server.connections == 3


async def test_a_restart_of_the_server_costs_no_request() -> None:
    with own_valkey() as valkey:
        redis = create_redis(valkey.url())
        connection = PipelinedConnection(redis.connection_pool.make_connection, timeout=LONG)
        assert await connection.submit(b"INCRBY a 1\r\n", 1) == [1]
        await asyncio.to_thread(valkey.stop)
        assert await outcome(connection.submit(b"INCRBY a 1\r\n", 1)) is NotConnectedError
        await asyncio.to_thread(valkey.start)
        assert await connection.submit(b"INCRBY a 1\r\n", 1) == [1]
        connection.close()
        await redis.aclose()


@pytest.mark.parametrize("nonsense", [b"+OK\r\n", b"$1\r\n1\r\n", b":one\r\n", b"\r\n", b"*1\r\n:3\r\n"])
async def test_what_is_no_answer_fails_what_is_in_flight(nonsense: bytes) -> None:
    server = Server(lambda line: nonsense if line == b"2" else echo(line))
    async with server.pipelined() as connection:
        waiters = [connection.submit(line(number), 1) for number in range(5)]
        assert [await outcome(waiter) for waiter in waiters] == [[0], [1], *[InvalidResponse] * 3]
        assert await connection.submit(line(5), 1) == [5]
        assert server.connections == 2


async def test_an_answer_too_many_is_never_taken_for_that_of_the_next_request() -> None:
    server = Server(lambda _: b":1\r\n:2\r\n")
    async with server.pipelined() as connection:
        assert await connection.submit(line(1), 1) == [1]
        server.reply = echo
        assert await connection.submit(line(3), 1) == [3]
        assert server.connections == 2


@pytest.mark.parametrize("rounds", range(4))
async def test_a_caller_who_leaves_takes_nothing_from_others(rounds: int) -> None:
    server = Server(echo)
    async with server.pipelined() as connection:

        async def call(number: int) -> list[int]:
            return await connection.submit(line(number), 1)

        tasks = [asyncio.create_task(call(number)) for number in range(20)]
        for _ in range(rounds):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers[1::2] == [[number] for number in range(1, 20, 2)]
        assert await connection.submit(line(20), 1) == [20]
        assert server.connections == 1


async def test_closing_fails_what_is_in_flight_and_the_next_request_connects_again() -> None:
    server = Server(echo)
    async with server.pipelined() as connection:
        connection.close()
        connecting = connection.submit(line(1), 1)
        connection.close()
        assert await outcome(connecting) is NotConnectedError
        assert await connection.submit(line(2), 1) == [2]
        waiting = connection.submit(b"mute\n", 1)
        connection.close()
        assert await outcome(waiting) is NotConnectedError
        assert await connection.submit(line(3), 1) == [3]
