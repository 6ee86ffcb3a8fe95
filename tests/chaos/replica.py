"""A streaming replica of the stand's PostgreSQL, which takes over (PostgreSQL documentation, "Failover")."""

import os
import signal
import subprocess

from dev.ports import LOOPBACK, free_port
from dev.processes import spawn, stop_process
from dev.programs import postgres_binaries
from tests.chaos.stand import SECONDS, Stand

STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'"


class Replica:
    """A copy by ``pg_basebackup`` that follows its primary, which waits for it with each commit.

    Args:
        stand: whose PostgreSQL is the primary.
    """

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._data = stand.folder / "replica" / "cluster"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Copy the primary, follow it, and let each commit wait for the copy."""
        self._stand.at_end(self.stop)
        account = self._stand.postgres._account
        self._data.parent.mkdir()
        if account:
            os.chown(self._data.parent, account.uid, account.gid)
        backup = self._spawn(
            "pg_basebackup", "-D", str(self._data), "-d", self._stand.postgres.url("postgres"), "-R", "-X", "stream",
            "-c", "fast", "--no-sync",
        )  # fmt: skip
        assert backup.wait(SECONDS) == 0, self._stand.log()[-2_000:]
        options = {"listen_addresses": LOOPBACK, "port": str(self.port), "unix_socket_directories": ""}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = self._spawn("postgres", "-D", str(self._data), "-c", "max_connections=200", *settings)
        self._stand.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self._stand.sql("SELECT pg_reload_conf()")
        self._stand.until(lambda: self._stand.value(STREAMING) == 1)

    def promote(self) -> None:
        """Become the primary, and wait for nobody with commits; return when writes are taken."""
        assert self._spawn("pg_ctl", "promote", "-D", str(self._data)).wait(SECONDS) == 0
        self._stand.postgres_proxy.target = self.port
        self._stand.until(lambda: not self._stand.value("SELECT pg_is_in_recovery()"))
        self._stand.sql("ALTER SYSTEM RESET synchronous_standby_names")
        self._stand.sql("SELECT pg_reload_conf()")

    def stop(self) -> None:
        """End it."""
        if self._process:
            stop_process(self._process, ((signal.SIGINT, 15.0), (signal.SIGKILL, 5.0)))

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        account = self._stand.postgres._account
        return spawn(
            [postgres_binaries(account) / program, *arguments],
            account=account,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd=self._data.parent,
            output=self._stand.log_descriptor,
            death_signal=signal.SIGINT,
        )
