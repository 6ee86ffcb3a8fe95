"""Installs the peers into the cache folder: Node programs from npm (Node itself too), Python ones from PyPI."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.product import ServiceError
from benchmarks.stage import say

PEERS = Path(__file__).parent / "peers"
#: PostGraphile 5 needs it; all peers run on the same.
NODE_MAJOR = 22


def install_python(cache: Path) -> Path:
    """Return the interpreter of the Python peers' own environment, made anew when their requirements have changed.

    Raises:
        ServiceError: it cannot be installed.
    """
    wanted, home = PEERS / "python" / "requirements.txt", cache / "python"
    interpreter = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _is_fresh(home, wanted):
        say("Installing the Python peers …")
        shutil.rmtree(home, ignore_errors=True)
        if uv := shutil.which("uv"):
            _run([uv, "venv", "--quiet", "--python", sys.executable, home])
            _run([uv, "pip", "install", "--quiet", "--python", interpreter, "-r", wanted])
        else:
            _run([sys.executable, "-m", "venv", home])
            _run(
                [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
            )
        _mark_fresh(home, wanted)
    return interpreter.absolute()


def install_node(cache: Path) -> tuple[Path, Path]:
    """Return a Node of the right version and the folder of the Node peers, made anew when their lock has changed.

    Raises:
        ServiceError: npm is missing, or cannot install them.
    """
    source, home = PEERS / "node", cache / "node"
    if not _is_fresh(home, source / "package-lock.json"):
        npm = shutil.which("npm")
        if npm is None:
            raise ServiceError(
                "npm is not installed, so the peers on Node cannot be: install it, or leave them out."
            )
        say("Installing the Node peers (a minute or so) …")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / name, home / name)
        _run([npm, "ci", "--prefer-offline"], cwd=home)
        _mark_fresh(home, source / "package-lock.json")
    for program in source.glob("*.mjs"):
        # Beside node_modules, where Node looks for packages.
        shutil.copy(program, home / program.name)
    return _node(home), home.absolute()


def _node(home: Path) -> Path:
    packaged = next(home.glob("node_modules/node-*/bin/node"), None)
    node = packaged or Path(shutil.which("node") or "node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not version or int(version.lstrip("v").split(".")[0]) < NODE_MAJOR:
        raise ServiceError(f"The peers need Node {NODE_MAJOR} or later; found {version or 'none'}.")
    return node.absolute()


def _is_fresh(home: Path, wanted: Path) -> bool:
    mark = home / ".installed"
    return mark.exists() and mark.read_text() == _digest(wanted)


def _mark_fresh(home: Path, wanted: Path) -> None:
    # Last, so that an interrupted installation is begun again.
    (home / ".installed").write_text(_digest(wanted))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(command: Sequence[str | Path], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, check=False, stdout=sys.stderr)
    if done.returncode:
        raise ServiceError(f"{' '.join(map(str, command))} failed; its messages are above.")
