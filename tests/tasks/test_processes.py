"""Signals to the manager of worker processes; tests/test_cli.py has whole workers."""

import subprocess
import sys

from tests.test_cli import ROOT

RELOAD, SHUTDOWN = "ReloadAllAction", "ShutdownAction"


def test_a_second_signal_may_come_at_any_moment_of_the_first() -> None:
    command = [sys.executable, "-m", "tests.tasks.signalled_twice"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    pairs = [line.split() for line in run.stdout.splitlines()]
    assert len(pairs) == 9
    for first, second, moments, *actions in pairs:
        assert int(moments) >= 3, (first, second)
        expected = {RELOAD if name == "SIGHUP" else SHUTDOWN for name in (first, second)}
        assert set(actions) == expected, (first, second)
