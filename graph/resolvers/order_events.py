"""The log of what happened to orders: read from a cursor on, and followed live, with nothing left out.

A cursor is the id of an event. Within one order, events are inserted under the lock of the order's row, so ids
follow commits. Across the orders of a user they do not by themselves: see :class:`models.OrderEvent`.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from weakref import WeakValueDictionary

from tortoise.transactions import in_transaction

from engine.postgres import Columns, QueryBatcher, Select, fetch
from graph.resolvers.context import Context
from graph.resolvers.notifications import while_signed_in
from graph.resolvers.orders import get_order
from graph.resolvers.pagination import NO_COLUMNS, Ordering, decode_cursor, encode_cursor
from models import OrderEventRow, OrderStatus
from models.orders import EVENT_LOG_LOCK
from tasks.events import order_channel, orders_channel

BATCH = 100
BY_ID = Ordering("id")

TRY_LOCK = "SELECT pg_try_advisory_xact_lock($1, $2)"
STATUS = frozenset(("status",))
#: Pauses, in seconds, while another transaction is about to add to the log: it is at its end, so they are short.
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.1
#: Seconds after which those who follow a user's log do not wait any longer for another's look at it.
MAX_WAIT = 1.0

#: After which event, and what will be read of those that follow; without one, of the last.
_Place = tuple[int | None, Columns]
#: Reads one user's log at a moment when no transaction is about to add to it: only one can look at a time.
_Log = QueryBatcher[_Place, list[OrderEventRow]]


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events after a cursor, oldest first, and whether there are more."""

    events: list[OrderEventRow]
    has_next: bool


def events_until(status: OrderStatus, events: list[OrderEventRow]) -> list[OrderEventRow]:
    """Return the *events* of an order up to the one that reached *status*.

    They are read after the order, and so may be ahead of it: whoever follows the log from the last of them would take
    the order for what it was before. An order that is retried reaches a status twice, but not between two statements.
    """
    for number in range(len(events), 0, -1):
        if events[number - 1].status is status:
            return events[:number]
    return events


def events_after(cursor: str | None, histories: list[list[OrderEventRow]]) -> list[list[OrderEventRow]]:
    """Return those events of each history that come after a cursor; all of them without one.

    Raises:
        ValidationFailed: the cursor is not one of this log.
    """
    position = _position(cursor)
    if not position:
        return histories
    return [[event for event in events if event.id > position] for events in histories]


def event_cursor(event: OrderEventRow) -> str:
    """Return the cursor that means: after this event."""
    return encode_cursor(BY_ID, event)


async def list_order_events(
    ctx: Context, order_id: int, *, after: str | None = None, limit: int = BATCH, columns: Columns = None
) -> EventPage:
    """Return the events of one order.

    Args:
        after: a cursor; from the beginning if not given.
        limit: how many at most.
        columns: what will be read of them; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        OrderNotFound: there is no such order.
        NotOwner: it is somebody else's.
        ValidationFailed: the cursor is not one of this log.
    """
    order = await get_order(ctx, order_id, columns=NO_COLUMNS)
    events = Select(OrderEventRow).where(order_id=order.id, id__gt=_position(after))
    rows = (await events.fetch(columns, BY_ID.terms, limit=limit + 1)).rows
    return EventPage(rows[:limit], has_next=len(rows) > limit)


def _position(cursor: str | None) -> int:
    return decode_cursor(OrderEventRow, BY_ID, cursor, argument="after")[0] if cursor else 0


async def watch_order_events(
    ctx: Context, *, order_id: int | None = None, after: str | None = None, columns: Columns = None
) -> AsyncGenerator[OrderEventRow, None]:
    """Yield the events after a cursor, then each new one: every event once, in order, whichever process made it.

    Args:
        order_id: the events of this order, ending with its last; else those of all the viewer's orders, without end.
        after: a cursor. Without one, an order's log is replayed from the beginning, and the viewer's begins now.
        columns: what will be read of them; all if not given.

    Raises:
        AuthenticationError: nobody is signed in, or not any more.
        OrderNotFound: there is no such order.
        NotOwner: it is somebody else's.
        ValidationFailed: the cursor is not one of this log.
    """
    user = ctx.require_user()
    channel = orders_channel(user.id) if order_id is None else order_channel(order_id)
    log = _log_of(user.id)
    # Listening begins before the first look, so nothing falls between the two.
    async with aclosing(while_signed_in(ctx, channel)) as notifications:
        position = None if order_id is None and not after else _position(after)
        async for _ in notifications:
            if position is None:
                position = await _end_of_log(log)
            order = await get_order(ctx, order_id, columns=STATUS) if order_id is not None else None
            if order is None:
                async with aclosing(_of_user(log, position, columns)) as found:
                    async for event in found:
                        position = event.id
                        yield event
                continue
            history = await _of_order(ctx, order.id, columns)
            for event in history:
                if event.id > position:
                    position = event.id
                    yield event
            # Not at the first final event: the order may have been retried since.
            if order.status.is_final or (history and history[-1].status.is_final):
                return


async def _of_order(ctx: Context, order_id: int, columns: Columns) -> list[OrderEventRow]:
    # By the loader, which has one statement for all who look now; an order's history has a bound.
    # The status tells the last event.
    columns = columns if columns is None else columns | {"status"}
    return await ctx.loaders.by_order(OrderEventRow, columns).load(order_id)


async def _of_user(log: _Log, position: int, columns: Columns) -> AsyncGenerator[OrderEventRow, None]:
    while True:
        rows = await log.submit((position, columns))
        for event in rows:
            yield event
        if len(rows) < BATCH:
            return
        position = rows[-1].id


#: What all who follow a user's log in this process read it by, as long as somebody does.
_logs: WeakValueDictionary[int, _Log] = WeakValueDictionary()


def _log_of(user_id: int) -> _Log:
    log = _logs.get(user_id)
    if log is None:
        log = _Log(partial(_read_log, user_id), max_wait=MAX_WAIT, name="Looks at logs of events")
        _logs[user_id] = log
    return log


async def _end_of_log(log: _Log) -> int:
    rows = await log.submit((None, NO_COLUMNS))
    return rows[0].id if rows else 0


async def _read_log(user_id: int, places: Sequence[_Place]) -> list[list[OrderEventRow]]:
    """Return what follows each place; those who have come as far as each other share the rows."""
    pause = SHORTEST_PAUSE
    while True:
        async with in_transaction():
            ((locked,),) = await fetch(TRY_LOCK, [EVENT_LOG_LOCK, user_id])
            if locked:
                found = {place: await _read_place(user_id, *place) for place in dict.fromkeys(places)}
                return [found[place] for place in places]
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)


async def _read_place(user_id: int, position: int | None, columns: Columns) -> list[OrderEventRow]:
    events = Select(OrderEventRow).where(user_id=user_id)
    if position is None:
        return (await events.fetch(columns, BY_ID.reversed().terms, limit=1)).rows
    return (await events.where(id__gt=position).fetch(columns, BY_ID.terms, limit=BATCH)).rows
