"""The processes of ``tandem worker``: how they start, what signals mean to them, and how they end."""

import logging.config
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from types import FrameType

from taskiq.cli.worker.args import WorkerArgs
from taskiq.cli.worker.process_manager import ProcessManager, ReloadAllAction, ShutdownAction

from core.child_processes import die_with_parent
from core.logging import log_config
from core.settings import load_settings

#: What a shell reports for a command that Ctrl-C has ended.
INTERRUPTED = 128 + signal.SIGINT

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class WorkerProcesses(ProcessManager):
    """Worker processes and their manager, which any number of signals may reach at any moment.

    SIGINT or SIGTERM: the workers finish what is in work, and end. SIGINT after that, which is a person's second
    Ctrl-C: they are killed, and what they had in work is done again by others once its lease has ended. SIGHUP:
    the workers are replaced by new ones.

    taskiq's own handlers put into a ``multiprocessing.Queue``, whose lock is not re-entrant: a signal that comes
    while another is handled, or while the manager itself puts, waits for its own thread for ever. The ``put`` of
    ``queue.SimpleQueue`` may be interrupted by another (see its documentation).

    Make it in the main thread, before there are others: it takes over the three signals.

    Args:
        args: taskiq's settings of a worker.
        say: prints one line for the person at the terminal.
    """

    def __init__(self, args: WorkerArgs, say: Callable[[str], None]) -> None:
        self._say = say
        self._pid = os.getpid()
        self._asked_by: int | None = None
        self._killed = False
        # What arrives before our handlers are in place waits, so that taskiq's never see it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            super().__init__(args=args, worker_function=partial(_listen, self._pid))
            self.action_queue = SimpleQueue()  # type: ignore[assignment]
            for number in _SIGNALS:
                signal.signal(number, self._on_signal)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def run(self) -> int:
        """Start the processes, keep them running until a signal comes, and return the exit code."""
        self.start()
        if self._asked_by == signal.SIGINT and not self._killed:
            self._say("Finishing what is in work; Ctrl-C again stops at once.")
        if self._killed:
            self._kill()  # also what was started while the signal came
        for worker in self.workers:
            worker.join()
        if self._killed:
            self._say("Stopped at once; what was in work is done again when its lease ends.")
            return INTERRUPTED
        return 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal, perhaps in the middle of handling another: no locks, no output."""
        if os.getpid() != self._pid:
            os._exit(0)  # a new process that still has these handlers has begun nothing
        if number == signal.SIGHUP:
            self.action_queue.put(ReloadAllAction())
        elif self._asked_by is None:
            self._asked_by = number
            self.action_queue.put(ShutdownAction())
        elif number == signal.SIGINT:
            self._killed = True
            self._kill()

    def _kill(self) -> None:
        for worker in self.workers:
            worker.kill()


def _listen(manager: int, args: WorkerArgs) -> None:
    """Run one worker process: quiet when stopped while it still imports, and gone when its manager is."""
    try:
        if follow := die_with_parent(signal.SIGTERM, parent=manager):
            follow()
        from taskiq.cli.worker.run import start_listen

        logging.config.dictConfig(log_config(load_settings()))
        start_listen(args)
    except KeyboardInterrupt:
        sys.exit(0)
