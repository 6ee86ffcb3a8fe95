"""Who is behind a session: one short statement for all requests that ask at about the same time.

Nothing is remembered. A lookup is sent after the request that needs it has come (see
:class:`engine.batching.Batcher`), so whoever was signed out before that is found to be so.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from asyncpg import Record
from tortoise import fields

from engine.batching import Batcher
from engine.postgres.client import Recorders, fetch, record_for, recorders
from models import Session, User

#: Seconds after which requests do not wait for a lookup on its way any longer.
MAX_WAIT = 0.1


async def live_user(session_id: UUID) -> User | None:
    """Return the user of a session, as a model of the caller's own; None if the session has ended.

    Whether the user is active is not looked at. Nobody may ask inside a transaction: the answer comes over another
    connection, which may be waiting for the end of that very transaction.
    """
    record = await _lookups.submit((session_id, recorders()))
    return None if record is None else _user_of(record)


async def _look_up(asked: list[tuple[UUID, Recorders]]) -> list[Record | None]:
    with record_for(recorder for _, recorders in asked for recorder in recorders):
        records = await fetch(_statement(), ([session_id for session_id, _ in asked],))
    found = {record[-1]: record for record in records}
    return [found.get(session_id) for session_id, _ in asked]


_lookups: Batcher[tuple[UUID, Recorders], Record | None] = Batcher(_look_up, max_wait=MAX_WAIT)


@lru_cache
def _statement() -> str:
    users, sessions = User._meta.db_table, Session._meta.db_table
    columns = ", ".join(f'users."{column}"' for column in User._meta.fields_db_projection.values())
    return (
        f'SELECT {columns}, sessions.id FROM "{sessions}" sessions JOIN "{users}" users'  # noqa: S608 - no values
        " ON users.id = sessions.user_id WHERE sessions.id = ANY($1) AND sessions.revoked_at IS NULL"
    )


@lru_cache
def _attributes() -> tuple[str, ...]:
    """The attributes of a user, in the order of the statement."""
    return tuple(User._meta.fields_db_projection)


@lru_cache
def _conversions() -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """The attributes whose values the driver does not give as the model has them.

    Times are not among them: Tortoise would only give UTC another name.
    """
    complex_fields = User._meta.db_complex_fields
    return tuple(
        (name, field.to_python_value)
        for _, name, field in complex_fields
        if not isinstance(field, fields.DatetimeField)
    )


def _user_of(record: Record) -> User:
    """Make a model, which Tortoise does in some ten times as long."""
    user = User.__new__(User)
    state = vars(user)
    state.update(_partial=False, _saved_in_db=True, _custom_generated_pk=False, _await_when_save={})
    state.update(zip(_attributes(), record, strict=False))
    for name, convert in _conversions():
        state[name] = convert(state[name])
    return user
