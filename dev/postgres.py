"""PostgreSQL as a child process."""

import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from core.service_errors import ServiceError
from dev.embedded_server import EmbeddedServer, last_lines, write_private
from dev.ports import LOOPBACK
from dev.processes import runs_in, spawn
from dev.programs import postgres_binaries

USER = "tandem"
DATABASE = "tandem"

_PROTOCOL_3_0 = 196608
_ALWAYS = {
    "listen_addresses": LOOPBACK,
    # No socket file: its path may be longer than the 107 bytes that the kernel takes.
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL cluster of our own; see :class:`EmbeddedServer` for arguments and use.

    Only TCP on 127.0.0.1, only SCRAM with a password made at random and kept in a file that the owner alone
    can read. The cluster uses PostgreSQL's built-in ``C.UTF-8`` locale, the same on every machine.
    """

    title = "PostgreSQL"
    program = "postgres"
    contents = "cluster"
    # "Fast", "immediate" and, at last, the hard way (PostgreSQL documentation, "Shutting Down the Server").
    stop_signals: ClassVar = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    _binaries = Path()

    def url(self, database: str = DATABASE) -> str:
        """Return the address of *database*, password included; ``postgres`` is there for maintenance."""
        return f"postgres://{USER}:{self._password()}@{LOOPBACK}:{self.port}/{database}"

    def _prepare(self) -> None:
        self._binaries = postgres_binaries(self._account)
        if not self.data.exists():
            self._refuse_foreign_folder()
            self._initialise()
        version_file = self.data / "PG_VERSION"
        found = version_file.read_text().strip() if version_file.is_file() else None
        if found is None or not (self.home / "password").is_file():
            raise ServiceError(
                f"{self.home} is damaged, {'cluster/PG_VERSION' if not found else 'password'} is missing: "
                "restore it, or move the folder away to start with an empty database."
            )
        if found != (ours := self._major_version()):
            raise ServiceError(
                f"{self.home} was made by PostgreSQL {found}, this is PostgreSQL {ours}: dump it with "
                "the old version, or move the folder away to start with an empty database."
            )

    def _refuse_foreign_folder(self) -> None:
        ours = {"lock", "log", "log.1", "password", "port", "location"}
        foreign = [path.name for path in self.home.iterdir() if path.name not in ours and path.name[0] != "."]
        if foreign:
            raise ServiceError(
                f"{self.home} is not a database folder of Tandem (it holds {min(foreign)!r}): "
                "move it away, or choose another folder with TANDEM_DATA_DIR."
            )

    def _initialise(self) -> None:
        """Make the cluster aside and move it into place whole, so that nothing half made is ever there."""
        for leftover in self.home.glob(".new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        self._say("Making a new PostgreSQL database …")
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=self.home))
        try:
            password = secrets.token_hex(24)
            password_file = staging / "password"
            write_private(password_file, password)
            if self._account:
                for path in (password_file, staging):
                    os.chown(path, self._account.uid, self._account.gid)
            cluster = staging / "cluster"
            sync = [] if self.durable else ["--no-sync"]
            self._run(
                "initdb", "-D", cluster, f"--username={USER}", f"--pwfile={password_file}", *sync,
                "--auth=scram-sha-256", "--encoding=UTF8",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            )  # fmt: skip
            self._run(
                "postgres", "--single", "-D", cluster, "postgres", script=f"CREATE DATABASE {DATABASE}\n"
            )
            write_private(self.home / "password", f"{password}\n")
            cluster.rename(self.data)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path, script: str = "") -> str:
        process = spawn(
            [self._binaries / program, *arguments],
            account=self._account,
            env=_environment(),
            cwd=Path("/"),
            stdin=subprocess.PIPE,
            output=subprocess.PIPE,
            death_signal=signal.SIGKILL,
        )
        try:
            output = process.communicate(script.encode())[0].decode(errors="replace")
        except BaseException:
            process.kill()
            process.wait()
            raise
        # In single-user mode a failed statement shows in the output only.
        if process.returncode or "ERROR:" in output or "FATAL:" in output:
            raise ServiceError(f"{program} failed for {self.home}:\n{last_lines(output)}")
        return output

    def _major_version(self) -> str:
        # "postgres (PostgreSQL) 18.6"
        return self._run("postgres", "--version").split()[2].split(".")[0]

    def _leftover_pid(self) -> int | None:
        try:
            first = (self.data / "postmaster.pid").read_text().split("\n", 1)[0]
        except FileNotFoundError:
            return None
        return abs(int(first)) if first.strip().lstrip("-").isdecimal() else None

    def _stop_leftover(self) -> None:
        super()._stop_leftover()
        path = self.data / "postmaster.pid"
        if not path.exists():
            return
        pid = self._leftover_pid()
        if pid is None or not runs_in(pid, self.program, self.data):
            # The number may be another process's by now, and PostgreSQL would then refuse to start. Its own
            # parent it takes for stale, and still checks that no old backend holds the shared memory, which
            # removing the file would prevent.
            lines = path.read_text().split("\n")
            # The folder is the server account's, so nothing in it may lead this process elsewhere.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "w") as file:
                file.write("\n".join([str(os.getpid()), *lines[1:]]))

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        options = {**_ALWAYS, "port": str(self.port), **({} if self.durable else _FAST)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return spawn(
            [self._binaries / "postgres", "-D", self.data, *settings],
            account=self._account,
            death_signal=signal.SIGINT,
            env=_environment(),
            cwd=Path("/"),
            output=log,
        )

    def _answers(self) -> bool:
        """Ask for a connection (PostgreSQL documentation, "Start-up"): 'R', for a password, means ready."""
        wish = f"user\0{USER}\0database\0postgres\0\0".encode()
        with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
            connection.sendall(struct.pack("!ii", len(wish) + 8, _PROTOCOL_3_0) + wish)
            return connection.recv(1) == b"R"

    def _worth_another_try(self, tail: str) -> bool:
        # After a kill -9 the old backends take a moment to notice and to let go of their shared memory.
        return "shared memory block" in tail or super()._worth_another_try(tail)


def _environment() -> dict[str, str]:
    """Nothing of the user's own: PGDATA, PGPORT or a locale of theirs must not reach the server."""
    return {"PATH": os.defpath, "LC_ALL": "C"}
