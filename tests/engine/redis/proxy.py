"""A way to a server that can be cut, or fall silent, while the server itself goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Forwards to *target*, a port on 127.0.0.1.

    Args:
        target: where the server listens.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self.port = 0
        #: How many connections there have been.
        self.accepted = 0
        #: While it is set, nothing that the server says reaches the client.
        self.swallows = False

    def cut(self) -> None:
        """Close all connections, and every further one at once."""
        self._is_cut = True
        for writer in self._writers:
            writer.close()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._is_cut:
            writer.close()
            return
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, to_server}
        back = asyncio.create_task(self._forward(from_server, writer, is_answer=True))
        await self._forward(reader, to_server, is_answer=False)
        await back
        self._writers -= {writer, to_server}

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(4096):
                if not (is_answer and self.swallows):
                    writer.write(data)
        writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Proxy"]:
        """Listen on ``port``."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            self.cut()
