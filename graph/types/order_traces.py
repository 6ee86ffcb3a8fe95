"""What administrators see of orders that hang or have failed, and what they can do."""

from datetime import datetime
from typing import Any

import strawberry

from core.errors import ErrorCode
from core.masked_errors import MAX_ERROR, MAX_ERROR_MESSAGE
from engine.graphql import batch_field
from graph.resolvers.context import Context
from graph.resolvers.order_placement import MAX_ITEMS
from graph.resolvers.order_retries import why_not_retry
from graph.resolvers.order_traces import (
    MAX_STUCK_SECONDS,
    STUCK_SECONDS,
    OrderWait,
    last_failures,
    list_order_failures,
    wait_of,
)
from graph.resolvers.pagination import Page
from graph.types.bounds import bounds
from graph.types.connections import connection_field
from graph.types.enums import describe
from graph.types.errors import Payload
from graph.types.orders import OrderEventType, OrderOutcome, OrderType, Permission
from graph.types.stock_movements import StockMovementType
from models import Order, OrderEventRow, OrderFailureRow, OrderRow, StockMovementRow
from models.orders import MAX_RETRIES

describe(
    OrderWait,
    "What an open order waits for.",
    {
        "WORKER": "For a worker to claim it: there is none, all are busy, or something that it needs is locked.",
        "ATTEMPT": "For the worker that has it, until `nextTryAt`.",
        "NEXT_ATTEMPT": "For `nextTryAt`, because an attempt has failed: `lastFailure` says for what.",
        "SWEEP": "For a worker to take it over: it is due, or the one that had it has given no sign in time.",
    },
)


@strawberry.type(name="OrderFailure", description="An attempt at an order that failed.")
class OrderFailureType:
    """A row of :class:`models.OrderFailure`."""

    attempt: int = strawberry.field(
        description="The number of the attempt, which counts from 1 again for an order that was retried."
    )
    worker: str | None = strawberry.field(description="The name of the worker; null if it is not known.")
    request_id: str | None = strawberry.field(
        description="The `requestId` of the event by which the order came to the worker; null if it is not known."
    )
    error: str = strawberry.field(
        description="The class of what went wrong; `LeaseExpired` if the worker ended, or hung, without a word.",
        metadata=bounds(characters=MAX_ERROR),
    )
    message: str = strawberry.field(
        description="What it says, without values of rows; may be empty.",
        metadata=bounds(characters=MAX_ERROR_MESSAGE),
    )
    created_at: datetime = strawberry.field(description="When it was noted.")

    @batch_field(reads=("order_id",), description="The order.", graphql_type=OrderType)
    async def order(failures: list[OrderFailureRow], ctx: Context) -> list[OrderRow | None]:
        return await ctx.loaders.orders.load_many([failure.order_id for failure in failures])


@strawberry.type(name="OrderTrace", description="What became of an order so far, and what it waits for.")
class OrderTraceType:
    """A row of :class:`models.Order`, for administrators."""

    attempts: int = strawberry.field(
        description="How many times a worker has claimed the order since it was placed, or last retried."
    )

    @batch_field(description="What the order waits for; null once its status is final.")
    def waits_for(orders: list[Order | OrderRow], _ctx: Context) -> list[OrderWait | None]:
        return [wait_of(order) for order in orders]

    @batch_field(
        description="When a worker gets the order next, should it not be done by then; null once its status is final.",
    )
    def next_try_at(orders: list[Order | OrderRow], _ctx: Context) -> list[datetime | None]:
        return [order.due_at for order in orders]

    @batch_field(
        reads=("id", "OrderEvent.request_id"),
        description="The events that requests caused, oldest first: placed, cancelled, retried.",
        graphql_type=list[OrderEventType],
        metadata=bounds(entries=MAX_RETRIES + 2),
    )
    async def requests(orders: list[Order | OrderRow], ctx: Context) -> list[list[OrderEventRow]]:
        histories = await ctx.loaders.events.load_many([order.id for order in orders])
        return [[event for event in history if event.request_id] for history in histories]

    @batch_field(
        reads=("id",),
        description="The last attempt that failed; null if none has.",
        graphql_type=OrderFailureType | None,
    )
    async def last_failure(orders: list[Order | OrderRow], ctx: Context) -> list[OrderFailureRow | None]:
        return await last_failures(ctx, [order.id for order in orders])

    @connection_field(OrderFailureType)
    async def failures(order: Order | OrderRow, ctx: Context, **given: Any) -> Page[OrderFailureRow]:
        """The attempts that failed, the newest first."""
        columns = ctx.loaders.columns_of("OrderFailure")
        return await list_order_failures(ctx, order.id, **given, columns=columns)

    @batch_field(
        reads=("id",),
        description="The stock that the order has taken, oldest movement first; empty until it is completed.",
        graphql_type=list[StockMovementType],
        metadata=bounds(entries=MAX_ITEMS),
    )
    async def stock_movements(orders: list[Order | OrderRow], ctx: Context) -> list[list[StockMovementRow]]:
        columns = ctx.loaders.columns_of("StockMovement")
        return await ctx.loaders.by_order(StockMovementRow, columns).load_many([order.id for order in orders])

    @batch_field(
        description="Whether `retryOrder` would accept the order now, unless it was retried"
        f" {MAX_RETRIES} times already."
    )
    def retry(orders: list[Order | OrderRow], _ctx: Context) -> list[Permission]:
        refused = Permission(allowed=False, code=ErrorCode.ORDER_NOT_RETRYABLE)
        return [refused if why_not_retry(order) else Permission(allowed=True, code=None) for order in orders]


@strawberry.input(description="Which orders count as stuck.")
class StuckOrderFilter:
    open_for_seconds: int = strawberry.field(
        default=STUCK_SECONDS,
        description="How many seconds ago an order was placed at least, retried or not, that is still open: 0 to"
        f" {MAX_STUCK_SECONDS:,}.",
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :func:`graph.resolvers.order_traces.list_stuck_orders`."""
        return {"open_for_seconds": self.open_for_seconds}


@strawberry.input(description="The order to retry.")
class RetryOrderInput:
    """Input of ``retryOrder``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the order.")


@strawberry.type(description="The outcome of `retryOrder`: the order, pending again.")
class RetryOrderPayload(OrderOutcome, Payload): ...
