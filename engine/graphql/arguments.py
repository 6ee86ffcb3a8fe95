"""Arguments of one field at one place of an operation: what no variable is part of is converted once.

Converting an input object takes Strawberry some 40 microseconds, so a list that is always asked for in the same
order should not pay for that each time. What a resolver could change is copied for each run.
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

#: Values of these classes can be handed to any number of calls.
_UNCHANGEABLE = frozenset({str, int, float, bool, type(None)})


class Arguments:
    """How the arguments of a field are found.

    Args:
        definition: graphql-core's definition of the field.
        node: where the document asks for it.
        strawberry: Strawberry's definition; without one, arguments stay as graphql-core coerces them.
        converters: those of the schema.
    """

    __slots__ = ("_arguments", "_changeable", "_definition", "_kept", "_node", "_open", "_open_arguments")

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
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        varying = {
            name: argument
            for name, argument in definition.args.items()
            if (name in given and _has_variable(given[name])) or not _is_plain(argument.type, set())
        }
        #: What is asked of graphql-core in every run but the first.
        self._open = GraphQLField(definition.type, args=varying) if varying else None
        self._open_arguments: list[Argument] | None = None
        self._kept: dict[str, Any] | None = None
        self._changeable: list[str] = []

    def convert(self, run: "Run", field: "Field") -> dict[str, Any]:
        """Return the arguments as the resolver takes them.

        Raises:
            Exception: they do not fit.
        """
        if not self._definition.args:
            return {}
        if self._kept is None:
            return self._convert_all(run, field)
        kept = self._kept
        if self._changeable:
            kept = kept | {name: deepcopy(kept[name]) for name in self._changeable}
        if self._open is None:
            return kept
        return kept | self._converted(self._open, self._open_arguments, run, field)

    def _convert_all(self, run: "Run", field: "Field") -> dict[str, Any]:
        values = self._converted(self._definition, self._arguments, run, field)
        self._keep(values)
        return values

    def _converted(
        self,
        definition: GraphQLField,
        arguments: list[Argument] | None,
        run: "Run",
        field: "Field",
    ) -> dict[str, Any]:
        variables: VariableValues = run.variables
        raw = get_argument_values(definition, self._node, variables)
        if arguments is None:
            return raw
        return run.source.converters.convert(raw, arguments, run.info(field))

    def _keep(self, values: dict[str, Any]) -> None:
        """Keep, of the *values* of one run, those that are the same in all."""
        names = set(self._open.args) if self._open else set()
        if self._arguments is not None:
            self._open_arguments = [argument for argument in self._arguments if argument[0] in names]
            names = {python_name for _, python_name, _ in self._open_arguments}
        kept = {name: value for name, value in values.items() if name not in names}
        self._changeable = [name for name, value in kept.items() if type(value) not in _UNCHANGEABLE]
        # A copy, for the values of this run belong to its resolver.
        self._kept = kept | {name: deepcopy(kept[name]) for name in self._changeable}


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


def _is_plain(kind: GraphQLInputType, seen: set[str]) -> bool:
    """Tell whether no input object in *kind* makes its value by itself, which may be another one each time."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLInputObjectType) or named.name in seen:
        return True
    seen.add(named.name)
    definition = named.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if getattr(definition, "from_input", None) is not None:
        return False
    return all(_is_plain(field.type, seen) for field in named.fields.values())
