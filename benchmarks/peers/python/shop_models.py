"""The tables as Tortoise models of the stock Strawberry server."""

from enum import Enum

from tortoise import fields
from tortoise.models import Model


class OrderStatus(Enum):
    """Where an order stands."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class User(Model):
    """Somebody."""

    id = fields.IntField(primary_key=True)
    email = fields.CharField(max_length=254)
    full_name = fields.CharField(max_length=200)
    is_active = fields.BooleanField()
    is_admin = fields.BooleanField()
    version = fields.IntField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    deleted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "users"


class Product(Model):
    """Something to sell."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=200)
    description = fields.TextField()
    price = fields.BigIntField()
    on_hand = fields.IntField()
    archived_at = fields.DatetimeField(null=True)
    version = fields.IntField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "products"


class Order(Model):
    """An order."""

    id = fields.IntField(primary_key=True)
    user_id = fields.IntField()
    status = fields.CharEnumField(OrderStatus, max_length=20)
    total = fields.BigIntField()
    shipping_address = fields.TextField()
    failure_code = fields.CharField(max_length=30, null=True)
    version = fields.IntField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "orders"


class OrderItem(Model):
    """A line."""

    id = fields.IntField(primary_key=True)
    order_id = fields.IntField()
    product_id = fields.IntField()
    product_name = fields.CharField(max_length=200)
    quantity = fields.IntField()
    unit_price = fields.BigIntField()

    class Meta:
        table = "order_items"
