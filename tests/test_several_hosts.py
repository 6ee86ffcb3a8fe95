"""The system over several hosts: each is a network namespace of Linux, and all hang on one switch.

The addresses are of RFC 5737, and lead nowhere else.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.settings import load_settings
from dev import EmbeddedPostgres
from dev.processes import spawn, stop_process
from dev.programs import postgres_binaries, valkey_binary
from models.migrate import migrate
from tests.conftest import SECRET
from tests.deployment import Deployment, furnish

HOSTS = {
    name: f"192.0.2.{number}" for number, name in enumerate(("db", "valkey", "api", "a", "b", "customer"), 11)
}
#: Of the namespaces, so that those of several runs are told apart.
PREFIX = f"tandem-{os.getpid()}-"
STOP = ((signal.SIGINT, 15.0), (signal.SIGKILL, 5.0))


def ip(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode == 0


def on_host(name: str) -> Sequence[str]:
    return "ip", "netns", "exec", f"{PREFIX}{name}"


def has_namespaces() -> bool:
    if os.geteuid() or not shutil.which("ip") or not shutil.which("setpriv"):
        return False
    return ip("netns", "add", f"{PREFIX}try") and ip("netns", "delete", f"{PREFIX}try")


pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(not has_namespaces(), reason="network namespaces cannot be made here"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the account of the servers gets into."""
    with tempfile.TemporaryDirectory(prefix="tandem-hosts-") as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


@pytest.fixture
def hosts(folder: Path) -> Iterator[ExitStack]:
    """All hosts, up and connected; what is put on the stack ends before them."""
    switch = f"{PREFIX}switch"
    with ExitStack() as stack:
        for name in ("switch", *HOSTS):
            assert ip("netns", "add", f"{PREFIX}{name}")
            stack.callback(ip, "netns", "delete", f"{PREFIX}{name}")
        assert ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        assert ip("-n", switch, "link", "set", "bridge", "up")
        for name, address in HOSTS.items():
            host = f"{PREFIX}{name}"
            assert ip(
                "link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", name, "netns", switch
            )
            assert ip("-n", switch, "link", "set", "dev", name, "master", "bridge", "up")
            assert ip("-n", host, "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                assert ip("-n", host, "link", "set", "dev", device, "up")
        yield stack


def plug(name: str, *, state: str) -> None:
    """Pull a host's cable, or put it in: nothing tells the others."""
    assert ip("-n", f"{PREFIX}switch", "link", "set", "dev", name, state)


def start_servers(stack: ExitStack, server: EmbeddedPostgres) -> None:
    """Start PostgreSQL, on data that are there, and Valkey, each on its host."""
    account = server._account
    assert account is not None  # root hands its servers to another user
    with (server.data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 192.0.2.0/24 scram-sha-256\n")
    user = ("setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups")
    options = ("listen_addresses=192.0.2.11", "port=5432", "unix_socket_directories=", "fsync=off")
    postgres = [str(postgres_binaries(account) / "postgres"), "-D", str(server.data)]
    commands = {
        "db": [*user, *postgres, *(part for option in options for part in ("-c", option))],
        "valkey": [
            str(valkey_binary(None)),
            "--bind",
            HOSTS["valkey"],
            "--requirepass",
            "secret",
            "--save",
            "",
        ],
    }
    for name, command in commands.items():
        process = spawn([*on_host(name), *command], cwd=Path("/"), output=subprocess.DEVNULL)
        stack.callback(stop_process, process, STOP)


async def test_a_host_that_is_cut_off_takes_no_order_along(hosts: ExitStack, folder: Path) -> None:
    with EmbeddedPostgres(folder / "postgres", durable=False) as server:
        url = server.url()
        await migrate(load_settings(database_url=url, secret_key=SECRET))
        await furnish(url)
        place = f"127.0.0.1:{server.port}"
    await asyncio.to_thread(start_servers, hosts, server)
    settings = {
        "TANDEM_DATABASE_URL": url.replace(place, f"{HOSTS['db']}:5432"),
        "TANDEM_REDIS_URL": f"redis://:secret@{HOSTS['valkey']}:6379/0",
    }
    system = Deployment(hosts, settings, on_host)
    system.start("api", "cli", "serve", "--host", HOSTS["api"], "--port", "8000")
    for worker in ("a", "b"):
        system.start(worker, "cli", "worker")
    customer = ("customer", "tests.deployment", "6", f"http://{HOSTS['api']}:8000")
    await asyncio.to_thread(system.run, *customer)
    # Valkey still hands messages to the worker that cannot get them.
    plug("a", state="down")
    await asyncio.to_thread(system.run, *customer)
    plug("a", state="up")
    await asyncio.to_thread(system.run, "customer", "cli", "audit")
