"""Commands in forks of one process that has imported what they need, the most of what a command costs.

Each is a process all the same, with arguments, environment, folder, streams and exit status of its own. That a command
imports what it needs is shown by those that are started anew.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cli

ROOT = Path(__file__).parents[1]
STREAMS = ("stdin", "stdout", "stderr")
TIMEOUT_SECONDS = 180
IMPORTED = (
    "dev.demo",
    "dev.system",
    "graph.operations.retries",
    "graph.operations.traces",
    "graph.resolvers.operator",
    "graph.resolvers.product_import",
    "graph.schema",
    "models.audit.report",
    "models.migrate",
    "tasks.processes",
    "uvicorn",
)


class Commands:
    """The process that has imported the commands, from its start to the end of the block."""

    def __enter__(self) -> "Commands":
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
        program = [sys.executable, "-m", "tests.forked"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(program, stdin=pipe, stdout=pipe, cwd=ROOT, env=clean, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # at the end of its input it ends

    def run(
        self, arguments: tuple[str, ...], *, folder: Path, environment: dict[str, str], typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run ``tandem`` with these arguments to its end; one that takes minutes is killed by SIGALRM."""
        with tempfile.TemporaryDirectory(prefix="tandem-command-") as kept:
            streams = {name: Path(kept, name) for name in STREAMS}
            for path in streams.values():
                path.write_text(typed if path.name == "stdin" else "")
            request = {
                "arguments": arguments,
                "folder": str(folder),
                "environment": environment,
                "streams": [str(path) for path in streams.values()],
            }
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps(request), file=self._process.stdin, flush=True)
            status = int(self._process.stdout.readline())
            output, errors = (streams[name].read_text(errors="replace") for name in STREAMS[1:])
        return subprocess.CompletedProcess(arguments, status, output, errors)


def _wait_for_request() -> dict[str, Any] | None:
    """Return, in a new process, what it has to do; in the first one None when there is nothing more."""
    for line in sys.stdin:
        if not (pid := os.fork()):
            return dict(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    return None


def _become(arguments: list[str], folder: str, environment: dict[str, str], streams: list[str]) -> None:
    """Make this process what one is that has just been started so."""
    signal.alarm(TIMEOUT_SECONDS)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    encoding, _, errors = environment.get("PYTHONIOENCODING", "utf-8").partition(":")
    for number, (name, path) in enumerate(zip(STREAMS, streams, strict=True)):
        # Append: both outputs may be the same file.
        opened = os.open(path, os.O_RDONLY if name == "stdin" else os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
        mode = "r" if name == "stdin" else "w"
        preset = "backslashreplace" if name == "stderr" else "strict"
        setattr(sys, name, os.fdopen(number, mode, encoding=encoding, errors=errors or preset))
    sys.argv = ["tandem", *arguments]


if __name__ == "__main__":
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()  # a collection in a fork would copy every page of what was imported
    if request := _wait_for_request():
        _become(**request)
        cli.main()
