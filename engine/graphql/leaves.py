"""Completes leaves: the expression of a scalar or enum in generated code, and the slow path for all other values."""

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

#: The fast paths: values that pass the test of their type are the result; all others take the slow path.
_FAST_PATHS: dict[GraphQLLeafType, str] = {
    GraphQLString: "{v}.__class__ is str",
    GraphQLID: "{v}.__class__ is str",
    GraphQLBoolean: "{v} is True or {v} is False",
    GraphQLInt: "{v}.__class__ is int and -2147483648 <= {v} <= 2147483647",
    # Neither an infinity nor "not a number" gives zero.
    GraphQLFloat: "{v}.__class__ is float and {v} - {v} == 0.0",
}

#: Where :func:`encoder_passthrough` marks a scalar's ``serialize``.
_PASSTHROUGH = "__encoder_passthrough__"


def encoder_passthrough(kind: type[Any], **attributes: Any) -> Callable[[F], F]:
    """Mark a scalar's ``serialize``: the JSON encoder writes some of its values in the same way, and faster.

    ``Operation.execute(…, encoded=True)`` leaves these values to the encoder.

    Args:
        kind: values of exactly this class,
        attributes: and whose attributes are these very objects.
    """

    def mark(serialize: F) -> F:
        setattr(serialize, _PASSTHROUGH, (kind, attributes))
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
        complete: the slow path, for any value.
        enum_names: the class and the names of an enum whose members need no more than a look at a table.
    """

    kind: GraphQLLeafType
    complete: CompleteOne
    enum_names: tuple[type[enum.Enum], dict[str, str]] | None

    def expression(self, value: str, number: int) -> str:
        """Return the expression that completes the variable *value*; *number* tells its names apart."""
        slow_path = f"s{number}({value}, run)"
        # Of a text, ``str`` returns that very text.
        is_text = self.kind.coerce_output_value is str
        if test := _FAST_PATHS.get(GraphQLString if is_text else self.kind):
            return f"{value} if {test.format(v=value)} else {slow_path}"
        if self.enum_names:
            return f"n{number}[{value}._name_] if {value}.__class__ is e{number} else {slow_path}"
        if self._passthrough:
            tests = [f"{value}.{name} is a{number}_{name}" for name in self._passthrough[1]]
            test = " and ".join([f"{value}.__class__ is e{number}", *tests, "run.encoded"])
            return f"{value} if {test} else {slow_path}"
        return slow_path

    def names(self, number: int) -> dict[str, Any]:
        """Return what the names in :meth:`expression` stand for."""
        names: dict[str, Any] = {f"s{number}": self.complete}
        if self.enum_names:
            names[f"e{number}"], names[f"n{number}"] = self.enum_names
        elif self._passthrough:
            names[f"e{number}"], attributes = self._passthrough
            names |= {f"a{number}_{name}": value for name, value in attributes.items()}
        return names

    @property
    def _passthrough(self) -> tuple[type[Any], dict[str, Any]] | None:
        return getattr(self.kind.coerce_output_value, _PASSTHROUGH, None)


def make_leaf(kind: GraphQLLeafType, field: Field, *, non_null: bool) -> Leaf:
    """Return how leaves of *kind* are completed at *field*."""
    return Leaf(kind, _slow_path(kind, field, non_null=non_null), _enum_names(kind))


def _enum_names(kind: GraphQLLeafType) -> tuple[type[enum.Enum], dict[str, str]] | None:
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


def _slow_path(kind: GraphQLLeafType, field: Field, *, non_null: bool) -> CompleteOne:
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
            return run.fail(field, _null_error(kind, value, coerced))
        known.add(value.__class__)
        return coerced

    return complete


def _null_error(kind: GraphQLLeafType, value: Any, coerced: Any) -> TypeError:
    return TypeError(
        f"Expected `{inspect(kind)}.coerce_output_value({inspect(value)})` to return non-nullable value,"
        f" returned: {inspect(coerced)}"
    )
