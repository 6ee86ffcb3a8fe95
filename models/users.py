"""People who sign in."""

from datetime import datetime
from typing import Any, Self

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

from core.email_addresses import MAX_EMAIL, normal_email
from engine.postgres import Row, Select, fetch
from models.sort_keys import SortKeyField

#: The condition on users that are not deleted: the only ones that anybody may see. ``is_live`` is the same for one.
LIVE: dict[str, Any] = {"deleted_at__isnull": True}

COUNT_ROUNDS = """
SELECT substr(password_hash, 5, 2)::integer AS rounds, count(*) FROM users WHERE deleted_at IS NULL GROUP BY 1
"""
RENEW_HASH = """
UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2
AND NOT EXISTS (SELECT FROM one_time_tokens WHERE user_id = users.id AND expires_at > now())
"""


class UserRules:
    """Rules that hold for users and their rows."""

    __slots__ = ()
    email: str
    recovery_email: str | None
    deleted_at: datetime | None

    @property
    def is_live(self) -> bool:
        """True unless the user is deleted."""
        return self.deleted_at is None

    @property
    def proved_email(self) -> str:
        """The last address that was proved: the only one that gets mails of the account."""
        return self.recovery_email or self.email


class User(UserRules, Model):
    """A person. The row is never removed: ``deleted_at`` hides it everywhere, and nothing of the person stays in it.

    The database holds ``users_email_live`` (a unique index on ``email`` of the live rows), which is right because an
    email is stored in its normal form, ``users_email_check``, which catches what was not, ``users_list`` (the
    list's order), and ``users_erase``: whatever sets ``deleted_at`` puts a tombstone in the place of email, name and
    password, and removes the user's sessions and idempotency keys.
    """

    id = fields.IntField(primary_key=True)
    # In the normal form of :func:`core.email_addresses.read_email`.
    email = fields.CharField(max_length=MAX_EMAIL)
    #: The last address that was proved, as long as *email* is not: its holder has shown nobody that mails to it are
    #: read. Null where *email* is proved, by a mail or by the word of an administrator.
    recovery_email = fields.CharField(max_length=MAX_EMAIL, null=True)
    full_name = fields.CharField(max_length=200)
    full_name_key = SortKeyField("full_name")
    password_hash = fields.CharField(max_length=60)
    is_active = fields.BooleanField(default=True)
    is_admin = fields.BooleanField(default=False)
    #: Counts changes, so that a client can say which one it saw.
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)
    deleted_at = fields.DatetimeField(null=True)
    #: When the sweep had blanked the last shipping address of a deleted user's orders.
    erased_at = fields.DatetimeField(null=True)

    class Meta:
        table = "users"

    @classmethod
    def live(cls) -> QuerySet[Self]:
        """Users that are not deleted."""
        return cls.filter(**LIVE)

    @staticmethod
    async def by_email(email: str) -> "UserRow | None":
        """Return the live user with this email, however it is written."""
        return await Select(UserRow).where(email=normal_email(email), **LIVE).first()

    @staticmethod
    async def by_proved_email(email: str) -> "UserRow | None":
        """Return the live user to whom this address belongs: who has it, or else who had it when it was last proved."""
        held = await User.by_email(email)
        return held or await Select(UserRow).where(recovery_email=normal_email(email), **LIVE).first()

    @staticmethod
    async def count_rounds() -> dict[int, int]:
        """Return of how many live users the password's hash has how many rounds (bcrypt's ``$2b$12$…``)."""
        return {row["rounds"]: row["count"] for row in await fetch(COUNT_ROUNDS)}

    @staticmethod
    async def renew_hash(user_id: int, verified: str, renewed: str) -> None:
        """Put a new hash of the same password in the place of the one that it was verified by, if that is still there.

        To the user nothing changes. While a token of a mail is good the hash stays, too: the database takes another
        hash for another password, and ends it.
        """
        await fetch(RENEW_HASH, [user_id, verified, renewed])


class UserRow(UserRules, Row, model=User):
    """The columns of :class:`User`."""

    __slots__ = ()
    id: int
    email: str
    recovery_email: str | None
    full_name: str
    full_name_key: str
    password_hash: str
    is_active: bool
    is_admin: bool
    version: int
    created_at: datetime
    updated_at: datetime
    erased_at: datetime | None
