"""TLS to PostgreSQL and to Valkey, by an authority of the tests' own.

The wheels' servers speak none. So PostgreSQL is the system's, and a proxy that ends TLS stands before Valkey.
"""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from core.settings import load_settings
from dev.ports import free_port
from dev.processes import stop_process
from dev.valkey import EmbeddedValkey
from models.migrate import migrate
from models.readiness import describe_services
from tests.conftest import SECRET
from tests.deployment import Deployment, furnish
from tests.servers import own_valkey, until

BINARIES = max(Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb"), default=None)
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]
with_postgres = pytest.mark.skipif(BINARIES is None, reason="no PostgreSQL of the system is installed")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
PASSWORD = "a password of the tests"
#: What is said by who checks a certificate, and by PostgreSQL to whoever speaks no TLS.
REFUSALS = ("certificate verify failed", "no encryption")


def certify(folder: Path, name: str, *more: str) -> None:
    command = ["openssl", "req", "-x509", *KEY, "-subj", f"/CN={name}", *more]
    files = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
    subprocess.run([*command, *files], check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """With an authority, a certificate by it for ``localhost``, and another authority."""
    path = Path(tempfile.mkdtemp(prefix="tandem-tls-"))
    path.chmod(0o755)
    certify(path, "authority")
    certify(path, "stranger")
    by = ("-CA", path / "authority.pem", "-CAkey", path / "authority.key")
    certify(path, "localhost", *map(str, by), "-addext", "subjectAltName=DNS:localhost")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
async def postgres(folder: Path) -> AsyncIterator[int]:
    """A PostgreSQL that refuses whoever does not speak TLS; yields its port."""
    port = free_port()
    process = start_postgres(folder / "postgres", port)
    try:
        await until(lambda: is_up(port))
        yield port
    finally:
        stop_process(process, ((signal.SIGINT, 15.0), (signal.SIGKILL, 5.0)))


def start_postgres(home: Path, port: int) -> subprocess.Popen[bytes]:
    assert BINARIES is not None
    account = "nobody" if os.geteuid() == 0 else None
    home.mkdir()
    for name in ("key", "pem"):
        shutil.copy(home.parent / f"localhost.{name}", home)
    (home / "password").write_text(PASSWORD)
    for path in (home, *home.iterdir()):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if account:
            shutil.chown(path, account)
    options = ["--username=tandem", f"--pwfile={home}/password", "--auth=scram-sha-256", "--no-sync"]
    initdb = [str(BINARIES), f"--pgdata={home}/data", *options, "--encoding=UTF8", "--locale=C"]
    subprocess.run(initdb, user=account, cwd=home, check=True, capture_output=True)
    (home / "data" / "pg_hba.conf").write_text("hostssl all all samehost scram-sha-256\n")
    settings = {
        "listen_addresses": "localhost",
        "port": port,
        "unix_socket_directories": "",
        "ssl": "on",
        "ssl_cert_file": home / "localhost.pem",
        "ssl_key_file": home / "localhost.key",
        "fsync": "off",
    }
    parts = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(BINARIES.with_name("postgres")), "-D", str(home / "data"), *parts]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(command, user=account, cwd=home, stdout=log, stderr=log)


async def is_up(port: int) -> bool:
    with suppress(OSError, asyncpg.CannotConnectNowError):
        connection = await asyncpg.connect(f"{address_of(port, 'localhost')}?sslmode=require")
        await connection.close()
        return True
    return False


def address_of(port: int, host: str) -> str:
    return f"postgres://tandem:{PASSWORD.replace(' ', '%20')}@{host}:{port}/postgres"


def over_tls(valkey: EmbeddedValkey, host: str, port: int) -> str:
    """Return the address of *valkey* behind what ends TLS on *port*."""
    return f"rediss://:{urlsplit(valkey.url()).password}@{host}:{port}/0"


@asynccontextmanager
async def tls_before(port: int, folder: Path) -> AsyncIterator[int]:
    """End TLS, and pass on to a server on this machine; yields the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "localhost.pem", folder / "localhost.key")
    tasks = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        for one, other in ((reader, to_server), (from_server, writer)):
            tasks.add(asyncio.create_task(forward(one, other)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def is_believed(place: int, **addresses: str) -> bool:
    """Tell whether a server is taken, or refused for what it is; one that is late is asked again."""
    settings = load_settings(**addresses, secret_key=SECRET)
    told = ""

    async def is_decided() -> bool:
        nonlocal told
        told = (await describe_services(settings))[place]
        return any(word in told for word in (" answers", *REFUSALS))

    await until(is_decided)
    return " answers" in told


@with_postgres
@pytest.mark.parametrize(
    ("host", "parameters", "is_taken"),
    [
        ("localhost", "sslmode=disable", False),
        ("localhost", "sslmode=require", True),
        ("localhost", "sslmode=verify-full&sslrootcert={}/authority.pem", True),
        ("localhost", "sslmode=verify-ca&sslrootcert={}/stranger.pem", False),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert={}/authority.pem", True),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={}/authority.pem", False),
    ],
)
async def test_postgresql_is_believed_as_the_mode_says(
    folder: Path, postgres: int, host: str, parameters: str, is_taken: bool
) -> None:
    url = f"{address_of(postgres, host)}?{parameters.format(folder)}"
    assert await is_believed(0, database_url=url) is is_taken


@pytest.mark.parametrize(
    ("host", "parameters", "is_taken"),
    [
        ("localhost", "ssl_ca_certs={}/authority.pem", True),
        ("localhost", "ssl_ca_certs={}/stranger.pem", False),
        ("localhost", "", False),
        ("127.0.0.1", "ssl_ca_certs={}/authority.pem", False),
        ("127.0.0.1", "ssl_ca_certs={}/authority.pem&ssl_check_hostname=false", True),
    ],
)
async def test_valkey_is_believed_by_its_authority_and_name(
    folder: Path, host: str, parameters: str, is_taken: bool
) -> None:
    with own_valkey() as valkey:
        async with tls_before(valkey.port, folder) as port:
            url = f"{over_tls(valkey, host, port)}?{parameters.format(folder)}".rstrip("?")
            assert await is_believed(1, redis_url=url) is is_taken


@with_postgres
async def test_everything_works_over_tls(folder: Path, postgres: int) -> None:
    with own_valkey() as valkey, ExitStack() as stack:
        async with tls_before(valkey.port, folder) as port:
            verified = f"sslmode=verify-full&sslrootcert={folder}/authority.pem"
            url = f"{address_of(postgres, 'localhost')}?{verified}"
            redis = f"{over_tls(valkey, 'localhost', port)}?ssl_ca_certs={folder}/authority.pem"
            system = Deployment(stack, {"TANDEM_DATABASE_URL": url, "TANDEM_REDIS_URL": redis})
            await migrate(load_settings(database_url=url, secret_key=SECRET))
            await furnish(url)
            api = free_port()
            system.start("", "cli", "serve", "--port", str(api))
            system.start("", "cli", "worker")
            await asyncio.to_thread(system.run, "", "tests.deployment", "6", f"http://127.0.0.1:{api}")
            await asyncio.to_thread(system.run, "", "cli", "audit")
            connection = await asyncpg.connect(url)
            sessions = await connection.fetch(
                "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tandem'"
            )
            await connection.close()
            assert sessions
            assert all(session["ssl"] for session in sessions)
            # Its processes end before what they are connected to.
            await asyncio.to_thread(stack.close)
