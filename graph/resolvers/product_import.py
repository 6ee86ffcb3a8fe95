"""Products in bulk, out of a CSV file (RFC 4180)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from tortoise.transactions import in_transaction

from engine.postgres import fetch
from graph.resolvers.product_file import COLUMNS, Advance, Row, read_products
from graph.resolvers.validation import refuse
from models import sort_key

#: Rows sent to the database in one statement, and so the most that are held in memory.
BATCH = 1_000

#: Inserted in the file's order, so that ids follow it; the ledger gets its first entry in the same statement.
INSERT = """
WITH added AS (
    INSERT INTO products (name, description, price, on_hand, name_key)
    SELECT name, description, price, on_hand, name_key
    FROM unnest($1::text[], $2::text[], $3::int8[], $4::int4[], $5::text[])
        WITH ORDINALITY AS row (name, description, price, on_hand, name_key, number)
    ORDER BY number
    RETURNING id, on_hand
)
INSERT INTO stock_movements (product_id, delta, on_hand_after, reason)
SELECT id, on_hand, on_hand, 'initial' FROM added WHERE on_hand > 0
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has added: products, and pieces of stock in all."""

    products: int
    pieces: int


async def import_products(
    file: BinaryIO,
    *,
    checked: Advance = lambda _: None,
    stored: Advance = lambda _: None,
) -> Imported:
    """Add every product of a file, or none. No viewer is asked for: the command line has none.

    The first line names the columns ``name``, ``description``, ``price`` (a decimal of the configured
    currency) and ``on_hand``, in any order. The file is UTF-8, with or without a byte order mark, and is
    read twice: the first time to check it all, the second time into one transaction. As everywhere,
    products may share a name, so importing a file again adds its products again.

    Args:
        file: opened for reading bytes, seekable.
        checked, stored: told after some lines how many bytes of the file were got through since.

    Raises:
        ValidationFailed: the file is not seekable, or a line of it is wrong. Each problem names its line,
            the first one of those that the row spans.
    """
    if not file.seekable():
        refuse("file", "The file must be one that can be read twice, not a pipe")
    for _ in read_products(file, checked):
        pass
    file.seek(0)
    rows = read_products(file, stored)  # checks again: the file may have been changed meanwhile
    products = pieces = 0
    async with in_transaction():
        while batch := list(islice(rows, BATCH)):
            await insert_products(batch)
            products += len(batch)
            pieces += sum(row["on_hand"] for row in batch)
    return Imported(products, pieces)


async def insert_products(rows: Sequence[Row]) -> None:
    """Store checked rows and the first entries of their ledgers; the caller holds the transaction."""
    keys = [sort_key(row["name"]) for row in rows]
    await fetch(INSERT, [*([row[column] for row in rows] for column in COLUMNS), keys])
