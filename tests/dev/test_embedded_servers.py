"""The embedded servers, on real binaries: they start, stop, survive, and explain themselves."""

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.service_errors import ServiceError
from dev import EmbeddedPostgres, EmbeddedValkey, accounts, programs
from dev.processes import runs_in, spawn
from tests.servers import SECONDS

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its servers to another user")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tandem-services-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Path:
    """A PostgreSQL folder that is made once, since that takes most of a second."""
    with EmbeddedPostgres(folder / "postgres"):
        pass
    return folder / "postgres"


@pytest.fixture
def empty(folder: Path) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(dir=folder))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def query(url: str, sql: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(ask())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """A zombie that nobody reaps counts as dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill_hard(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_postgres_keeps_its_data_and_its_port(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        port = server.port
        query(server.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
    assert not server.alive
    with EmbeddedPostgres(cluster) as server:
        assert query(server.url(), "SELECT answer FROM kept") == 42
        assert server.port == port


def test_postgres_asks_for_the_password_that_only_the_owner_can_read(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            query(f"postgres://tandem:wrong@127.0.0.1:{server.port}/tandem", "SELECT 1")
        assert query(server.url("postgres"), "SHOW listen_addresses") == "127.0.0.1"
        assert query(server.url("postgres"), "SHOW unix_socket_directories") == ""
    assert (server.home / "password").stat().st_mode & 0o777 == 0o600
    assert (server.home / "log").stat().st_mode & 0o777 == 0o600


def test_postgres_recovers_what_was_committed_before_a_kill(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        query(server.url(), "CREATE TABLE survivor AS SELECT 7 AS n")
        kill_hard(server.pid)
        wait_for(lambda: not server.alive)
    with EmbeddedPostgres(cluster) as server:
        assert query(server.url(), "SELECT n FROM survivor") == 7


def test_a_stale_pid_file_that_names_a_strangers_process_is_no_obstacle(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        kept = (server.data / "postmaster.pid").read_text().split("\n")
        kill_hard(server.pid)
        wait_for(lambda: not server.alive)
    stranger = spawn(["/bin/sleep", "600"])
    try:
        (server.data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *kept[1:]]))
        with EmbeddedPostgres(cluster) as server:
            assert query(server.url(), "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


ORPHAN = """
import os, sys
from pathlib import Path
from dev import EmbeddedPostgres, EmbeddedValkey, postgres, processes, valkey
if sys.argv[2] == "careless":
    processes.die_with_parent = lambda number: None
servers = [EmbeddedPostgres(Path(sys.argv[1]) / "postgres"), EmbeddedValkey(Path(sys.argv[1]) / "valkey")]
for server in servers:
    server.start()
print(*(server.pid for server in servers), flush=True)
os.kill(os.getpid(), 9)
"""


def abandon_servers(folder: Path, how: str) -> list[int]:
    """Start both servers from a process that is then killed, and return their process ids."""
    starter = subprocess.run(
        [sys.executable, "-c", ORPHAN, str(folder), how], stdout=subprocess.PIPE, cwd=ROOT, check=False
    )
    assert starter.returncode == -signal.SIGKILL
    return [int(pid) for pid in starter.stdout.split()]


@on_linux
@pytest.mark.usefixtures("cluster")
def test_servers_end_when_their_starter_is_killed(folder: Path) -> None:
    pids = abandon_servers(folder, "careful")
    assert len(pids) == 2
    for pid in pids:
        wait_for(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]


@on_linux
@pytest.mark.usefixtures("cluster")
def test_servers_that_an_earlier_run_left_behind_are_stopped_first(folder: Path) -> None:
    pids = abandon_servers(folder, "careless")
    assert all(is_alive(pid) for pid in pids)
    said: list[str] = []
    with (
        EmbeddedPostgres(folder / "postgres", say=said.append) as postgres,
        EmbeddedValkey(folder / "valkey", say=said.append) as valkey,
    ):
        assert not any(is_alive(pid) for pid in pids)
        assert query(postgres.url(), "SELECT 1") == 1
        assert redis.Redis.from_url(valkey.url()).ping()
    assert [str(pid) in line for pid, line in zip(pids, said, strict=True)] == [True, True]


def test_a_folder_serves_one_at_a_time(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        with pytest.raises(ServiceError, match=f"in use by another process \\({os.getpid()}\\)"):
            EmbeddedPostgres(cluster).start()
        assert query(server.url(), "SELECT 1") == 1


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
def test_a_taken_port_is_named(
    kind: type[EmbeddedPostgres] | type[EmbeddedValkey], cluster: Path, empty: Path
) -> None:
    folder = cluster if kind is EmbeddedPostgres else empty
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=f"port {port} on 127.0.0.1 is taken"):
            kind(folder, port=port).start()
    with kind(folder, port=port) as server:
        assert server.port == port


def test_a_foreign_folder_is_left_alone(empty: Path) -> None:
    (empty / "holiday.jpg").write_text("sun")
    with pytest.raises(ServiceError, match="not a database folder of Tandem"):
        EmbeddedPostgres(empty).start()
    assert (empty / "holiday.jpg").read_text() == "sun"


@contextmanager
def replaced(file: Path, text: str) -> Iterator[None]:
    """Have another text in *file* meanwhile."""
    before = file.read_text()
    file.write_text(text)
    try:
        yield
    finally:
        file.write_text(before)


def test_data_of_another_version_are_refused_with_the_way_out(cluster: Path) -> None:
    message = r"made by PostgreSQL 12, .*move the folder away"
    with (
        replaced(cluster / "cluster" / "PG_VERSION", "12\n"),
        pytest.raises(ServiceError, match=message),
    ):
        EmbeddedPostgres(cluster).start()


def test_a_damaged_folder_is_named(cluster: Path, folder: Path) -> None:
    (cluster / "password").rename(folder / "password")
    try:
        with pytest.raises(ServiceError, match=r"postgres is damaged, password is missing"):
            EmbeddedPostgres(cluster).start()
    finally:
        (folder / "password").rename(cluster / "password")


def test_a_failed_start_quotes_the_servers_own_words(cluster: Path) -> None:
    message = r'did not start from .*\n.*"shared_buffers": "a lot"'
    with (
        replaced(cluster / "cluster" / "postgresql.auto.conf", "shared_buffers = 'a lot'\n"),
        pytest.raises(ServiceError, match=message),
    ):
        EmbeddedPostgres(cluster).start()


START = """
import sys
from pathlib import Path
from dev import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
"""


@on_linux
def test_a_cluster_made_by_halves_is_made_anew(empty: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", START, str(empty)], cwd=ROOT) as starter:
        wait_for(lambda: any(empty.glob(".new-*/cluster/*")))
        starter.kill()
    assert not (empty / "cluster").exists()
    with EmbeddedPostgres(empty, durable=False) as server:
        assert query(server.url(), "SHOW fsync") == "off"
    assert not list(empty.glob(".new-*"))


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
def test_without_binaries_the_message_says_how_to_use_servers_of_ones_own(
    kind: type[EmbeddedPostgres] | type[EmbeddedValkey], empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ServiceError, match=r"TANDEM_DATABASE_URL and TANDEM_REDIS_URL"):
        kind(empty).start()


def test_valkey_keeps_what_it_acknowledged_even_through_a_kill(empty: Path) -> None:
    with EmbeddedValkey(empty) as server:
        client = redis.Redis.from_url(server.url())
        client.set("kept", "yes")
        # WAITAOF returns once the write is synced to the local append-only file.
        written = client.execute_command("WAITAOF", 1, 0, 5000)  # type: ignore[no-untyped-call]
        assert written[0] == 1
        kill_hard(server.pid)
        wait_for(lambda: not server.alive)
    with EmbeddedValkey(empty) as server:
        assert redis.Redis.from_url(server.url()).get("kept") == b"yes"


def test_valkey_wants_its_password_and_shows_it_to_nobody(empty: Path) -> None:
    with EmbeddedValkey(empty, durable=False) as server:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)).ping()
        password = (server.home / "password").read_text().strip()
        assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
        assert redis.Redis.from_url(server.url(3)).ping()


def test_stopping_twice_and_stopping_before_starting_are_harmless(empty: Path) -> None:
    server = EmbeddedValkey(empty, durable=False)
    server.stop()
    server.start()
    server.stop()
    server.stop()
    assert server.pid is None


def test_nothing_is_signalled_that_is_not_the_server(empty: Path) -> None:
    assert not runs_in(os.getpid(), "postgres", empty)
    assert not runs_in(1, "postgres", empty)
    assert not runs_in(-5, "postgres", empty)


@as_root
def test_what_the_servers_user_cannot_reach_is_kept_elsewhere(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = empty / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(accounts, "SHARED_HOME", empty / "shared")
    monkeypatch.setattr(programs, "can_execute", lambda *_: False)
    said: list[str] = []
    with EmbeddedValkey(closed / "valkey", say=said.append) as server:
        redis.Redis.from_url(server.url()).set("where", "elsewhere")
        assert server.home.parent == empty / "shared"
        running = Path(f"/proc/{server.pid}/exe").readlink()
        assert running.is_relative_to(empty / "shared" / "programs")
        assert running.stat().st_uid == 0
    assert (closed / "valkey" / "location").read_text().strip() == str(server.home)
    assert str(server.home) in said[0]
    assert closed.stat().st_mode & 0o777 == 0o700
    with EmbeddedValkey(closed / "valkey") as again:
        assert redis.Redis.from_url(again.url()).get("where") == b"elsewhere"


@as_root
def test_copied_postgres_runs_from_its_new_place(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "SHARED_HOME", empty / "shared")
    monkeypatch.setattr(programs, "can_execute", lambda *_: False)
    with EmbeddedPostgres(empty / "postgres", durable=False) as server:
        assert query(server.url(), "SELECT 1") == 1
        assert Path(f"/proc/{server.pid}/exe").readlink().is_relative_to(empty / "shared" / "programs")


@as_root
def test_a_shared_folder_that_others_can_write_to_is_refused(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "SHARED_HOME", empty / "shared")
    (empty / "shared").mkdir()
    (empty / "shared").chmod(0o777)
    with pytest.raises(ServiceError, match="only root can write to"):
        accounts.shared_folder("programs")
