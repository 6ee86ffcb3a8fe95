"""What is done at the terminal, where whoever may run a command may do everything: nobody signs in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from core import database
from core.errors import NotAuthenticated
from core.http.caller import Caller
from core.resources import Resources
from core.service_errors import ServiceError, database_error
from core.settings import Settings
from engine.postgres import DATABASE_ERRORS, fetch
from graph.resolvers.context import Anonymous, Context
from graph.resolvers.users import add_user
from models import User
from models.readiness import require_session

T = TypeVar("T")


def run_as_operator(settings: Settings, work: Callable[[Context], Awaitable[T]]) -> T:
    """Run *work* on a loop of its own, in the context of :func:`operator_context`; raises what either does."""

    async def run() -> T:
        async with operator_context(settings) as ctx:
            return await work(ctx)

    return asyncio.run(run())


@asynccontextmanager
async def operator_context(settings: Settings) -> AsyncIterator[Context]:
    """Connect to the database and make a context in which nobody is signed in. Redis is not needed.

    Raises:
        ServiceError: the database does not answer, or has no tables, or a pooler shares its sessions.
    """
    resources = Resources(settings)
    try:
        await require_session(settings)
        await database.connect(settings)
        await _require_tables()
        reason = NotAuthenticated()
        yield Context(resources, Caller(reason, "", "tandem"), Anonymous(reason))
    finally:
        await resources.close()


async def _require_tables() -> None:
    try:
        ((has_tables,),) = await fetch("SELECT to_regclass('users') IS NOT NULL")
    except DATABASE_ERRORS as error:
        raise database_error(error) from None
    if not has_tables:
        raise ServiceError("The database of TANDEM_DATABASE_URL has no tables yet: run tandem migrate first.")


async def create_admin(ctx: Context, *, email: str, full_name: str, password: str) -> User:
    """Create an administrator: how the first one of a new system comes about.

    Raises:
        ValidationFailed: an email, name or password that cannot be.
        EmailTaken: a live user has the email.
    """
    return await add_user(ctx, email=email, full_name=full_name, password=password, is_admin=True)
