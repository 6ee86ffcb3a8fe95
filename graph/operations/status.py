"""Is all well? What an operator looks at first, of PostgreSQL and Redis at once, and what is wrong in sentences.

Every part is bounded, in rows looked at and in time, so that it can be asked of any database at any moment.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from redis.exceptions import NoPermissionError, RedisError

from core import database
from core.counted import counted
from core.resources import Resources
from core.service_errors import database_error
from core.settings import Settings
from engine.postgres import DATABASE_ERRORS, fetch
from engine.redis import GROUP, dead_letters_of
from graph.operations.open_orders import (
    IdleTransaction,
    LockWait,
    StatusCount,
    count_orders,
    find_idle_transactions,
    find_lock_waits,
    newest_failures,
)
from graph.operations.queues import Queue
from graph.resolvers.context import Context
from graph.resolvers.order_traces import STUCK_SECONDS
from models import OrderFailureRow
from models.readiness import missing_migrations
from tasks.heartbeat import LiveWorker, live_workers

T = TypeVar("T")

#: Seconds that PostgreSQL, and Redis beside it, may take for their parts.
PART_SECONDS = 3.0
#: Seconds after which a lock that somebody waits for is a problem.
LONG_LOCK_SECONDS = 5
#: Seconds after which a transaction with locks in which nothing happens is one.
LONG_IDLE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class QueueLength:
    """A stream of Redis that workers read: messages that wait or are in progress, and dead letters."""

    queue: Queue
    messages: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """The part of PostgreSQL."""

    orders: list[StatusCount]
    stuck_count: int
    retrying_count: int
    given_up_count: int
    oldest_open: int | None
    newest_given_up: int | None
    lock_waits: list[LockWait]
    idle_transactions: list[IdleTransaction]
    last_failures: list[OrderFailureRow]
    is_migrated: bool


@dataclass(frozen=True, slots=True)
class RedisStatus:
    """The part of Redis."""

    workers: list[LiveWorker]
    queues: list[QueueLength]


@dataclass(frozen=True)
class SystemStatus:
    """What there is to say of the system; a part that did not answer is None, and named among the problems.

    Args:
        problems: sentences with what to do, the gravest first; all is well if there are none.
    """

    checked_at: datetime
    database: DatabaseStatus | None
    redis: RedisStatus | None
    problems: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether there is nothing for an operator to do."""
        return not self.problems


async def get_system_status(ctx: Context) -> SystemStatus:
    """Return :func:`read_status` for an administrator.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
    """
    ctx.require_admin()
    return await read_status(ctx.resources)


async def read_status(resources: Resources) -> SystemStatus:
    """Ask PostgreSQL and Redis, and say what is wrong; never fails, and takes ``PART_SECONDS`` at most."""
    problems: list[str] = []
    in_database, in_redis = await asyncio.gather(
        _ask(_read_database(), problems, lambda error: f"{database_error(error)}."),
        _ask(_read_redis(resources), problems, describe_redis_error),
    )
    status = SystemStatus(datetime.now(UTC), in_database, in_redis, problems)
    if in_redis is not None:
        problems += _redis_problems(in_redis)
    if in_database is not None:
        problems += database_problems(in_database, status.checked_at)
    return status


async def status_of(settings: Settings) -> SystemStatus:
    """Connect to what *settings* name, and return :func:`read_status`."""
    async with connected(settings) as resources:
        return await read_status(resources)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Resources]:
    """Connect a command to what *settings* name, which may be down: no answer is waited for beyond ``PART_SECONDS``."""
    resources = Resources(settings.model_copy(update={"deadline_seconds": PART_SECONDS}))
    try:
        await database.connect(resources.settings)
        yield resources
    finally:
        await resources.close()


async def _ask(work: Awaitable[T], problems: list[str], describe: Callable[[Exception], str]) -> T | None:
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await work
    except TimeoutError:
        problems.append(describe(TimeoutError(f"no answer within {PART_SECONDS:.0f} s")))
    except (*DATABASE_ERRORS, RedisError, OSError) as error:
        problems.append(describe(error))
    return None


def describe_redis_error(error: Exception) -> str:
    """Say why Redis cannot be used."""
    if isinstance(error, NoPermissionError):
        return f"Redis refuses: {error}. tandem doctor says which rules its user lacks."
    reason = str(error).rstrip(".")
    return f"The Redis of TANDEM_REDIS_URL does not answer: {reason}. Until it does, orders wait in the database."


async def _read_database() -> DatabaseStatus:
    missing = await missing_migrations(fetch)
    counts = await count_orders()
    return DatabaseStatus(
        orders=counts.by_status,
        stuck_count=counts.stuck,
        retrying_count=counts.retrying,
        given_up_count=counts.given_up,
        oldest_open=counts.oldest_open,
        newest_given_up=counts.newest_given_up,
        lock_waits=await find_lock_waits(),
        idle_transactions=await find_idle_transactions(LONG_IDLE_SECONDS),
        last_failures=await newest_failures(),
        is_migrated=not missing,
    )


async def _read_redis(resources: Resources) -> RedisStatus:
    redis = resources.redis
    workers = await live_workers(redis, queue=Queue.ORDERS.stream, group=GROUP)
    async with redis.pipeline(transaction=False) as pipe:
        for queue in Queue:
            pipe.xlen(queue.stream)
            pipe.xlen(dead_letters_of(queue.stream))
        lengths = await pipe.execute()
    return RedisStatus(workers, list(map(QueueLength, Queue, lengths[::2], lengths[1::2])))


def _redis_problems(found: RedisStatus) -> list[str]:
    problems = []
    if not found.workers:
        problems.append("No worker is alive: start tandem worker. Orders wait in the database.")
    problems += [
        f"{counted(length.dead_letters, 'message')} of the queue {length.queue.value} went to the dead letters:"
        " tandem dead list says why."
        for length in found.queues
        if length.dead_letters
    ]
    return problems


def database_problems(found: DatabaseStatus, now: datetime) -> list[str]:
    """Return what is wrong with the orders and their database as of *now*, a sentence each with what to do."""
    problems = []
    if not found.is_migrated:
        problems.append("The database lacks a migration of this release: run tandem migrate.")
    if found.stuck_count:
        # They were counted a moment later, when an old order may have been retried that was final before.
        oldest = min((one.oldest_at for one in found.orders if one.is_open and one.oldest_at), default=now)
        problems.append(
            f"{counted(found.stuck_count, 'order')} open for longer than {STUCK_SECONDS} seconds, the oldest for"
            f" {age(now - oldest)}: tandem trace {found.oldest_open} says what hinders it."
        )
    if found.given_up_count:
        order = found.newest_given_up
        problems.append(
            f"{counted(found.given_up_count, 'order')} of the last day failed with PROCESSING_ERROR: tandem trace"
            f" {order} says why, tandem retry {order} (or --all) tries again."
        )
    problems += [
        f"Process {wait.pid} of PostgreSQL has waited for a lock ({wait.table or wait.kind}) for"
        f" {age(now - wait.since)}, which {wait.holder or 'another one'} holds."
        for wait in found.lock_waits
        if (now - wait.since).total_seconds() > LONG_LOCK_SECONDS
    ]
    problems += [
        f"Process {one.pid} of PostgreSQL ({one.program}) keeps locks in a transaction in which nothing has happened"
        f" for {age(now - one.since)}: orders that need what it has locked wait, or are refused. SELECT"
        f" pg_terminate_backend({one.pid}) in psql ends it."
        for one in found.idle_transactions
    ]
    return problems


def age(span: timedelta) -> str:
    """Return a span of time as people say it: its largest two units, ``3 d 4 h``."""
    seconds = max(0, int(span.total_seconds()))
    units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
    while len(units) > 2 and seconds < units[0][1]:
        del units[0]
    (large, size), (small, step) = units[:2]
    many, rest = divmod(seconds, size)
    return f"{many} {large} {rest // step} {small}" if many else f"{rest // step} {small}"
