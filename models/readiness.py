"""Whether the servers can be used: asked at start, and by whoever looks after the processes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from core.counted import counted
from core.not_ready import NotReady
from core.service_errors import ServiceError, database_error
from core.settings import Settings
from engine.postgres import (
    DATABASE_ERRORS,
    fetch,
    has_session,
    keeps_statements_apart,
    single_connection,
)
from engine.redis import create_redis

#: Sends SQL and returns the rows.
_Fetch = Callable[[str], Awaitable[Any]]
_MIGRATIONS = frozenset(path.name for path in (Path(__file__).parent / "migrations").glob("[0-9]*.py"))
NOT_MIGRATED = "not migrated: run tandem migrate"


async def require_migrated() -> None:
    """Ask the database, by the pool, whether every migration of this release has been applied.

    Raises:
        NotReady: one is missing.
        Exception: one of ``DATABASE_ERRORS``.
    """
    if not await _applied(fetch) >= _MIGRATIONS:
        raise NotReady(NOT_MIGRATED)


async def missing_migrations(send: _Fetch) -> frozenset[str]:
    """Return the names of the migrations of this release that have not been applied.

    Args:
        send: sends SQL and returns the rows.
    """
    return _MIGRATIONS - await _applied(send)


async def count_migrations() -> dict[str, int]:
    """Return how many migrations of this release the database lacks, and how many it has that are of a later one."""
    applied = await _applied(fetch)
    return {"missing": len(_MIGRATIONS - applied), "unknown": len(applied - _MIGRATIONS)}


async def _applied(send: _Fetch) -> set[str]:
    ((has_table,),) = await send("SELECT to_regclass('aerich') IS NOT NULL")
    return {row[0] for row in await send("SELECT version FROM aerich")} if has_table else set()


async def require_session(settings: Settings, *, owner: bool = False) -> None:
    """Refuse an address behind which prepared statements, locks or limits are lost or get mixed up.

    Args:
        owner: whether the address is that for the owner of the tables, who needs a session to himself.

    Raises:
        ServiceError: a pooler shares sessions in such a way, or the database does not answer, or refuses.
    """
    url, variable = settings.migration_address if owner else (settings.database_url, "TANDEM_DATABASE_URL")
    try:
        if await has_session(url):
            return
        is_apart = not owner and await keeps_statements_apart(url)
        is_limited = is_apart and await _has_time_limit(url)
    except DATABASE_ERRORS as error:
        raise database_error(error, variable) from None
    pooler = f"The database of {variable} stands behind a pooler that shares sessions between clients"
    if not is_apart:
        raise ServiceError(
            f"{pooler}, such as PgBouncer with pool_mode=transaction: use pool_mode=session, or the address of "
            f"PostgreSQL itself{'' if owner else ', or PgBouncer 1.21 or newer with max_prepared_statements'}."
        )
    if not is_limited:
        raise ServiceError(
            f"{pooler}, and the role has no time limit for statements, which no client can set there: "
            f"ALTER ROLE … SET statement_timeout = '{settings.deadline_seconds:g}s', and RECONNECT in PgBouncer."
        )


async def _has_time_limit(url: str) -> bool:
    """Tell whether the role's sessions begin with a time limit, whatever they have been told since."""
    async with single_connection(url) as connection:
        limit = "SELECT reset_val <> '0' FROM pg_settings WHERE name = 'statement_timeout'"
        return bool(await connection.fetchval(limit))


async def describe_services(settings: Settings) -> list[str]:
    """Try the database and Redis, and return what there is to say of them, a sentence each.

    One that does not answer is no reason not to start: it may come back.

    Raises:
        ServiceError: a pooler shares sessions.
    """
    return [await _describe_database(settings), await _describe_redis(settings)]


async def _describe_database(settings: Settings) -> str:
    try:
        async with single_connection(settings.database_url) as connection:
            version = connection.get_server_version()
            applied = await _applied(connection.fetch)
    except DATABASE_ERRORS as error:
        return f"{database_error(error)} Until it does, requests get 503."
    await require_session(settings)
    name = f"PostgreSQL {version.major}.{version.minor}"
    if not applied >= _MIGRATIONS:
        return f"{name} answers, but is {NOT_MIGRATED}."
    if later := len(applied - _MIGRATIONS):
        return f"{name} answers, and has {counted(later, 'migration')} of a later release."
    return f"{name} answers, and is migrated."


async def _describe_redis(settings: Settings) -> str:
    redis = create_redis(settings.redis_url)
    try:
        await redis.execute_command("PING")  # type: ignore[no-untyped-call]
    except (RedisError, OSError) as error:
        return f"The Redis of TANDEM_REDIS_URL does not answer: {error}. Until it does, orders wait."
    finally:
        await redis.aclose()
    return "Redis answers."
