"""A TCP proxy that can be slow, can swallow what it is sent, and can lead to another server from now on.

It is a process of its own: beside clients that keep an interpreter busy each round trip would wait for them.
"""

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from typing import Any

from dev.ports import LOOPBACK


class Proxy:
    """A way to a server on 127.0.0.1 whose own address never changes.

    Args:
        target: port of the server.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.port = int(self._read())

    @property
    def target(self) -> int:
        """Port of the server that new connections lead to."""
        return self._target

    @target.setter
    def target(self, port: int) -> None:
        self._target = port
        self._set(target=port)

    def slow(self, seconds: float) -> None:
        """Let each answer of the server be late by so many seconds."""
        self._set(delay=seconds)

    def swallow(self) -> None:
        """Stop forwarding: connections stay open, new ones are accepted, and nothing comes of either."""
        self._set(forwards=False)

    def mend(self) -> None:
        """Forward again, at once, what was swallowed included, as TCP does."""
        self._set(delay=0.0, forwards=True)

    def stop(self) -> None:
        """Close everything."""
        self._process.communicate()

    def _set(self, **values: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(values).encode() + b"\n")
        self._process.stdin.flush()
        self._read()

    def _read(self) -> bytes:
        assert self._process.stdout
        return self._process.stdout.readline()


class Forwarder:
    """What forwards, in the process of a :class:`Proxy`.

    Args:
        target: port of the server.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0
        self._forwards = asyncio.Event()
        self._forwards.set()
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen, print the port, and do what comes by standard input, a line of JSON each, until that ends."""
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            values = json.loads(line)
            self.target = values.get("target", self.target)
            self.delay = values.get("delay", self.delay)
            if "forwards" in values:
                (self._forwards.set if values["forwards"] else self._forwards.clear)()
            sys.stdout.write("done\n")
            sys.stdout.flush()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

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


if __name__ == "__main__":
    asyncio.run(Forwarder(int(sys.argv[1])).run())
