"""What the shop sells, and the ledger of its stock."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.models import Model

from engine.postgres import Row
from models.sort_keys import SortKeyField

if TYPE_CHECKING:
    from models.orders import Order
    from models.users import User


class MovementReason(StrEnum):
    """Why stock moved."""

    INITIAL = "initial"
    ADJUSTMENT = "adjustment"
    SALE = "sale"


class Product(Model):
    """Something to sell. Archived, never deleted: old orders still name it.

    ``on_hand`` equals the sum of the product's stock movements; the database refuses a negative one
    (``products_on_hand_check``) and a negative price. ``products_search`` is a trigram index on the text.
    """

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=200)
    name_key = SortKeyField("name")
    description = fields.TextField(default="")
    #: Minor units of the configured currency.
    price = fields.BigIntField()
    on_hand = fields.IntField(default=0)
    archived_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "products"


class ProductRow(Row, model=Product):
    """The columns of :class:`Product`."""

    __slots__ = ()
    id: int
    name: str
    name_key: str
    description: str
    price: int
    on_hand: int
    archived_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class StockMovement(Model):
    """One change of a product's stock. Rows are only ever added (``stock_movements_append_only``).

    Whoever moves stock holds the product's row, and draws the id under that lock: the movements of one product become
    visible in the order of their ids. The database holds ``stock_movements_idempotency``: an actor uses a key once.
    """

    id = fields.BigIntField(primary_key=True)
    product: fields.ForeignKeyRelation[Product] = fields.ForeignKeyField(
        "models.Product", related_name="movements", on_delete=fields.RESTRICT
    )
    product_id: int
    delta = fields.IntField()
    #: What was on hand then.
    on_hand_after = fields.IntField()
    reason = fields.CharEnumField(MovementReason, max_length=20)
    order: fields.ForeignKeyNullableRelation["Order"] = fields.ForeignKeyField(
        "models.Order", related_name="movements", null=True, on_delete=fields.RESTRICT
    )
    order_id: int | None
    actor: fields.ForeignKeyNullableRelation["User"] = fields.ForeignKeyField(
        "models.User", related_name="movements", null=True, on_delete=fields.RESTRICT
    )
    actor_id: int | None
    note = fields.CharField(max_length=200, default="")
    #: By which the actor can send an adjustment again without its being made again.
    idempotency_key = fields.CharField(max_length=255, null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "stock_movements"


class StockMovementRow(Row, model=StockMovement):
    """The columns of :class:`StockMovement`."""

    __slots__ = ()
    id: int
    product_id: int
    delta: int
    on_hand_after: int
    reason: MovementReason
    order_id: int | None
    actor_id: int | None
    note: str
    idempotency_key: str | None
    created_at: datetime
