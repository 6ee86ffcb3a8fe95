"""Who uses what of both APIs, and whether something may go: what ``tandem usage`` and ``apiUsage`` tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from engine.postgres import fetch
from graph.resolvers.context import Context
from graph.resolvers.validation import refuse
from models import MAX_ID
from tasks.usage import NOBODY

#: Days of which can be told at most, and those in which what is to be removed must not have been used.
MAX_DAYS = 400
QUIET_DAYS = 30
#: Lines in one answer.
MAX_LINES = 1_000

#: What nobody has used has one line, without a client. GraphQL's Int ends where the numbers are cut.
READ = f"""
SELECT operation, nullif(client, '{NOBODY}') AS client, least(calls, {MAX_ID})::int AS calls, day FROM (
    SELECT operation, client, sum(calls) AS calls, max(day) FILTER (WHERE calls > 0) AS day,
        sum(sum(calls)) OVER (PARTITION BY operation) AS total
    FROM api_usage
    WHERE day > $1 AND ($2::text IS NULL OR operation = $2)
    GROUP BY operation, client
) AS used
WHERE (client <> '{NOBODY}' OR total = 0) AND ($3::text IS NULL OR client = $3)
ORDER BY total DESC, operation, calls DESC, client LIMIT $4
"""  # noqa: S608 - names of ours
SINCE = "SELECT min(day) FROM api_usage WHERE operation = $1"


@dataclass(frozen=True, slots=True)
class Usage:
    """How often one client has used one thing; without a client, that nobody has.

    Args:
        operation: an operation of v1, a field of GraphQL's root, or the coordinate of something deprecated.
        day: the last on which it did (ISO 8601).
    """

    operation: str
    client: str | None
    calls: int
    day: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something may be removed, and why not.

    Args:
        counted_since: the first day on which its uses were counted; None if they never were.
        used_by: the lines of those who have used it.
    """

    name: str
    may_remove: bool
    reason: str
    counted_since: date | None
    used_by: Sequence[Usage]


async def list_usage(
    ctx: Context, *, days: int, count: int, operation: str | None = None, client: str | None = None
) -> list[Usage]:
    """Return :func:`read_usage` for an administrator.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: *days* or *count* is out of bounds.
    """
    ctx.require_admin()
    if not 1 <= days <= MAX_DAYS:
        refuse("days", f"days must be between 1 and {MAX_DAYS}")
    if not 1 <= count <= MAX_LINES:
        refuse("first", f"first must be between 1 and {MAX_LINES}")
    return await read_usage(days=days, count=count, operation=operation, client=client)


async def read_usage(
    *, days: int, count: int, operation: str | None = None, client: str | None = None
) -> list[Usage]:
    """Return who has used what in the last *days*, today included, what is used most first, unused things last.

    Args:
        count: of lines at most.
        operation: only this.
        client: only this one.
    """
    rows = await fetch(READ, [_today() - timedelta(days=days), operation, client, count])
    return [
        Usage(row["operation"], row["client"], row["calls"], row["day"] and row["day"].isoformat())
        for row in rows
    ]


async def judge(name: str, *, days: int = QUIET_DAYS) -> Verdict:
    """Say whether *name* may be removed: nobody has used it in the last *days*, and it was counted for so long.

    Args:
        name: something that is counted.
    """
    ((since,),) = await fetch(SINCE, [name])
    used_by = [use for use in await read_usage(days=days, count=MAX_LINES, operation=name) if use.client]
    if used_by:
        reason = f"{name} is in use: see who has called it in the last {days} days."
    elif since is None:
        reason = f"Uses of {name} have not been counted yet: they are once a process of this release runs."
    elif (again := since + timedelta(days=days)) > _today():
        reason = f"Uses of {name} have been counted since {since} only: ask again on {again}."
    else:
        return Verdict(name, True, f"Nobody has used {name} in the last {days} days.", since, ())
    return Verdict(name, False, reason, since, used_by)


def _today() -> date:
    return datetime.now(UTC).date()
