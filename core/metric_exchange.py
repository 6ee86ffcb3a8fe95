"""The metrics of several processes as one: each answers on a Unix socket in a folder that they share.

Nothing is written while requests are served, as files in the place of the sockets would demand; and a process that has
ended, whichever way, answers no more, so that its series end with it. All series name their process, since a sum over
processes that come and go would fall, and look to Prometheus like a counter that began anew.
"""

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client.core import GaugeMetricFamily

from core.metrics import merge, render, render_process
from core.settings import Settings

logger = logging.getLogger("tandem.metrics")

#: Seconds that another process may take: one that does not answer hangs, or has been stopped. Prometheus waits for ten.
TIMEOUT_SECONDS = 3.0
#: Seconds after which a socket on which nobody listens is deleted: a new one is there before somebody listens on it.
STALE_SECONDS = 60


@contextmanager
def shared_folder(settings: Settings) -> Iterator[None]:
    """Give the processes that are started in the block a folder to exchange metrics in, if they need one."""
    if not settings.metrics:
        yield
        return
    if settings.metrics_dir:
        settings.metrics_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
        return
    with TemporaryDirectory(prefix="tandem-metrics-") as folder:
        os.environ["TANDEM_METRICS_DIR"] = folder
        yield


class MetricExchange:
    """Tells the metrics of this process to others, and those of all.

    Args:
        role: what the process is, for the label ``process``.
        folder: where the sockets are; None where the process is alone.
    """

    def __init__(self, role: str, folder: Path | None) -> None:
        self._process = f"{role}-{os.getpid()}"
        self._folder = folder
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Answer other processes from now on."""
        if self._folder is not None:
            path = self._folder / f"{self._process}.sock"
            try:
                self._server = await asyncio.start_unix_server(self._answer, path)
            except OSError as error:
                logger.error("The metrics of this process cannot be told: %s: %s", path, error)

    async def stop(self) -> None:
        """Answer no more."""
        if self._server is not None and self._folder is not None:
            self._server.close()
            (self._folder / f"{self._process}.sock").unlink(missing_ok=True)

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(render_process(self._process))
            await writer.drain()
        writer.close()

    async def gather(self) -> bytes:
        """Return the series of all processes, and how many these are, in Prometheus' text format."""
        paths = self._folder.glob("*.sock") if self._folder else ()
        others = [path for path in paths if path.stem != self._process]
        told = await asyncio.gather(*map(_read, others))
        answers = [text for text in told if text]
        processes = GaugeMetricFamily(
            "tandem_processes",
            f"Processes that tell their metrics here; silent ones did not within {TIMEOUT_SECONDS:.0f} s.",
            labels=["state"],
        )
        processes.add_metric(["answering"], 1 + len(answers))
        processes.add_metric(["silent"], told.count(b""))
        return merge([render([processes]), render_process(self._process), *answers])


async def _read(path: Path) -> bytes | None:
    """Return what a process tells: nothing if it hangs, None if it is no more."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return await reader.read(-1)
            finally:
                writer.close()
    except TimeoutError:
        return b""
    except OSError:
        _delete_if_stale(path)
        return None


def _delete_if_stale(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_mtime < time.time() - STALE_SECONDS:
            path.unlink()
