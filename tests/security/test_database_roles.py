"""The application has rows and no more: whoever runs SQL as it gets neither the tables nor the server (decision 22)."""

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from core.service_errors import ServiceError
from core.settings import load_settings
from dev.programs import postgres_binaries
from dev.roles import SCRIPT, RoleAddresses, prepare_roles
from models.migrate import migrate
from tests.client import Client
from tests.conftest import SECRET
from tests.factories import make_order, make_product, make_user
from tests.servers import own_database, own_postgres

pytestmark = pytest.mark.anyio

#: What somebody who has found a way to run SQL would try next.
REFUSED = {
    "run a program": "COPY products (name) FROM PROGRAM 'id'",
    "write a file": "COPY products TO '/tmp/products'",
    "read a file": "COPY products (name) FROM '/etc/passwd'",
    "read a file by a function": "SELECT pg_read_file('/etc/passwd')",
    "list the files": "SELECT pg_ls_dir('.')",
    "import a file": "SELECT lo_import('/etc/passwd')",
    "read the hashes of roles": "SELECT rolpassword FROM pg_authid",
    "become a superuser": "ALTER ROLE tandem_app SUPERUSER",
    "become the owner": "SET ROLE tandem_owner",
    "make a role": "CREATE ROLE attacker",
    "change the owner's password": "ALTER ROLE tandem_owner PASSWORD 'x'",
    "make a database": "CREATE DATABASE attacker",
    "change the server": "ALTER SYSTEM SET archive_command = 'id'",
    "load a library": "LOAD '/tmp/library.so'",
    "make a language": "CREATE FUNCTION f() RETURNS void LANGUAGE c AS '/tmp/library.so'",
    "make an extension": "CREATE EXTENSION dblink",
    "make a function": "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "make a table": "CREATE TABLE attacker (a int)",
    "make a temporary table": "CREATE TEMPORARY TABLE attacker (a int)",
    "make a schema": "CREATE SCHEMA attacker",
    "add a column": "ALTER TABLE users ADD COLUMN attacker int",
    "drop a check": "ALTER TABLE products DROP CONSTRAINT products_on_hand_check",
    "drop a table": "DROP TABLE users",
    "drop an index": "DROP INDEX users_email_live",
    "make a trigger": "CREATE TRIGGER t AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION users_void_tokens()",
    "switch triggers off": "ALTER TABLE users DISABLE TRIGGER users_void_tokens",
    "go around triggers": "SET session_replication_role = replica",
    "replace a function": "ALTER FUNCTION users_void_tokens() RENAME TO other",
    "empty a table at once": "TRUNCATE idempotency_keys",
    "set a sequence": "SELECT setval('orders_id_seq', 1)",
    "rewrite what happened": "UPDATE order_events SET status = 'completed'",
    "forget what happened": "DELETE FROM order_events",
    "rewrite what went wrong": "UPDATE order_failures SET error = ''",
    "forget what went wrong": "DELETE FROM order_failures",
    "rewrite the stock's ledger": "UPDATE stock_movements SET delta = 0",
    "forget the stock's ledger": "DELETE FROM stock_movements",
    "pretend a migration": "INSERT INTO aerich (version, app, content) VALUES ('x', 'models', '{}')",
    "forget a migration": "DELETE FROM aerich",
    "be granted the owner": "GRANT tandem_owner TO tandem_app",
    "end other sessions": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tandem_owner'",
}


@pytest.fixture(scope="module")
async def app_connection(role_addresses: RoleAddresses) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(role_addresses.app)
    yield connection
    await connection.close()


@pytest.mark.parametrize("what", REFUSED)
async def test_the_application_cannot(
    app_connection: asyncpg.Connection, role_addresses: RoleAddresses, client: Client, what: str
) -> None:
    await make_order(await make_user(), (await make_product(), 1))
    owner = await asyncpg.connect(role_addresses.owner)  # whose session it might end
    try:
        with pytest.raises(asyncpg.PostgresError) as refused:
            await app_connection.execute(REFUSED[what])
        codes = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidGrantOperationError)
        assert isinstance(refused.value, codes), refused.value
        assert not owner.is_closed()
    finally:
        await owner.close()


@pytest.mark.parametrize("table", ["order_events", "stock_movements"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET created_at = now()", "DELETE FROM {}", "TRUNCATE {}"])
async def test_nor_does_the_owner_rewrite_what_happened(
    role_addresses: RoleAddresses, client: Client, table: str, verb: str
) -> None:
    order = await make_order(await make_user(), (await make_product(), 1))
    owner = await asyncpg.connect(role_addresses.owner)
    try:
        with pytest.raises(asyncpg.RestrictViolationError) as refused:
            await owner.execute(verb.format(table))
        assert f"{table}_append_only" in str(refused.value.as_dict()["hint"])
        with pytest.raises(asyncpg.RestrictViolationError):  # nor with the order
            await owner.execute("DELETE FROM orders WHERE id = $1", order.id)
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 1
    finally:
        await owner.close()


async def test_neither_role_is_a_superuser_and_the_application_owns_nothing(
    superuser: asyncpg.Connection,
) -> None:
    rights = await superuser.fetch(
        "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS more"
        " FROM pg_roles WHERE rolname LIKE 'tandem\\_%' ORDER BY 1"
    )
    assert [tuple(row) for row in rights] == [("tandem_app", False), ("tandem_owner", False)]
    owners = await superuser.fetch(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert [owner for (owner,) in owners] == ["tandem_owner"]


async def test_the_application_runs_as_this_role(client: Client, superuser: asyncpg.Connection) -> None:
    await client.rest.get("/health/ready")
    users = await superuser.fetch(
        "SELECT DISTINCT usename FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'tandem'"
    )
    assert [user for (user,) in users] == ["tandem_app"]


async def test_a_table_of_a_later_migration_is_usable_at_once(
    role_addresses: RoleAddresses, app_connection: asyncpg.Connection
) -> None:
    owner = await asyncpg.connect(role_addresses.owner)
    try:
        await owner.execute("CREATE TABLE later (id serial PRIMARY KEY)")
        await app_connection.execute(
            "INSERT INTO later DEFAULT VALUES; UPDATE later SET id = 7; DELETE FROM later"
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app_connection.execute("DROP TABLE later")
    finally:
        await owner.execute("DROP TABLE later")
        await owner.close()


async def test_a_database_of_one_superuser_is_taken_over_with_its_rows(postgres_url: str) -> None:
    """As `tandem dev` and compose have left them until now; one address went on to do for everything."""
    async with own_database(postgres_url) as url:
        assert await migrate(load_settings(database_url=url, secret_key=SECRET))
        connection = await asyncpg.connect(url)
        await connection.execute("INSERT INTO products (name, name_key, price) VALUES ('x', 'x', 1)")
        await connection.close()
        for _ in range(2):  # at every start
            addresses = await prepare_roles(url)
            settings = load_settings(
                database_url=addresses.app, database_owner_url=addresses.owner, secret_key=SECRET
            )
            assert await migrate(settings) == []
        connection = await asyncpg.connect(addresses.app)
        assert await connection.execute("UPDATE products SET price = 2") == "UPDATE 1"
        await connection.close()
        owner = await asyncpg.connect(addresses.owner)
        await owner.execute(
            "ALTER TABLE products ADD COLUMN more int; DROP FUNCTION users_void_tokens CASCADE"
        )
        await owner.close()


async def test_one_role_for_both_addresses_keeps_all_its_rights(postgres_url: str) -> None:
    async with own_database(postgres_url) as url:
        owner = (await prepare_roles(url)).owner
        await migrate(load_settings(database_url=owner, database_owner_url=owner, secret_key=SECRET))
        connection = await asyncpg.connect(owner)
        await connection.execute("DELETE FROM aerich; TRUNCATE idempotency_keys")
        await connection.close()


async def test_a_role_that_does_not_exist_is_one_sentence(postgres_url: str) -> None:
    async with own_database(postgres_url) as url:
        owner = (await prepare_roles(url)).owner
        nobody = urlsplit(url)._replace(netloc=f"nobody@{urlsplit(url).netloc.rpartition('@')[2]}").geturl()
        with pytest.raises(ServiceError, match=r"^The role 'nobody' of TANDEM_DATABASE_URL does not exist"):
            await migrate(load_settings(database_url=nobody, database_owner_url=owner, secret_key=SECRET))


async def test_a_wrong_address_of_the_owner_is_named(role_addresses: RoleAddresses) -> None:
    nowhere = load_settings(
        database_url=role_addresses.app, database_owner_url="postgres://a:b@127.0.0.1:1/c", secret_key=SECRET
    )
    with pytest.raises(ServiceError, match=r"^The database of TANDEM_DATABASE_OWNER_URL does not answer"):
        await migrate(nowhere)


async def test_the_script_runs_in_psql_as_the_image_of_postgresql_runs_it(tmp_path: Path) -> None:
    with own_postgres() as server:
        psql = postgres_binaries(server._account) / "psql"
        environment = {
            "PATH": os.defpath,
            "TANDEM_OWNER_PASSWORD": "it's one",
            "TANDEM_APP_PASSWORD_FILE": str(tmp_path / "app_password"),
        }
        (tmp_path / "app_password").write_text("another\n")

        def run(**more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [psql, "--set=ON_ERROR_STOP=1", "--no-psqlrc", f"--file={SCRIPT}", server.url()],
                env=environment | more,
                capture_output=True,
                text=True,
                check=False,
            )

        for _ in range(2):
            done = run()
            assert done.returncode == 0, done.stderr
        assert "TANDEM_APP_PASSWORD is not set" in run(TANDEM_APP_PASSWORD_FILE="").stderr
        place = urlsplit(server.url()).netloc.rpartition("@")[2]
        settings = load_settings(
            database_url=f"postgres://tandem_app:another@{place}/tandem",
            database_owner_url=f"postgres://tandem_owner:it%27s%20one@{place}/tandem",
            secret_key=SECRET,
        )
        assert await migrate(settings)
