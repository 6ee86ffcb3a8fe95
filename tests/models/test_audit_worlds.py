"""The audit finds nothing in shops in which anything has happened, as long as our own code has done it.

``AUDIT_WORLDS=1000 pytest tests/models/test_audit_worlds.py`` is the long run.
"""

import os
import re
import subprocess
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.resources import Resources
from dev.programs import postgres_binaries
from models.audit import audit
from tests.conftest import TABLES, empty_tables
from tests.servers import own_database
from tests.worlds import HAPPENINGS, World, let_happen

pytestmark = pytest.mark.anyio

#: Always the same ones; those of the long run are new each time.
FEW = 20
WORLDS = int(os.environ.get("AUDIT_WORLDS", FEW))
#: A shop to begin with: something to sell, and somebody to buy it.
BEGINNING = [("stock", 3), ("stock", 4), ("join", 0), ("join", 0)]
STORIES = st.lists(st.tuples(st.sampled_from(sorted(HAPPENINGS)), st.integers(0, 2**32 - 1)), max_size=30)


@pytest.mark.slow
@settings(
    max_examples=WORLDS,
    deadline=None,
    database=None,
    derandomize=WORLDS == FEW,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STORIES)
async def test_a_clean_world_has_no_findings(
    resources: Resources, superuser: asyncpg.Connection, story: list[tuple[str, int]]
) -> None:
    await empty_tables(superuser)
    world = await World.begin(resources)
    await let_happen(world, [*BEGINNING, *story])
    assert await audit(resources.settings.database_url, chunk=7) == []


@pytest.mark.slow
@pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="pg_dump is of the packages' own PostgreSQL")
async def test_a_dump_that_is_restored_is_proved_too(
    resources: Resources, postgres_url: str, database_url: str, tmp_path: Path
) -> None:
    world = await World.begin(resources)
    await let_happen(world, [*BEGINNING, *((name, number) for number in range(6) for name in HAPPENINGS)])
    dump, parts = tmp_path / "dump", tmp_path / "parts"
    run("pg_dump", "--format=custom", f"--file={dump}", database_url)
    parts.write_text(re.sub(".* TABLE DATA public order_events .*\n", "", run("pg_restore", "--list", dump)))
    async with own_database(postgres_url) as whole, own_database(postgres_url) as lacking:
        run("pg_restore", "--exit-on-error", f"--dbname={whole}", dump)
        assert await rows(whole) == await rows(database_url)
        assert await audit(whole) == []
        run("pg_restore", "--exit-on-error", f"--dbname={lacking}", f"--use-list={parts}", dump)
        found = await audit(lacking)
        assert {finding.rule for finding in found} == {"history-end"}
        assert {finding.id for finding in found} == set(world.orders)


def run(program: str, *arguments: str | Path) -> str:
    """Run a program of the server's own release."""
    command = [postgres_binaries(None) / program, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def rows(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    try:
        return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}
    finally:
        await connection.close()
