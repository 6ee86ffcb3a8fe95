"""Writes down who calls what: every few seconds what an API process has counted is added to the day's numbers.

No request waits for it, and none fails for it. What cannot be written is kept and tried again; it is lost only with the
process. A write whose commit could not be told, as where the connection breaks just then, is repeated and counts twice.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from tortoise.transactions import in_transaction

from core.usage import MAX_CLIENTS, OTHER, UsageCounts
from engine.cancellation import cancel_and_wait
from engine.postgres import DATABASE_ERRORS, fetch
from models.advisory_locks import AdvisoryLock

logger = logging.getLogger("tandem.usage")

WRITE_SECONDS = 10.0
#: For the last write of a process that ends.
STOP_SECONDS = 5.0
#: Days that are kept while the database is away.
MAX_DAYS = 7
#: Stands for no client, in rows without calls: what is named there was counted on this day.
NOBODY = ""

#: Under which clients are let in: each writer has to see whom the one before has let in.
LOCK = "SELECT pg_advisory_xact_lock($1)"
#: A day has so many clients, whatever the processes have counted: of new ones those with the most calls come first, and
#: whoever finds no place is one of the others.
WRITE = """
WITH given AS (
    SELECT * FROM unnest($1::date[], $2::text[], $3::text[], $4::bigint[]) AS given (day, client, operation, calls)
), newcomers AS (
    SELECT day, client, row_number() OVER (PARTITION BY day ORDER BY sum(calls) DESC, client) AS place
    FROM given WHERE client <> ALL ($5) AND NOT EXISTS (
        SELECT FROM api_usage WHERE api_usage.day = given.day AND api_usage.client = given.client
    )
    GROUP BY day, client
), taken AS (
    SELECT day, (
        SELECT count(DISTINCT client) FROM api_usage WHERE api_usage.day = days.day AND client <> ALL ($5)
    ) AS places FROM (SELECT DISTINCT day FROM newcomers) AS days
), refused AS (
    SELECT day, client FROM newcomers JOIN taken USING (day) WHERE place + places > $6
)
INSERT INTO api_usage AS known (day, client, operation, calls)
SELECT day, CASE WHEN refused.client IS NULL THEN given.client ELSE $7 END AS client, operation, sum(calls)
FROM given LEFT JOIN refused USING (day, client) GROUP BY 1, 2, 3
ON CONFLICT (day, client, operation) DO UPDATE SET calls = known.calls + excluded.calls
"""


def _now() -> datetime:
    return datetime.now(UTC)


class UsageWriter:
    """Writes what one process counts.

    Args:
        counts: of the process.
        names: all that is counted. Each is noted once a day, so that it can be told from what nobody has counted.
        clock: returns the time, in UTC.
    """

    def __init__(
        self, counts: UsageCounts, names: Collection[str], clock: Callable[[], datetime] = _now
    ) -> None:
        self._counts = counts
        self._names = names
        self._clock = clock
        self._day = clock().date()
        self._noted: date | None = None
        self._unwritten: dict[date, UsageCounts] = {}
        self._fails = False
        self._stopped = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write every ``WRITE_SECONDS`` from now on, and at the end of each day."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what is left, if it takes no longer than ``STOP_SECONDS``."""
        self._stopped.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=STOP_SECONDS)
            await cancel_and_wait(self._task)

    async def _run(self) -> None:
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._stopped.wait()
            await self.write()

    def _pause(self) -> float:
        now = self._clock()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return min(WRITE_SECONDS, (midnight - now).total_seconds())

    async def write(self) -> None:
        """Add to the numbers in the database what was counted since; what fails is kept for the next time."""
        self._gather()
        unwritten, self._unwritten = self._unwritten, {}
        try:
            await _write(unwritten)
        except BaseException as error:
            self._keep(unwritten)
            if not isinstance(error, Exception):
                raise
            self._tell(error)
        else:
            if self._fails:
                logger.warning("What clients use is written down again")
            self._fails = False

    def _gather(self) -> None:
        """Put what was counted to the day in which that began."""
        day, self._day = self._day, self._clock().date()
        counts = self._unwritten.setdefault(day, UsageCounts())
        if self._noted != day:
            self._noted = day
            counts.add({NOBODY: dict.fromkeys(self._names, 0)})
        counts.add(self._counts.take())

    def _keep(self, unwritten: dict[date, UsageCounts]) -> None:
        for day, counts in unwritten.items():
            self._unwritten.setdefault(day, UsageCounts()).add(counts.take())
        while len(self._unwritten) > MAX_DAYS:
            logger.error("What clients used on %s is lost: it could not be written", min(self._unwritten))
            del self._unwritten[min(self._unwritten)]

    def _tell(self, error: Exception) -> None:
        if not self._fails:
            is_outage = isinstance(error, DATABASE_ERRORS)
            logger.warning(
                "What clients use cannot be written down, and is kept: %r", error, exc_info=not is_outage
            )
        self._fails = True


async def _write(unwritten: dict[date, UsageCounts]) -> None:
    rows = [(day, *row) for day, counts in unwritten.items() for row in counts.rows()]
    if rows:
        async with in_transaction():
            await fetch(LOCK, [AdvisoryLock.USAGE])
            await fetch(WRITE, [*map(list, zip(*rows, strict=True)), [NOBODY, OTHER], MAX_CLIENTS, OTHER])
