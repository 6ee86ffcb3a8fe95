"""Orders, their items and their history."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.models import Model

from core.masked_errors import MAX_ERROR, MAX_ERROR_MESSAGE
from engine.postgres import Row
from models.users import User, UserRow

if TYPE_CHECKING:
    from models.products import Product


class OrderStatus(StrEnum):
    """Where an order stands: ``pending -> processing -> completed | failed``, or ``cancelled`` on the way.

    One that failed for a fault of the server becomes pending again where an administrator retries it.
    """

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """True when nothing will change any more by itself."""
        return self not in OPEN_STATUSES


#: The statuses from which an order can still be cancelled or finished.
OPEN_STATUSES = (OrderStatus.PENDING, OrderStatus.PROCESSING)


#: How often an order can be retried, which is a bound of its history: so often through all steps.
MAX_RETRIES = 10
MAX_EVENTS = (1 + MAX_RETRIES) * len(("pending", "processing", "final"))


#: First key of the advisory locks on users' event logs; the second is the user's id.
EVENT_LOG_LOCK = 7_261_634


#: Characters of an order's reference.
MAX_REFERENCE = 100
#: Characters of a worker's name, and of a request's id (what is taken over has fewer: core.request_id).
MAX_WORKER, MAX_REQUEST_ID = 100, 200


class FailureCode(StrEnum):
    """Why an order failed."""

    OUT_OF_STOCK = "OUT_OF_STOCK"
    PRODUCT_UNAVAILABLE = "PRODUCT_UNAVAILABLE"
    PROCESSING_ERROR = "PROCESSING_ERROR"


def may_read_orders_of(viewer: User | UserRow, user_id: int) -> bool:
    """Tell whether *viewer* may read a user's orders: the viewer's own, and as an administrator anybody's."""
    return viewer.is_admin or viewer.id == user_id


class OrderRules:
    """Rules that hold for orders and their rows."""

    __slots__ = ()
    user_id: int
    status: OrderStatus

    def is_visible_to(self, viewer: User | UserRow) -> bool:
        """Tell whether *viewer* may read the order."""
        return may_read_orders_of(viewer, self.user_id)

    @property
    def is_cancellable(self) -> bool:
        """The one rule behind ``cancelOrder``: not yet final."""
        return not self.status.is_final


class Order(OrderRules, Model):
    """An order of one user.

    The database is the queue of record. ``due_at`` says when the sweep should look at an open order again:
    after a grace period for a pending one, at the end of the worker's lease for one in processing; final
    orders have none. ``attempts`` counts attempts (``tasks/claims.py``), and is the fencing token of the worker that
    holds the lease.
    """

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="orders", on_delete=fields.RESTRICT
    )
    user_id: int
    status = fields.CharEnumField(OrderStatus, max_length=20, default=OrderStatus.PENDING)
    #: Minor units; 0 until the order is completed.
    total = fields.BigIntField(default=0)
    shipping_address = fields.TextField()
    #: The client's own number of the order: no other order of the user has it (unique index ``orders_reference``).
    reference = fields.CharField(max_length=MAX_REFERENCE, null=True)
    failure_code = fields.CharEnumField(FailureCode, max_length=30, null=True)
    attempts = fields.SmallIntField(default=0)
    due_at = fields.DatetimeField(null=True)
    #: The worker that has the lease; none where nobody has one. What is there when it is over has ended without a word.
    worker = fields.CharField(max_length=MAX_WORKER, null=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "orders"


class OrderRow(OrderRules, Row, model=Order):
    """The columns of :class:`Order`."""

    __slots__ = ()
    id: int
    total: int
    shipping_address: str
    reference: str | None
    failure_code: FailureCode | None
    attempts: int
    due_at: datetime | None
    worker: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class OrderItem(Model):
    """One item of an order. Name and price are copied when it is accepted, so later changes never alter a bill."""

    id = fields.IntField(primary_key=True)
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField("models.Order", related_name="items")
    order_id: int
    product: fields.ForeignKeyRelation["Product"] = fields.ForeignKeyField(
        "models.Product", related_name="order_items", on_delete=fields.RESTRICT
    )
    product_id: int
    product_name = fields.CharField(max_length=200)
    quantity = fields.IntField()
    #: Minor units agreed when the order was accepted.
    accepted_price = fields.BigIntField()
    #: The same, published once the order is completed; 0 until then.
    unit_price = fields.BigIntField(default=0)
    #: What the order failed for, of this item's product: off sale, or less of it than in all items of the order.
    failure_code = fields.CharEnumField(FailureCode, max_length=30, null=True)
    #: Pieces that there were of a product that was out of stock.
    available = fields.IntField(null=True)

    class Meta:
        table = "order_items"


class OrderItemRow(Row, model=OrderItem):
    """The columns of :class:`OrderItem`."""

    __slots__ = ()
    id: int
    order_id: int
    product_id: int
    product_name: str
    quantity: int
    accepted_price: int
    unit_price: int
    failure_code: FailureCode | None
    available: int | None


class OrderEvent(Model):
    """One step of an order's history. Rows are only ever added (``order_events_append_only``).

    A trigger fills in the order's user and draws the id only under a shared advisory lock
    (``EVENT_LOG_LOCK``, user). Whoever gets that lock alone knows that no event of the user is on its way, so
    that reading on from an id misses nothing: ids are drawn in an order, but transactions commit in another.
    """

    id = fields.BigIntField(primary_key=True)
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField("models.Order", related_name="events")
    order_id: int
    #: The order's user; never null in the database.
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="events", null=True, on_delete=fields.RESTRICT
    )
    user_id: int
    status = fields.CharEnumField(OrderStatus, max_length=20)
    failure_code = fields.CharEnumField(FailureCode, max_length=30, null=True)
    #: Who caused it; none for the worker.
    actor: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="order_events", null=True, on_delete=fields.RESTRICT
    )
    actor_id: int | None
    #: The request that did it; none for the worker, and in rows of releases that did not note it.
    request_id = fields.CharField(max_length=MAX_REQUEST_ID, null=True)
    #: The worker that did it and the number of its attempt; none for a request.
    worker = fields.CharField(max_length=MAX_WORKER, null=True)
    attempt = fields.SmallIntField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "order_events"


class OrderEventRow(Row, model=OrderEvent):
    """The columns of :class:`OrderEvent`."""

    __slots__ = ()
    id: int
    order_id: int
    user_id: int
    status: OrderStatus
    failure_code: FailureCode | None
    actor_id: int | None
    request_id: str | None
    worker: str | None
    attempt: int | None
    created_at: datetime


class OrderFailure(Model):
    """An attempt at an order that failed, because something was raised or its lease ran out. Rows are only ever added.

    Attempts count from 1 again for an order that was retried, so that of an order there may be two with one number.
    """

    id = fields.BigIntField(primary_key=True)
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField("models.Order", related_name="failures")
    order_id: int
    attempt = fields.SmallIntField()
    worker = fields.CharField(max_length=MAX_WORKER, null=True)
    #: The request that the attempt was for, where it is known.
    request_id = fields.CharField(max_length=MAX_REQUEST_ID, null=True)
    #: The class of what was raised, or ``LeaseExpired``.
    error = fields.CharField(max_length=MAX_ERROR)
    #: What it says, without values of rows, which could be of people.
    message = fields.CharField(max_length=MAX_ERROR_MESSAGE, default="")
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "order_failures"


class OrderFailureRow(Row, model=OrderFailure):
    """The columns of :class:`OrderFailure`."""

    __slots__ = ()
    id: int
    order_id: int
    attempt: int
    worker: str | None
    request_id: str | None
    error: str
    message: str
    created_at: datetime
