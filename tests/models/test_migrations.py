"""The migrations: up, down, up again, all at once, and in step with the models."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextvars import Context
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aerich import Command
from tortoise import Tortoise
from tortoise.models import Model

import models
from core.database import tortoise_config
from core.resources import Resources
from core.service_errors import ServiceError
from core.settings import Settings, load_settings
from models import User, sort_key
from models.migrate import downgrade, migrate
from tests.conftest import SECRET, TABLES
from tests.factories import make_user
from tests.servers import own_database

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]

MODELS = [value for value in vars(models).values() if isinstance(value, type) and issubclass(value, Model)]

#: Everything that a migration makes, in words that two databases can be compared by.
DESCRIPTION = """
SELECT 'column', table_name, column_name, concat_ws(' ', data_type, character_maximum_length, is_nullable,
    column_default) FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'aerich'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 'aerich'::regclass
UNION ALL
SELECT 'index', tablename, indexname, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'aerich'
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1, 2, 3
"""

TYPES = {
    "BIGINT": "bigint",
    "BOOL": "boolean",
    "DATE": "date",
    "INT": "integer",
    "SMALLINT": "smallint",
    "TEXT": "text",
    "TIMESTAMPTZ": "timestamp with time zone",
    "UUID": "uuid",
}


@pytest.fixture
async def empty(postgres_url: str) -> AsyncIterator[Settings]:
    """Settings of an empty database."""
    async with own_database(postgres_url) as url:
        yield load_settings(database_url=url, secret_key=SECRET)


async def fetch(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(settings.database_url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def tables(settings: Settings) -> set[str]:
    return {
        name
        for (name,) in await fetch(settings, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    }


async def test_the_migrations_go_up_and_down_and_up_again(empty: Settings, resources: Resources) -> None:
    user = await make_user()
    applied = await migrate(empty)
    names = [path.name for path in Path(models.__file__).parent.glob("migrations/[0-9]*.py")]
    assert applied == sorted(names, key=lambda name: int(name.partition("_")[0]))
    assert await tables(empty) == {*TABLES, "aerich"}
    before = await fetch(empty, DESCRIPTION)
    assert await migrate(empty) == []

    assert await downgrade(empty, 0) == applied[::-1]
    assert await tables(empty) == {"aerich"}
    assert await fetch(empty, DESCRIPTION) == []

    assert await migrate(empty) == applied
    assert await fetch(empty, DESCRIPTION) == before
    assert await User.get(id=user.id) == user  # the application, in the same process, has noticed nothing


OLD_ROWS = """
INSERT INTO products (name, price) SELECT 'Étagère ' || n, 1 FROM generate_series(1, 2500) AS n;
INSERT INTO users (email, full_name, password_hash, deleted_at)
SELECT n || '@example.com', 'Zoë ' || n, 'x', CASE WHEN n % 2 = 0 THEN now() END FROM generate_series(1, 1500) AS n;
DELETE FROM products WHERE id % 7 = 0;
"""
KEYS = """
SELECT name, name_key FROM products UNION ALL SELECT full_name, full_name_key FROM users
"""


@pytest.mark.parametrize("interrupted", [False, True])
async def test_rows_that_are_there_get_their_sort_keys(empty: Settings, *, interrupted: bool) -> None:
    await migrate(empty)
    await downgrade(empty, 4)
    connection = await asyncpg.connect(empty.database_url)
    try:
        await connection.execute(OLD_ROWS)
        if interrupted:
            await connection.execute('ALTER TABLE products ADD COLUMN name_key VARCHAR(200) COLLATE "C"')
            await connection.execute(
                "UPDATE products SET name_key = 'etagere ' || substr(name, 9) WHERE id < 1300"
            )
    finally:
        await connection.close()
    assert (await migrate(empty))[0] == "4_20261127120000_sort_keys.py"
    keys = await fetch(empty, KEYS)
    assert len(keys) == 2500 - 2500 // 7 + 1500
    assert all(key == sort_key(name) for name, key in keys)


def number(name: str) -> int:
    """Return the number of the migration with this name."""
    (path,) = Path(models.__file__).parent.glob(f"migrations/*_{name}.py")
    return int(path.name.split("_")[0])


NORMAL_EMAILS = number("normal_emails")
DELETED_PEOPLE = number("deleted_people")
STOCK_MOVEMENTS = number("stock_movements")


async def add_users(settings: Settings, *emails: str) -> None:
    connection = await asyncpg.connect(settings.database_url)
    try:
        statement = "INSERT INTO users (email, full_name, password_hash) VALUES ($1, 'User', 'x')"
        await connection.executemany(statement, [(email,) for email in emails])
    finally:
        await connection.close()


async def test_emails_stored_before_come_into_their_normal_form(empty: Settings) -> None:
    await migrate(empty)
    await downgrade(empty, NORMAL_EMAILS)
    stored = {
        "ada@example.com": "ada@example.com",
        "Grace@Example.com": "grace@example.com",
        "ÜNAL@example.com": "ünal@example.com",
        "u\u0308na@example.com": "üna@example.com",
        "\u0130@example.com": "i\u0307@example.com",
        "o@xn--bcher-kva.example.com": "o@bücher.example.com",
        "Root@Localhost": "root@localhost",  # no address any more, and yet somebody's sign-in
    }
    await add_users(empty, *stored, "Gone@example.com")
    await fetch(empty, "UPDATE users SET deleted_at = now() WHERE email = 'Gone@example.com'")
    await add_users(empty, "gone@example.com")
    await fetch(
        empty,
        "INSERT INTO one_time_tokens (token_hash, user_id, purpose, email, expires_at)"
        " SELECT 'x', id, 'email_change', 'Lovelace@Example.com', now() FROM users WHERE email = 'ada@example.com'",
    )
    await migrate(empty)
    emails = [email for (email,) in await fetch(empty, "SELECT email FROM users ORDER BY id")]
    assert emails == [*stored.values(), "deleted-8@deleted.invalid", "gone@example.com"]
    assert await fetch(empty, "SELECT email FROM one_time_tokens") == [("lovelace@example.com",)]


async def test_people_deleted_before_are_erased(empty: Settings) -> None:
    await migrate(empty)
    await downgrade(empty, DELETED_PEOPLE)
    for statement in (
        "INSERT INTO users (email, full_name, full_name_key, password_hash)"
        " VALUES ('gone@example.com', 'User', 'user', 'x'), ('here@example.com', 'User', 'user', 'x')",
        "UPDATE users SET deleted_at = '2026-01-01' WHERE id = 1",
        "INSERT INTO sessions (id, user_id, token_hash, address, expires_at)"
        " SELECT gen_random_uuid(), id, 'x', '192.0.2.' || id, now() FROM users",
        "INSERT INTO one_time_tokens (token_hash, user_id, purpose, email, expires_at)"
        " SELECT id, id, 'email_change', 'new@example.com', now() FROM users",
    ):
        await fetch(empty, statement)
    await migrate(empty)
    people = await fetch(empty, "SELECT email, full_name, deleted_at IS NULL FROM users ORDER BY id")
    assert people == [
        ("deleted-1@deleted.invalid", "Deleted user", False),
        ("here@example.com", "User", True),
    ]
    assert await fetch(empty, "SELECT user_id FROM sessions") == [(2,)]
    assert await fetch(empty, "SELECT user_id FROM one_time_tokens") == [(2,)]


async def test_users_whose_emails_become_one_are_named_and_nothing_is_changed(empty: Settings) -> None:
    await migrate(empty)
    await downgrade(empty, NORMAL_EMAILS)
    emails = ["o@bücher.example.com", "o@xn--bcher-kva.example.com", "Ada@example.com"]
    await add_users(empty, *emails)
    before = await fetch(empty, DESCRIPTION)
    with pytest.raises(ServiceError, match=r"\n  o@bücher\.example\.com: users 1, 2$"):
        await migrate(empty)
    assert [email for (email,) in await fetch(empty, "SELECT email FROM users ORDER BY id")] == emails
    assert await fetch(empty, DESCRIPTION) == before
    await fetch(empty, "DELETE FROM users WHERE id = 2")
    assert len(await migrate(empty)) >= 1


OLD_LEDGER = """
INSERT INTO users (email, full_name, full_name_key, password_hash) VALUES ('a@example.com', 'A', 'a', 'x');
INSERT INTO products (name, name_key, price, on_hand) SELECT 'P', 'p', 1, 0 FROM generate_series(1, 2500);
INSERT INTO stock_movements (product_id, delta, reason)
SELECT CASE WHEN n % 10 = 0 THEN 2500 ELSE 1 + n % 1500 END, 1 + n % 3, 'adjustment' FROM generate_series(1, 5000) AS n;
UPDATE products SET on_hand = moved.sum
FROM (SELECT product_id, sum(delta) FROM stock_movements GROUP BY 1) AS moved WHERE id = product_id;
"""
WRONG_NUMBERS = """
SELECT id FROM (
    SELECT id, on_hand_after <> sum(delta) OVER (PARTITION BY product_id ORDER BY id) AS wrong FROM stock_movements
) AS movement WHERE wrong
"""


@pytest.mark.parametrize("interrupted", [False, True])
async def test_movements_that_are_there_are_told_what_they_left(
    empty: Settings, *, interrupted: bool
) -> None:
    await migrate(empty)
    await downgrade(empty, STOCK_MOVEMENTS)
    connection = await asyncpg.connect(empty.database_url)
    try:
        await connection.execute(OLD_LEDGER)
        if interrupted:
            await connection.execute("ALTER TABLE stock_movements ADD COLUMN on_hand_after INT")
            await connection.execute("UPDATE stock_movements SET on_hand_after = delta WHERE id = 10")
    finally:
        await connection.close()
    await migrate(empty)
    assert await fetch(empty, "SELECT count(on_hand_after) FROM stock_movements") == [(5000,)]
    assert await fetch(empty, WRONG_NUMBERS) == []


async def test_a_ledger_that_stock_does_not_agree_with_goes_on_from_the_stock(empty: Settings) -> None:
    await migrate(empty)
    await downgrade(empty, STOCK_MOVEMENTS)
    for statement in (
        "INSERT INTO products (name, name_key, price, on_hand) VALUES ('P', 'p', 1, 7)",  # counted by SQL
        "INSERT INTO stock_movements (product_id, delta, reason) VALUES (1, -1, 'adjustment'), (1, -2, 'adjustment')",
    ):
        await fetch(empty, statement)
    await migrate(empty)
    rows = await fetch(empty, "SELECT delta, on_hand_after FROM stock_movements ORDER BY id")
    assert rows == [(-1, 9), (-2, 7)]


@pytest.mark.slow
async def test_processes_that_start_at_once_migrate_once(empty: Settings, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TANDEM_SECRET_KEY": SECRET}
    environment["TANDEM_DATABASE_URL"] = empty.database_url

    async def run() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "migrate"), cwd=tmp_path, env=environment, stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode().split()[0]

    outcomes = await asyncio.gather(run(), run(), run())
    assert sorted(outcomes) == [(0, "Applied"), (0, "Nothing"), (0, "Nothing")]
    assert await tables(empty) == {*TABLES, "aerich"}


async def test_no_migration_is_missing(empty: Settings, tmp_path: Path) -> None:
    """What ``aerich migrate`` would write, had somebody changed a model and forgotten it: nothing."""
    await migrate(empty)
    shutil.copytree(Path(models.__file__).with_name("migrations"), tmp_path / "models" / "migrations")

    location = str(tmp_path / "{app}" / "migrations")

    async def written() -> str | None:
        config = tortoise_config(empty.database_url)
        await Tortoise.init(config=config)
        async with Command(config, location=location) as command:
            migration: str | None = await command.migrate("forgotten", no_input=True)
            return migration

    # In contexts of their own: what aerich sets up must not come into this one.
    assert not await asyncio.create_task(written(), context=Context())
    await fetch(empty, "UPDATE aerich SET content = content - 'models.Session'")
    assert (await asyncio.create_task(written(), context=Context()) or "").endswith("forgotten.py")


@pytest.mark.parametrize("model", MODELS)
async def test_the_tables_have_the_columns_of_the_models(model: type[Model], settings: Settings) -> None:
    query = (
        "SELECT column_name, data_type, character_maximum_length, is_nullable = 'YES' "
        f"FROM information_schema.columns WHERE table_name = '{model._meta.db_table}'"
    )
    found = {column: (kind, length, null) for column, kind, length, null in await fetch(settings, query)}
    assert set(found) == set(model._meta.fields_db_projection.values())
    for name, column in model._meta.fields_db_projection.items():
        field = model._meta.fields_map[name]
        declared = field.get_for_dialect("postgres", "SQL_TYPE")
        kind, length, null = found[column]
        assert kind == TYPES.get(declared, "character varying"), column
        assert length == (getattr(field, "max_length", None) if kind == "character varying" else None), column
        # The database may be the stricter one: a trigger fills in what the model may leave out.
        assert field.null or not null, column
