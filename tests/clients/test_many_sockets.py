"""Five hundred sockets on one process, coming and going: what they took comes back."""

import asyncio
import json
import sys
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.clients.service import SOCKET_PROTOCOL, Process, Service
from tests.servers import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc"),
]

SOCKETS = 500
#: Connections to PostgreSQL and Redis that a process may open once it has much to do.
SPARE_FILES = 40
#: Far less than the sockets of one round hold.
SPARE_MEGABYTES = 40
#: Seconds until the last of them is open, on a machine that has much else to do.
OPEN_TIMEOUT = 120
SUBSCRIPTION = "subscription { orderEvents { cursor } }"


async def watching(api: Process, token: str) -> ClientConnection:
    """Open a socket that listens to all orders of its user, and knows that it does."""
    # One process shakes 500 hands in turn: the last one waits for all others.
    address = f"ws://{api.address}/graphql"
    connection = await connect(address, subprotocols=[SOCKET_PROTOCOL], open_timeout=OPEN_TIMEOUT)
    await connection.send(
        json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
    )
    assert json.loads(await connection.recv())["type"] == "connection_ack"
    for id, query in (("1", SUBSCRIPTION), ("2", "{ __typename }")):
        await connection.send(json.dumps({"id": id, "type": "subscribe", "payload": {"query": query}}))
    while json.loads(await connection.recv()) != {"id": "2", "type": "complete"}:
        pass
    return connection


async def leave(connection: ClientConnection, way: int) -> None:
    """Go politely, at once, or without a word."""
    if way == 0:
        await connection.send(json.dumps({"id": "1", "type": "complete"}))
    if way == 2:
        connection.transport.abort()
    await connection.close()


async def come_and_go(api: Process, token: str) -> None:
    before = api.files
    connections = await asyncio.gather(*(watching(api, token) for _ in range(SOCKETS)))
    assert api.files >= before + SOCKETS - SPARE_FILES
    await asyncio.gather(*(leave(connection, number % 3) for number, connection in enumerate(connections)))
    await until(lambda: api.files <= before + SPARE_FILES, seconds=60)


@pytest.fixture
def api(service: Service) -> Iterator[Process]:
    """A process that nothing else talks to."""
    # With a pool so small that the first sockets fill it: what is open later is none of its connections.
    with service.another(TANDEM_DATABASE_POOL_SIZE="4") as running:
        yield running


@pytest.fixture
def token(service: Service) -> str:
    """An access token that is good for the sockets of all rounds."""
    return service.sign_in()


async def test_nothing_is_left_of_sockets_that_came_and_went(api: Process, token: str) -> None:
    for _ in range(3):  # what is allocated once, and kept, is allocated by then
        await come_and_go(api, token)
    files, megabytes = api.files, api.megabytes
    for _ in range(2):
        await come_and_go(api, token)
    # Some of the last round's are still being closed.
    await until(lambda: api.files <= files + 5, seconds=60)
    assert api.megabytes <= megabytes + SPARE_MEGABYTES
