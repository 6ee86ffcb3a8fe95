"""Rows as they are read: a few columns of a model, without the model's weight.

A *row* is what a read returns: an :class:`asyncpg.Record` of a class made for one model and one set of columns.
It has the columns as attributes and the model's rules (:func:`row_rule`), so that a resolver treats it like a
model that nobody saves: to mypy it *is* the model. It has no relations and no methods that write, and asking it
for a column that was not read raises an ``AttributeError`` that says so: a wrong declaration of what is read is a
defect, and must not look like a null.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from operator import itemgetter
from typing import Any, ClassVar, NoReturn, TypeVar

import asyncpg
from tortoise.models import Model

F = TypeVar("F", bound=Callable[..., Any])

#: Clients choose the columns by what they select, so the classes kept are bounded.
MAX_CLASSES = 512
#: The attribute of a function that says: I am a rule, and these are the columns that I look at.
_LOOKS_AT = "row_rule_looks_at"


class Row(asyncpg.Record):
    """What every class of rows has in common. ``row_model`` is the model whose table they come from."""

    __slots__ = ()
    row_model: ClassVar[type[Model]]


def row_rule(*columns: str) -> Callable[[F], F]:
    """Mark a method (or the getter of a property) of a model as a rule that holds for its rows, too.

    Args:
        columns: what the rule looks at; every row has these columns, whoever reads it.
    """

    def mark(function: F) -> F:
        setattr(function, _LOOKS_AT, columns)
        return function

    return mark


def model_of(kind: type[Any]) -> type[Any]:
    """Return the model that a class of rows is made for, or the class itself if it is none.

    ``model_of(type(value)) is Order`` holds for an order, however it was read.
    """
    return getattr(kind, "row_model", kind)


@lru_cache(maxsize=MAX_CLASSES)
def row_columns(model: type[Model], reads: frozenset[str] | None = None, *others: str) -> tuple[str, ...]:
    """Return the columns that somebody needs to read of *model*: the primary key first, then by name.

    Args:
        reads: the attributes that will be looked at; all if not given. What is no column of the model (a
            relation, a rule) is passed over: keys and what rules look at are always read.
        others: columns needed beside these, for example to sort by.
    """
    columns = set(model._meta.fields_db_projection)
    if reads is not None:
        columns &= reads | _always(model) | set(others)
    key = model._meta.pk_attr
    return (key, *sorted(columns - {key}))


@lru_cache
def _always(model: type[Model]) -> frozenset[str]:
    """The foreign keys, which lead to other rows, and what the rules look at."""
    fields = model._meta.fields_map
    keys = {str(fields[name].source_field) for name in model._meta.fk_fields}
    return frozenset(keys.union(*(columns for _, _, columns in _rules(model))))


@lru_cache(maxsize=MAX_CLASSES)
def row_class(model: type[Model], columns: tuple[str, ...]) -> type[Row]:
    """Return the class of rows that hold *columns* of *model*, in this order.

    A record may be longer: what follows the columns has no name here.
    """
    body: dict[str, Any] = {"__slots__": (), "__doc__": f"Columns of :class:`{model.__name__}`."}
    name = f"{model.__name__}Row"
    fields = model._meta.fields_map
    for other in fields.keys() - set(columns):
        body[other] = property(_missing(name, other, columns))
    body |= {rule: value for rule, value, _ in _rules(model)}
    for index, column in enumerate(columns):
        body[column] = _reader(index, getattr(fields[column], "enum_type", None))
    body["pk"] = body[model._meta.pk_attr]
    body["row_model"] = model
    return type(name, (Row,), body)


def _rules(model: type[Model]) -> Iterable[tuple[str, Any, tuple[str, ...]]]:
    """Yield name, function or property, and columns of the rules of *model*."""
    for name, value in vars(model).items():
        function = value.fget if isinstance(value, property) else value
        columns = getattr(function, _LOOKS_AT, None)
        if columns is not None:
            yield name, value, columns


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
