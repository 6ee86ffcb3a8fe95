"""``DeadLetter``, and the inputs and payloads of its mutations."""

from datetime import datetime

import strawberry

from engine.graphql import batch_field
from graph.operations.dead_letters import MAX_LETTERS, MAX_NAMED_ORDERS, DeadMessage
from graph.operations.queues import Queue
from graph.resolvers.context import Context
from graph.types.bounds import bounds
from graph.types.errors import Payload
from graph.types.orders import OrderType
from models import OrderRow

_KEYS = f"The `key`s of the messages: 1 to {MAX_LETTERS}. One that is gone by now does no harm."


@strawberry.type(name="DeadLetter", description="A message to the workers that was given up.")
class DeadLetterType:
    """A :class:`graph.operations.dead_letters.DeadMessage`."""

    key: str = strawberry.field(
        description="What `replayDeadLetters` and `dropDeadLetters` know it by, such as `orders:1795788000000-0`.",
        metadata=bounds(characters=40),
    )
    queue: Queue = strawberry.field(description="The queue that it was in.")
    task: str | None = strawberry.field(
        description="The name of the task that it was for; null if it was none of Tandem's messages.",
        metadata=bounds(characters=40),
    )
    order_count: int = strawberry.field(description="The number of orders that it was about.")
    deliveries: int | None = strawberry.field(
        description="How often it was delivered to a worker; null if that is not known."
    )
    reason: str = strawberry.field(
        description="Why it was given up, for people.", metadata=bounds(characters=250)
    )
    last_error: str | None = strawberry.field(
        description="What the last failed attempt at the first of its orders came to; null if there was none.",
        metadata=bounds(characters=610),
    )
    sent_at: datetime | None = strawberry.field(description="When it was sent; null if that is not known.")
    died_at: datetime = strawberry.field(description="When it was given up. It is kept for 30 days.")

    @batch_field(
        description=f"The first {MAX_NAMED_ORDERS} of the orders that it was about, without those that are gone.",
        graphql_type=list[OrderType],
        metadata=bounds(entries=MAX_NAMED_ORDERS),
    )
    async def orders(messages: list[DeadMessage], ctx: Context) -> list[list[OrderRow]]:
        ids = sorted({order_id for message in messages for order_id in message.order_ids})
        found = dict(zip(ids, await ctx.loaders.orders.load_many(ids), strict=True))
        return [[order for id in message.order_ids if (order := found[id])] for message in messages]


@strawberry.input(description="Which messages to send again.")
class ReplayDeadLettersInput:
    """Input of ``replayDeadLetters``."""

    keys: list[str] = strawberry.field(description=_KEYS)


@strawberry.input(description="Which messages to delete.")
class DropDeadLettersInput:
    """Input of ``dropDeadLetters``."""

    keys: list[str] = strawberry.field(description=_KEYS)


@strawberry.type
class DeadLettersOutcome:
    """What both mutations show."""

    count: int = strawberry.field(
        default=0, description="The number of messages that were still there; 0 after an error."
    )


@strawberry.type(description="The outcome of `replayDeadLetters`.")
class ReplayDeadLettersPayload(DeadLettersOutcome, Payload): ...


@strawberry.type(description="The outcome of `dropDeadLetters`.")
class DropDeadLettersPayload(DeadLettersOutcome, Payload): ...
