"""Tokens that prove, once, that somebody reads the mail of an address."""

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from tortoise import fields, timezone
from tortoise.models import Model

from core.email_addresses import MAX_EMAIL
from engine.postgres import fetch

if TYPE_CHECKING:
    from models.users import User

TOKEN_BYTES = 32


class TokenPurpose(StrEnum):
    """What a token is good for; it is good for nothing else."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - a purpose, not a password
    EMAIL_CHANGE = "email_change"
    EMAIL_REVERT = "email_revert"


LIFETIMES = {
    TokenPurpose.PASSWORD_RESET: timedelta(hours=1),
    TokenPurpose.EMAIL_CHANGE: timedelta(hours=24),
    TokenPurpose.EMAIL_REVERT: timedelta(hours=72),
}

#: Of one user and purpose there is one row, so a new token ends the one before. The lock keeps the order in
#: which everything here locks (the user, then the user's tokens), and nobody else may have a token.
ISSUE = """
INSERT INTO one_time_tokens (token_hash, user_id, purpose, email, expires_at)
SELECT $1, id, $3, $4, $5 FROM users
WHERE id = $2 AND is_active AND deleted_at IS NULL AND ($6::int IS NULL OR version = $6)
FOR NO KEY UPDATE
ON CONFLICT (user_id, purpose) DO UPDATE
SET token_hash = EXCLUDED.token_hash, email = EXCLUDED.email, created_at = now(), expires_at = EXCLUDED.expires_at
RETURNING user_id
"""


class OneTimeToken(Model):
    """One token, known only by its SHA-256. Redeeming it removes the row, and removing it is what redeems it.

    The database holds ``users_void_tokens``: whatever changes a user's email or password, proves the email, disables
    or deletes the user, ends the user's tokens too. So a mail that lies in the inbox of an address given up resets
    nothing. A new password alone leaves the token that takes a change of the email back.
    """

    token_hash = fields.CharField(max_length=64, primary_key=True)
    user: fields.ForeignKeyRelation["User"] = fields.ForeignKeyField(
        "models.User", related_name="one_time_tokens"
    )
    user_id: int
    purpose = fields.CharEnumField(TokenPurpose, max_length=20)
    #: The address to be proved, of an email change only.
    email = fields.CharField(max_length=MAX_EMAIL, null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "one_time_tokens"
        unique_together = (("user", "purpose"),)

    @classmethod
    async def issue(
        cls, user_id: int, purpose: TokenPurpose, *, email: str | None = None, version: int | None = None
    ) -> str | None:
        """Return a new token, which ends the user's earlier one; None if the user may not sign in (any more).

        Args:
            email: the address that the token will prove, of an email change.
            version: of the user who asked; no token is made if the user was changed since. Any will do if not given.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires_at = timezone.now() + LIFETIMES[purpose]
        rows = await fetch(ISSUE, [one_time_hash(token), user_id, purpose.value, email, expires_at, version])
        return token if rows else None

    @classmethod
    async def find(cls, token: str, purpose: TokenPurpose) -> Self | None:
        """Return the live row of *token*, without redeeming it."""
        return await cls.get_or_none(
            token_hash=one_time_hash(token), purpose=purpose, expires_at__gt=timezone.now()
        )

    async def redeem(self) -> bool:
        """Use the token up; False if somebody else has, or if it has ended meanwhile."""
        live = OneTimeToken.filter(token_hash=self.token_hash, expires_at__gt=timezone.now())
        return bool(await live.delete())


def one_time_hash(token: str) -> str:
    """Return the SHA-256 under which *token* is stored. No salt: 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
