"""``SystemStatus`` and its parts: what ``tandem status`` shows, for GraphQL."""

from datetime import datetime

import strawberry

from graph.operations.open_orders import (
    GIVEN_UP_DAYS,
    MAX_COUNTED,
    MAX_COUNTED_FINAL,
    MAX_FAILURES,
    MAX_LOCK_WAITS,
)
from graph.operations.queues import Queue
from graph.operations.status import PART_SECONDS
from graph.resolvers.order_traces import STUCK_SECONDS
from graph.types.bounds import bounds
from graph.types.order_traces import OrderFailureType
from models import OrderStatus
from tasks.heartbeat import ALIVE_SECONDS, MAX_WORKERS

_EXACT = f"exact below {MAX_COUNTED:,} for open ones and below {MAX_COUNTED_FINAL:,} for final ones"
_CAPPED = f"counted up to {MAX_COUNTED:,}"


@strawberry.type(name="OrderStatusCount", description="The orders of one status.")
class StatusCountType:
    """A :class:`graph.operations.open_orders.StatusCount`."""

    status: OrderStatus = strawberry.field(description="The status.")
    count: int = strawberry.field(
        description=f"The number of orders that have it: {_EXACT}; from there on at least that, and"
        " an estimate by PostgreSQL's statistics, which are as of its last ANALYZE and some percent off. So no table is"
        " ever scanned."
    )
    is_estimate: bool = strawberry.field(description="Whether `count` is an estimate.")
    oldest_at: datetime | None = strawberry.field(
        description="When the oldest of them was placed; null if there is none."
    )


@strawberry.type(name="LockWait", description="A process of PostgreSQL that waits for a lock.")
class LockWaitType:
    """A :class:`graph.operations.open_orders.LockWait`."""

    pid: int = strawberry.field(description="PostgreSQL's number of the process that waits.")
    since: datetime = strawberry.field(description="Since when it has waited.")
    kind: str = strawberry.field(
        description="What is locked, in PostgreSQL's words (`pg_locks.locktype`): `transactionid` is a row."
    )
    table: str | None = strawberry.field(
        description="The table that it is in; null if it is in none or that is not known.",
        metadata=bounds(characters=130),
    )
    blocked_by: list[int] = strawberry.field(
        description="The numbers of the processes that stand before it, which `pg_terminate_backend` takes."
    )
    holder: str | None = strawberry.field(
        description="The first of them, in words: program, role, and what it does as far as Tandem's role may see it;"
        " null if it has gone.",
        metadata=bounds(characters=250),
    )


@strawberry.type(name="DatabaseStatus", description="What PostgreSQL tells of the orders.")
class DatabaseStatusType:
    """A :class:`graph.operations.status.DatabaseStatus`."""

    orders: list[StatusCountType] = strawberry.field(
        description="The orders by status, one entry for each, in the order in which an order passes them.",
        metadata=bounds(entries=len(OrderStatus)),
    )
    stuck_count: int = strawberry.field(
        description=f"The number of orders that are still open {STUCK_SECONDS} seconds after they were placed:"
        f" {_CAPPED}. Where all is well an order takes milliseconds."
    )
    retrying_count: int = strawberry.field(
        description="The number of orders that an attempt has failed for, and that are tried again:"
        f" {_CAPPED}."
    )
    given_up_count: int = strawberry.field(
        description=f"The number of orders, placed within the last {GIVEN_UP_DAYS * 24} hours, that have failed with"
        f" `PROCESSING_ERROR`: {_CAPPED}."
    )
    lock_waits: list[LockWaitType] = strawberry.field(
        description=f"Who waits for a lock just now, the longest first: at most {MAX_LOCK_WAITS}.",
        metadata=bounds(entries=MAX_LOCK_WAITS),
    )
    last_failures: list[OrderFailureType] = strawberry.field(
        description=f"The newest failed attempts at any order: at most {MAX_FAILURES}.",
        metadata=bounds(entries=MAX_FAILURES),
    )
    is_migrated: bool = strawberry.field(
        description="Whether every migration of this release has been applied."
    )


@strawberry.type(name="Worker", description="A worker process that is alive.")
class WorkerType:
    """A :class:`tasks.heartbeat.LiveWorker`."""

    name: str = strawberry.field(
        description="Its name: machine, process id and a random number, as the log has it.",
        metadata=bounds(characters=100),
    )
    since: datetime = strawberry.field(description="When it started, by the clock of its machine.")
    in_progress: int = strawberry.field(
        description="The number of messages about orders that it holds; one message may be about several orders."
    )


@strawberry.type(name="QueueLength", description="How much is in a queue.")
class QueueLengthType:
    """A :class:`graph.operations.status.QueueLength`."""

    queue: Queue = strawberry.field(description="The queue.")
    messages: int = strawberry.field(
        description="The number of messages that wait or are in progress. An order that waits for its next attempt"
        " is in the database and has none."
    )
    dead_letters: int = strawberry.field(
        description="The number of messages that were given up, for 30 days; `deadLetters` shows them."
    )


@strawberry.type(name="RedisStatus", description="What Redis tells of the workers.")
class RedisStatusType:
    """A :class:`graph.operations.status.RedisStatus`."""

    workers: list[WorkerType] = strawberry.field(
        description=f"The worker processes that have shown a sign of life within {ALIVE_SECONDS} seconds, by name: at"
        f" most {MAX_WORKERS}.",
        metadata=bounds(entries=MAX_WORKERS),
    )
    queues: list[QueueLengthType] = strawberry.field(
        description="The queues: of orders, and of mail.", metadata=bounds(entries=len(Queue))
    )


@strawberry.type(
    name="SystemStatus",
    description="Whether all is well, and the figures behind that: what `tandem status` shows.",
)
class SystemStatusType:
    """A :class:`graph.operations.status.SystemStatus`."""

    is_well: bool = strawberry.field(description="Whether all is well: there are no `problems`.")
    problems: list[str] = strawberry.field(
        description="What is wrong, a sentence each with what to do, for people.",
        metadata=bounds(characters=300),
    )
    checked_at: datetime = strawberry.field(description="When this was looked up.")
    database: DatabaseStatusType | None = strawberry.field(
        description=f"What PostgreSQL tells; null if it did not within {PART_SECONDS:.0f} seconds."
    )
    redis: RedisStatusType | None = strawberry.field(
        description=f"What Redis (or Valkey) tells; null if it did not within {PART_SECONDS:.0f} seconds."
    )
