"""Compiles one operation: every field at every position gets a function that serves a whole set of objects."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from engine.graphql.fields import Resolver, find_resolver, is_never_awaitable
from engine.graphql.leaves import make_leaf
from engine.graphql.lists import complete_leaves, complete_lists
from engine.graphql.objects import complete_abstract, complete_objects
from engine.graphql.plan import Complete, Field, Source
from engine.graphql.resolving import make_start
from engine.graphql.selection import (
    Constant,
    Entry,
    InlineLeaf,
    SetField,
    compile_selection,
    compile_serial_selection,
)

#: Attributes that an operation reads, by the name of the GraphQL type; None for all that there are.
Reads = Mapping[str, frozenset[str] | None]


class Compiler:
    """Compiles the selections of one operation.

    Args:
        variables: the values of those in ``@skip`` and ``@include``; no others are looked at.

    Attributes:
        fields: how many fields have been compiled.
    """

    def __init__(self, source: Source, variables: VariableValues) -> None:
        self.source = source
        self.variables = variables
        self.fragments = {name: FragmentDetails(node) for name, node in source.fragments.items()}
        self._reads: dict[str, set[str] | None] = {}
        self._reads_are_known = True
        self.fields = 0

    @property
    def reads(self) -> Reads | None:
        """The attributes that resolvers declare to read, by type; None where types turn up at run time only."""
        if not self._reads_are_known:
            return None
        return {name: None if read is None else frozenset(read) for name, read in self._reads.items()}

    def root(self, kind: GraphQLObjectType, *, serial: bool) -> tuple[Complete, bool]:
        """Compile the root selection set; return it, and whether it is on nothing but the schema."""
        grouped = collect_fields(
            self.source.core, self.fragments, self.variables, kind, self.source.operation
        ).grouped_field_set
        entries = self._entries(kind, grouped, None, serial=serial)
        names = {details[0].node.name.value for details in grouped.values()}
        static = names <= {"__schema", "__type", "__typename"}
        compiled = (compile_serial_selection if serial else compile_selection)(entries, self.source.code)
        return compiled, static

    def _entries(
        self, kind: GraphQLObjectType, grouped: GroupedFieldSet, parent: Field | None, *, serial: bool = False
    ) -> list[Entry]:
        entries: list[Entry] = []
        for key, details in grouped.items():
            name = details[0].node.name.value
            definition = self.source.core.get_field(kind, name)
            if name == "__typename":
                entries.append(Constant(key, kind.name))
            elif definition is not None:
                entries.append(self._entry(kind, key, details, definition, parent, serial=serial))
        return entries

    def _entry(
        self,
        kind: GraphQLObjectType,
        key: str,
        details: FieldDetailsList,
        definition: GraphQLField,
        parent: Field | None,
        *,
        serial: bool,
    ) -> Entry:
        self.fields += 1
        resolver = find_resolver(definition, self.source.schema)
        calls_core = not (resolver.attribute or resolver.batch or resolver.call)
        field = Field(
            self.source,
            parent,
            kind,
            key,
            [detail.node for detail in details],
            definition,
            Path(parent.path if parent else None, key, kind.name),
            None if calls_core else resolver.strawberry,
        )
        self._note_reads(kind, resolver)
        non_null = is_non_null_type(definition.type)
        inner: Any = get_nullable_type(definition.type)
        call = resolver.call if not resolver.is_async and not definition.args else None
        # An awaitable must begin concurrently with the other fields, not in the loop after them.
        simple = resolver.attribute or (call and is_never_awaitable(call))
        if is_leaf_type(inner) and simple and not serial:
            leaf = make_leaf(inner, field, non_null=non_null)
            return InlineLeaf(key, field, leaf, resolver.attribute, resolver.call)
        return SetField(key, make_start(field, resolver, self._completion(definition.type, field, details)))

    def _note_reads(self, kind: GraphQLObjectType, resolver: Resolver) -> None:
        if resolver.reads is None:
            self._reads[kind.name] = None
            return
        # A type of which nothing is read is noted, too.
        self._reads.setdefault(kind.name, set())
        for read in resolver.reads:
            type_name, _, attribute = read.rpartition(".")
            if (known := self._reads.setdefault(type_name or kind.name, set())) is not None:
                known.add(attribute)

    def _completion(self, kind: GraphQLOutputType, field: Field, details: FieldDetailsList) -> Complete:
        non_null = is_non_null_type(kind)
        inner: Any = get_nullable_type(kind)
        if is_list_type(inner):
            return complete_lists(self._completion(inner.of_type, field, details), field, non_null=non_null)
        if is_leaf_type(inner):
            leaf = make_leaf(inner, field, non_null=non_null)
            code = f"def items(values, run):\n    return [{leaf.expression('v', 0)} for v in values]"
            return complete_leaves(self.source.code.define("items", code, leaf.names(0)))
        if is_object_type(inner):
            return self._objects(inner, field, details, non_null=non_null)
        if not is_abstract_type(inner):
            raise TypeError(f"no output type: {inner}")
        self._reads_are_known = False
        known: dict[str, Complete] = {}

        def complete_as(name: str) -> Complete:
            if name not in known:
                possible: Any = self.source.core.get_type(name)
                known[name] = self._objects(possible, field, details, non_null=False)
            return known[name]

        return complete_abstract(inner, complete_as, field, non_null=non_null)

    def _objects(
        self, kind: GraphQLObjectType, field: Field, details: FieldDetailsList, *, non_null: bool
    ) -> Complete:
        grouped = collect_subfields(
            self.source.core, self.fragments, self.variables, self.source.operation, kind, details
        ).grouped_field_set
        select = compile_selection(self._entries(kind, grouped, field), self.source.code)
        return complete_objects(kind, select, field, non_null=non_null)
