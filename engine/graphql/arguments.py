"""The arguments of one field at one place of an operation: constants are converted once, the rest for each run.

Converting an input object takes Strawberry some 40 microseconds, so the ``orderBy: {field: NAME}`` of a document
should not pay for that in each run. Mutable values are copied for each run.
"""

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from engine.graphql.input_conversion import Argument, Converters

if TYPE_CHECKING:
    from engine.graphql.plan import Field, Run

#: Values of these classes can be passed to any number of calls.
_IMMUTABLE = frozenset({str, int, float, bool, type(None)})


class Arguments:
    """Coerces and converts the arguments of a field.

    Args:
        definition: graphql-core's definition of the field.
        node: the field in the document.
        strawberry: Strawberry's definition; without one, arguments stay as graphql-core coerces them.
        converters: those of the schema.
    """

    __slots__ = (
        "_arguments",
        "_constants",
        "_definition",
        "_mutable",
        "_node",
        "_varying",
        "_varying_arguments",
    )

    def __init__(
        self,
        definition: GraphQLField,
        node: FieldNode,
        strawberry: StrawberryField | None,
        converters: Converters,
    ) -> None:
        self._node = node
        self._definition = definition
        self._arguments = [converters.argument(one) for one in strawberry.arguments] if strawberry else None
        values = {argument.name.value: argument.value for argument in node.arguments or ()}
        varying = {
            name: argument
            for name, argument in definition.args.items()
            if (name in values and _has_variable(values[name])) or not _is_constant(argument.type, set())
        }
        #: The definition with the arguments alone that are coerced in every run after the first.
        self._varying = GraphQLField(definition.type, args=varying) if varying else None
        self._varying_arguments: list[Argument] | None = None
        self._constants: dict[str, Any] | None = None
        self._mutable: list[str] = []

    def convert(self, run: "Run", field: "Field") -> dict[str, Any]:
        """Return the arguments as the resolver takes them.

        Raises:
            Exception: they do not fit.
        """
        if not self._definition.args:
            return {}
        if self._constants is None:
            values = self._convert(self._definition, self._arguments, run, field)
            self._keep_constants(values)
            return values
        constants = self._constants
        if self._mutable:
            constants = constants | {name: deepcopy(constants[name]) for name in self._mutable}
        if self._varying is None:
            return constants
        return constants | self._convert(self._varying, self._varying_arguments, run, field)

    def _convert(
        self,
        definition: GraphQLField,
        arguments: list[Argument] | None,
        run: "Run",
        field: "Field",
    ) -> dict[str, Any]:
        variables: VariableValues = run.variables
        coerced = get_argument_values(definition, self._node, variables)
        if arguments is None:
            return coerced
        return run.source.converters.convert(coerced, arguments, run.info(field))

    def _keep_constants(self, values: dict[str, Any]) -> None:
        """Keep, of the *values* of one run, those that are the same in all."""
        varying = set(self._varying.args) if self._varying else set()
        if self._arguments is not None:
            self._varying_arguments = [argument for argument in self._arguments if argument[0] in varying]
            varying = {python_name for _, python_name, _ in self._varying_arguments}
        constants = {name: value for name, value in values.items() if name not in varying}
        self._mutable = [name for name, value in constants.items() if type(value) not in _IMMUTABLE]
        # A copy, for the values of this run belong to its resolver.
        self._constants = constants | {name: deepcopy(constants[name]) for name in self._mutable}


class _FindVariable(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, _node: VariableNode, *_: Any) -> Any:
        self.found = True
        return self.BREAK


def _has_variable(node: Any) -> bool:
    finder = _FindVariable()
    visit(node, finder)
    return finder.found


def _is_constant(kind: GraphQLInputType, seen: set[str]) -> bool:
    """Return whether a literal of *kind* always gives an equal value: no input in it has a ``from_input``."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLInputObjectType) or named.name in seen:
        return True
    seen.add(named.name)
    definition = named.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if getattr(definition, "from_input", None) is not None:
        return False
    return all(_is_constant(field.type, seen) for field in named.fields.values())
