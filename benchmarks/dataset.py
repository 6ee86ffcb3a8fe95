"""The data that every server is measured with: the same rows on every machine, made by SQL from their numbers.

Nothing is random: each value is worked out from the row's number, so two runs, or two machines, hold the same rows.
Times are whole milliseconds, which every peer's driver can tell exactly.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from benchmarks.product import Settings, migrate, progress_bars

#: Raise it when the rows change, so that folders with older ones are filled anew.
VERSION = 3
_CHUNK = 10_000

_MATERIALS = [
    "Oak",
    "Walnut",
    "Maple",
    "Birch",
    "Cherry",
    "Steel",
    "Copper",
    "Brass",
    "Linen",
    "Cotton",
    "Wool",
    "Leather",
    "Cork",
    "Glass",
    "Marble",
    "Slate",
    "Bamboo",
    "Rattan",
    "Felt",
    "Clay",
]
_THINGS = [
    "Lamp",
    "Chair",
    "Table",
    "Shelf",
    "Bowl",
    "Vase",
    "Mirror",
    "Clock",
    "Basket",
    "Blanket",
    "Cushion",
    "Tray",
    "Stool",
    "Bench",
    "Rack",
    "Frame",
    "Candle",
    "Mug",
    "Plate",
    "Kettle",
    "Jug",
    "Hook",
    "Box",
    "Rug",
    "Desk",
]
_COLOURS = [
    "amber",
    "ivory",
    "green",
    "blue",
    "rose",
    "sand",
    "olive",
    "coral",
    "plum",
    "teal",
    "grey",
    "black",
]

#: Searches of the bench: two words, one in the name and one in the description.
SEARCHES = [f"{_MATERIALS[n % 20].lower()} {_COLOURS[(n * 7) % 12]}" for n in range(32)]


@dataclass(frozen=True)
class Size:
    """How many rows there are, and who has them. Orders have three items each.

    Attributes:
        viewers: the users who ask, numbers 1 to this.
        share: one of so many orders is a viewer's; the others are spread over the other users.
    """

    users: int = 10_000
    products: int = 5_000
    orders: int = 200_000
    viewers: int = 64
    share: int = 26


FULL = Size()


def session_of(user_id: int) -> UUID:
    """Return the id of the session that viewer *user_id* is signed in with."""
    return UUID(int=0xBE7C << 64 | user_id)


def _pick(n: str, purpose: int, below: object) -> str:
    """Return SQL for a number from 0 up to *below*, scattered but always the same for row *n*.

    Two steps of a multiplicative generator (Park and Miller, Communications of the ACM 31, 1988).
    """
    return f"(((({n})::int8 * 48271 + {purpose * 7919 + 12345}) % 2147483647 * 69621 % 2147483647) % {below})"


def _array(words: list[str]) -> str:
    return "(ARRAY[" + ",".join(f"'{word}'" for word in words) + "])"


_START = "timestamptz '2026-01-01 00:00:00+00'"


#: For PostGraphile, which makes a field of a function: the search of two words, written for the same index.
_SEARCH = """
CREATE SCHEMA IF NOT EXISTS bench;
CREATE OR REPLACE FUNCTION bench.search_products(search text) RETURNS SETOF public.products STABLE LANGUAGE sql AS $$
  SELECT * FROM public.products WHERE archived_at IS NULL
    AND (upper(name::varchar) LIKE upper('%' || split_part(search, ' ', 1) || '%')
      OR upper(description::varchar) LIKE upper('%' || split_part(search, ' ', 1) || '%'))
    AND (upper(name::varchar) LIKE upper('%' || split_part(search, ' ', 2) || '%')
      OR upper(description::varchar) LIKE upper('%' || split_part(search, ' ', 2) || '%'))
  ORDER BY created_at DESC, id DESC
$$
"""


def _statements(size: Size) -> dict[str, tuple[int, str]]:
    """Return, by table, how many numbers there are and the statement that inserts those from $1 to $2."""
    line = "n * 3 + j"
    product, quantity = f"1 + {_pick(line, 7, size.products)}", f"(1 + {_pick(line, 6, 4)})::int"
    users = f"""
    INSERT INTO users (id, email, full_name, full_name_key, password_hash, created_at, updated_at)
    SELECT n, 'user' || n || '@example.com', 'Person Number ' || n, 'person number ' || n, rpad('$2b$12$', 60, '.'),
      {_START} - n * interval '1 minute', {_START} - n * interval '1 minute'
    FROM generate_series($1::int, $2::int) n"""
    products = f"""
    INSERT INTO products (id, name, name_key, description, price, on_hand, created_at, updated_at)
    SELECT n, material || ' ' || thing || ' ' || n, lower(material || ' ' || thing || ' ' || n),
      'A ' || lower(thing) || ' of ' || lower(material) || ' in ' || colour || ', made by hand in small series'
      || ' and packed without plastic; wipe it with a damp cloth.',
      500 + {_pick("n", 1, 20000)}, {_pick("n", 2, 900)},
      {_START} - n * interval '90 seconds', {_START} + n * interval '1 second'
    FROM (
      SELECT n, {_array(_MATERIALS)}[1 + n % 20] AS material, {_array(_THINGS)}[1 + (n / 20) % 25] AS thing,
        {_array(_COLOURS)}[1 + {_pick("n", 3, 12)}] AS colour
      FROM generate_series($1::int, $2::int) n
    ) AS named"""
    # One in twelve is not completed, and so has no total yet.
    orders = f"""
    INSERT INTO orders (id, user_id, status, total, shipping_address, failure_code, attempts, due_at, version,
      created_at, updated_at)
    SELECT n, user_id, status,
      CASE status WHEN 'completed' THEN (
        SELECT sum(p.price * {quantity}) FROM generate_series(1, 3) j JOIN products p ON p.id = {product}
      ) ELSE 0 END,
      n % 900 || ' Main Street, Springfield', CASE status WHEN 'failed' THEN 'OUT_OF_STOCK' END,
      CASE WHEN status IN ('pending', 'cancelled') THEN 0 ELSE 1 END,
      CASE WHEN status IN ('pending', 'processing') THEN timestamptz '2100-01-01' END, 3,
      {_START} + n * interval '97 milliseconds', {_START} + n * interval '97 milliseconds' + interval '2 seconds'
    FROM (
      SELECT n,
        CASE WHEN n % {size.share} = 0 THEN 1 + (n / {size.share}) % {size.viewers}
          ELSE {size.viewers + 1} + {_pick("n", 4, size.users - size.viewers)} END AS user_id,
        (ARRAY['pending', 'processing', 'failed', 'cancelled', 'completed'])[least(5, 1 + {_pick("n", 5, 48)})]
          AS status
      FROM generate_series($1::int, $2::int) n
    ) AS placed"""
    items = f"""
    INSERT INTO order_items (id, order_id, product_id, product_name, quantity, accepted_price, unit_price)
    SELECT (n - 1) * 3 + j, n, p.id, p.name, {quantity}, p.price,
      CASE o.status WHEN 'completed' THEN p.price ELSE 0 END
    FROM generate_series($1::int, $2::int) n CROSS JOIN generate_series(1, 3) j
    JOIN orders o ON o.id = n JOIN products p ON p.id = {product}"""
    return {
        "users": (size.users, users),
        "products": (size.products, products),
        "orders": (size.orders, orders),
        "order_items": (size.orders, items),
    }


async def load(settings: Settings, size: Size = FULL, *, say: Callable[[str], None]) -> None:
    """Bring the schema up to date by our own migrations, and fill it if it does not hold *size* yet.

    Args:
        settings: names the database.
        say: told in one line what takes long.
    """
    await migrate(settings)
    connection = await asyncpg.connect(settings.database_url)
    try:
        mark = f"{VERSION}: {size}"
        if await connection.fetchval("SELECT obj_description('users'::regclass)") != mark:
            say(
                f"Making {size.users:,} users, {size.products:,} products, {size.orders:,} orders with 3 items …"
            )
            await _fill(connection, size)
            await connection.execute("COMMENT ON TABLE users IS '" + mark.replace("'", "''") + "'")
    finally:
        await connection.close()


@asynccontextmanager
async def without_indexes(connection: asyncpg.Connection, *tables: str) -> AsyncIterator[None]:
    """Make the indexes of tables anew after what is done to them: that takes half of the time of keeping them.

    In a transaction, lest an interrupted one leave the tables without.
    """
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY ($1) AND schemaname = 'public'"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)",
        tables,
    )
    await connection.execute("".join(f'DROP INDEX "{index["indexname"]}";' for index in indexes))
    yield
    await connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
    await connection.execute("".join(f"{index['indexdef']};" for index in indexes))


async def _insert(connection: asyncpg.Connection, statements: dict[str, tuple[int, str]]) -> None:
    with progress_bars(1.0, *statements) as bars:
        for (total, statement), advance in zip(statements.values(), bars, strict=True):
            prepared = await connection.prepare(statement)
            for first in range(1, total + 1, _CHUNK):
                last = min(first + _CHUNK - 1, total)
                await prepared.fetch(first, last)
                advance((last - first + 1) / total)


async def _fill(connection: asyncpg.Connection, size: Size) -> None:
    statements = _statements(size)
    # Nothing but a restart of the load can break a key here, and checking each one takes half of the time.
    await connection.execute("SET session_replication_role = replica")
    async with connection.transaction():
        await connection.execute(f"TRUNCATE {', '.join(statements)} CASCADE")
        async with without_indexes(connection, *statements):
            await _insert(connection, statements)
    sessions = [
        (session_of(n), n, f"{n:064x}", datetime(2100, 1, 1, tzinfo=UTC)) for n in range(1, size.viewers + 1)
    ]
    columns = ["id", "user_id", "token_hash", "expires_at"]
    await connection.copy_records_to_table("sessions", records=sessions, columns=columns)
    for table in statements:
        await connection.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
    await connection.execute(_SEARCH)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
