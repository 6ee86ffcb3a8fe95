"""The products of a CSV file (RFC 4180), or what was found in it and what to do about that."""

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from core.errors import Problem, ValidationFailed
from core.money import parse_decimal
from graph.resolvers.products import NewProduct, check_product
from graph.resolvers.validation import Checks

COLUMNS = ("name", "description", "price", "on_hand")
#: Problems told one by one; a file of the wrong kind has one on every line.
MAX_PROBLEMS = 50
#: Bytes of one line; no line that passes the checks is longer.
MAX_LINE = 100_000
#: Characters of a value that is quoted in a problem.
MAX_QUOTED = 40

_COUNT = re.compile(r"-?[0-9]{1,15}")
_AS_UTF_8 = "save the file as UTF-8 (in Excel: CSV UTF-8)"
_BY_COMMAS = "save the file with commas (Excel writes the list separator of the system's regional settings)"

Advance = Callable[[int], None]
#: Column values by column name.
Row = dict[str, Any]


def read_products(file: BinaryIO, advance: Advance = lambda _: None) -> Iterator[Row]:
    """Yield the column values of each good row of a file, as ``product_import`` stores them.

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
            if self.number == 1 and _is_utf_16(line):
                self._problems.note(1, f"the file is UTF-16: {_AS_UTF_8}")
                return
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
            byte = line[error.start : error.start + 1]
            in_windows = byte.decode("cp1252", errors="ignore")
            perhaps = f", but would be {in_windows} in Windows-1252" if in_windows else ""
            reason = f"byte {error.start + 1} is not UTF-8{perhaps}: {_AS_UTF_8}"
            self._problems.note(self.number, reason)
            return line.decode("utf-8", errors="replace")


def _is_utf_16(line: bytes) -> bool:
    """Tell by its first line whether a file is UTF-16, as Excel's Unicode Text is, with or without its mark."""
    return line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in line[:2]


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
        problems.note(first[0], _explain_header(columns))
        return
    for number, values in records:
        if not any(map(str.strip, values)):
            problems.note(number, "all values are empty: delete the row")
        elif len(values) != len(columns):
            problems.note(number, _explain_length(values))
        elif row := _check(number, dict(zip(columns, values, strict=True)), problems):
            yield row


def _separator(values: list[str]) -> str | None:
    """Return what separates the values of a row that was to be separated by commas, if it is something else."""
    names = {";": "semicolons", "\t": "tabs"}
    few = len(values) < len(COLUMNS)
    return next((name for mark, name in names.items() if few and mark in values[0]), None)


def _explain_header(columns: list[str]) -> str:
    if separator := _separator(columns):
        return f"the values are separated by {separator}: {_BY_COMMAS}"
    return f"the columns must be {','.join(COLUMNS)}, not {_quoted(','.join(columns))}"


def _explain_length(values: list[str]) -> str:
    found = f"{len(values)} value{'' if len(values) == 1 else 's'} instead of {len(COLUMNS)}"
    if separator := _separator(values):
        return f"{found}, separated by {separator}: {_BY_COMMAS}"
    if len(values) > len(COLUMNS):
        return f"{found}: put a value with a comma into quotation marks, and write decimals with a point, as in 12.50"
    return f"{found}: an empty value needs its comma, too"


def _quoted(text: str) -> str:
    return f'"{text[:MAX_QUOTED]}{"…" if len(text) > MAX_QUOTED else ""}"'


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
        checks.refuse("price", f"Price must be a number such as 12.50, {_found(text)}")
        return Decimal(0)


def _count(text: str, checks: Checks) -> int:
    if _COUNT.fullmatch(text):
        return int(text)
    checks.refuse("on_hand", f"Stock must be a whole number, {_found(text)}")
    return 0


def _found(text: str) -> str:
    if "," in text:
        return f"not {_quoted(text)}: write a point before decimals, and nothing between thousands"
    return f"not {_quoted(text)}" if text else "not empty"
