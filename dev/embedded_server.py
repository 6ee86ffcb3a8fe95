"""What the two embedded servers have in common: folder, lock, start, readiness, stop."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from core.service_errors import ServiceError
from dev.accounts import Account, prepare_home
from dev.locks import FolderLock, LockHeldError
from dev.ports import free_port, port_is_free
from dev.processes import runs_in, stop_leftover, stop_process

START_SECONDS = 60.0
_LOG_BYTES = 5_000_000


class EmbeddedServer(ABC):
    """A server of our own on 127.0.0.1, with its data, password and log in one folder.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    Args:
        data_dir: folder of its own for this server, made on first use.
        port: TCP port; None takes a free one, the same as last time where possible.
        durable: False gives up safety on disk for speed, for tests.
        say: told in one line about anything out of the ordinary.
    """

    title: ClassVar[str]
    program: ClassVar[str]
    contents: ClassVar[str]
    #: What stops it, most polite first, each with the seconds to wait.
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.durable = durable
        #: Where the data really are; differs from *data_dir* only for root (see ``accounts.prepare_home``).
        self.home = data_dir
        self.port = port or 0
        self._wanted_port = port
        self._say = say or (lambda _line: None)
        self._account: Account | None = None
        self._lock: FolderLock | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """True between :meth:`start` and the end of the process, wanted or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def data(self) -> Path:
        """The folder inside :attr:`home` that the server itself writes."""
        return self.home / self.contents

    @property
    def log_path(self) -> Path:
        """The server's own log."""
        return self.home / "log"

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises:
            ServiceError: it cannot run; the message says why and what to do.
        """
        if self._process is not None:
            raise ServiceError(f"{self.title} is running already.")
        self.home, self._account = prepare_home(self.data_dir, self.contents)
        if self.home != self.data_dir.resolve():
            self._say(
                f"{self.title} keeps its data in {self.home}, which its user {self._account_name} can reach."
            )
        try:
            self._take_lock()
            self._prepare()
            self._stop_leftover()
            self._launch()
        except OSError as error:
            self.stop()
            raise ServiceError(f"{self.title} cannot use {self.home}: {error.strerror or error}.") from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server in an orderly way and return when it has ended; harmless when it is not running."""
        process, self._process = self._process, None
        try:
            if process is not None:
                stop_process(process, self.stop_signals)
        finally:
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    @abstractmethod
    def _prepare(self) -> None:
        """Find the binaries and make or check the data folder."""

    @abstractmethod
    def _leftover_pid(self) -> int | None:
        """Return the process id that the last run noted in the folder."""

    @abstractmethod
    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        """Start the process on :attr:`port`, its output going to the descriptor *log*."""

    @abstractmethod
    def _answers(self) -> bool:
        """Tell whether the server takes work; False or OSError while it does not yet."""

    @property
    def _account_name(self) -> str:
        return self._account.name if self._account else "yourself"

    def _take_lock(self) -> None:
        lock = FolderLock(self.home / "lock")
        try:
            lock.acquire()
        except LockHeldError as held:
            raise ServiceError(
                f"{self.title} in {self.home} is in use by another process ({held.holder}); stop it first."
            ) from None
        self._lock = lock

    def _stop_leftover(self) -> None:
        """Stop a server whose starter was killed: the lock is ours, so nobody else looks after it."""
        pid = self._leftover_pid()
        if pid is None or not runs_in(pid, self.program, self.data):
            return
        self._say(f"Stopping the {self.title} that an earlier run left behind (process {pid}) …")
        if not stop_leftover(pid, self.program, self.data, self.stop_signals):
            raise ServiceError(
                f"{self.title} (process {pid}) is still at work in {self.home}; stop it and try again."
            )

    def _launch(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.port = self._pick_port()
            log = self._open_log()
            try:
                self._process = self._spawn(log)
            finally:
                os.close(log)
            if self._wait_until_ready(deadline):
                (self.home / "port").write_text(f"{self.port}\n")
                return
            tail = self._log_tail()
            self._process = None
            if time.monotonic() > deadline or not self._worth_another_try(tail):
                raise self._start_failed(tail)
            time.sleep(0.1)

    def _pick_port(self) -> int:
        if self._wanted_port is not None:
            if not port_is_free(self._wanted_port):
                raise ServiceError(
                    f"{self.title} cannot start: port {self._wanted_port} on 127.0.0.1 is taken."
                )
            return self._wanted_port
        try:
            last = int((self.home / "port").read_text())
        except (OSError, ValueError):
            last = 0
        return last if 1024 <= last <= 65535 and port_is_free(last) else free_port()

    def _wait_until_ready(self, deadline: float) -> bool:
        """True when the server answers, False when it has ended or was too slow (and was then killed)."""
        process = self._process
        while process is not None and process.poll() is None:
            try:
                if self._answers():
                    return True
            except OSError:
                pass  # not listening yet
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                break
            time.sleep(0.01)
        return False

    def _worth_another_try(self, tail: str) -> bool:
        return self._wanted_port is None and "ddress already in use" in tail

    def _start_failed(self, tail: str) -> ServiceError:
        return ServiceError(
            f"{self.title} did not start from {self.home}; the end of its log ({self.log_path}):\n"
            f"{tail or '  (nothing)'}"
        )

    def _open_log(self) -> int:
        path = self.log_path
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_name("log.1"))
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self._log_start = os.fstat(log).st_size
        return log

    def _log_tail(self) -> str:
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return last_lines(log.read().decode(errors="replace"))

    def _password(self) -> str:
        return (self.home / "password").read_text().strip()


def last_lines(output: str) -> str:
    """Return the end of what a program has written, indented."""
    return "\n".join(f"  {line}" for line in output.strip().splitlines()[-6:])


def write_private(path: Path, text: str) -> None:
    """Write *text* to *path* so that only this user can ever read it, replacing what was there at once."""
    staging = path.with_name(f".{path.name}.new")
    staging.unlink(missing_ok=True)
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    staging.replace(path)
