"""The processes of ``tandem worker``: how they start, what signals mean to them, and how they end."""

import logging
import logging.config
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from types import FrameType

from taskiq.cli.worker.args import WorkerArgs
from taskiq.cli.worker.process_manager import (
    ProcessActionBase,
    ProcessManager,
    ReloadAllAction,
    ReloadOneAction,
    ShutdownAction,
)

from core.child_processes import describe_exit, die_with_parent
from core.logging import log_config
from core.settings import load_settings

logger = logging.getLogger("tandem.worker")

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
        listeners: on which the workers answer ``GET /metrics``, whichever of them is free to.
    """

    def __init__(
        self, args: WorkerArgs, say: Callable[[str], None], listeners: Sequence[socket.socket] = ()
    ) -> None:
        self._say = say
        self._pid = os.getpid()
        self._asked_by: int | None = None
        self._killed = False
        # What arrives before our handlers are in place waits, so that taskiq's never see it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            super().__init__(args=args, worker_function=partial(_listen, self._pid, listeners))
            self.action_queue = _Actions(self)  # type: ignore[assignment]
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


class _Actions(SimpleQueue[ProcessActionBase]):
    """What the manager has to do; the log is told of a process that ended by itself, which taskiq only replaces."""

    def __init__(self, manager: WorkerProcesses) -> None:
        super().__init__()
        self._manager = manager

    def put(self, action: ProcessActionBase, block: bool = True, timeout: float | None = None) -> None:
        """Put *action*; the arguments are those of :meth:`queue.SimpleQueue.put`."""
        if isinstance(action, ReloadOneAction) and not action.is_reload_all:
            process = self._manager.workers[action.worker_num]
            logger.error(
                "Worker process %s ended by itself (%s), and is replaced. What it had in work is done again when its "
                "lease ends.",
                process.pid,
                describe_exit(process.exitcode),
            )
        super().put(action, block, timeout)


def _listen(manager: int, listeners: Sequence[socket.socket], args: WorkerArgs) -> None:
    """Run one worker process: quiet when stopped while it still imports, and gone when its manager is."""
    try:
        if follow := die_with_parent(signal.SIGTERM, parent=manager):
            follow()
        from taskiq.cli.worker.run import start_listen

        from tasks import broker

        broker.metrics_listeners = listeners
        logging.config.dictConfig(log_config(load_settings()))
        start_listen(args)
    except KeyboardInterrupt:
        sys.exit(0)
