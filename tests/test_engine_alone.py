"""``engine`` can be lifted out: it imports, and its executor passes its tests, where nothing else of ours is."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.test_layers import LAYERS

ROOT = Path(__file__).parents[1]
#: Run by an interpreter that has not read site-packages' path files, among them that of the editable project.
LIFTED = """
import importlib, importlib.util, os, pkgutil, sys

folder, *packages, others = sys.argv[1:]
sys.path[:0] = [folder, *packages]
os.chdir(folder)
found = [name for name in others.split(",") if importlib.util.find_spec(name)]
assert not found, found

import engine
for module in pkgutil.walk_packages(engine.__path__, "engine."):
    importlib.import_module(module.name)

import pytest
options = ["-q", "-p", "no:cacheprovider", "-o", "markers=slow", "-m", "not slow", "-k", "not graphql-core"]
sys.exit(pytest.main(options))
"""

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"
"""


@pytest.mark.slow
def test_the_engine_works_without_the_rest_of_the_project(tmp_path: Path) -> None:
    for folder in ("engine", "tests/engine/graphql"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for package in ("tests", "tests/engine"):
        shutil.copy(ROOT / package / "__init__.py", tmp_path / package)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    others = [name for name in (*LAYERS, "dev", "benchmarks") if name != "engine"]
    packages = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LIFTED, str(tmp_path), *packages, ",".join(others)],
        env={},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
