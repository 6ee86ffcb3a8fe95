"""What an operation uses, by the names that calls are counted under.

These are the fields of the root, and all that is deprecated: fields, arguments, input fields and enum values, each by
its schema coordinate (GraphQL specification, section 3.13), such as ``Order.oldField`` or
``Query.orders(oldArgument:)``. A document is looked through once. Variables are looked at in each request, but only
those whose types can hold something deprecated.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    type_from_ast,
    visit,
)

from core.metrics import field_durations
from core.series import Durations
from graph.endpoint.root_fields import root_fields


def root_coordinates(schema: GraphQLSchema) -> list[str]:
    """Return the schema coordinates of the fields of all roots."""
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    return [f"{root.name}.{name}" for root in roots if root for name in root.fields]


def coordinates(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Yield the coordinate of each member of a type and each argument, and why it is deprecated, if it is."""
    for directive in schema.directives:
        yield from _arguments(f"@{directive.name}", directive.args)
    for kind in schema.type_map.values():
        if kind.name.startswith("__"):
            continue
        if isinstance(kind, GraphQLEnumType):
            members: Mapping[str, Any] = kind.values
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            members = kind.fields
        else:
            continue
        for name, member in members.items():
            yield f"{kind.name}.{name}", member.deprecation_reason
            yield from _arguments(f"{kind.name}.{name}", getattr(member, "args", {}))


def _arguments(owner: str, arguments: Mapping[str, GraphQLArgument]) -> Iterator[tuple[str, str | None]]:
    for name, argument in arguments.items():
        yield f"{owner}({name}:)", argument.deprecation_reason


@dataclass(frozen=True, slots=True)
class OperationUses:
    """What one operation of a document uses.

    Args:
        durations: where to observe how long it takes.
        known: what the document says.
        variables: those whose values can use something deprecated, with their types.
    """

    durations: Sequence[Durations]
    known: tuple[str, ...]
    variables: Mapping[str, Any]
    _schema_uses: "SchemaUses"

    def of(self, values: Mapping[str, Any] | None) -> Sequence[str]:
        """Return what the operation uses with these values of its variables, which need not fit, each once."""
        if not self.variables or not values:
            return self.known
        given = [(kind, values[name]) for name, kind in self.variables.items() if name in values]
        return list(dict.fromkeys((*self.known, *self._schema_uses.in_values(given))))


class SchemaUses:
    """What the operations on a schema are counted under: fields of its roots, and what is deprecated in it."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.coordinates = frozenset(name for name, reason in coordinates(schema) if reason is not None)
        self._inputs = self._inputs_that_hold_them()

    @property
    def countable(self) -> list[str]:
        """All that calls are counted under."""
        return sorted({*root_coordinates(self._schema), *self.coordinates})

    def uses_of(self, document: DocumentNode, operation: OperationDefinitionNode) -> OperationUses:
        """Look through one operation of a valid document."""
        fields = root_fields(document, operation)
        # What every schema has, such as __typename, is nothing that anybody would remove.
        known = dict.fromkeys(field for field in fields if ".__" not in field)
        if self.coordinates:
            known |= dict.fromkeys(self._in_document(document, operation))
        kinds: dict[str, Any] = {
            node.variable.name.value: type_from_ast(self._schema, node.type)
            for node in operation.variable_definitions or ()
        }
        variables = {name: kind for name, kind in kinds.items() if get_named_type(kind).name in self._inputs}
        return OperationUses([*map(field_durations, fields)], tuple(known), variables, self)

    def _in_document(self, document: DocumentNode, operation: OperationDefinitionNode) -> list[str]:
        fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        types = TypeInfo(self._schema)
        visitor = _Coordinates(types)
        visit(operation, TypeInfoVisitor(types, visitor))
        seen: set[str] = set()
        while missing := visitor.spreads - seen:
            seen |= missing
            for name in missing:
                visit(fragments[name], TypeInfoVisitor(types, visitor))
        return [name for name in visitor.found if name in self.coordinates]

    def in_values(self, given: Sequence[tuple[Any, Any]]) -> Iterator[str]:
        """Yield what is deprecated in values of variables, each given with its type; what does not fit has nothing."""
        left = list(given)
        while left:
            kind, value = left.pop()
            if isinstance(kind, GraphQLNonNull):
                left.append((kind.of_type, value))
            elif isinstance(kind, GraphQLList):
                values = value if isinstance(value, list) else [value]
                left += [(kind.of_type, entry) for entry in values]
            elif isinstance(kind, GraphQLEnumType):
                if isinstance(value, str):
                    yield from self._if_deprecated(f"{kind.name}.{value}")
            elif isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
                for name, entry in value.items():
                    yield from self._if_deprecated(f"{kind.name}.{name}")
                    if name in kind.fields:
                        left.append((kind.fields[name].type, entry))

    def _if_deprecated(self, coordinate: str) -> Sequence[str]:
        return (coordinate,) if coordinate in self.coordinates else ()

    def _inputs_that_hold_them(self) -> set[str]:
        """Return the names of the input types that have something deprecated in them, however deep."""
        owners = {name.partition(".")[0] for name in self.coordinates if "(" not in name}
        inputs = [kind for kind in self._schema.type_map.values() if isinstance(kind, GraphQLInputObjectType)]
        grows = True
        while grows:
            found = {
                kind.name
                for kind in inputs
                if any(get_named_type(field.type).name in owners for field in kind.fields.values())
            }
            grows = not found <= owners
            owners |= found
        return owners


class _Coordinates(Visitor):
    """Collects the coordinates of all that stands in a document, and which fragments it spreads."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self._field = ""
        self.found: dict[str, None] = {}
        self.spreads: set[str] = set()

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        """Note the fragment."""
        self.spreads.add(node.name.value)

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Note the field; its arguments come before the fields below it."""
        self._field = f"{self._types.get_parent_type()}.{node.name.value}"
        self.found[self._field] = None

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        """Note the argument of a field or directive."""
        directive = self._types.get_directive()
        owner = self._field if directive is None else f"@{directive.name}"
        self.found[f"{owner}({node.name.value}:)"] = None

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        """Note the input field."""
        kind = get_named_type(self._types.get_parent_input_type())
        self.found[f"{kind}.{node.name.value}"] = None

    def enter_enum_value(self, node: EnumValueNode, *_: Any) -> None:
        """Note the value."""
        self.found[f"{get_named_type(self._types.get_input_type())}.{node.value}"] = None
