"""What an error says, without the values that it may quote: to be stored, and to be shown to operators.

Messages of PostgreSQL quote what was sent ("invalid input syntax for type integer: …"), and their details whole rows,
which can be of people. Names of tables, columns and constraints stay, for they say where to look.
"""

import re

import asyncpg
from tortoise.exceptions import BaseORMException

from core.logging import escape_controls
from engine.postgres import describe_lock

#: Characters that are kept of the class of an error, and of its message.
MAX_ERROR, MAX_ERROR_MESSAGE = 100, 500
_NAMED = r"(?:table|relation|column|constraint|index|function|type|schema|role|database|parameter|extension)"
_QUOTED = re.compile(rf'({_NAMED} )?("[^"]*"?|(?<!\w)\'[^\']*\'?(?!\w)|(?<!\w)`[^`]*`?)')
_EMAIL = re.compile(r"\S+@\S+")


def masked_error(error: BaseException) -> tuple[str, str]:
    """Return the class of *error* and what it says, on one line and without values."""
    if isinstance(error, BaseORMException) and isinstance(error.__cause__, asyncpg.PostgresError):
        error = error.__cause__
    return type(error).__name__[:MAX_ERROR], _mask(_text(error))[:MAX_ERROR_MESSAGE]


def _text(error: BaseException) -> str:
    if isinstance(error, asyncpg.LockNotAvailableError):
        return describe_lock(error)
    # What PostgreSQL says beside its message are details and hints.
    return str(error.args[0]) if isinstance(error, asyncpg.PostgresError) and error.args else str(error)


def _mask(text: str) -> str:
    first_line = text.strip().partition("\n")[0]
    masked = _QUOTED.sub(lambda found: found[0] if found[1] else "\N{HORIZONTAL ELLIPSIS}", first_line)
    return escape_controls(_EMAIL.sub("\N{HORIZONTAL ELLIPSIS}", masked))
