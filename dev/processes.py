"""Child processes that end with their parent, and the look of other people's."""

import ctypes
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dev.accounts import Account

_PR_SET_PDEATHSIG = 1
_ON_LINUX = platform.system() == "Linux"


def die_with_parent(number: signal.Signals, parent: int | None = None) -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that asks Linux to send *number* when the starting thread ends; elsewhere None.

    Python runs it after the change of user, which would otherwise clear the request (prctl(2)). Start such
    children from a thread that lives as long as they shall: the kernel watches the thread, not the process.
    A child may also call it for itself, with *parent*, the process id that it was started by.
    """
    if not _ON_LINUX:
        return None
    prctl = ctypes.CDLL(None).prctl
    expected = os.getpid() if parent is None else parent

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != expected:  # it ended before the request was in place
            os.kill(os.getpid(), number)

    return arm


def spawn(
    argv: Sequence[str | Path],
    *,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    output: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start *argv* in a session of its own, so that Ctrl-C in the terminal reaches only the supervisor.

    Args:
        account: run as this account, with its primary group only; None is the present one.
        death_signal: what the child gets when this process dies without stopping it (Linux).
        output: descriptor for both output streams; None shares those of this process.
    """
    return subprocess.Popen(  # noqa: S603 - the program is ours, never user input
        [os.fspath(part) for part in argv],
        stdin=stdin,
        stdout=output,
        stderr=output,
        env=env,
        cwd=cwd,
        start_new_session=True,
        preexec_fn=die_with_parent(death_signal),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def runs_in(pid: int, program: str, folder: Path) -> bool:
    """Tell whether process *pid* is alive, is *program*, and works in *folder* (the last on Linux only).

    A process id out of a file may long belong to somebody else; nothing is signalled without asking this.
    """
    if pid <= 1:
        return False
    if _ON_LINUX:
        try:
            executable = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
            return executable == program and Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
        except OSError:
            return False
    listing = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return program in listing.stdout


def evict(pid: int, program: str, folder: Path, signals: Sequence[tuple[signal.Signals, float]]) -> bool:
    """Stop what an earlier run left behind; True when nothing of it is left.

    Args:
        signals: what to send, each with the seconds to wait for its effect.
    """
    for number, seconds in signals:
        deadline = time.monotonic() + seconds
        if not runs_in(pid, program, folder):
            return True
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        while time.monotonic() < deadline:
            if not runs_in(pid, program, folder):
                return True
            time.sleep(0.02)
    return not runs_in(pid, program, folder)
