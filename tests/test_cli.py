"""The command, run as a person would: its addresses, its sentences, its exit codes, and how it stops."""

import asyncio
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from core import __version__
from tests.forked import Commands
from tests.servers import SECONDS

ROOT = Path(__file__).parents[1]
Run = Callable[..., subprocess.CompletedProcess[str]]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")

#: In the place of the real application, whose own tests are elsewhere; the commands find it in their folder.
STAND_IN = """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
            message = await receive()
            await send({"type": "websocket.send", "text": message["text"].upper()})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ready"})


    def create_app():
        return app
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tandem-cli-"))
    path.chmod(0o755)
    (path / "app.py").write_text(textwrap.dedent(STAND_IN))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def hangs_up() -> Iterator[None]:
    """Let SIGHUP end what is started here, even where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """Address of an empty database."""
    name = f"cli_{os.getpid()}_{time.monotonic_ns()}"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(postgres_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute(f"CREATE DATABASE {name}"))
    yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
    asyncio.run(execute(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def addresses(database: str, empty_redis_url: str) -> dict[str, str]:
    """What a worker needs to know, as variables of its environment."""
    return {"TANDEM_DATABASE_URL": database, "TANDEM_REDIS_URL": empty_redis_url}


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    return {**clean, "PYTHONPATH": str(ROOT), **more}


def tandem(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=3 * SECONDS,
        check=False,
    )


@pytest.fixture
def run(folder: Path, commands: Commands) -> Run:
    """Run a command whose imports are made already."""
    return lambda *arguments, **more: commands.run(arguments, folder=folder, environment=environment(**more))


class Running:
    """A command at work, its output in a file."""

    def __init__(
        self, folder: Path, *arguments: str, program: Sequence[str] = ("-m", "cli"), **more: str
    ) -> None:
        self.output = folder / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *program, *arguments],
                cwd=folder,
                env=environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def wait_for(self, condition: Callable[[], bool], seconds: float = 2 * SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def says(self, text: str) -> bool:
        return text in self.output.read_text()

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(2 * SECONDS)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def descendants(pid: int) -> dict[int, str]:
    """Every process below *pid*, with its command line."""
    found: dict[int, str] = {}
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, children):
        found[child] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
        found |= descendants(child)
    return found


def all_end(pids: Iterable[int]) -> bool:
    deadline = time.monotonic() + SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def answers(port: int, host: str = "127.0.0.1") -> bool:
    try:
        return get(port, host)[0] == 200
    except OSError:
        return False


def get(port: int, host: str = "127.0.0.1") -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection(host, port, timeout=SECONDS)) as connection:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def assert_one_sentence(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for part in parts:
        assert part in result.stderr


def test_a_wrong_option_is_a_usage_error(folder: Path) -> None:
    assert tandem(folder, "serve", "--port", "zero").returncode == 2


@pytest.mark.parametrize("command", ["dev", "serve", "worker", "migrate"])
def test_a_wrong_setting_is_one_sentence(command: str, run: Run) -> None:
    result = run(command, TANDEM_DATABASE_URL="mysql://localhost/shop")
    assert_one_sentence(result, "TANDEM_DATABASE_URL", "must be a PostgreSQL address")


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_a_taken_port_is_one_sentence_and_starts_nothing(command: str, folder: Path, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        result = run(command, "--port", number)
    assert_one_sentence(result, f"Port {number} on 127.0.0.1 is taken")
    assert not (folder / "var" / "postgres").exists()


def test_a_foreign_address_is_one_sentence(run: Run, port: int) -> None:
    assert_one_sentence(run("serve", "--host", "192.0.2.1", "--port", str(port)), "192.0.2.1")


@pytest.mark.parametrize(
    ("command", "host"), [("dev", "a..b"), ("serve", "a..b"), ("serve", ""), ("serve", "x" * 64)]
)
def test_a_host_that_is_none_is_one_sentence(command: str, host: str, run: Run, port: int) -> None:
    result = run(command, "--host", host, "--port", str(port))
    assert_one_sentence(result, "is not an address of this machine")


def test_serve_listens_on_every_address_of_a_name(folder: Path, port: int) -> None:
    """``localhost`` is 127.0.0.1 and, where there is IPv6, ::1; which of them comes first is the system's affair."""
    addresses = {str(found[4][0]) for found in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    with Running(folder, "serve", "--host", "localhost", "--port", str(port)) as serve:
        for address in addresses:
            serve.wait_for(lambda address=address: answers(port, address))  # type: ignore[misc]


#: The encodings of terminals that are not UTF-8, as Python takes them from the locale.
ENCODINGS = ["ascii", "latin-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_terminal_lacks_the_letters_of_an_answer(encoding: str, folder: Path, run: Run, port: int) -> None:
    for arguments in (
        ["--help"],
        ["create-admin", "--help"],
        ["serve", "--port", "zero"],
        ["serve", "--host", "ж..b", "--port", str(port)],
        ["\N{PILE OF POO}"],
    ):
        result = run(*arguments, PYTHONIOENCODING=encoding)
        assert "Traceback" not in result.stderr
        assert "Error" not in result.stdout
    printed = folder / "printed.graphql"
    with printed.open("wb") as output:
        subprocess.run(
            [sys.executable, "-m", "cli", "export-schema", "--output", "-"],
            env=environment(PYTHONIOENCODING=encoding),
            cwd=folder,
            stdout=output,
            timeout=3 * SECONDS,
            check=True,
        )
    assert printed.read_bytes() == (ROOT / "schema.graphql").read_bytes()


def test_dev_refuses_production(run: Run) -> None:
    result = run("dev", TANDEM_ENVIRONMENT="production", TANDEM_SECRET_KEY=os.urandom(32).hex())
    assert_one_sentence(result, "tandem dev is for development")


@pytest.mark.parametrize("command", ["dev", "demo"])
def test_the_image_has_no_development_and_says_so(command: str, tmp_path: Path) -> None:
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {name.rstrip("/") for names in copied for name in names.split()}
    for name in sources & {path.name for path in ROOT.iterdir()}:
        (tmp_path / name).symlink_to(ROOT / name)
    # Without site, whose .pth file would lead to the whole repository.
    program = [sys.executable, "-S", "-m", "cli", command]
    path = f"{tmp_path}:{sysconfig.get_path('purelib')}"
    for environ, words in (("production", "production"), ("development", "needs the folder dev/")):
        given = environment(
            PYTHONPATH=path, TANDEM_ENVIRONMENT=environ, TANDEM_SECRET_KEY=os.urandom(32).hex()
        )
        refused = subprocess.run(
            program, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert_one_sentence(refused, words)


def test_a_broken_data_folder_is_one_sentence(folder: Path, run: Run, port: int) -> None:
    (folder / "var" / "postgres").mkdir(parents=True)
    (folder / "var" / "postgres" / "letters").mkdir()
    result = run("dev", "--port", str(port))
    assert_one_sentence(result, "is not a database folder of Tandem")


def test_a_file_in_place_of_the_data_folder_is_one_sentence(folder: Path, run: Run, port: int) -> None:
    (folder / "var").touch()
    assert_one_sentence(run("dev", "--port", str(port)), "var")
    result = run("dev", "--port", str(port), TANDEM_SECRET_KEY="kept elsewhere")
    assert_one_sentence(result, f"Cannot use the folder {folder / 'var'}")


def test_migrate_says_what_it_applied_and_then_that_nothing_is_left(folder: Path, database: str) -> None:
    first = tandem(folder, "migrate", TANDEM_DATABASE_URL=database)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Applied 0_")
    assert tandem(folder, "migrate", TANDEM_DATABASE_URL=database).stdout == "Nothing to apply.\n"


def test_migrate_without_a_database_is_one_sentence(run: Run, port: int) -> None:
    result = run("migrate", TANDEM_DATABASE_URL=f"postgres://a:b@127.0.0.1:{port}/c")
    assert_one_sentence(result, "does not answer")


@pytest.mark.parametrize("command", ["migrate", "dev"])
def test_a_database_that_refuses_is_one_sentence(
    command: str, run: Run, database: str, redis_url: str
) -> None:
    absent = urlsplit(database)._replace(path="/absent").geturl()
    result = run(command, TANDEM_DATABASE_URL=absent, TANDEM_REDIS_URL=redis_url)
    assert_one_sentence(result, "TANDEM_DATABASE_URL refuses", '"absent" does not exist')


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_answers_without_naming_its_software_and_stops_when_told(
    workers: str, folder: Path, port: int
) -> None:
    with Running(folder, "serve", "--port", str(port), "--workers", workers) as serve:
        serve.wait_for(lambda: answers(port))
        status, headers, body = get(port)
        assert (status, body) == (200, b"ready")
        assert "server" not in {name.lower() for name in headers}
        below = descendants(serve.process.pid)
        assert serve.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
        # Python's own helper process for spawned workers takes a moment longer.
        assert all_end(below)
        assert "Traceback" not in serve.output.read_text()


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_development_that_nobody_has_chosen_is_told(
    command: str, chosen: bool, folder: Path, port: int, addresses: dict[str, str]
) -> None:
    more = {"TANDEM_ENVIRONMENT": "development"} if chosen else {}
    options = ["--port", str(port)] if command == "serve" else []
    with Running(folder, command, *options, **addresses, **more) as running:
        running.wait_for(lambda: running.says("Serving on" if command == "serve" else "Processing orders in"))
        assert running.says("TANDEM_ENVIRONMENT is not set, so this is DEVELOPMENT") is not chosen


def test_the_command_of_the_container_can_start_processes(folder: Path, port: int) -> None:
    """The image has a ``tandem`` of its own, which the processes that it starts read, too."""
    (script,) = re.findall(r"printf '(#!.+?)'", (ROOT / "Dockerfile").read_text())
    path = folder / "tandem"
    path.write_text(script.replace(r"\n", "\n"))
    with Running(folder, "serve", "--port", str(port), "--workers", "2", program=[str(path)]) as serve:
        serve.wait_for(lambda: answers(port))
        assert serve.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
        assert "Traceback" not in serve.output.read_text()


def test_the_version_is_told(folder: Path) -> None:
    shown = tandem(folder, "--version")
    assert (shown.stdout, shown.stderr, shown.returncode) == (f"tandem {__version__}\n", "", 0)


def test_a_variable_that_is_no_setting_is_named_with_the_one_that_was_meant(folder: Path) -> None:
    shown = tandem(folder, "--version", TANDEM_RATELIMIT_USER="5", TANDEM_ELEPHANT="1")
    assert shown.returncode == 0
    assert shown.stderr.splitlines() == [
        "TANDEM_ELEPHANT is no setting of Tandem, and is ignored.",
        "TANDEM_RATELIMIT_USER is no setting of Tandem, and is ignored: did you mean TANDEM_RATE_LIMIT_USER?",
    ]


@pytest.mark.anyio
async def test_serve_speaks_websocket(folder: Path, port: int) -> None:
    import websockets

    with Running(folder, "serve", "--port", str(port)) as serve:
        serve.wait_for(lambda: answers(port))
        protocol = websockets.Subprotocol("graphql-transport-ws")
        async with websockets.connect(f"ws://127.0.0.1:{port}/", subprotocols=[protocol]) as connection:
            await connection.send("hello")
            assert await connection.recv() == "HELLO"
            assert connection.subprotocol == protocol


def banner_shown(running: Running) -> bool:
    return running.says("Ctrl-C stops everything")


@pytest.mark.slow
@pytest.mark.usefixtures("hangs_up")
def test_dev_runs_everything_and_stops_it_in_order(folder: Path, port: int) -> None:
    # On a terminal of another encoding, too: everything that the commands say is said by this one.
    slow = ("--slow", "0.5")
    more = {"PYTHONIOENCODING": "ascii", "TANDEM_RATELIMIT_USER": "5"}
    with Running(folder, "dev", "--port", str(port), *slow, **more) as dev:
        dev.wait_for(lambda: banner_shown(dev))
        assert answers(port)
        said = dev.output.read_text()
        # Not by each of its children again.
        assert [said.count(what) for what in ("TANDEM_RATELIMIT_USER", "tandem-user-demo")] == [1, 1]
        assert "stay 0.5 seconds in each status" in said
        assert dev.says(f"http://127.0.0.1:{port}/graphql")
        assert not dev.says("TANDEM_ENVIRONMENT")
        below = descendants(dev.process.pid)
        programs = " ".join(below.values())
        assert all(name in programs for name in ("bin/postgres", "valkey-server", "cli serve", "cli worker"))
        again = tandem(folder, "dev", "--port", str(port))
        assert_one_sentence(again, "already running", f"process {dev.process.pid}")
        url = re.search(r"postgres://\S+", dev.output.read_text())
        assert url is not None
        asyncio.run(_note(url[0]))

        assert dev.stop(signal.SIGINT) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in below)
        assert dev.says("Stopped; the data are kept.")
        assert "Traceback" not in dev.output.read_text()

    with Running(folder, "dev", "--port", str(port)) as second:
        second.wait_for(lambda: banner_shown(second))
        assert not second.says("Making a new PostgreSQL database")
        assert asyncio.run(_noted(url[0])) == 1
        assert second.stop(signal.SIGHUP) == 0


async def _note(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE noted AS SELECT 1 AS n")
    roles: list[asyncpg.Record] = []
    while not roles:  # the worker connects by itself
        roles = await connection.fetch(
            "SELECT DISTINCT usename FROM pg_stat_activity"
            " WHERE application_name = 'tandem' AND usename IS NOT NULL"  # null until it has signed in
        )
        await asyncio.sleep(0.05)
    assert [role for (role,) in roles] == ["tandem_app"]
    assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    await connection.close()


async def _noted(url: str) -> object:
    # The port stays the same from run to run, and so does the password: an address noted once stays good.
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT n FROM noted")
    finally:
        await connection.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "sentence"),
    [
        ("cli serve", "The API ended unexpectedly (signal SIGKILL)"),
        ("valkey-server", "Valkey ended unexpectedly"),
    ],
)
def test_dev_ends_as_a_whole_when_a_part_dies(
    victim: str, sentence: str, folder: Path, port: int, database: str
) -> None:
    with Running(folder, "dev", "--port", str(port), TANDEM_DATABASE_URL=database) as dev:
        dev.wait_for(lambda: banner_shown(dev))
        below = descendants(dev.process.pid)
        os.kill(next(pid for pid, line in below.items() if victim in line), signal.SIGKILL)
        assert dev.process.wait(2 * SECONDS) == 1
        assert dev.says(sentence)
        assert not any(Path(f"/proc/{pid}").exists() for pid in below)


@on_linux
@pytest.mark.slow
def test_dev_leaves_nothing_running_when_it_is_killed(folder: Path, port: int) -> None:
    with Running(folder, "dev", "--port", str(port)) as dev:
        dev.wait_for(lambda: banner_shown(dev))
        below = descendants(dev.process.pid)
        dev.process.kill()
        dev.process.wait()
        assert all_end(below)
    with Running(folder, "dev", "--port", str(port)) as again:
        again.wait_for(lambda: banner_shown(again))
        assert again.stop(signal.SIGTERM) == 0


@on_linux
def test_a_worker_process_ends_with_its_manager(folder: Path, addresses: dict[str, str]) -> None:
    with Running(folder, "worker", "--processes", "2", **addresses) as worker:
        worker.wait_for(lambda: len(descendants(worker.process.pid)) == 2)
        below = descendants(worker.process.pid)
        worker.process.kill()
        worker.process.wait()
        assert all_end(below)


@on_linux
def test_a_worker_process_that_is_killed_is_told_and_replaced(
    folder: Path, addresses: dict[str, str]
) -> None:
    with Running(folder, "worker", **addresses) as worker:
        worker.wait_for(lambda: len(descendants(worker.process.pid)) == 1)
        (process,) = descendants(worker.process.pid)
        os.kill(process, signal.SIGKILL)
        worker.wait_for(lambda: worker.says(f"Worker process {process} ended by itself (signal SIGKILL)"))
        worker.wait_for(lambda: bool(set(descendants(worker.process.pid)) - {process}))
        assert worker.stop(signal.SIGTERM) == 0


@on_linux
def test_an_api_process_that_is_killed_is_told_and_replaced(folder: Path, port: int) -> None:
    with Running(folder, "serve", "--port", str(port), "--workers", "2") as serve:
        serve.wait_for(lambda: answers(port))
        # Beside a helper of Python's.
        serve.wait_for(lambda: len(descendants(serve.process.pid)) == 3)
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in descendants(serve.process.pid)}
        process = next(pid for pid, command in commands.items() if "resource_tracker" not in command)
        os.kill(process, signal.SIGKILL)
        serve.wait_for(lambda: serve.says(f"API process {process} ended by itself"))
        serve.wait_for(lambda: len(descendants(serve.process.pid)) == 3)
        assert serve.stop(signal.SIGTERM) in (0, -signal.SIGTERM)


def test_a_worker_stopped_while_it_starts_is_quiet(folder: Path, addresses: dict[str, str]) -> None:
    with Running(folder, "worker", **addresses) as worker:
        worker.wait_for(lambda: worker.says("Processing orders in 1 process."))
        worker.wait_for(lambda: len(descendants(worker.process.pid)) == 1)
        assert worker.stop(signal.SIGTERM) == 0
        assert "Traceback" not in worker.output.read_text()


@on_linux
def test_two_signals_in_one_moment_stop_a_worker_in_order(folder: Path, addresses: dict[str, str]) -> None:
    with Running(folder, "worker", **addresses) as worker:
        worker.wait_for(lambda: len(descendants(worker.process.pid)) == 1)
        for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM):
            worker.process.send_signal(number)
        assert worker.stop(signal.SIGCONT) == 0
        assert "Traceback" not in worker.output.read_text()


@on_linux
def test_a_second_ctrl_c_ends_a_worker_that_cannot_finish(folder: Path, addresses: dict[str, str]) -> None:
    with Running(folder, "worker", **addresses) as worker:
        worker.wait_for(lambda: len(descendants(worker.process.pid)) == 1)
        (process,) = descendants(worker.process.pid)
        os.kill(process, signal.SIGSTOP)
        worker.process.send_signal(signal.SIGINT)
        worker.wait_for(lambda: worker.says("Ctrl-C again stops at once."))
        assert worker.stop(signal.SIGINT) == 130
        assert not Path(f"/proc/{process}").exists()
        assert worker.says("Stopped at once")
        assert "Traceback" not in worker.output.read_text()
