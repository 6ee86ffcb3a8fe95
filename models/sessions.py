"""Sign-ins. One row lives from a login to its logout, expiry or revocation."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tortoise import fields, timezone
from tortoise.models import Model

from engine.postgres import Row, fetch, row_class, row_columns
from models.users import User, UserRow

#: Live sessions of one user: more people than have so many devices let a program sign in for each request.
MAX_LIVE = 100

#: Waits for whoever changes the user, and then looks again: who has got another password since the one at hand was
#: verified, or may not sign in any more, gets no session (CWE-367). The lock has sign-ins of a user go one by one.
OPEN = """
INSERT INTO sessions (id, user_id, token_hash, user_agent, address, network, expires_at)
SELECT $1, id, $4, $5, $6, $7, now() + make_interval(secs => $8) FROM users
WHERE id = $2 AND password_hash = $3 AND is_active AND deleted_at IS NULL
FOR NO KEY UPDATE
RETURNING NOT EXISTS (
    SELECT FROM sessions AS earlier WHERE earlier.user_id = $2 AND earlier.network = $7 AND earlier.user_agent = $5
) AND (
    EXISTS (SELECT FROM sessions AS earlier WHERE earlier.user_id = $2)
    OR (SELECT created_at < now() - make_interval(secs => $8) FROM users WHERE users.id = $2)
)
"""
#: For the transaction of the above, in which nobody else opens a session of the user.
END_UNUSED = f"""
UPDATE sessions SET revoked_at = now() WHERE id IN (
    SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
    ORDER BY last_used_at DESC, id DESC OFFSET {MAX_LIVE}
) RETURNING id
"""  # noqa: S608 - a number
_USER_COLUMNS = row_columns(UserRow)
_USER_ROW = row_class(UserRow, _USER_COLUMNS)
#: What ends a user's sessions changes the user first and these rows then, so a session that is found live here is
#: still found by it. A refresh token that stays the same prolongs nothing.
RENEW = f"""
UPDATE sessions SET token_hash = $4::text, last_used_at = now(), expires_at = CASE token_hash WHEN $4 THEN expires_at
    ELSE LEAST(now() + make_interval(secs => $5), sessions.created_at + make_interval(secs => $6)) END
FROM users
WHERE sessions.id = $1 AND user_id = $2 AND token_hash = $3 AND revoked_at IS NULL AND expires_at > now()
    AND sessions.created_at + make_interval(secs => $6) > now()
    AND users.id = user_id AND is_active AND deleted_at IS NULL
RETURNING {", ".join(f"users.{column}" for column in _USER_COLUMNS)}
"""  # noqa: S608 - names of columns
IS_KNOWN = """
SELECT EXISTS (SELECT FROM sessions JOIN users ON users.id = user_id
    WHERE users.email = $1 AND users.deleted_at IS NULL AND sessions.network = $2)
"""


class Device(NamedTuple):
    """Where a sign-in came from. It is the same one if ``user_agent`` and ``network`` are.

    Args:
        user_agent: as the browser or program calls itself, at most 200 characters.
        address: an IP address; may be empty.
        network: what counts as one sender, an IPv4 address or the /64 of an IPv6 address.
    """

    user_agent: str
    address: str
    network: str


class Session(Model):
    """One sign-in, and the only refresh token that it honours now.

    The refresh token itself is never stored, only its SHA-256. A validly signed token of this session with
    another hash was rotated away earlier; seeing it again means that somebody copied it, so the whole
    session is revoked (RFC 9700 section 4.14.2).
    """

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation["User"] = fields.ForeignKeyField("models.User", related_name="sessions")
    user_id: int
    token_hash = fields.CharField(max_length=64)
    user_agent = fields.CharField(max_length=200, default="")
    address = fields.CharField(max_length=45, default="")
    #: Of the address: with the user agent it tells one device from another.
    network = fields.CharField(max_length=45, default="")
    created_at = fields.DatetimeField(auto_now_add=True)
    last_used_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sessions"

    @staticmethod
    async def is_known(email: str, network: str) -> bool:
        """Tell whether the live user with this email, in its normal form, has signed in from *network* before."""
        ((known,),) = await fetch(IS_KNOWN, [email, network])
        return bool(known)

    @classmethod
    async def open(
        cls, session_id: UUID, user: User | UserRow, token_hash: str, device: Device, seconds: int
    ) -> bool | None:
        """Store a session; None if *user* has not the same password any more, or may not sign in (any more).

        Args:
            user: as it was when the password was verified.
            token_hash: of the refresh token.
            seconds: until it ends, unless it is renewed.

        Returns:
            Whether the user is known to have signed in before, and no session that is stored, live or ended, came
            from the same device. Whose sessions have all been forgotten is known by the age of the account.
        """
        rows = await fetch(OPEN, [session_id, user.id, user.password_hash, token_hash, *device, seconds])
        return rows[0][0] if rows else None

    @classmethod
    async def end_unused(cls, user_id: int) -> bool:
        """Revoke the sessions of a user that are more than ``MAX_LIVE``, the longest unused; tell if there were any."""
        return bool(await fetch(END_UNUSED, [user_id]))

    @classmethod
    async def renew(
        cls, session_id: UUID, user_id: int, token_hash: str, new_hash: str, *, seconds: int, most: int
    ) -> UserRow | None:
        """Trade a refresh token in one statement and return the user; None if it is none, or was one.

        Args:
            token_hash, new_hash: of the refresh token at hand and the one that is honoured from now on, perhaps the
                same.
            seconds: until the session ends, unless it is renewed again.
            most: seconds that it lives in all.
        """
        rows = await fetch(RENEW, [session_id, user_id, token_hash, new_hash, seconds, most], _USER_ROW)
        return rows[0] if rows else None

    @classmethod
    async def revoke_reused(cls, session_id: UUID, user_id: int, token_hash: str) -> bool:
        """Revoke a live session that honours another refresh token than the one at hand; tell whether it was so."""
        live = cls.filter(id=session_id, user_id=user_id, revoked_at__isnull=True)
        return bool(await live.exclude(token_hash=token_hash).update(revoked_at=timezone.now()))

    @classmethod
    async def revoke(cls, session_id: UUID) -> bool:
        """Revoke one session; tell whether it was not revoked yet."""
        live = cls.filter(id=session_id, revoked_at__isnull=True)
        return bool(await live.update(revoked_at=timezone.now()))

    @classmethod
    async def revoke_all(cls, user_id: int, *, but: UUID | None = None) -> int:
        """Revoke every live session of a user, perhaps all *but* one; return how many."""
        live = cls.filter(user_id=user_id, revoked_at__isnull=True)
        if but is not None:
            live = live.exclude(id=but)
        return await live.update(revoked_at=timezone.now())


class SessionRow(Row, model=Session):
    """The columns of :class:`Session`."""

    __slots__ = ()
    id: UUID
    user_id: int
    token_hash: str
    user_agent: str
    address: str
    network: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
