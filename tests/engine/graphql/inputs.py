"""Random input values: literals for documents, variables, and JSON for the variables."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
from graphql import (
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLType,
    Undefined,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)

#: Told where (``Type.field.argument``, or ``Input.field``) and by whom, gives a JSON value to use, or ``Undefined``.
Suggest = Callable[[Random, str], Any]

SCALAR_VALUES: dict[str, tuple[Any, ...]] = {
    "Int": (0, 1, -7, 2**31 - 1, 1.0),
    "Float": (0, 1.5, -2, 1e100),
    "String": ("", "word", 'quote " and \\ slash', "ä😀"),
    "Boolean": (True, False),
    "ID": ("id", "12", 12),
    "Odd": (1, 3),
    "JSON": ("text", 1, True),
    "Date": ("2026-01-31",),
    "DateTime": ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00"),
    "Time": ("12:30:00",),
    "Decimal": ("1.50", 2, "0"),
    "UUID": ("00000000-0000-0000-0000-000000000007",),
}
WRONG_VALUES: tuple[Any, ...] = ("wrong", 1.5, 2, [], {}, {"nobody": 1}, None, True, 2**40, [[None]])
MAX_DEPTH = 3


@dataclass(frozen=True)
class Variable:
    """A variable, the same in each operation that uses it."""

    name: str
    type: GraphQLType
    default: str | None

    @property
    def declaration(self) -> str:
        """As an operation declares it."""
        return f"${self.name}: {self.type}" + (f" = {self.default}" if self.default is not None else "")


class Inputs:
    """Writes input values, and remembers the variables among them.

    Args:
        rng: chance.
        schema: where the types are from.
        use: told of each variable that a literal has used.
        suggest: values that mean something to the resolvers.
    """

    def __init__(
        self, rng: Random, schema: GraphQLSchema, use: Callable[[Variable], None], suggest: Suggest | None
    ) -> None:
        self.rng = rng
        self.schema = schema
        self.use = use
        self.suggest = suggest
        self.variables: dict[str, Variable] = {}
        self.places: dict[str, str] = {}

    def literal(
        self, type_: Any, defaulted: bool, place: str, *, depth: int = 0, variable: float = 0.3
    ) -> str:
        """Write a literal or a variable for a place of *type_*; *defaulted* if the place has a default."""
        if self.rng.random() < variable:
            return "$" + self._variable(type_, defaulted, place).name
        return self._constant(type_, place, depth, variables=True)

    def _constant(self, type_: Any, place: str, depth: int, *, variables: bool) -> str:
        if is_non_null_type(type_):
            type_ = type_.of_type
        elif self.rng.random() < 0.15 or depth > MAX_DEPTH:
            return "null"
        suggested = self.suggest(self.rng, place) if self.suggest else Undefined
        if suggested is not Undefined and not is_input_object_type(type_):
            return _printed(suggested)
        if is_list_type(type_):
            return self._list(type_.of_type, place, depth, variables=variables)
        if is_input_object_type(type_):
            return self._object(type_, depth, variables=variables)
        if is_enum_type(type_):
            name: str = self.rng.choice(list(type_.values))
            return name
        return _printed(self._scalar(str(type_)))

    def _scalar(self, name: str) -> Any:
        # 1.0 is an Int in JSON, but not in a document.
        values = [value for value in SCALAR_VALUES[name] if name != "Int" or type(value) is int]
        return self.rng.choice(values)

    def _inner(self, type_: Any, defaulted: bool, place: str, depth: int, *, variables: bool) -> str:
        if variables:
            return self.literal(type_, defaulted, place, depth=depth, variable=0.15)
        return self._constant(type_, place, depth, variables=False)

    def _list(self, item: Any, place: str, depth: int, *, variables: bool) -> str:
        inner = item.of_type if is_non_null_type(item) else item
        if self.rng.random() < 0.1 and not is_list_type(inner):
            # One value stands for a list of one (section 3.11), but a variable or null would not.
            return self._constant(GraphQLNonNull(inner), place, depth + 1, variables=False)
        items = [
            self._inner(item, False, place, depth + 1, variables=variables)
            for _ in range(self.rng.randint(0, 2))
        ]
        return f"[{', '.join(items)}]"

    def _object(self, type_: GraphQLInputObjectType, depth: int, *, variables: bool) -> str:
        if _is_one_of(type_):
            name, one = self.rng.choice(list(type_.fields.items()))
            inner = self._constant(GraphQLNonNull(one.type), f"{type_}.{name}", depth + 1, variables=False)
            return f"{{{name}: {inner}}}"
        told = []
        for name, part in type_.fields.items():
            defaulted = part.default is not None or part.default_value is not Undefined
            if (is_non_null_type(part.type) and not defaulted) or self.rng.random() < 0.4:
                inner = self._inner(part.type, defaulted, f"{type_}.{name}", depth + 1, variables=variables)
                told.append(f"{name}: {inner}")
        self.rng.shuffle(told)
        return "{" + ", ".join(told) + "}"

    def _variable(self, type_: Any, defaulted: bool, place: str) -> Variable:
        rng = self.rng
        wanted: Any = type_
        default = None
        if is_non_null_type(wanted) and (defaulted or rng.random() < 0.5):
            # A nullable variable may stand here by a default of its own or of the place (section 5.8.5).
            wanted = wanted.of_type
            if not defaulted or rng.random() < 0.5:
                default = self._constant(GraphQLNonNull(wanted), place, 1, variables=False)
        elif not is_non_null_type(wanted) and rng.random() < 0.3:
            wanted = GraphQLNonNull(wanted)
        if default is None and rng.random() < 0.2:
            default = self._constant(wanted, place, 1, variables=False)
        alike = [
            one for one in self.variables.values() if str(one.type) == str(wanted) and one.default == default
        ]
        if alike and rng.random() < 0.5:
            found = rng.choice(alike)
        else:
            found = Variable(f"v{len(self.variables)}", wanted, default)
            self.variables[found.name] = found
            self.places[found.name] = place
        self.use(found)
        return found

    def values(self, names: set[str], mistakes: float) -> dict[str, Any] | None:
        """Return values for the variables of one operation, a few of them wrong; ``None`` if there are none."""
        values: dict[str, Any] = {}
        for name in sorted(names):
            variable = self.variables[name]
            needed = is_non_null_type(variable.type) and variable.default is None
            if not needed and self.rng.random() < 0.3:
                continue
            values[name] = self._value(variable.type, self.places[name], 0)
            if self.rng.random() < mistakes:
                values[name] = self.rng.choice(WRONG_VALUES)
        if self.rng.random() < 0.05:
            values["unknown"] = 1
        return values if values or self.rng.random() < 0.5 else None

    def _value(self, type_: Any, place: str, depth: int) -> Any:
        if is_non_null_type(type_):
            type_ = type_.of_type
        elif self.rng.random() < 0.15 or depth > MAX_DEPTH:
            return None
        suggested = self.suggest(self.rng, place) if self.suggest else Undefined
        if suggested is not Undefined and not is_input_object_type(type_):
            return suggested
        if is_list_type(type_):
            return [self._value(type_.of_type, place, depth + 1) for _ in range(self.rng.randint(0, 2))]
        if is_input_object_type(type_):
            return self._input(type_, depth)
        if is_enum_type(type_):
            return self.rng.choice(list(type_.values))
        return self.rng.choice(SCALAR_VALUES[str(type_)])

    def _input(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        if _is_one_of(type_):
            name, one = self.rng.choice(list(type_.fields.items()))
            return {name: self._value(GraphQLNonNull(one.type), f"{type_}.{name}", depth + 1)}
        return {
            name: self._value(part.type, f"{type_}.{name}", depth + 1)
            for name, part in type_.fields.items()
            if (is_non_null_type(part.type) and part.default_value is Undefined and part.default is None)
            or self.rng.random() < 0.4
        }


def _is_one_of(type_: GraphQLInputObjectType) -> bool:
    definition = type_.extensions.get("strawberry-definition")
    return type_.is_one_of or bool(definition and definition.is_one_of)


def _printed(value: Any) -> str:
    """Print a JSON value as a literal; objects have no quotes around their names."""
    if isinstance(value, list):
        return f"[{', '.join(map(_printed, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_printed(inner)}" for name, inner in value.items()) + "}"
    return orjson.dumps(value).decode()
