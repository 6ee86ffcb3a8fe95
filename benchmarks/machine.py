"""What the operating system tells of processes: processor time, memory, and where they may run.

Full answers on Linux (proc(5)). Elsewhere nothing is pinned, and ``ps`` tells the processor time in hundredths of a
second and the memory of this moment instead of its peak.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_ON_LINUX = sys.platform.startswith("linux")
_TICK = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


@dataclass(frozen=True)
class Usage:
    """Seconds of processor time so far, and the largest memory (bytes resident) of each process added up."""

    cpu_seconds: float = 0.0
    peak_bytes: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.cpu_seconds + other.cpu_seconds, self.peak_bytes + other.peak_bytes)


def describe() -> str:
    """Return in one line what the measurements are made on."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model
        )
    return f"{os.cpu_count()} processors ({model}), {platform.system()} {platform.release()}"


def load_average() -> float:
    """Return how many processes wanted a processor over the last minute; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def processors() -> set[int] | None:
    """Return the processors that this process may use; None where they cannot be chosen."""
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


@contextmanager
def confined(allowed: set[int] | None) -> Iterator[None]:
    """Let what is started meanwhile, with all its threads and children, run on the *allowed* processors only.

    Inherited from the start, so that a runtime which counts processors sees these; None is any.
    """
    before = processors()
    if not allowed or before is None:
        yield
        return
    os.sched_setaffinity(0, allowed)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(pid: int) -> list[int]:
    """Return *pid* and all its descendants."""
    parents = _parents()
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _parents() -> dict[int, int]:
    if not _ON_LINUX:
        lines = _ps("-axo", "pid=,ppid=").splitlines()
        return {int(pid): int(parent) for pid, parent in (line.split() for line in lines)}
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
    return parents


def _stat(pid: int) -> list[str]:
    # The second field is the program's name in parentheses, and may hold anything.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def usage_of_all(pids: list[int]) -> Usage:
    """Return what these processes have used together; children that were waited for count in their parent."""
    total = Usage()
    for pid in pids:
        with suppress(OSError, ValueError):
            total += _usage_of(pid)
    return total


def resident_bytes(pids: list[int]) -> int:
    """Return the memory of these processes that is resident now, each one's shared pages included."""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError):
            total += _status(pid, "VmRSS") if _ON_LINUX else _usage_of(pid).peak_bytes
    return total


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def _usage_of(pid: int) -> Usage:
    if not _ON_LINUX:
        time, rss = _ps("-o", "time=,rss=", "-p", str(pid)).split()
        return Usage(_seconds(time), int(rss) * 1024)
    fields = _stat(pid)
    # utime, stime and those of the children that were waited for: fields 14 to 17 of proc_pid_stat(5).
    cpu = sum(int(field) for field in fields[11:15]) * _TICK
    return Usage(cpu, _status(pid, "VmHWM"))


def _seconds(time: str) -> float:
    total = 0.0
    for part in time.replace("-", ":").split(":"):
        total = total * 60 + float(part)
    return total


def _ps(*arguments: str) -> str:
    return subprocess.run(["/bin/ps", *arguments], capture_output=True, text=True, check=False).stdout
