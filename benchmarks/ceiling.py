"""How much the load generator itself can do: a server that answers 8 KB to anything, as cheaply as Python can."""

import asyncio
import os
from typing import cast

import uvloop

_BODY = b'{"data":"' + b"x" * 8_000 + b'"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


class _Ceiling(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports inherit from no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        # The end of a request's body, which is all that there is to know.
        if data.endswith(b"}"):
            self._transport.write(_ANSWER)


async def main() -> None:
    """Serve until the process is ended."""
    port = int(os.environ["BENCH_PORT"])
    server = await asyncio.get_running_loop().create_server(_Ceiling, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
