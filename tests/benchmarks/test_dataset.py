"""The rows that every server is measured with."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from benchmarks.dataset import Size, load, session_of
from core.settings import Settings, load_settings
from tests.conftest import SECRET
from tests.servers import own_database

pytestmark = pytest.mark.anyio
SMALL = Size(users=40, products=30, orders=300, viewers=4, share=5)
TABLES = ("users", "products", "orders", "order_items")
BROKEN_TOTALS = """
SELECT count(*) FROM orders o WHERE total <> CASE status WHEN 'completed'
  THEN (SELECT sum(quantity * unit_price) FROM order_items WHERE order_id = o.id) ELSE 0 END
"""


@pytest.fixture(scope="module")
async def empty(postgres_url: str) -> AsyncIterator[Settings]:
    """Settings that name a database without any tables."""
    async with own_database(postgres_url) as url:
        yield load_settings(database_url=url, secret_key=SECRET)


async def digests(connection: asyncpg.Connection) -> dict[str, str]:
    return {
        table: await connection.fetchval(f"SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM {table} t")
        for table in TABLES
    }


async def test_the_same_rows_are_made_each_time_and_only_when_needed(empty: Settings) -> None:
    said: list[str] = []
    await load(empty, SMALL, say=said.append)
    connection = await asyncpg.connect(empty.database_url)
    try:
        made = await digests(connection)
        await load(empty, SMALL, say=said.append)
        assert len(said) == 1
        await connection.execute("COMMENT ON TABLE users IS NULL; DELETE FROM order_items")
        await load(empty, SMALL, say=said.append)
        assert len(said) == 2
        assert await digests(connection) == made
    finally:
        await connection.close()


async def test_rows_hold_together(empty: Settings) -> None:
    await load(empty, SMALL, say=lambda _: None)
    connection = await asyncpg.connect(empty.database_url)
    try:
        counts = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]
        assert counts == [40, 30, 300, 900]
        # Keys are not checked while the rows are loaded, so they are here.
        lost = "SELECT count(*) FROM order_items LEFT JOIN products p ON p.id = product_id WHERE p.id IS NULL"
        assert await connection.fetchval(lost) == 0
        assert await connection.fetchval("SELECT max(user_id) FROM orders") <= 40
        assert await connection.fetchval(BROKEN_TOTALS) == 0
        assert await connection.fetchval("SELECT count(DISTINCT status) FROM orders") == 5
        assert await connection.fetchval("SELECT count(*) FROM orders WHERE user_id <= 4") == 60
        assert await connection.fetchval("SELECT user_id FROM sessions WHERE id = $1", session_of(3)) == 3
        milliseconds = "SELECT bool_and(created_at = date_trunc('milliseconds', created_at)) FROM orders"
        assert await connection.fetchval(milliseconds)
    finally:
        await connection.close()
