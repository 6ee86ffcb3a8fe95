"""``python -m benchmarks.writes_server PORT FILE``: the API as ``tandem serve`` runs it, and how late its loop is.

A timer asks to be called every millisecond. Whenever it is called more than two milliseconds late, the moment (of the
system's monotonic clock) and the delay go into FILE when the server ends (by SIGINT), one JSON list a line.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from pathlib import Path

import uvicorn
import uvloop

from engine.http import HttpProtocol

INTERVAL = 0.001
NOTABLE = 0.002


async def watch(late: list[tuple[float, float]]) -> None:
    """Note every delay, until cancelled."""
    while True:
        asked = time.monotonic()
        await asyncio.sleep(INTERVAL)
        now = time.monotonic()
        if now - asked - INTERVAL > NOTABLE:
            late.append((now, now - asked - INTERVAL))


async def serve(port: int, late: list[tuple[float, float]]) -> None:
    """Serve until SIGINT."""
    config = uvicorn.Config(
        "app:create_app",
        factory=True,
        port=port,
        loop="uvloop",
        http=HttpProtocol,
        log_level="warning",
    )
    watching = asyncio.create_task(watch(late))
    await uvicorn.Server(config).serve()
    watching.cancel()


def main() -> None:
    """Run, and write the file."""
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    late: list[tuple[float, float]] = []
    try:
        with suppress(KeyboardInterrupt):
            uvloop.run(serve(port, late))
    finally:
        path.write_text("".join(f"{json.dumps(one)}\n" for one in late))


if __name__ == "__main__":
    main()
