"""Messages that workers have given up: what they were about, and how they are sent again or dropped."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from redis.exceptions import RedisError
from taskiq.message import TaskiqMessage

from core.errors import ServiceUnavailable
from core.resources import Resources
from engine.postgres import DATABASE_ERRORS
from engine.redis import DeadLetter, DeadLetters, SignedFormatter
from graph.operations.queues import Queue
from graph.resolvers.context import Context
from graph.resolvers.order_traces import newest_failures_of
from graph.resolvers.validation import refuse
from tasks.broker import formatter_for
from tasks.orders import process_orders

#: Most messages in one answer, and in one request to send them again or to drop them.
MAX_LETTERS = 100
#: Of a message about many orders so many are named.
MAX_NAMED_ORDERS = 10
_KEY = re.compile(r"(orders|mail):([0-9]{1,15}-[0-9]{1,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that was given up. Who a mail was for is not told.

    Args:
        key: ``queue:id``, by which it is sent again or dropped.
        task: the name of the task; None where the message was not ours to begin with.
        order_ids: the first ``MAX_NAMED_ORDERS`` of the orders that it was about.
        order_count: how many orders it was about.
        last_error: what the last failed attempt at the first of these orders came to, where there was one.
    """

    key: str
    queue: Queue
    task: str | None
    order_ids: list[int]
    order_count: int
    deliveries: int | None
    reason: str
    sent_at: datetime | None
    died_at: datetime
    last_error: str | None = None


async def list_dead_letters(ctx: Context, *, count: int, queue: Queue | None = None) -> list[DeadMessage]:
    """Return :func:`read_dead_letters` for an administrator.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: *count* is out of bounds.
        ServiceUnavailable: Redis does not answer.
    """
    ctx.require_admin()
    if not 1 <= count <= MAX_LETTERS:
        refuse("first", f"first must be between 1 and {MAX_LETTERS}")
    try:
        return await read_dead_letters(ctx.resources, count=count, queue=queue)
    except (RedisError, OSError) as error:
        raise ServiceUnavailable from error


async def replay_dead_letters(ctx: Context, keys: Sequence[str]) -> int:
    """Send messages again for an administrator; see :func:`replay`.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: no keys, too many, or what is none.
        ServiceUnavailable: Redis does not answer.
    """
    ctx.require_admin()
    try:
        return await replay(ctx.resources, keys)
    except (RedisError, OSError) as error:
        raise ServiceUnavailable from error


async def drop_dead_letters(ctx: Context, keys: Sequence[str]) -> int:
    """Drop messages for an administrator; raises what :func:`replay_dead_letters` does."""
    ctx.require_admin()
    try:
        return await drop(ctx.resources, keys)
    except (RedisError, OSError) as error:
        raise ServiceUnavailable from error


def check_keys(keys: Sequence[str]) -> None:
    """Refuse what no messages can be found by.

    Raises:
        ValidationFailed: no keys, too many, or what is none.
    """
    if not 1 <= len(keys) <= MAX_LETTERS:
        refuse("keys", f"Between 1 and {MAX_LETTERS} keys at once")
    for key in keys:
        if not _KEY.fullmatch(key):
            refuse("keys", "A key is orders: or mail:, and then the id of the message")


async def read_dead_letters(
    resources: Resources, *, count: int, queue: Queue | None = None
) -> list[DeadMessage]:
    """Return up to *count* messages of one queue, or of all, the newest first.

    Raises:
        RedisError, OSError: Redis does not answer.
    """
    formatter = formatter_for(resources.settings)
    found = [
        _read(name, letter, formatter)
        for name in ([queue] if queue else Queue)
        for letter in await DeadLetters(resources.redis, name.stream).newest(count)
    ]
    found.sort(key=lambda message: message.died_at, reverse=True)
    return await _with_errors(found[:count])


async def replay(resources: Resources, keys: Sequence[str]) -> int:
    """Send messages again as they were, and return how many: those that are gone do not count.

    Nothing is done twice by it: an order that is done is left alone, and a mail of more than a day ago is refused once
    more.

    Raises:
        ValidationFailed: no keys, too many, or what is none.
        RedisError, OSError: Redis does not answer.
    """
    check_keys(keys)
    return sum([await letters.put_back(ids) for letters, ids in _by_queue(resources, keys)])


async def drop(resources: Resources, keys: Sequence[str]) -> int:
    """Delete messages, and return how many. An order whose message is dropped is still in the database.

    Raises:
        ValidationFailed: no keys, too many, or what is none.
        RedisError, OSError: Redis does not answer.
    """
    check_keys(keys)
    return sum([await letters.delete(ids) for letters, ids in _by_queue(resources, keys)])


def _by_queue(resources: Resources, keys: Sequence[str]) -> list[tuple[DeadLetters, list[str]]]:
    ids: dict[str, list[str]] = {}
    for key in keys:
        queue, _, id_ = key.partition(":")
        ids.setdefault(queue, []).append(id_)
    return [(DeadLetters(resources.redis, Queue(queue).stream), some) for queue, some in ids.items()]


def _read(queue: Queue, letter: DeadLetter, formatter: SignedFormatter) -> DeadMessage:
    try:
        message = formatter.loads(letter.data)
    except Exception:  # anybody may have written it
        task, order_ids = None, []
    else:
        task, order_ids = message.task_name, _orders_of(message)
    return DeadMessage(
        key=f"{queue}:{letter.id}",
        queue=queue,
        task=task,
        order_ids=order_ids[:MAX_NAMED_ORDERS],
        order_count=len(order_ids),
        deliveries=letter.deliveries,
        reason=letter.reason,
        sent_at=letter.sent_at,
        died_at=letter.died_at,
    )


def _orders_of(message: TaskiqMessage) -> list[int]:
    """Return the orders that a message of ours is about."""
    if message.task_name != process_orders.task_name or not message.args:
        return []
    return [order_id for order_id in message.args[0] if isinstance(order_id, int)]


async def _with_errors(messages: list[DeadMessage]) -> list[DeadMessage]:
    """Add what is known of why; without the database nothing is."""
    first = [message.order_ids[0] for message in messages if message.order_ids]
    try:
        failures = await newest_failures_of(first) if first else {}
    except DATABASE_ERRORS:
        failures = {}
    errors = {id: f"{row.error}: {row.message}".removesuffix(": ") for id, row in failures.items()}
    return [
        replace(message, last_error=errors.get(message.order_ids[0])) if message.order_ids else message
        for message in messages
    ]
