"""What ``tandem doctor`` asks PostgreSQL."""

import time

import asyncpg

from core.service_errors import ServiceError, database_error
from core.settings import Settings
from engine.postgres import DATABASE_ERRORS, single_connection
from graph.operations.findings import Findings
from models.migrate import NO_TRIGRAMS
from models.readiness import missing_migrations, require_session

OLDEST_POSTGRES = 14
#: Rows of these must be readable and writable, those of the logs readable and addable.
ROLE = """
SELECT current_user::text AS name, rolsuper, rolcreatedb OR rolcreaterole AS makes,
    EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('orders') AND pg_has_role(relowner, 'USAGE')) AS owns
FROM pg_roles WHERE rolname = current_user
"""
#: What the role may not do with the tables of the schema, a line each.
LACKS = """
SELECT verb || ' ' || relname AS lack
FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS verb
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
    AND NOT has_table_privilege(pg_class.oid, verb)
    AND NOT (relname = 'aerich' AND verb <> 'SELECT')
    AND NOT (relname = ANY ($1) AND verb IN ('UPDATE', 'DELETE'))
ORDER BY relname, verb
"""
#: Rows that are added and never changed (:mod:`models.roles`).
LOGS = ("order_events", "stock_movements", "order_failures")
# Not by pg_stat_activity, which tells of the processes of other roles no more than that they are there.
CONNECTIONS = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most,
    (SELECT coalesce(sum(numbackends), 0)::int FROM pg_stat_database) AS used
"""
#: Which database that is, of which server that was started when.
IDENTITY = "SELECT oid, pg_postmaster_start_time() FROM pg_database WHERE datname = current_database()"
_REACH = (
    "See that it runs, and that host, port, name, user and password are right (docs/operations.md, Roles)."
)


async def look_at_database(settings: Settings, found: Findings) -> None:
    """Say whether it answers, is new enough and migrated, what the role may do, and whether the clock is right."""
    try:
        async with single_connection(settings.database_url) as connection:
            version = connection.get_server_version()
            says = f"PostgreSQL {version.major}.{version.minor} of TANDEM_DATABASE_URL answers."
            if version.major < OLDEST_POSTGRES:
                found.fault(says, f"Tandem needs PostgreSQL {OLDEST_POSTGRES} or newer.")
                return
            found.ok(says)
            await _look_at_clock(connection, found)
            await _look_at_role(connection, settings, found)
            await _look_at_connections(connection, settings, found)
            await _look_at_schema(connection, found)
        await require_session(settings)
    except ServiceError as error:
        found.fault(str(error), "Use an address behind which each connection has a session to itself.")
    except DATABASE_ERRORS as error:
        found.fault(f"{database_error(error)}.", _REACH)


async def look_at_owner(settings: Settings, found: Findings) -> None:
    """Say whether the owner's address leads to the same database, as somebody else who may migrate it."""
    url, variable = settings.migration_address
    try:
        async with single_connection(url) as connection:
            (identity,) = await connection.fetch(IDENTITY)
            (role,) = await connection.fetch(ROLE)
            may_create = await connection.fetchval("SELECT has_schema_privilege(current_schema(), 'CREATE')")
        async with single_connection(settings.database_url) as connection:
            is_same = [identity] == await connection.fetch(IDENTITY)
    except DATABASE_ERRORS as error:
        found.fault(f"{database_error(error, variable)}.", f"{_REACH} Only tandem migrate needs it.")
        return
    if not is_same:
        found.fault(
            f"{variable} leads to another database than TANDEM_DATABASE_URL.",
            "Correct one of the two addresses.",
        )
    elif not may_create:
        found.fault(
            f"The role {role['name']} of {variable} may not create tables.", "Run scripts/postgres-roles.sql."
        )
    else:
        found.ok(f"The role {role['name']} of {variable} may migrate.")
    if role["rolsuper"]:
        found.warning(
            f"The role {role['name']} of {variable} is a superuser.", "Run scripts/postgres-roles.sql."
        )


async def _look_at_clock(connection: asyncpg.Connection, found: Findings) -> None:
    before = time.time()
    theirs = await connection.fetchval("SELECT clock_timestamp()")
    found.clock(theirs.timestamp() - (before + time.time()) / 2)


async def _look_at_role(connection: asyncpg.Connection, settings: Settings, found: Findings) -> None:
    (role,) = await connection.fetch(ROLE)
    lacks = [row["lack"] for row in await connection.fetch(LACKS, list(LOGS))]
    name = f"The role {role['name']} of TANDEM_DATABASE_URL"
    roles = "Run scripts/postgres-roles.sql, and use tandem_app here (docs/operations.md, Roles)."
    if lacks:
        found.fault(f"{name} may not {', '.join(lacks[:5])}{' and more' if len(lacks) > 5 else ''}.", _GRANT)
    if role["rolsuper"] or role["makes"]:
        found.warning(f"{name} is a superuser, or may make databases or roles.", roles)
    elif role["owns"] and settings.database_owner_url:
        found.warning(f"{name} owns the tables, as TANDEM_DATABASE_OWNER_URL should alone.", roles)
    elif not lacks:
        found.ok(f"{name} may read and write rows.")


_GRANT = "Run tandem migrate with TANDEM_DATABASE_OWNER_URL, which grants it what it needs."


async def _look_at_connections(connection: asyncpg.Connection, settings: Settings, found: Findings) -> None:
    (row,) = await connection.fetch(CONNECTIONS)
    says = f"{row['used']} of {row['most']} connections are taken; each process opens up to"
    says = f"{says} {settings.database_pool_size}."
    if settings.database_pool_size > row["most"] - row["used"]:
        found.warning(says, "Raise max_connections of PostgreSQL, or lower TANDEM_DATABASE_POOL_SIZE.")
    else:
        found.ok(says)


async def _look_at_schema(connection: asyncpg.Connection, found: Findings) -> None:
    missing = await missing_migrations(connection.fetch)
    if missing:
        found.fault(
            f"Not migrated: {', '.join(sorted(missing)[:3])}{' …' if len(missing) > 3 else ''}.", _MIGRATE
        )
    else:
        found.ok("Every migration of this release has been applied.")
    installed = await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'")
    available = await connection.fetchval(
        "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'"
    )
    if installed:
        found.ok("The extension pg_trgm is there.")
    elif available and missing:
        found.ok("The extension pg_trgm is not there yet, and can be made.")
    else:
        found.fault("The extension pg_trgm is not there.", NO_TRIGRAMS)


_MIGRATE = "Run tandem migrate."
