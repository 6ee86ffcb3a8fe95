"""The processes of ``tandem serve --workers``."""

import logging

from uvicorn.supervisors import Multiprocess

from core.child_processes import describe_exit

logger = logging.getLogger("tandem.api")


class ApiProcesses(Multiprocess):
    """uvicorn's manager of API processes, which tells the log of each that ended by itself or had to be killed."""

    def keep_subprocess_alive(self) -> None:
        """Replace the processes that have ended, and those that do not answer."""
        before = list(self.processes)
        super().keep_subprocess_alive()
        for process, now in zip(before, self.processes, strict=True):
            if process is not now:
                how = describe_exit(process.exitcode)
                logger.error(
                    "API process %s ended by itself or did not answer (%s), and is replaced", process.pid, how
                )
