"""Child processes: that they end with their parent, and how they ended."""

import ctypes
import os
import platform
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: signal.Signals, parent: int | None = None) -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that asks Linux to send *number* when the starting thread ends; elsewhere None.

    Python runs it after the change of user, which would otherwise clear the request (prctl(2)). Start such
    children from a thread that lives as long as they shall: the kernel watches the thread, not the process.
    A child may also call it for itself, with *parent*, the process id that it was started by.
    """
    if platform.system() != "Linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    expected = os.getpid() if parent is None else parent

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != expected:  # it ended before the request was in place
            os.kill(os.getpid(), number)

    return arm


def describe_exit(code: int | None) -> str:
    """Return how a process ended, by its exit code as :mod:`subprocess` and :mod:`multiprocessing` have it."""
    if code is None:
        return "no answer"
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
