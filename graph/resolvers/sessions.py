"""One's own sign-ins: shown and ended. Nobody sees or ends another's, administrators included."""

from uuid import UUID

from tortoise import timezone

from core.errors import NotOwner, SessionNotFound
from engine.postgres import Columns, Select
from graph.resolvers.context import Context
from models import Session, SessionRow
from tasks.events import publish_sign_out

#: A list of people's devices needs no pages; the longest unused fall off its end.
MAX_SESSIONS = 100
LAST_USED_FIRST = ("-last_used_at", "-id")
#: What tells whether a session is live, beside its user.
_DECISIVE = frozenset({"revoked_at", "expires_at"})


def _live(user_id: int) -> Select[SessionRow]:
    return Select(SessionRow).where(user_id=user_id, revoked_at__isnull=True, expires_at__gt=timezone.now())


async def list_sessions(ctx: Context, *, user_id: int, columns: Columns = None) -> list[SessionRow]:
    """Return the viewer's live sessions, the last used first, at most ``MAX_SESSIONS``.

    Args:
        columns: what will be read of them; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        NotOwner: *user_id* is not the viewer.
    """
    if ctx.require_user().id != user_id:
        raise NotOwner
    return (await _live(user_id).fetch(columns, LAST_USED_FIRST, limit=MAX_SESSIONS)).rows


async def get_session(ctx: Context, session_id: UUID, *, columns: Columns = None) -> SessionRow:
    """Return one of the viewer's live sessions.

    Args:
        columns: what will be read of it; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        SessionNotFound: there is none, or it is another user's.
    """
    viewer = ctx.require_user()
    if columns is not None:
        columns |= _DECISIVE
    session = await ctx.loaders.by_id(SessionRow, columns).load(session_id)
    if session is None or session.user_id != viewer.id or session.revoked_at is not None:
        raise SessionNotFound
    if session.expires_at <= timezone.now():
        raise SessionNotFound
    return session


async def revoke_session(ctx: Context, session_id: UUID, *, columns: Columns = None) -> SessionRow:
    """End one of the viewer's sessions, perhaps the present one, and return it. All its tokens stop at once.

    Args:
        columns: what will be read of it; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        SessionNotFound: there is none, it has ended, or it is another user's.
    """
    session = await get_session(ctx, session_id, columns=columns)
    if not await Session.revoke(session.id):
        raise SessionNotFound
    await publish_sign_out(ctx.resources, session.user_id)
    return session


async def revoke_other_sessions(ctx: Context, *, keep_current: bool = True) -> int:
    """End the viewer's other sessions, or all of them, and return how many.

    Raises:
        AuthenticationError: nobody is signed in.
    """
    viewer = ctx.require_session()
    ended = await Session.revoke_all(viewer.user.id, but=viewer.session_id if keep_current else None)
    await publish_sign_out(ctx.resources, viewer.user.id)
    return ended
