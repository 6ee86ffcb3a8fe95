"""Projected rows: some columns of a model, read-only, at the cost of a record of the driver.

Each model that is read this way has a row type beside it, which declares the columns::

    class BookRow(BookRules, Row, model=Book):
        __slots__ = ()
        id: int
        title: str

A :class:`Select` returns instances of a subclass made for the columns that were read (:func:`row_class`). They
have the columns as attributes, no relations and no methods that write. Asking for a column that was not read
raises an ``AttributeError`` that says so: a wrong declaration of what is read is a defect, and must not look like
a null.

Rules that hold for the model and its rows stand in a base class of both (``BookRules`` above), which declares the
columns that they look at. These are read with every row, as are the primary key and the foreign keys.
"""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache
from inspect import get_annotations
from operator import itemgetter
from typing import Any, ClassVar, NoReturn, TypeVar

import asyncpg
from tortoise.exceptions import ValidationError
from tortoise.models import Model

#: The attributes of rows that somebody will look at (a projection); None stands for all.
Columns = frozenset[str] | None

#: Clients choose the columns by what they select, so the classes kept are bounded.
MAX_ROW_CLASSES = 512


class Row(asyncpg.Record):
    """What the row types have in common. ``row_model`` is the model whose table the rows come from."""

    __slots__ = ()
    row_model: ClassVar[type[Model]]
    #: The primary key.
    id: Any

    def __init_subclass__(cls, model: type[Model] | None = None) -> None:
        """Take note of the model; a subclass of a row type has its."""
        if model is not None:
            cls.row_model = model


R = TypeVar("R", bound=Row)


def model_of(kind: type[Any]) -> type[Any]:
    """Return the model that a class of rows belongs to, or the class itself if it is none.

    ``model_of(type(value)) is Book`` holds for a book, however it was read.
    """
    return getattr(kind, "row_model", kind)


def declared_columns(row: type[Row]) -> set[str]:
    """Return the columns that a row type declares, its rules' included."""
    return {name for base in _bases(row) for name in get_annotations(base)} | {"id"}


def _bases(row: type[Row]) -> Iterator[type]:
    yield from (base for base in row.__mro__ if base not in Row.__mro__)


def row_columns(row: type[Row], columns: Columns = None, *others: str) -> tuple[str, ...]:
    """Return the columns to read: the primary key first, then by name.

    Args:
        columns: the attributes that will be looked at. What is no column (a relation, a rule) is passed over.
        others: columns needed beside these, for example to sort by.
    """
    wanted = declared_columns(row)
    if columns is not None:
        meta = row.row_model._meta
        keys = {str(meta.fields_map[name].source_field) for name in meta.fk_fields}
        rules = (get_annotations(base) for base in _bases(row) if not issubclass(base, Row))
        wanted &= columns.union(keys, others, *rules)
    return ("id", *sorted(wanted - {"id"}))


@lru_cache(maxsize=MAX_ROW_CLASSES)
def row_class(row: type[R], columns: tuple[str, ...]) -> type[R]:
    """Return the subclass of *row* whose instances hold *columns*, in this order.

    A record may be longer: what follows the columns has no name here.
    """
    fields = row.row_model._meta.fields_map
    body: dict[str, Any] = {"__slots__": (), "__doc__": f"Columns of :class:`{row.__name__}`."}
    for other in (fields.keys() | declared_columns(row)).difference(columns):
        body[other] = property(_missing(row.__name__, other, columns))
    for index, column in enumerate(columns):
        body[column] = _reader(index, getattr(fields.get(column), "enum_type", None))
    return type(row.__name__, (row,), body)


def _reader(index: int, enum: type[Enum] | None) -> property:
    # A property of a C function: nothing of Python runs to read a plain column.
    value = itemgetter(index)
    if enum is None:
        return property(value)
    members: dict[Any, Any] = {member.value: member for member in enum} | {None: None}
    return property(lambda row: members[value(row)])


def _missing(row: str, column: str, columns: tuple[str, ...]) -> Callable[[Any], NoReturn]:
    def refuse(_: Any) -> NoReturn:
        raise AttributeError(f"{row} was read without {column!r}; it has {', '.join(columns)}")

    return refuse


def column_type(row: type[Row], column: str) -> type[Any]:
    """Return the Python type of a column's values."""
    kind: type[Any] = row.row_model._meta.fields_map[column].field_type
    return kind


def check_value(row: type[Row], column: str, value: object) -> None:
    """Check a value from outside against a column.

    Raises:
        ValueError: it is of another type or beyond its range, or the model's validators refuse it.
    """
    field = row.row_model._meta.fields_map[column]
    if type(value) is not field.field_type:
        raise ValueError(f"{column} is {field.field_type.__name__}, not {type(value).__name__}")
    bounds = field.constraints
    if isinstance(value, int) and not bounds.get("ge", value) <= value <= bounds.get("le", value):
        raise ValueError(f"{column} is out of range")
    try:
        field.validate(value)
    except ValidationError as error:
        raise ValueError(str(error)) from None
