"""Outages of the database are told from defects."""

import errno
from socket import gaierror

import asyncpg
import pytest
from tortoise.exceptions import DBConnectionError

from engine.postgres import is_unavailable


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (ConnectionRefusedError(111, "refused"), True),
        (OSError("Multiple exceptions"), True),
        (OSError(errno.EHOSTUNREACH, "no route"), True),
        (gaierror(-2, "unknown name"), True),
        (TimeoutError(), True),
        (DBConnectionError("no connection"), True),
        (asyncpg.CannotConnectNowError("starting up"), True),
        (asyncpg.AdminShutdownError("shutting down"), True),
        (asyncpg.ConnectionDoesNotExistError("gone"), True),
        (asyncpg.UniqueViolationError("twice"), False),
        (FileNotFoundError(errno.ENOENT, "no file"), False),
        (ValueError("a defect"), False),
        (None, False),
    ],
)
def test_a_database_that_is_unavailable_is_told_from_a_defect(
    error: BaseException | None, unavailable: bool
) -> None:
    assert is_unavailable(error) is unavailable
