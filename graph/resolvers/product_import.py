"""Products in bulk, out of a CSV file (RFC 4180)."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO

from tortoise.transactions import in_transaction

from core.errors import Problem, ValidationFailed
from core.money import parse_decimal
from engine.postgres import fetch
from graph.resolvers.products import NewProduct, check_product
from graph.resolvers.validation import Checks, refuse
from models import sort_key

COLUMNS = ("name", "description", "price", "on_hand")
#: Rows sent to the database in one statement, and so the most that are held in memory.
BATCH = 1_000
#: Problems told one by one; a file of the wrong kind has one on every line.
MAX_PROBLEMS = 50
#: Bytes of one line; no line that passes the checks is longer.
MAX_LINE = 100_000

_COUNT = re.compile(r"-?[0-9]{1,15}")

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
INSERT INTO stock_movements (product_id, delta, reason)
SELECT id, on_hand, 'initial' FROM added WHERE on_hand > 0
"""

Advance = Callable[[int], None]
#: Column values by column name.
Row = dict[str, Any]


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


def read_products(file: BinaryIO, advance: Advance = lambda _: None) -> Iterator[Row]:
    """Yield the column values of each good row of a file, for :func:`insert_products`.

    Raises:
        ValidationFailed: at the end, if any row was not good.
    """
    problems = _Problems()
    yield from _read(file, advance, problems)
    problems.done()


class _Problems:
    """What is wrong with a file: the first problems, and the number of the others."""

    def __init__(self) -> None:
        self._told: list[Problem] = []
        self._others = 0

    def __bool__(self) -> bool:
        return bool(self._told)

    def note(self, line: int, reason: str) -> None:
        if len(self._told) < MAX_PROBLEMS:
            self._told.append(Problem(("lines", str(line)), f"Line {line}: {reason}"))
        else:
            self._others += 1

    def done(self) -> None:
        if self._others:
            more = f"… and {self._others} more problem{'' if self._others == 1 else 's'}"
            raise ValidationFailed(*self._told, Problem(("lines",), more))
        if self._told:
            raise ValidationFailed(*self._told)


class _Lines:
    """The lines of a file as text. ``number`` is that of the last one read, counted as editors count."""

    def __init__(self, file: BinaryIO, advance: Advance, problems: _Problems) -> None:
        self._file = file
        self._advance = advance
        self._problems = problems
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        unreported = 0
        while line := self._file.readline(MAX_LINE + 1):
            self.number += 1
            if len(line) > MAX_LINE:
                self._problems.note(self.number, f"longer than {MAX_LINE} bytes; nothing below it was read")
                return
            unreported += len(line)
            if unreported >= 1 << 16:
                self._advance(unreported)
                unreported = 0
            yield self._decode(line)
        self._advance(unreported)

    def _decode(self, line: bytes) -> str:
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            self._problems.note(self.number, f"byte {error.start + 1} is not UTF-8")
            return line.decode("utf-8", errors="replace")


def _read(file: BinaryIO, advance: Advance, problems: _Problems) -> Iterator[Row]:
    """Yield the column values of each good row, and note what is wrong with the others."""
    lines = _Lines(file, advance, problems)
    records = _records(lines, problems)
    first = next(records, None)
    if first is None and not problems:
        problems.note(1, f"the file is empty; its first line must be {','.join(COLUMNS)}")
    if first is None:
        return
    columns = [name.strip().lower() for name in first[1]]
    if sorted(columns) != sorted(COLUMNS):
        problems.note(first[0], f"the columns must be {','.join(COLUMNS)}")
        return
    for number, values in records:
        if len(values) != len(columns):
            problems.note(number, f"{len(values)} values instead of {len(columns)}")
        elif row := _check(number, dict(zip(columns, values, strict=True)), problems):
            yield row


def _records(lines: _Lines, problems: _Problems) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each record's first line, and its values; empty lines do not count."""
    reader = csv.reader(lines, strict=True)
    while True:
        begins = lines.number + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.note(begins, _explain(error))
            continue
        if values:
            yield begins, values


def _explain(error: csv.Error) -> str:
    message = str(error)
    if message.startswith("new-line character"):
        return "lines must end with a line feed, not with a carriage return alone"
    if "unexpected end" in message or "field limit" in message:
        return "a quotation mark opens a value here and none closes it"
    if "expected after" in message:
        return "a quotation mark inside a quoted value must be doubled"
    return message


def _check(number: int, values: dict[str, str], problems: _Problems) -> Row | None:
    checks = Checks()
    new = NewProduct(
        name=values["name"],
        description=values["description"],
        price=_price(values["price"].strip(), checks),
        on_hand=_count(values["on_hand"].strip(), checks),
    )
    row = check_product(new, checks)
    for problem in checks.problems:
        problems.note(number, problem.message)
    return None if checks.problems else row


def _price(text: str, checks: Checks) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError:
        checks.refuse("price", "Price must be a number such as 12.50")
        return Decimal(0)


def _count(text: str, checks: Checks) -> int:
    if _COUNT.fullmatch(text):
        return int(text)
    checks.refuse("on_hand", "Stock must be a whole number")
    return 0
