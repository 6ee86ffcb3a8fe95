"""The sampling profiler finds what takes the time."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.profile import package_of
from benchmarks.servers import ROOT

MODULE = """
import signal, time

def busy(seconds):
    started = time.process_time()
    while time.process_time() - started < seconds:
        pass

def before():
    busy(0.3)

class Work:
    def burn(self):
        started = time.process_time()
        while time.process_time() - started < 0.3:
            pass

before()
signal.raise_signal(signal.SIGUSR1)
Work().burn()
signal.raise_signal(signal.SIGTERM)
"""


def test_it_counts_the_function_that_runs_from_the_signal_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "measured.py").write_text(MODULE)
    found = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks.profiled_server", str(found), "measured"]
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, check=False)
    assert done.returncode == 0
    samples = json.loads(found.read_text())
    assert samples[0][:2] == [str(tmp_path / "measured.py"), "Work.burn"]
    assert "busy" not in {name for _, name, _ in samples}


def test_files_belong_to_packages() -> None:
    assert package_of("/x/lib/python3.11/site-packages/asyncpg/pool.py") == "asyncpg"
    assert package_of("/x/lib/python3.11/site-packages/typing_extensions.py") == "typing_extensions"
    assert package_of(str(ROOT / "graph/resolvers/orders.py")) == "graph/resolvers"
    assert package_of(str(ROOT / "app.py")) == "app"
    assert package_of("<string>") == "made at run time"
    assert package_of("/x/lib/python3.11/asyncio/events.py") == "Python"
