"""Proves the books of a whole database: every rule, over every row, in one snapshot.

The snapshot is read only and takes no lock that a reader or writer waits for; the shop goes on meanwhile, and what it
does is no part of what is proved. Statements look at a range of keys each: none is long, and progress can be told.
Rules that look at the same rows share a statement, and orders that are plainly in order are not looked at twice
(decision 38).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from engine.postgres import single_connection
from models.audit.guards import SCHEMA
from models.audit.history import HISTORY
from models.audit.orders import ORDERS
from models.audit.relations import ORPHANS, OWNERS, UNIQUE
from models.audit.rule import Rule, Screen, Statement
from models.audit.stock import STOCK

__all__ = ["CHUNK", "RULES", "STATEMENTS", "Finding", "Rule", "audit", "audit_snapshot"]

STATEMENTS: tuple[Statement | Screen, ...] = (*STOCK, *ORDERS, *HISTORY, *OWNERS, *ORPHANS, *UNIQUE, *SCHEMA)
#: By name, each once: one may need several statements.
_RULES = {rule.name: rule for statement in STATEMENTS for rule in statement.rules}
RULES: tuple[Rule, ...] = tuple(_RULES.values())
#: Keys that one statement looks at. What belongs to so many orders fits the processor's cache; of the ledger a chunk
#: begins with a look at what came before it of each product, and so is longer.
CHUNK = {"orders": 10_000, "stock_movements": 400_000}
_OTHER_CHUNK = 50_000
#: Most keys that a screen lets statements look at one by one; where there are more, they look at the whole chunk.
MAX_SUSPECTS = 100
#: Tables whose ids have 64 bits; others have 32.
_WIDE = ("stock_movements", "idempotency_keys")
#: Statements share neither processors with each other nor plans; a chunk is sorted in memory.
_SETTINGS = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "work_mem": "64MB",
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A row that breaks a rule: which, of which table, by which key, and what is wrong."""

    rule: str
    table: str
    id: int | str
    problem: str


Report = Callable[[Finding], None]
Advance = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class _Step:
    """A statement and the keys that it looks at now; none for all rows."""

    statement: Statement | Screen
    keys: tuple[int, ...]


async def audit(
    url: str,
    *,
    chunk: int | None = None,
    jobs: int = 1,
    on_finding: Report = lambda _: None,
    on_progress: Advance = lambda _: None,
) -> list[Finding]:
    """Try every rule on the database at *url*, and return what breaks one, by rule.

    Args:
        url: for a role that may read every table.
        chunk: keys that one statement looks at; as many as ``CHUNK`` says if not given.
        jobs: connections that share the work, and the snapshot.
        on_finding: told each finding at once.
        on_progress: told after each statement which part of the whole it was; the parts sum up to 1.

    Raises:
        asyncpg.PostgresError, OSError: the database does not answer, or refuses, or is not migrated.
    """
    async with _snapshot(url, jobs) as connections:
        return await audit_snapshot(connections, chunk=chunk, on_finding=on_finding, on_progress=on_progress)


async def audit_snapshot(
    connections: Sequence[asyncpg.Connection],
    *,
    chunk: int | None = None,
    on_finding: Report = lambda _: None,
    on_progress: Advance = lambda _: None,
) -> list[Finding]:
    """Do what :func:`audit` does on what transactions see that are open, each of them the same."""
    findings: list[Finding] = []
    steps = deque(await _steps(connections[0], chunk))
    total = len(steps)

    async def work(connection: asyncpg.Connection) -> None:
        while steps:
            step = steps.popleft()
            for row in await _run(connection, step):
                finding = Finding(*row)
                findings.append(finding)
                on_finding(finding)
            on_progress(1 / total)

    try:
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(work(connection))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    places = {name: place for place, name in enumerate(_RULES)}
    return sorted(
        findings, key=lambda finding: (places[finding.rule], finding.table, str(finding.id).zfill(20))
    )


async def _run(connection: asyncpg.Connection, step: _Step) -> list[asyncpg.Record]:
    if not isinstance(step.statement, Screen):
        return list(await connection.fetch(step.statement.sql, *step.keys))
    suspects = [(key, key) for (key,) in await connection.fetch(step.statement.suspects, *step.keys)]
    ranges = suspects if len(suspects) <= MAX_SUSPECTS else [step.keys]
    return [
        row
        for statement in step.statement.statements
        for keys in ranges
        for row in await connection.fetch(statement.sql, *keys)
    ]


@asynccontextmanager
async def _snapshot(url: str, jobs: int) -> AsyncIterator[Sequence[asyncpg.Connection]]:
    """Open connections that see the database as it is at one moment."""
    async with AsyncExitStack() as stack:
        connections: list[asyncpg.Connection] = []
        for number in range(jobs):
            connection = await stack.enter_async_context(single_connection(url))
            await stack.enter_async_context(
                connection.transaction(isolation="repeatable_read", readonly=True)
            )
            if number == 0:
                snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            else:
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            # A release of PostgreSQL may not know each of them.
            await connection.fetch(
                "SELECT set_config(name, value, TRUE) FROM pg_settings"
                " JOIN unnest($1::text[], $2::text[]) AS wanted (name, value) USING (name)",
                list(_SETTINGS),
                list(_SETTINGS.values()),
            )
            connections.append(connection)
        yield connections


async def _steps(connection: asyncpg.Connection, chunk: int | None) -> list[_Step]:
    """Return every statement with its keys. The outermost chunks have no end, for what hangs beyond it."""
    ranges: dict[str | None, list[tuple[int, ...]]] = {None: [()]}
    for table in {statement.keys for statement in STATEMENTS if statement.keys}:
        bounds = f"SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM {table}"  # noqa: S608 - a name of ours
        ((first, last),) = await connection.fetch(bounds)
        least, most = (-(2**63), 2**63 - 1) if table in _WIDE else (-(2**31), 2**31 - 1)
        size = chunk or CHUNK.get(table, _OTHER_CHUNK)
        starts = [least, *range(first + size, last + 1, size)]
        ranges[table] = list(zip(starts, [start - 1 for start in starts[1:]] + [most], strict=True))
    return [_Step(statement, keys) for statement in STATEMENTS for keys in ranges[statement.keys]]
