"""What is found out at start about the servers, by the addresses that the settings give."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from core.service_errors import ServiceError
from core.settings import Settings, load_settings
from models.migrate import migrate
from models.readiness import _MIGRATIONS, NOT_MIGRATED, describe_services, require_session
from tests.client import Client
from tests.conftest import SECRET, ClientWith
from tests.factories import make_order, make_product, make_user
from tests.servers import SECONDS, own_database

pytestmark = pytest.mark.anyio

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def pgbouncer_version() -> tuple[int, ...]:
    """Of the PgBouncer that is installed, such as (1, 25, 2); empty if there is none."""
    if PGBOUNCER is None:
        return ()
    told = subprocess.run([PGBOUNCER, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, told.split()[1].split(".")))


def settings_of(url: str, **more: str) -> Settings:
    return load_settings(database_url=url, secret_key=SECRET, **more)


async def test_a_database_without_tables_is_said_to_be_so_and_is_migrated(
    postgres_url: str, redis_url: str
) -> None:
    async with own_database(postgres_url) as url:
        settings = settings_of(url, redis_url=redis_url)
        database, redis = await describe_services(settings)
        assert database.startswith("PostgreSQL ")
        assert database.endswith(f"answers, but is {NOT_MIGRATED}.")
        assert redis == "Redis answers."
        await migrate(settings)
        database, _ = await describe_services(settings)
        assert database.endswith("answers, and is migrated.")


async def test_servers_that_are_not_there_are_a_sentence_each() -> None:
    nowhere = settings_of("postgres://tandem@127.0.0.1:1/tandem", redis_url="redis://127.0.0.1:1/0")
    database, redis = await describe_services(nowhere)
    assert database.startswith("The database of TANDEM_DATABASE_URL does not answer: ")
    assert redis.startswith("The Redis of TANDEM_REDIS_URL does not answer: ")


async def test_a_database_that_lacks_a_migration_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (await client.rest.get("/health/ready")).json()
    assert told["checks"] == {"database": "ok", "redis": "ok"}
    assert told["migrations"] == {"missing": 0, "unknown": 0}
    monkeypatch.setattr("models.readiness._MIGRATIONS", _MIGRATIONS | {"99_not_applied.py"})
    answer = await client.rest.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert answer.json()["checks"] == {"database": NOT_MIGRATED, "redis": "ok"}
    assert answer.json()["migrations"] == {"missing": 1, "unknown": 0}


async def test_a_database_of_a_later_release_is_ready_and_said_to_be_so(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a release comes, the processes of the one before go on."""
    monkeypatch.setattr("models.readiness._MIGRATIONS", frozenset(sorted(_MIGRATIONS)[:-2]))
    answer = await client.rest.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["migrations"] == {"missing": 0, "unknown": 2}
    database, _ = await describe_services(settings)
    assert database.endswith("answers, and has 2 migrations of a later release.")


async def test_a_backlog_is_told_and_keeps_no_process_from_its_work(
    client_with: ClientWith, superuser: asyncpg.Connection
) -> None:
    order = await make_order(await make_user(), (await make_product(), 1))
    await superuser.execute(
        "UPDATE orders SET created_at = now() - interval '2 hours' WHERE id = $1", order.id
    )
    client = await client_with()
    answer = await client.rest.get("/health/ready")
    assert answer.status_code == 200
    assert 7200 <= answer.json()["oldest_open_order_seconds"] < 7200 + SECONDS
    # However often it is asked for, the database is asked now and then.
    await superuser.execute("UPDATE orders SET created_at = now() WHERE id = $1", order.id)
    assert (await client.rest.get("/health/ready")).json()["oldest_open_order_seconds"] == (
        answer.json()["oldest_open_order_seconds"]
    )


async def test_what_cannot_be_found_out_is_null(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("no database")

    client = await client_with()
    monkeypatch.setattr("tasks.backlog.fetch", fail)
    told = (await client.rest.get("/health/ready")).json()
    assert (told["status"], told["oldest_open_order_seconds"]) == ("ok", None)


@pytest.mark.parametrize("parameters", ["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=allow"])
async def test_names_are_decoded_and_the_mode_of_tls_is_heeded(postgres_url: str, parameters: str) -> None:
    name, password = "us er@é", "p/w:%?#"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE ROLE \"{name}\" SUPERUSER LOGIN PASSWORD '{password}'")
    await admin.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
    try:
        host = urlsplit(postgres_url).netloc.rpartition("@")[2]
        user = f"{quote(name, safe='')}:{quote(password, safe='')}"
        settings = settings_of(f"postgresql://{user}@{host}/{quote(name, safe='')}{parameters}")
        assert await migrate(settings)
        database, _ = await describe_services(settings)
        assert database.endswith("answers, and is migrated.")
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.execute(f'DROP ROLE "{name}"')
        await admin.close()


async def test_a_server_without_tls_where_it_is_required_is_one_sentence(database_url: str) -> None:
    with pytest.raises(ServiceError, match=r"^The database of TANDEM_DATABASE_URL .*SSL"):
        await migrate(settings_of(f"{database_url}?sslmode=require"))


async def test_an_extension_in_a_schema_that_is_not_searched_is_one_sentence(postgres_url: str) -> None:
    async with own_database(postgres_url) as url:
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE SCHEMA elsewhere; CREATE EXTENSION pg_trgm SCHEMA elsewhere")
        await connection.close()
        with pytest.raises(ServiceError, match="CREATE EXTENSION pg_trgm"):
            await migrate(settings_of(url))


@contextmanager
def pgbouncer(postgres_url: str, mode: str, certificate: Path | None = None, **more: int) -> Iterator[str]:
    """Run a PgBouncer before the server and return the address of the server's databases through it.

    Args:
        certificate: a file with key and certificate; clients must use TLS then.
        more: further settings. Statements of clients are not kept apart unless they say so.
    """
    if pgbouncer_version() >= (1, 21):
        more = {"max_prepared_statements": 0} | more
    parts = urlsplit(postgres_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="tandem-pgbouncer-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        tls = ""
        if certificate is not None:
            own = path / "tls.pem"
            shutil.copy(certificate, own)
            own.chmod(0o644)
            tls = f"client_tls_sslmode = require\nclient_tls_key_file = {own}\nclient_tls_cert_file = {own}\n"
        (path / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={parts.hostname} port={parts.port} user={parts.username} "
            f"password={parts.password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"auth_type = any\npool_mode = {mode}\nunix_socket_dir =\n{tls}"
            + "".join(f"{name} = {value}\n" for name, value in more.items())
        )
        command = [str(PGBOUNCER), str(path / "pgbouncer.ini")]
        account = "nobody" if os.geteuid() == 0 else None
        process = subprocess.Popen(
            command, user=account, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            yield f"postgres://{parts.username}@127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(SECONDS)


async def reachable(url: str) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await (await asyncpg.connect(url, statement_cache_size=0)).close()
            except OSError:
                await asyncio.sleep(0.01)
            else:
                return


#: In this database: other tests have locks of their own in theirs, at the same time.
LOCKS_HERE = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND datname = current_database()
"""


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_that_shares_sessions_is_refused_in_one_sentence(postgres_url: str, mode: str) -> None:
    async with own_database(postgres_url) as direct:
        with pgbouncer(postgres_url, mode) as address:
            settings = settings_of(address + urlsplit(direct).path)
            await reachable(settings.database_url)
            for refused in (migrate, describe_services, require_session):
                with pytest.raises(ServiceError, match="pool_mode=session"):
                    await refused(settings)
        # No lock is left behind.
        connection = await asyncpg.connect(direct)
        assert await connection.fetchval(LOCKS_HERE) == 0
        await connection.close()


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
async def test_a_pooler_that_lends_whole_sessions_is_taken(postgres_url: str) -> None:
    async with own_database(postgres_url) as direct:
        with pgbouncer(postgres_url, "session") as address:
            settings = settings_of(address + urlsplit(direct).path)
            await reachable(settings.database_url)
            assert await migrate(settings)
            assert await migrate(settings) == []
            assert (await describe_services(settings))[0].endswith("answers, and is migrated.")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for ``localhost`` that vouches for itself, in one file."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    options = ("-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "-", "-out", "-")
    made = subprocess.run(["openssl", "req", "-x509", *options, *name], check=True, capture_output=True)
    file.write_bytes(made.stdout)
    return file


@pytest.mark.skipif(
    PGBOUNCER is None or shutil.which("openssl") is None, reason="PgBouncer or openssl is not installed"
)
@pytest.mark.parametrize(
    ("host", "mode", "is_taken"),
    [
        ("localhost", "disable", False),
        ("localhost", "prefer", True),
        ("localhost", "require", True),
        ("localhost", "verify-ca", True),
        ("localhost", "verify-full", True),
        ("127.0.0.1", "verify-ca", True),
        ("127.0.0.1", "verify-full", False),
    ],
)
async def test_tls_is_as_strict_as_the_mode_says(
    postgres_url: str, database_url: str, certificate: Path, host: str, mode: str, is_taken: bool
) -> None:
    with pgbouncer(postgres_url, "session", certificate) as address:
        await reachable(f"{address}{urlsplit(database_url).path}?sslmode=require")
        url = f"{address}{urlsplit(database_url).path}?sslmode={mode}".replace("127.0.0.1", host)
        verified = f"&sslrootcert={certificate}" if mode.startswith("verify") else ""
        settings = settings_of(url + verified)
        if is_taken:
            assert await migrate(settings) == []
        else:
            with pytest.raises(ServiceError, match=r"^The database of TANDEM_DATABASE_URL"):
                await migrate(settings)
