"""Applies the aerich migrations, one process at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from pathlib import Path

from aerich import Command
from tortoise import Tortoise

from core.database import tortoise_config
from core.service_errors import ServiceError, database_error
from core.settings import Settings, load_settings
from engine.postgres import DATABASE_ERRORS, advisory_lock
from models.advisory_locks import AdvisoryLock
from models.readiness import require_session
from models.roles import grant_rows

#: aerich puts the name of the app, which is "models", in the place of the braces.
MIGRATIONS = Path(__file__).parents[1] / "{app}" / "migrations"
NO_TRIGRAMS = (
    "The extension pg_trgm cannot be used: have an administrator of the database run CREATE EXTENSION pg_trgm "
    "(its files are in PostgreSQL's contrib package), in a schema of the role's search_path."
)


async def _with_command(settings: Settings, work: Callable[[Command], Awaitable[list[str]]]) -> list[str]:
    async def run() -> list[str]:
        url, _ = settings.migration_address
        async with advisory_lock(url, AdvisoryLock.MIGRATION):
            config = tortoise_config(url)
            # aerich does so only where Tortoise is not set up at all, be it for another database.
            await Tortoise.init(config=config)
            async with Command(config, location=str(MIGRATIONS)) as command:
                return await work(command)

    # In an empty context, what is set up and closed here is not what the caller works with.
    return await asyncio.create_task(run(), context=Context())


async def migrate(settings: Settings) -> list[str]:
    """Apply what is missing and return the names applied; waits while another process is at it.

    Where the owner has an address of its own, the role of the other one is granted what it needs.

    Raises:
        ServiceError: the database does not answer, or refuses, or lacks what is needed.
    """
    await require_session(settings, owner=True)

    async def upgrade(command: Command) -> list[str]:
        applied = await command.upgrade()
        await grant_rows(settings)
        return applied

    try:
        return await _with_command(settings, upgrade)
    except DATABASE_ERRORS as error:
        if "pg_trgm" in str(error) or "gin_trgm_ops" in str(error):
            raise ServiceError(f"{NO_TRIGRAMS} PostgreSQL says: {' '.join(str(error).split())}") from error
        raise database_error(error, settings.migration_address[1]) from error


async def downgrade(settings: Settings, version: int) -> list[str]:
    """Take back every migration from number *version* on, newest first; data in dropped columns is lost."""
    return await _with_command(settings, lambda command: command.downgrade(version, delete=False))


def __getattr__(name: str) -> object:
    # For aerich's own command line (a new migration: ``aerich migrate --name …``), which asks for a constant.
    if name == "TORTOISE_ORM":
        return tortoise_config(load_settings().migration_address[0])
    raise AttributeError(name)
