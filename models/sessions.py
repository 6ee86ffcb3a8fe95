"""Sign-ins. One row lives from a login to its logout, expiry or revocation."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tortoise import fields, timezone
from tortoise.models import Model

from engine.postgres import Row

if TYPE_CHECKING:
    from models.users import User


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
    created_at = fields.DatetimeField(auto_now_add=True)
    last_used_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sessions"

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
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
