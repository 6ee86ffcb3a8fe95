"""Leaves: how a scalar or enum is written in the code of a selection, and what happens to all other values."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import inspect, is_awaitable

from engine.graphql.plan import Field, Run

F = TypeVar("F", bound=Callable[..., Any])

#: Completes one value: to what stands in the response, or to a ``Failure``.
CompleteOne = Callable[[Any, Run], Any]

#: Values of exactly these classes are right as they are; everything else takes the long way.
_AS_IT_IS: dict[GraphQLLeafType, str] = {
    GraphQLString: "{v}.__class__ is str",
    GraphQLID: "{v}.__class__ is str",
    GraphQLBoolean: "{v} is True or {v} is False",
    GraphQLInt: "{v}.__class__ is int and -2147483648 <= {v} <= 2147483647",
    # Neither an infinity nor "not a number" gives zero.
    GraphQLFloat: "{v}.__class__ is float and {v} - {v} == 0.0",
}


#: Where the function that writes a scalar's values says which of them an encoder writes in the same way.
_ENCODED_ALIKE = "__encoded_alike__"


def encoded_alike(kind: type[Any], **attributes: Any) -> Callable[[F], F]:
    """Mark a scalar's ``serialize``: a JSON encoder writes some of its values in the same way, and sooner.

    Args:
        kind: values of exactly this class,
        attributes: and whose attributes are these very objects.
    """

    def mark(serialize: F) -> F:
        setattr(serialize, _ENCODED_ALIKE, (kind, attributes))
        return serialize

    return mark


class Pending:
    """Stands in a result for a leaf that must be awaited first."""

    __slots__ = ("awaitable", "complete")

    def __init__(self, awaitable: Any, complete: CompleteOne) -> None:
        self.awaitable = awaitable
        self.complete = complete


@dataclass(frozen=True, slots=True)
class Leaf:
    """How to write the completion of one leaf.

    Args:
        complete: takes the long way, for any value.
        quick: the class and the names of an enum whose members need no more than a look at a table.
    """

    kind: GraphQLLeafType
    complete: CompleteOne
    quick: tuple[type[enum.Enum], dict[str, str]] | None

    def expression(self, value: str, number: int) -> str:
        """Return the expression that completes the variable *value*; *number* tells its names apart."""
        slow = f"s{number}({value}, run)"
        # Of a text, ``str`` returns that very text.
        writes_texts = self.kind.coerce_output_value is str
        if test := _AS_IT_IS.get(GraphQLString if writes_texts else self.kind):
            return f"{value} if {test.format(v=value)} else {slow}"
        if self.quick:
            return f"n{number}[{value}._name_] if {value}.__class__ is e{number} else {slow}"
        if self.encoded:
            tests = [f"{value}.{name} is a{number}_{name}" for name in self.encoded[1]]
            test = " and ".join([f"{value}.__class__ is e{number}", *tests, "run.encoded"])
            return f"{value} if {test} else {slow}"
        return slow

    def names(self, number: int) -> dict[str, Any]:
        """Return what the names in :meth:`expression` stand for."""
        names: dict[str, Any] = {f"s{number}": self.complete}
        if self.quick:
            names[f"e{number}"], names[f"n{number}"] = self.quick
        elif self.encoded:
            names[f"e{number}"], attributes = self.encoded
            names |= {f"a{number}_{name}": value for name, value in attributes.items()}
        return names

    @property
    def encoded(self) -> tuple[type[Any], dict[str, Any]] | None:
        """What :func:`encoded_alike` was told."""
        return getattr(self.kind.coerce_output_value, _ENCODED_ALIKE, None)


def make_leaf(kind: GraphQLLeafType, field: Field, *, non_null: bool) -> Leaf:
    """Return how leaves of *kind* are completed at *field*."""
    return Leaf(kind, _long_way(kind, field, non_null=non_null), _table(kind))


def _table(kind: GraphQLLeafType) -> tuple[type[enum.Enum], dict[str, str]] | None:
    members: Any = getattr(kind, "wrapped_cls", None)
    if not isinstance(kind, GraphQLEnumType) or members is None:
        return None
    try:
        names: dict[str, str] = {
            member._name_: kind.coerce_output_value(member) for member in members.__members__.values()
        }
    except Exception:
        # A member that the schema leaves out fails when it turns up, not here.
        return None
    return members, names


def _long_way(kind: GraphQLLeafType, field: Field, *, non_null: bool) -> CompleteOne:
    coerce = kind.coerce_output_value
    #: Classes that have been coerced before: no null, error or awaitable is among them.
    known: set[type] = set()

    def complete(value: Any, run: Run) -> Any:
        if value.__class__ not in known:
            if value is None or value is Undefined:
                return run.fail(field, field.null_error()) if non_null else None
            if isinstance(value, Exception):
                return run.fail(field, value)
            if is_awaitable(value):
                run.pending = True
                return Pending(value, complete)
        try:
            coerced = coerce(value)
        except Exception as error:
            return run.fail(field, error)
        if coerced is None or coerced is Undefined:
            return run.fail(field, _no_value(kind, value, coerced))
        known.add(value.__class__)
        return coerced

    return complete


def _no_value(kind: GraphQLLeafType, value: Any, coerced: Any) -> TypeError:
    return TypeError(
        f"Expected `{inspect(kind)}.coerce_output_value({inspect(value)})` to return non-nullable value,"
        f" returned: {inspect(coerced)}"
    )
