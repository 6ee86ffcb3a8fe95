"""The log of what happened to orders: read from a cursor on, and followed live, with nothing left out.

A cursor is the id of an event. Within one order, events are inserted under the lock of the order's row, so ids
follow commits. Across the orders of a user they do not by themselves: see :class:`models.OrderEvent`.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from engine.postgres.rows import row_columns
from engine.postgres.select import Read, Selection
from graph.resolvers.context import Context
from graph.resolvers.loaders import read_of
from graph.resolvers.notifications import while_signed_in
from graph.resolvers.orders import get_order
from graph.resolvers.pagination import Ordering, decode_cursor, encode_cursor
from models import OrderEvent
from models.orders import EVENT_LOG_LOCK
from tasks.events import order_channel, orders_channel

BATCH = 100
BY_ID = Ordering("id")

TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1, $2) AS locked"
#: Pauses, in seconds, while another transaction is about to add to the log: it is at its end, so they are short.
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events after a cursor, oldest first, and whether there are more."""

    events: list[OrderEvent]
    has_next: bool


def event_cursor(event: OrderEvent) -> str:
    """Return the cursor that means: after this event."""
    return encode_cursor(BY_ID, event)


async def list_order_events(
    ctx: Context, order_id: int, *, after: str | None = None, limit: int = BATCH
) -> EventPage:
    """Return the events of one order.

    Args:
        after: a cursor; from the beginning if not given.
        limit: how many at most.

    Raises:
        AuthenticationError: nobody is signed in.
        OrderNotFound: there is no such order.
        NotOwner: it is somebody else's.
        ValidationFailed: the cursor is not one of this log.
    """
    order = await get_order(ctx, order_id)
    rows = await _events_after(ctx, order.id, _position(after), limit + 1)
    return EventPage(rows[:limit], has_next=len(rows) > limit)


async def _events_after(ctx: Context, order_id: int, position: int, limit: int) -> list[OrderEvent]:
    # The status tells the last event.
    columns = row_columns(OrderEvent, read_of(ctx.reads, "OrderEvent"), "status")
    read = Read(columns, BY_ID.terms, limited=True)
    return await Selection(OrderEvent).where(order_id=order_id, id__gt=position).fetch(read, limit)


def _position(cursor: str | None) -> int:
    return decode_cursor(OrderEvent, BY_ID, cursor, argument="after")[0] if cursor is not None else 0


async def watch_order_events(
    ctx: Context, *, order_id: int | None = None, after: str | None = None
) -> AsyncGenerator[OrderEvent, None]:
    """Yield the events after a cursor, then each new one: every event once, in order, whichever process made it.

    Args:
        order_id: the events of this order, ending with its last; else those of all the viewer's orders, without end.
        after: a cursor. Without one, an order's log is replayed from the beginning, and the viewer's begins now.

    Raises:
        AuthenticationError: nobody is signed in, or not any more.
        OrderNotFound: there is no such order.
        NotOwner: it is somebody else's.
        ValidationFailed: the cursor is not one of this log.
    """
    user = ctx.require_user()
    channel = orders_channel(user.id) if order_id is None else order_channel(order_id)
    # Listening begins before the first look, so nothing falls between the two.
    async with aclosing(while_signed_in(ctx, channel)) as occasions:
        position = None if order_id is None and after is None else _position(after)
        async for _ in occasions:
            if position is None:
                position = await _end_of_log(user.id)
            events = _of_order(ctx, order_id, position) if order_id else _of_user(user.id, position)
            async with aclosing(events) as found:
                async for event in found:
                    position = event.id
                    yield event
                    if order_id is not None and event.status.is_final:
                        return


async def _of_order(ctx: Context, order_id: int, position: int) -> AsyncGenerator[OrderEvent, None]:
    order = await get_order(ctx, order_id)
    while True:
        rows = await _events_after(ctx, order.id, position, BATCH)
        for event in rows:
            yield event
        if len(rows) < BATCH:
            return
        position = rows[-1].id


async def _of_user(user_id: int, position: int) -> AsyncGenerator[OrderEvent, None]:
    while True:
        rows = await _settled(user_id, OrderEvent.filter(id__gt=position).order_by("id").limit(BATCH))
        for event in rows:
            yield event
        if len(rows) < BATCH:
            return
        position = rows[-1].id


async def _end_of_log(user_id: int) -> int:
    rows = await _settled(user_id, OrderEvent.all().order_by("-id").limit(1))
    return rows[0].id if rows else 0


async def _settled(user_id: int, events: QuerySet[OrderEvent]) -> list[OrderEvent]:
    """Read a user's log at a moment when no transaction is about to add to it."""
    pause = SHORTEST_PAUSE
    while True:
        async with in_transaction() as connection:
            (answer,) = await connection.execute_query_dict(TRY_LOCK, [EVENT_LOG_LOCK, user_id])
            if answer["locked"]:
                # Named, because a query set keeps the connection of the place where it was begun. On another
                # one of the pool it would wait for those who wait here: with as many of them as the pool has, for ever.
                return await events.filter(user_id=user_id).using_db(connection)
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)
