"""What a compiled operation is made of, and what one run of it carries along."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, is_awaitable
from graphql.type.definition import GraphQLResolveInfoHelpers
from strawberry import Schema
from strawberry.types.field import StrawberryField

from engine.graphql.arguments import Arguments
from engine.graphql.code_cache import CodeCache
from engine.graphql.gathering import gather_all
from engine.graphql.input_conversion import Converters

#: Completes the values of one field for a whole set of objects: at once, or later.
Complete = Callable[[list[Any], "Run"], list[Any] | Awaitable[list[Any]]]
#: Resolves and completes one field for a whole set of objects.
Start = Complete


def _ignore(_values: Sequence[Any]) -> None:
    """Track nothing: awaitables that a resolver leaves behind are its own affair."""


_HELPERS = GraphQLResolveInfoHelpers(gather_all, _ignore)


@dataclass(frozen=True, slots=True)
class Source:
    """An operation with what it is compiled from; *core* is the schema as graphql-core knows it."""

    schema: Schema
    core: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    converters: Converters
    code: CodeCache


class Failure:
    """Stands in a result where a field has failed, until nulls are propagated and errors located."""

    __slots__ = ("error", "field")

    def __init__(self, field: "Field", error: Exception) -> None:
        self.field = field
        self.error = error


@dataclass(slots=True, eq=False)
class Field:
    """One field at one position of an operation.

    Args:
        parent: the field whose selection it is in; None for a root field.
        key: its response name.
        nodes: the fields of the document that were merged into it.
        path: its path in the response, without the indices of lists.
        strawberry: Strawberry's definition, if the field has one.
    """

    source: Source
    parent: "Field | None"
    parent_type: GraphQLObjectType
    key: str
    nodes: list[FieldNode]
    definition: GraphQLField
    path: Path
    strawberry: StrawberryField | None
    arguments: Arguments = field(init=False)

    def __post_init__(self) -> None:
        """Find out which arguments are constants."""
        self.arguments = Arguments(self.definition, self.nodes[0], self.strawberry, self.source.converters)

    @property
    def name(self) -> str:
        """Its name in the schema."""
        return self.nodes[0].name.value

    def null_error(self) -> TypeError:
        """Return the error for a null where there must be none."""
        return TypeError(f"Cannot return null for non-nullable field {self.parent_type}.{self.name}.")


class Run:
    """One execution of an operation.

    ``failed`` tells that a :class:`Failure` is somewhere in the result, ``pending`` that a leaf in it may have to be
    awaited still, ``encoded`` that scalars may leave values to the encoder.
    """

    __slots__ = (
        "_arguments",
        "_infos",
        "context",
        "encoded",
        "failed",
        "pending",
        "root",
        "source",
        "variables",
    )

    def __init__(
        self, source: Source, context: Any, root: Any, variables: VariableValues, *, encoded: bool = False
    ) -> None:
        self.source = source
        self.context = context
        self.root = root
        self.variables = variables
        self.encoded = encoded
        self.failed = False
        self.pending = False
        self._infos: dict[Field, Any] = {}
        self._arguments: dict[Field, dict[str, Any] | Exception] = {}

    def fail(self, field: Field, error: Exception) -> Failure:
        """Return what to put into the result where *field* has failed."""
        self.failed = True
        return Failure(field, error)

    def core_info(self, field: Field) -> GraphQLResolveInfo[Any]:
        """Return graphql-core's info, the same one for all objects of a set."""
        source = self.source
        return GraphQLResolveInfo(
            field.name,
            field.nodes,
            field.definition.type,
            field.parent_type,
            field.path,
            source.core,
            source.fragments,
            self.root,
            source.operation,
            self.variables,
            self.context,
            is_awaitable,
            None,
            _HELPERS,
        )

    def info(self, field: Field) -> Any:
        """Return Strawberry's info, the same one for all objects of a set."""
        info = self._infos.get(field)
        if info is None:
            info_class: Any = self.source.schema.config.info_class
            info = self._infos[field] = info_class(_raw_info=self.core_info(field), _field=field.strawberry)
        return info

    def arguments(self, field: Field) -> dict[str, Any] | Exception:
        """Return the arguments of *field* as Strawberry converts them, or what is wrong with them."""
        known = self._arguments.get(field)
        if known is None:
            try:
                known = field.arguments.convert(self, field)
            except Exception as error:
                known = error
            self._arguments[field] = known
        return known
