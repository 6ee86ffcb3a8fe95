"""Who is behind a session: one short statement for all requests that ask at about the same time.

Nothing is cached. A lookup is sent after the request that needs it has come (see
:class:`engine.batching.Batcher`), so whoever was signed out before that is found to be so.
"""

from uuid import UUID

from engine.postgres import QueryBatcher, fetch, row_class, row_columns
from models import UserRow

#: Seconds after which requests do not wait for a lookup in flight any longer.
MAX_WAIT = 0.1


class SessionUserRow(UserRow):
    """A user, and the session that was asked for."""

    __slots__ = ()
    session_id: UUID


_COLUMNS = row_columns(UserRow)
_ROW = row_class(SessionUserRow, (*_COLUMNS, "session_id"))
LOOK_UP = f"""
SELECT {", ".join(f"users.{column}" for column in _COLUMNS)}, sessions.id
FROM sessions JOIN users ON users.id = sessions.user_id
WHERE sessions.id = ANY($1) AND sessions.revoked_at IS NULL AND sessions.expires_at > now()
"""  # noqa: S608 - names of columns


async def user_of_session(session_id: UUID) -> UserRow | None:
    """Return the user of a session; None if the session has ended. Whether the user is active is not looked at."""
    return await _lookups.submit(session_id)


async def _look_up(session_ids: list[UUID]) -> list[SessionUserRow | None]:
    found = {row.session_id: row for row in await fetch(LOOK_UP, (session_ids,), _ROW)}
    return [found.get(session_id) for session_id in session_ids]


_lookups: QueryBatcher[UUID, SessionUserRow | None] = QueryBatcher(
    _look_up, max_wait=MAX_WAIT, name="Look-ups of sessions"
)
