"""Keys by which a client can repeat a request without repeating its effect."""

from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from models.orders import Order
    from models.users import User


class IdempotencyKey(Model):
    """One use of a key by one user; unique in ``(user, key)``, whichever face it came through."""

    id = fields.BigIntField(primary_key=True)
    user: fields.ForeignKeyRelation["User"] = fields.ForeignKeyField(
        "models.User", related_name="idempotency_keys"
    )
    user_id: int
    key = fields.CharField(max_length=255)
    #: SHA-256 of the request's meaning, to tell a repetition from another request under the same key.
    request_hash = fields.CharField(max_length=64)
    order: fields.ForeignKeyRelation["Order"] = fields.ForeignKeyField(
        "models.Order", related_name="idempotency_keys"
    )
    order_id: int
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "idempotency_keys"
        unique_together = (("user", "key"),)
