"""``python -m benchmarks.profiled_server FILE MODULE ARGUMENT…``: runs a module under a sampling profiler.

After every millisecond of processor time the function that runs just then is noted (``ITIMER_PROF``), so that calls
cost nothing extra, unlike with a tracing profiler. Time in C code belongs to the Python function that called it.
SIGUSR1 forgets what was noted so far; at the end FILE holds, as JSON, how often each function was found.
"""

import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

INTERVAL = 0.001


class Sampler:
    """Counts which functions run."""

    def __init__(self) -> None:
        self._found: Counter[CodeType] = Counter()

    def start(self) -> None:
        """Begin to count; only the main thread's functions are seen."""
        signal.signal(signal.SIGPROF, self._note)
        signal.signal(signal.SIGUSR1, lambda *_: self._found.clear())
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def _note(self, _: int, frame: FrameType | None) -> None:
        if frame is not None:
            self._found[frame.f_code] += 1

    def stop(self) -> list[tuple[str, str, int]]:
        """Return file, function and count of each that was found."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return [(code.co_filename, code.co_qualname, count) for code, count in self._found.most_common()]


def main() -> None:
    """Run the module, and write the file when it ends."""
    path, sys.argv = Path(sys.argv[1]), sys.argv[2:]
    # Like a call of sys.exit(), so that what follows is done.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sampler = Sampler()
    sampler.start()
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        path.write_text(json.dumps(sampler.stop()))


if __name__ == "__main__":
    main()
