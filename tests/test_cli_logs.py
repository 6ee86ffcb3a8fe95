"""Commands, the server and the worker write no secret and nobody's password into the log, at level DEBUG (CWE-532)."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from dev.ports import free_port
from tests.conftest import SECRET
from tests.test_cli import environment
from tests.test_cli_data import Terminal, terminal

__all__ = ["terminal"]

pytestmark = pytest.mark.slow

PASSWORD, EMAIL, NAME = "Vogon poetry 1", "zaphod@heart-of-gold.example", "Zaphod Beeblebrox"
REDIS_PASSWORD, MAIL_PASSWORD, OLD_KEY = "zaphod-of-redis", "zaphod-of-mail", "zaphod-before-" * 4
#: No server listens there, which is told at length.
ADDRESSES = {
    "TANDEM_REDIS_URL": f"redis://somebody:{REDIS_PASSWORD}@127.0.0.1:1/0",
    "TANDEM_SMTP_URL": f"smtps://shop:{MAIL_PASSWORD}@127.0.0.1:1",
    "TANDEM_MAIL_FROM": "shop@example.com",
    "TANDEM_PREVIOUS_SECRET_KEYS": OLD_KEY,
    "TANDEM_LOG_LEVEL": "DEBUG",
}


@pytest.fixture
def secrets(terminal: Terminal) -> list[str]:
    terminal.environment |= ADDRESSES
    database_password = urlsplit(terminal.environment["TANDEM_DATABASE_URL"]).password
    assert database_password
    return [SECRET, PASSWORD, REDIS_PASSWORD, MAIL_PASSWORD, OLD_KEY, database_password]


def test_commands_log_no_secrets(terminal: Terminal, secrets: list[str]) -> None:
    (terminal.folder / "products.csv").write_text("name,price,on_hand\nTowel,1.50,3\n")
    for arguments in (
        ("migrate",),
        ("create-admin", "--email", EMAIL, "--full-name", NAME, "--password-stdin"),
        ("create-admin", "--email", EMAIL, "--full-name", NAME, "--password-stdin"),
        ("import-products", "products.csv"),
        ("nonsense",),
    ):
        result = terminal.start(*arguments, typed=PASSWORD)
        written = result.stdout + result.stderr
        assert not [secret for secret in secrets if secret in written], (arguments, written)
        # Who is created is shown to whoever types it, and stands in no log.
        assert NAME not in result.stderr


@pytest.fixture
def running(terminal: Terminal, secrets: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    assert terminal.run("migrate").returncode == 0
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "command", [("serve", "--port", str(free_port())), ("worker",)], ids=lambda command: command[0]
)
def test_processes_log_no_secrets(
    terminal: Terminal, secrets: list[str], running: list[subprocess.Popen[str]], command: tuple[str, ...]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *command],
        cwd=terminal.folder,
        env=environment(**terminal.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running.append(process)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Redis" in line:  # it is away, which is told at the start
            break
    process.send_signal(signal.SIGTERM)
    lines += process.stdout.readlines()
    written = "".join(lines)
    assert "Redis" in written
    assert not [secret for secret in secrets if secret in written], written
