"""Run several processes as one: started together, watched together, stopped in order."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Self

from core.child_processes import describe_exit
from core.service_errors import ServiceError
from dev.processes import spawn

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(KeyboardInterrupt):
    """A signal asked for the end; raised once, in the main thread, wherever it happens to be."""


@dataclass
class _Child:
    name: str
    process: subprocess.Popen[bytes]
    grace: float


class Supervisor:
    """Owns the signals and the child processes of one command.

    Use it as a context manager in the main thread. Inside, the first SIGINT, SIGTERM or SIGHUP raises
    :class:`StopRequested`; from then on, and from :meth:`stop` on, signals are only
    acknowledged, so that no clean-up is cut short.

    Args:
        say: prints one line for the person at the terminal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[_Child] = []
        self._guarded: list[tuple[str, Callable[[], bool]]] = []
        self._stopping = False
        self._before: dict[signal.Signals, object] = {}
        self._wakeup: tuple[int, int] = (-1, -1)

    def __enter__(self) -> Self:
        # A child's end wakes the select in wait() through this pipe; the handler itself has nothing to do.
        self._wakeup = os.pipe()
        for end in self._wakeup:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _STOP_SIGNALS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started with nohup
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        for end in self._wakeup:
            os.close(end)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            self._say("Still stopping, so that nothing is lost …")
            return
        self._stopping = True
        raise StopRequested

    def start(
        self, name: str, argv: Sequence[str], *, env: dict[str, str], grace: float, held: bool = False
    ) -> None:
        """Start a child that shall run until :meth:`stop`.

        Args:
            name: what to call it, as the subject of a sentence.
            grace: seconds between SIGTERM and SIGKILL.
            held: it waits for a line on its standard input, which :meth:`release` sends.
        """
        stdin = subprocess.PIPE if held else subprocess.DEVNULL
        self._children.append(_Child(name, spawn(argv, env=env, stdin=stdin), grace))

    def release(self) -> None:
        """Send every held child the line that it waits for."""
        for child in self._children:
            if child.process.stdin is not None:
                with suppress(BrokenPipeError), child.process.stdin as stdin:  # check() tells who has ended
                    stdin.write(b"\n")
                child.process.stdin = None

    def run(self, name: str, argv: Sequence[str], *, env: dict[str, str]) -> None:
        """Run a child to its end.

        Raises:
            ServiceError: it failed.
        """
        process = spawn(argv, env=env)
        try:
            code = process.wait()
        except BaseException:
            _end_group(process, grace=5)
            raise
        if code:
            raise ServiceError(f"{name} failed ({describe_exit(code)}); its messages are above.")

    def guard(self, name: str, alive: Callable[[], bool]) -> None:
        """Watch something that somebody else started and will stop."""
        self._guarded.append((name, alive))

    def check(self) -> None:
        """Raise ServiceError if anything that should be running has ended."""
        for child in self._children:
            if (code := child.process.poll()) is not None:
                raise ServiceError(
                    f"{child.name} ended unexpectedly ({describe_exit(code)}); its messages are above."
                )
        for name, alive in self._guarded:
            if not alive():
                raise ServiceError(f"{name} ended unexpectedly; everything else was stopped.")

    def wait_until(self, condition: Callable[[], bool], *, what: str, seconds: float) -> None:
        """Return when *condition* holds.

        Raises:
            ServiceError: it took longer than *seconds*, or something has ended meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise ServiceError(f"{what} did not happen within {seconds:.0f} seconds.")
            self._sleep(0.05)

    def wait(self) -> None:
        """Watch until a signal raises :class:`StopRequested` or something ends (ServiceError)."""
        while True:
            self.check()
            self._sleep(1)

    def _sleep(self, seconds: float) -> None:
        ready, _, _ = select.select([self._wakeup[0]], [], [], seconds)
        if ready:
            with suppress(BlockingIOError):
                os.read(self._wakeup[0], 4096)

    def stop(self) -> None:
        """Stop the children in the order in which they were started, each before the next."""
        self._stopping = True
        while self._children:
            child = self._children[0]
            _end_group(child.process, child.grace)
            self._children.pop(0)


def _end_group(process: subprocess.Popen[bytes], grace: float) -> None:
    """Ask the leader to end, and then make sure that nothing of its process group is left."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
