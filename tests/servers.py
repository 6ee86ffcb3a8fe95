"""Servers that a test may stop, restart and flush, and waiting for what happens in them."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.services import EmbeddedValkey


@contextmanager
def own_valkey() -> Iterator[EmbeddedValkey]:
    """Run a Valkey for one test; it forgets everything when it is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-tests-"))
    # As root the server runs as another user, who must get in.
    folder.chmod(0o755)
    server = EmbeddedValkey(folder / "valkey", durable=False)
    try:
        with server:
            yield server
    finally:
        shutil.rmtree(server.home, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


async def until(condition: Callable[[], bool | Awaitable[bool]], *, seconds: float = 10.0) -> None:
    """Poll until *condition* holds, or fail the test."""
    deadline = time.monotonic() + seconds
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.01)
