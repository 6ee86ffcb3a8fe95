"""Converts coerced arguments to what resolvers take, by functions that are made once for each input type.

Strawberry looks at the type anew for each value: 100 microseconds for an input with a list of three others, more than
their validation. The slow path, for ``Maybe``, ``GlobalID`` and inputs with a ``from_input``, is Strawberry's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any

from strawberry import UNSET
from strawberry.relay.types import GlobalID
from strawberry.scalars import is_scalar
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType

#: Converts one value that is present; gets it, Strawberry's info and its path in the arguments.
Convert = Callable[[Any, Any, tuple[str | int, ...]], Any]


class Converters:
    """The conversions of one schema's input types, made when they are first needed."""

    def __init__(self, config: StrawberryConfig, scalar_registry: Mapping[object, Any]) -> None:
        self._config = config
        self._scalars = scalar_registry
        self._known: dict[type[Any], Convert] = {}

    def convert(self, coerced: Mapping[str, Any], arguments: list["Argument"], info: Any) -> dict[str, Any]:
        """Return the arguments that are present in *coerced*, by the names that the resolver has for them.

        Raises:
            Exception: whatever an input type or Strawberry raises.
        """
        return {
            python_name: value if convert is None else convert(value, info, (name,))
            for name, python_name, convert in arguments
            if (value := coerced.get(name, MISSING)) is not MISSING
        }

    def argument(self, argument: StrawberryArgument) -> "Argument":
        """Return how one argument is converted."""
        name = self._config.name_converter.from_argument(argument)
        return name, argument.python_name, self._of(argument.type)

    def _of(self, kind: Any) -> Convert | None:
        """Return the conversion of a type; None if values stay as graphql-core has coerced them."""
        if isinstance(kind, StrawberryMaybe):
            return self._by_strawberry(kind)
        if isinstance(kind, StrawberryOptional):
            return self._of(kind.of_type)
        if isinstance(kind, StrawberryList):
            return self._of_list(kind)
        if isinstance(kind, LazyType):
            return self._of(kind.resolve_type())
        if kind is GlobalID:
            return self._by_strawberry(kind)
        if (
            is_scalar(kind, self._scalars)
            or isinstance(kind, StrawberryEnumDefinition)
            or has_enum_definition(kind)
        ):
            return None
        if has_object_definition(kind) and kind.__strawberry_definition__.from_input is None:
            return self._of_input(kind)
        return self._by_strawberry(kind)

    def _of_list(self, kind: StrawberryList) -> Convert:
        convert = self._of(kind.of_type)
        if convert is None:
            # Copied, for graphql-core gives the same default to every run.
            return lambda value, _info, _path: value if value is None or value is UNSET else list(value)

        def convert_list(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
            if value is None or value is UNSET:
                return value
            return [convert(one, info, (*path, index)) for index, one in enumerate(value)]

        return convert_list

    def _of_input(self, kind: Any) -> Convert:
        if kind in self._known:
            return self._known[kind]
        definition = kind.__strawberry_definition__
        fields: list[Argument] = []
        absent = {
            field.python_name: None
            for field in definition.fields
            if definition.is_input and field.default_value is MISSING and field.default_factory is MISSING
        }

        def convert_input(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
            if value is None or value is UNSET:
                return value
            values = dict(absent)
            for name, python_name, convert in fields:
                if name in value:
                    one = value[name]
                    values[python_name] = one if convert is None else convert(one, info, (*path, name))
            return kind(**values)

        # Known before its fields are looked at: an input may hold others of its type.
        self._known[kind] = convert_input
        fields += [
            (
                self._config.name_converter.from_field(field),
                field.python_name,
                self._of(field.resolve_type(type_definition=definition)),
            )
            for field in definition.fields
        ]
        return convert_input

    def _by_strawberry(self, kind: Any) -> Convert:
        def convert(value: Any, info: Any, path: tuple[str | int, ...]) -> Any:
            return convert_argument(value, kind, self._scalars, self._config, info, path=path)

        return convert


#: The name in GraphQL, the resolver's name, and the conversion, if there is any.
Argument = tuple[str, str, Convert | None]
