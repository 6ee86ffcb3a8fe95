"""Telling an outage of the database, of which a line is enough, from a defect, of which every detail helps."""

import errno
from socket import gaierror

import asyncpg
from tortoise.exceptions import DBConnectionError

_AWAY = (
    ConnectionError,
    DBConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
_UNREACHABLE = (None, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT)


def is_away(error: BaseException | None) -> bool:
    """Tell whether *error* says that the database cannot be reached or takes nobody just now.

    It says all there is to say: no line of our code has anything to do with it.
    """
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        # asyncio has no number for several addresses that all failed.
        return error.errno in _UNREACHABLE or isinstance(error, gaierror)
    return isinstance(error, _AWAY)
