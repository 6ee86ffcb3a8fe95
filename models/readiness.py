"""Whether the servers can be used: asked at start, and by whoever looks after the processes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from core.not_ready import NotReady
from core.service_errors import ServiceError, database_error
from core.settings import Settings
from engine.postgres import DATABASE_ERRORS, fetch, has_session, single_connection
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
    if not await _is_migrated(fetch):
        raise NotReady(NOT_MIGRATED)


async def _is_migrated(send: _Fetch) -> bool:
    ((has_table,),) = await send("SELECT to_regclass('aerich') IS NOT NULL")
    return has_table and {row[0] for row in await send("SELECT version FROM aerich")} >= _MIGRATIONS


async def require_session(settings: Settings, *, owner: bool = False) -> None:
    """Refuse an address behind which prepared statements and locks are lost or get mixed up.

    Args:
        owner: whether the address is that for the owner of the tables.

    Raises:
        ServiceError: a pooler shares sessions, or the database does not answer, or refuses.
    """
    url, variable = settings.migration_address if owner else (settings.database_url, "TANDEM_DATABASE_URL")
    try:
        has_one = await has_session(url)
    except DATABASE_ERRORS as error:
        raise database_error(error, variable) from None
    if not has_one:
        raise ServiceError(
            f"The database of {variable} stands behind a pooler that shares sessions between clients, such as "
            "PgBouncer with pool_mode=transaction: use pool_mode=session, or the address of PostgreSQL itself."
        )


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
            migrated = await _is_migrated(connection.fetch)
    except DATABASE_ERRORS as error:
        return f"{database_error(error)} Until it does, requests get 503."
    await require_session(settings)
    name = f"PostgreSQL {version.major}.{version.minor}"
    return f"{name} answers, and is migrated." if migrated else f"{name} answers, but is {NOT_MIGRATED}."


async def _describe_redis(settings: Settings) -> str:
    redis = create_redis(settings.redis_url)
    try:
        await redis.execute_command("PING")  # type: ignore[no-untyped-call]
    except (RedisError, OSError) as error:
        return f"The Redis of TANDEM_REDIS_URL does not answer: {error}. Until it does, orders wait."
    finally:
        await redis.aclose()
    return "Redis answers."
