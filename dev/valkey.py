"""Valkey (a Redis) as a child process."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
from pathlib import Path
from typing import ClassVar

from dev.embedded_server import EmbeddedServer, write_private
from dev.ports import LOOPBACK
from dev.processes import spawn
from dev.programs import valkey_binary


class EmbeddedValkey(EmbeddedServer):
    """A Valkey of our own; see :class:`EmbeddedServer` for arguments and use.

    Durable means an append-only file synced once a second. The password is made at random, and is handed to
    the server through its standard input, where no list of processes shows it.
    """

    title = "Valkey"
    program = "valkey-server"
    contents = "data"
    stop_signals: ClassVar = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))

    _binary = Path()

    def url(self, database: int = 0) -> str:
        """Return the address of the numbered *database* (0 to 63), password included."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/{database}"

    def _prepare(self) -> None:
        self._binary = valkey_binary(self._account)
        if not (self.home / "password").exists():
            write_private(self.home / "password", f"{secrets.token_hex(24)}\n")
        if not self.data.exists():
            self.data.mkdir(mode=0o700)
            if self._account:
                os.chown(self.data, self._account.uid, self._account.gid)

    def _leftover_pid(self) -> int | None:
        try:
            return int((self.home / "pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _configuration(self) -> str:
        folder = str(self.data).replace("\\", "\\\\").replace('"', '\\"')
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f'dir "{folder}"',
            f"requirepass {self._password()}",
            "daemonize no",
            "databases 64",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            'logfile ""',
        ]
        return "\n".join(lines) + "\n"

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        process = spawn(
            [self._binary, "-"],
            account=self._account,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=Path("/"),
            stdin=subprocess.PIPE,
            output=log,
        )
        (self.home / "pid").write_text(f"{process.pid}\n")
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:  # its log says why it ended
                stdin.write(self._configuration().encode())
        return process

    def _answers(self) -> bool:
        """Ask for a PONG; while it loads its data it answers -LOADING instead."""
        with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
            connection.sendall(f"AUTH {self._password()}\r\nPING\r\nQUIT\r\n".encode())
            answer = b""
            while received := connection.recv(256):
                answer += received
        return b"+PONG" in answer
