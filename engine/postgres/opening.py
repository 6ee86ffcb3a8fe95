"""How a connection is opened: with limits, and with signs of life asked of a server that is silent."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from engine.postgres.recording import observe

#: Seconds that a connection attempt at start may take.
CONNECT_SECONDS = 5.0
#: How often two connections are compared; poolers lend what was given back last, unless others are faster.
_COMPARISONS = 10


@asynccontextmanager
async def single_connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection of its own beside the pool, which leaves nothing prepared behind a pooler, and close it.

    Raises:
        asyncpg.PostgresError, OSError: the database does not answer, or refuses.
    """
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        yield connection
    except BaseException:
        # Whoever gives up, or has met a fault, does not wait for a server that may hang.
        connection.terminate()
        raise
    await connection.close(timeout=CONNECT_SECONDS)


async def has_session(url: str) -> bool:
    """Tell whether a connection to *url* has a session of PostgreSQL to itself.

    It has none behind a pooler that lends sessions for a transaction or a statement: prepared statements of one client
    are then run under the names of another's. Such a pooler shows by its key of cancellation, in which no process of
    the server is named, and by two connections that are served by one process.

    Raises:
        asyncpg.PostgresError, OSError: the database does not answer, or refuses.
    """
    async with single_connection(url) as first:
        if await _process(first) == first.get_server_pid():
            return True
        async with single_connection(url) as second:
            pairs = {(await _process(first), await _process(second)) for _ in range(_COMPARISONS)}
    ((one, other), *more) = pairs
    return one != other and not more


#: One name for two statements, as two clients of a pooler choose them.
_STATEMENT = ("one_of_two", "SELECT pg_backend_pid(), {}")
#: What is said where statements of two clients have met; and by a pooler that lends sessions for one statement only
#: to whoever begins a transaction, on a connection that has just worked.
_MIXED_UP = (
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.ProtocolViolationError,
    asyncpg.ConnectionDoesNotExistError,
)


async def keeps_statements_apart(url: str) -> bool:
    """Tell whether a pooler that lends sessions for a transaction gives each client its own prepared statements.

    PgBouncer does from 1.21 on (its documentation, ``max_prepared_statements``). It has done so if two clients, whose
    statements have one name, had the right one run by one process of the server.

    Raises:
        asyncpg.PostgresError, OSError: the database does not answer, or refuses.
    """
    name, sql = _STATEMENT
    try:
        async with single_connection(url) as first, single_connection(url) as second:
            one = await first.prepare(sql.format(1), name=name)
            other = await second.prepare(sql.format(2), name=name)
            # Each the process that it was run by, and whose statement it was.
            runs = [(*await one.fetch(), *await other.fetch()) for _ in range(_COMPARISONS)]
            async with first.transaction():
                pass
    except _MIXED_UP:
        return False
    are_own = all((ours[1], theirs[1]) == (1, 2) for ours, theirs in runs)
    return are_own and any(ours[0] == theirs[0] for ours, theirs in runs)


async def _process(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT pg_backend_pid()", timeout=CONNECT_SECONDS))


#: Seconds beyond the time limit of a statement that the client waits for the server to end it, at least.
GRACE_SECONDS = 1.0
_SET_LIMITS = """
SELECT set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $2, false)
"""
#: Of a silent socket: when to ask whether the other end is still there, how often, and after how many milliseconds
#: what was sent and not acknowledged ends the connection (RFC 9293 section 3.8.4, RFC 5482).
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}


async def prepare_connection(connection: Any, *, statement_timeout: float | None, observed: bool) -> None:
    """Make a new connection ready: limits, and what no request should wait for.

    The server ends a transaction in which nothing happens, too, after the client should have: a process that is frozen,
    or whose host is gone, keeps its locks no longer than that.
    """
    _keep_alive(connection)
    # asyncpg asks the catalogue about an array type when it first meets it.
    await connection.fetch("SELECT $1::int4[], $2::int8[], $3::text[], $4::uuid[]", [], [], [], [])
    if statement_timeout is not None:
        idle = statement_timeout + 2 * GRACE_SECONDS
        await connection.fetch(_SET_LIMITS, f"{statement_timeout * 1000:.0f}", f"{idle * 1000:.0f}")
    if observed:
        observe(connection)


def _keep_alive(connection: Any) -> None:
    opened = connection._transport.get_extra_info("socket")
    if opened.family not in (socket.AF_INET, socket.AF_INET6):
        return
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if option := getattr(socket, name, None):  # not every system has all of them
            opened.setsockopt(socket.IPPROTO_TCP, option, value)
