"""The whole system behind a pooler that lends sessions of PostgreSQL for a transaction: PgBouncer, from 1.21 on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import asyncpg
import pytest

from core.service_errors import ServiceError
from dev.ports import free_port
from dev.roles import RoleAddresses, prepare_roles
from models.migrate import migrate
from models.readiness import describe_services, require_session
from tests.deployment import Deployment, furnish
from tests.models.test_readiness import pgbouncer, pgbouncer_version, reachable, settings_of
from tests.servers import own_database, own_valkey

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(pgbouncer_version() < (1, 21), reason="PgBouncer 1.21 or newer is not installed"),
]

ORDERS = 12
#: Fewer sessions than there are processes, each of which has more connections than that.
SESSIONS = 3
APART = {"max_prepared_statements": 50, "default_pool_size": SESSIONS}
LIMIT = "ALTER ROLE tandem_app IN DATABASE {} SET statement_timeout = '10s'"


@pytest.fixture
async def addresses(postgres_url: str) -> AsyncIterator[RoleAddresses]:
    """Addresses of a new database that is migrated."""
    async with own_database(postgres_url) as url:
        made = await prepare_roles(url)
        await migrate(settings_of(made.app, database_owner_url=made.owner))
        yield made


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


async def superuser(postgres_url: str, statement: str) -> int | None:
    connection = await asyncpg.connect(postgres_url)
    try:
        value: int | None = await connection.fetchval(statement)
        return value
    finally:
        await connection.close()


async def test_without_a_time_limit_of_the_role_it_is_refused_in_one_sentence(
    addresses: RoleAddresses,
) -> None:
    with pgbouncer(addresses.app, "transaction", None, **APART) as address:
        settings = settings_of(f"{address}/{name_of(addresses.app)}")
        await reachable(settings.database_url)
        for refused in (require_session, describe_services):
            with pytest.raises(ServiceError, match=r"ALTER ROLE … SET statement_timeout = '10s'"):
                await refused(settings)


async def test_the_owner_of_the_tables_needs_a_session(addresses: RoleAddresses) -> None:
    with pgbouncer(addresses.owner, "transaction", None, **APART) as address:
        url = f"{address}/{name_of(addresses.owner)}"
        await reachable(url)
        with pytest.raises(ServiceError, match=r"TANDEM_DATABASE_OWNER_URL .*pool_mode=session"):
            await migrate(settings_of(addresses.app, database_owner_url=url))


async def test_transactions_are_enough_for_all_else(postgres_url: str, addresses: RoleAddresses) -> None:
    name = name_of(addresses.app)
    await superuser(postgres_url, LIMIT.format(name))
    with (
        own_valkey() as valkey,
        pgbouncer(addresses.app, "transaction", None, **APART) as address,
        ExitStack() as stack,
    ):
        url = f"{address}/{name}"
        await reachable(url)
        settings = {"TANDEM_DATABASE_URL": url, "TANDEM_REDIS_URL": valkey.url()}
        system = Deployment(stack, settings)
        await furnish(addresses.app)
        ports = [free_port() for _ in range(2)]
        for port in ports:
            system.start("", "cli", "serve", "--port", str(port))
            system.start("", "cli", "worker")
        places = [f"http://127.0.0.1:{port}" for port in ports]
        await asyncio.to_thread(system.run, "", "tests.deployment", str(ORDERS), *places)
        await asyncio.to_thread(system.run, "", "cli", "audit", "--jobs=2")
        sessions = await superuser(
            postgres_url, f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND usename = 'tandem_app'"
        )  # fmt: skip
        assert sessions is not None
        assert 0 < sessions <= SESSIONS
        assert "Traceback" not in system.output()
        assert "prepared statement" not in system.output()
