"""``python -m tests.tasks.signalled_twice``: a second signal at every line that handles the first.

Prints a line for each pair of signals: their names, how many such moments there were, and the kinds of what the
manager has to do.
"""

import signal
import sys
from itertools import product
from types import FrameType
from typing import Any

from taskiq.cli.worker.args import WorkerArgs

from tasks.processes import WorkerProcesses


def actions_after(first: signal.Signals, second: signal.Signals, moment: int) -> set[str]:
    """Return what the manager has to do after both; nothing when the first has not so many moments."""
    manager = WorkerProcesses(WorkerArgs(broker="", modules=[]), say=print)
    left = moment

    def trace(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                signal.raise_signal(second)
        return trace

    sys.settrace(trace)
    signal.raise_signal(first)
    sys.settrace(None)
    if left > 0:
        return set()
    actions = manager.action_queue
    return {type(actions.get()).__name__ for _ in iter(actions.empty, True)}


def main() -> None:
    for first, second in product((signal.SIGHUP, signal.SIGINT, signal.SIGTERM), repeat=2):
        moments = 0
        seen: set[str] = set()
        while actions := actions_after(first, second, moments + 1):
            moments += 1
            seen |= actions
        print(first.name, second.name, moments, *sorted(seen))


if __name__ == "__main__":
    main()
