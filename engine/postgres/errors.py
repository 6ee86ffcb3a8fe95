"""What the database may raise; and its outages, of which a line in the log is enough, told from defects."""

import errno
import ssl
from socket import gaierror

import asyncpg
from tortoise.exceptions import BaseORMException, DBConnectionError

#: Whatever :func:`engine.postgres.fetch`, a queryset or a connection attempt may raise.
DATABASE_ERRORS = (OSError, asyncpg.PostgresError, BaseORMException)
_UNAVAILABLE = (
    ConnectionError,
    DBConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    ssl.SSLError,
)
_UNREACHABLE = (None, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT)


def is_unavailable(error: BaseException | None) -> bool:
    """Tell whether *error* says that the database cannot be reached, does not answer or takes nobody just now.

    It says all there is to say: no line of our code has anything to do with it.
    """
    if isinstance(error, OSError) and not isinstance(error, _UNAVAILABLE):
        # asyncio has no number for several addresses that all failed.
        return error.errno in _UNREACHABLE or isinstance(error, gaierror)
    return isinstance(error, _UNAVAILABLE)


def is_stopped(error: BaseException | None) -> bool:
    """Tell whether *error* says that a statement took too long and the database has stopped it."""
    return isinstance(error, asyncpg.QueryCanceledError)
