"""What a piece of work costs everybody who takes part in it, by counters that are read before and after."""

import asyncio
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from benchmarks.machine import family, usage_of_all
from benchmarks.product import create_redis
from benchmarks.stage import Stage

#: Amounts by what they are of, of one request, order or second.
Amounts = dict[str, float]

MILLISECONDS = ("API ms", "worker ms", "PostgreSQL ms", "Valkey ms")
#: Statements of the whole server; transactions that wrote something have drawn an id (PostgreSQL documentation,
#: "Transactions and Identifiers").
_COUNTERS = """
SELECT (SELECT sum(calls) FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = $1) AS statements,
    pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS "writing transactions",
    pg_current_wal_insert_lsn() - '0/0' AS "WAL bytes"
"""


async def count_statements(on: Stage) -> None:
    """Have PostgreSQL count statements, from its next start on."""
    connection = await _superuser(on)
    try:
        await connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    finally:
        await connection.close()


async def _superuser(on: Stage) -> asyncpg.Connection:
    # In the database for maintenance, so that what is asked here is not counted.
    return await asyncpg.connect(on.database_url("postgres"))


@dataclass(frozen=True)
class Meter:
    """Reads the counters.

    Attributes:
        pids: the processes by name, of which all descendants count; the servers of *on* are added.
    """

    on: Stage
    pids: Mapping[str, int]

    def measure(self, work: Callable[[], float]) -> Amounts:
        """Do *work*, and return what each of the pieces has cost that it says it has done."""
        servers = asyncio.run(self._ask_servers())
        processes = self._processes()
        pieces = work()
        # What it costs to ask is no part of it.
        after = self._processes() | asyncio.run(self._ask_servers())
        return {name: (after[name] - before) / pieces for name, before in (processes | servers).items()}

    def _processes(self) -> Amounts:
        pids = {**self.pids, **self.on.services}
        return {f"{name} ms": usage_of_all(family(pid)).cpu_seconds * 1000 for name, pid in pids.items()}

    async def _ask_servers(self) -> Amounts:
        connection = await _superuser(self.on)
        try:
            name = self.on.settings.database_url.rpartition("/")[2]
            row: Any = await connection.fetchrow(_COUNTERS, name)
        finally:
            await connection.close()
        redis = create_redis(self.on.settings.redis_url)
        try:
            told = await redis.info("stats")
        finally:
            await redis.aclose()
        return {
            **{what: float(value) for what, value in row.items()},
            "Valkey commands": told["total_commands_processed"],
            "Valkey bytes": told["total_net_input_bytes"] + told["total_net_output_bytes"],
        }


def median(rounds: Sequence[Amounts]) -> Amounts:
    """Return the median of each amount, to four significant figures."""
    return {
        name: float(f"{max(0.0, statistics.median(one[name] for one in rounds)):.4g}") for name in rounds[0]
    }
