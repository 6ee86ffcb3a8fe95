"""People who sign in."""

from typing import Self

from pypika_tortoise import functions
from pypika_tortoise.terms import ValueWrapper
from tortoise import fields
from tortoise.functions import Lower
from tortoise.models import Model
from tortoise.queryset import QuerySet

from engine.postgres.rows import row_rule


class User(Model):
    """A person. Never removed: ``deleted_at`` hides the row everywhere and frees its email.

    The database holds ``users_email_live`` (a unique index on ``lower(email)`` of the live rows) and
    ``users_list`` (the list's order).
    """

    id = fields.IntField(primary_key=True)
    email = fields.CharField(max_length=254)
    full_name = fields.CharField(max_length=200)
    password_hash = fields.CharField(max_length=60)
    is_active = fields.BooleanField(default=True)
    is_admin = fields.BooleanField(default=False)
    #: Counts changes, so that a client can say which one it saw.
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "users"

    @classmethod
    def live(cls) -> QuerySet[Self]:
        """Users that are not deleted: the only ones that anybody may see."""
        return cls.filter(deleted_at__isnull=True)

    @property
    @row_rule("deleted_at")
    def is_live(self) -> bool:
        """The same rule for one row at hand."""
        return self.deleted_at is None

    @classmethod
    async def by_email(cls, email: str) -> Self | None:
        """Return the live user with this email, whatever its case."""
        # Lower() is the expression of the unique index; Tortoise's iexact would compare UPPER() and scan. Both
        # sides are folded by the database, whose idea of lower case is not Python's in every script.
        folded = functions.Lower(ValueWrapper(email))
        return await cls.live().annotate(folded=Lower("email")).filter(folded=folded).first()
