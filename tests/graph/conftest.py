"""A real HTTP server in the loop of the test, and a client of its sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.client import Client
from tests.conftest import ClientWith
from tests.servers import SECONDS, serving


class Socket:
    """One graphql-transport-ws connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        #: Every message so far.
        self.received: list[dict[str, Any]] = []
        self._ids = count(1)

    async def send(self, type: str, **parts: Any) -> None:
        """Send one message."""
        await self.connection.send(orjson.dumps({"type": type} | parts).decode())

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(SECONDS):
            message: dict[str, Any] = orjson.loads(await self.connection.recv())
        self.received.append(message)
        return message

    async def init(self, token: str | None = None) -> None:
        """Sign in and wait for the acknowledgement."""
        payload = {"authorization": f"Bearer {token}"} if token else {}
        await self.send("connection_init", payload=payload)
        assert (await self.receive())["type"] == "connection_ack"

    async def subscribe(self, query: str, **variables: Any) -> str:
        """Begin an operation and return its id."""
        id = str(next(self._ids))
        await self.send("subscribe", id=id, payload={"query": query, "variables": variables})
        return id

    async def _drain(self) -> None:
        while True:
            await self.receive()

    async def closed(self) -> tuple[int, str]:
        """Wait until the server closes the socket; return the code and the reason."""
        with pytest.raises(ConnectionClosed) as closed:
            await self._drain()
        frame = closed.value.rcvd
        assert frame, "closed without a word"
        return frame.code, frame.reason


@dataclass
class Live:
    """An application behind a real port."""

    client: Client
    port: int
    stack: AsyncExitStack

    async def socket(self, **options: Any) -> Socket:
        """Open a socket; it is closed with the test."""
        address = f"ws://127.0.0.1:{self.port}/graphql"
        protocols = [Subprotocol("graphql-transport-ws")]
        opened = connect(address, subprotocols=protocols, open_timeout=SECONDS, **options)
        return Socket(await self.stack.enter_async_context(opened))


Serve = Callable[..., Awaitable[Live]]


@pytest.fixture
async def serve(client_with: ClientWith) -> AsyncIterator[Serve]:
    """Serve applications with other settings on ports of their own."""
    async with AsyncExitStack() as stack:

        async def start(**overrides: object) -> Live:
            client = await client_with(**overrides)
            port = await stack.enter_async_context(serving(client.app))
            return Live(client, port, stack)

        yield start
