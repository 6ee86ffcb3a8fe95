"""A TCP proxy that can be slow, can swallow what it is sent, and can lead to another server from now on."""

import asyncio
from contextlib import suppress

from dev.ports import LOOPBACK


class Proxy:
    """A way to a server on 127.0.0.1 whose own address never changes.

    Args:
        target: port of the server.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        #: Seconds by which each answer of the server is late.
        self.delay = 0.0
        self.port = 0
        self._forwards = asyncio.Event()
        self._forwards.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def swallow(self) -> None:
        """Stop forwarding: connections stay open, new ones are accepted, and nothing comes of either."""
        self._forwards.clear()

    def mend(self) -> None:
        """Forward again, at once, what was swallowed included, as TCP does."""
        self.delay = 0.0
        self._forwards.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._forwards.wait()
            with suppress(OSError):
                from_server, to_server = await asyncio.open_connection(LOOPBACK, self.target)
                try:
                    await self._connect(reader, to_server, from_server, writer)
                finally:
                    to_server.transport.abort()
        except asyncio.CancelledError:
            pass  # the end of the run
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _connect(
        self,
        reader: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        ways = {
            asyncio.create_task(self._forward(reader, to_server)),
            asyncio.create_task(self._forward(from_server, writer, late=True)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if late and self.delay:
                    await asyncio.sleep(self.delay)
                await self._forwards.wait()
                writer.write(data)
                await writer.drain()
