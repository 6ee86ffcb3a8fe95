"""Child processes that end with their parent: started, recognised and stopped."""

import os
import platform
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from core.child_processes import die_with_parent
from dev.accounts import Account

_ON_LINUX = platform.system() == "Linux"


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


def stop_process(process: subprocess.Popen[bytes], signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Stop a child process, and return when it has ended.

    Args:
        signals: what to send, each with the seconds to wait for its effect; the last one must be SIGKILL.
    """
    for number, seconds in signals:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def stop_leftover(
    pid: int, program: str, folder: Path, signals: Sequence[tuple[signal.Signals, float]]
) -> bool:
    """Stop a process that an earlier run left behind; True when it has ended.

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
