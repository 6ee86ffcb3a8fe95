"""How much one document may ask for, worked out before anything is resolved.

Every selection is measured once, fragments too, however often they are spread: the time grows with the
length of the document, not with what it would expand to.

The cost is what the operation can come to at most. It is counted in characters of the answer, and told in units of
``COST_CHARACTERS``. Each key and each leaf counts its own; an object, a mutation, and a statement that a field sends
for itself count as many as take as long. What is in a list counts once for each entry: of a connection as many as are
asked for (``first`` or ``last``, else 20), of ``nodes`` as there are ids, of other lists as many as they can have
(:mod:`graph.types.bounds`).
"""

from dataclasses import dataclass
from typing import Any, Self

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from core.settings import Settings
from engine.graphql import find_fragments
from graph.endpoint.request_errors import refusal
from graph.resolvers.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from graph.types.bounds import Bounds, bounds_of

#: Characters that cost 1; and those that take as long as an object, and as a statement of SQL or a mutation.
COST_CHARACTERS = 1_000
OBJECT_CHARACTERS = 100
STATEMENT_CHARACTERS = 10_000
#: Sizes in the keys of the measures that are kept of one document: a page size or two, usually.
MAX_SIZES = 256
#: Mutations that check a password. One document has one of them: else it would be a list of guesses, or of sessions.
PASSWORD_FIELDS = frozenset({"changePassword", "login", "requestEmailChange"})
#: Beyond that a number says no more than "far more", and soon is too long for JSON.
MAX_SHOWN = 10**9


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may ask for: the settings ``TANDEM_GRAPHQL_MAX_…``."""

    #: Comments and long strings are few tokens, but take time to read.
    characters: int
    tokens: int
    depth: int
    aliases: int
    fields: int
    cost: int
    #: In the variables: entries of lists and fields of objects, at whatever depth.
    values: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits that *settings* set."""
        return cls(
            settings.graphql_max_characters,
            settings.graphql_max_tokens,
            settings.graphql_max_depth,
            settings.graphql_max_aliases,
            settings.graphql_max_fields,
            settings.graphql_max_cost,
            settings.graphql_max_values,
        )


@dataclass(frozen=True, slots=True)
class Measure:
    """What a selection comes to when its fragments are spread out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    #: In characters, until the whole operation is measured.
    cost: int = 0
    #: Of a connection's selection, what counts for each entry.
    cost_of_entry: int = 0
    passwords: int = 0

    def __add__(self, other: "Measure") -> "Measure":
        return Measure(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.cost + other.cost,
            self.cost_of_entry + other.cost_of_entry,
            self.passwords + other.passwords,
        )


class _Meter:
    """Measures the selections of one document. *variables* are those of the request, defaults filled in."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> None:
        self.schema = schema
        self.variables = variables
        self.fragments = find_fragments(document)
        self.known: dict[str, Measure] = {}
        #: Variables whose values the result depends on.
        self.steering: set[str] = set()

    def selections(self, parent: GraphQLNamedType | None, selection_set: SelectionSetNode | None) -> Measure:
        total = Measure()
        for selection in selection_set.selections if selection_set else ():
            if isinstance(selection, FieldNode):
                total += self.field(parent, selection)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else parent
                total += self.selections(inner, selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                total += self.fragment(selection.name.value)
        return total

    def fragment(self, name: str) -> Measure:
        if name not in self.known:
            # A cycle is refused by another rule; here it only must end.
            self.known[name] = Measure()
            if node := self.fragments.get(name):
                parent = self.schema.get_type(node.type_condition.name.value)
                self.known[name] = self.selections(parent, node.selection_set)
        return self.known[name]

    def field(self, parent: GraphQLNamedType | None, node: FieldNode) -> Measure:
        definition = getattr(parent, "fields", {}).get(node.name.value)
        kind = get_named_type(definition.type) if definition else None
        known = bounds_of(definition)
        inner = self.selections(kind, node.selection_set)
        cost = len(node.alias.value if node.alias else node.name.value)
        is_mutation = parent is self.schema.mutation_type
        if known.statement or is_mutation:
            cost += STATEMENT_CHARACTERS
        if kind is None or is_leaf_type(kind):
            cost += known.characters + inner.cost
        else:
            cost += (OBJECT_CHARACTERS + inner.cost) * self.entries(node, definition, known)
        if inner.cost_of_entry:
            cost += inner.cost_of_entry * self.page_size(node)
        of_entry = _is_connection(parent) and node.name.value in ("edges", "nodes")
        return Measure(
            inner.depth + 1,
            inner.fields + 1,
            inner.aliases + bool(node.alias),
            0 if of_entry else cost,
            cost if of_entry else 0,
            inner.passwords + (is_mutation and node.name.value in PASSWORD_FIELDS),
        )

    def entries(self, node: FieldNode, definition: Any, known: Bounds) -> int:
        """Return how many objects a field returns; those of a connection are counted with the connection."""
        ids = self.argument(node, "ids")
        if isinstance(ids, list):
            return len(ids)
        is_list = is_list_type(get_nullable_type(definition.type))
        return known.entries if is_list and node.name.value not in ("edges", "nodes") else 1

    def page_size(self, node: FieldNode) -> int:
        size = self.argument(node, "first") or self.argument(node, "last")
        return min(max(size, 1), MAX_PAGE_SIZE) if isinstance(size, int) else DEFAULT_PAGE_SIZE

    def argument(self, node: FieldNode, name: str) -> Any:
        for argument in node.arguments or ():
            if argument.name.value == name:
                return self.value(argument.value)
        return None

    def value(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            self.steering.add(node.name.value)
            return _whole(self.variables.get(node.name.value))
        if isinstance(node, IntValueNode):
            return int(node.value) if len(node.value) < 10 else MAX_PAGE_SIZE
        return list(node.values) if isinstance(node, ListValueNode) else None


def _is_connection(kind: GraphQLNamedType | None) -> bool:
    return kind is not None and kind.name.endswith("Connection")


def operations(document: DocumentNode, name: str | None) -> list[OperationDefinitionNode]:
    """Return the operation that would be executed, or all when the name does not tell."""
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    named = [node for node in found if name and node.name and node.name.value == name]
    return named or found


class Measures:
    """The measures of one document, each taken once for what it depends on: the sizes that variables ask for."""

    __slots__ = ("_document", "_known", "_schema", "_steering")

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._document = document
        self._steering: dict[str | None, tuple[str, ...]] = {}
        self._known: dict[tuple[Any, ...], Measure] = {}

    def take(self, name: str | None, variables: Any) -> Measure:
        """Return what the most demanding operation comes to, or the one of this *name*."""
        given = variables if isinstance(variables, dict) else {}
        if name in self._steering and (known := self._known.get(self._key(name, given))):
            return known
        total, steering = _measure(self._schema, self._document, name, given)
        self._steering[name] = tuple(sorted(steering))
        key = self._key(name, given)
        if len(self._known) * len(key) >= MAX_SIZES:
            self._known.clear()
        self._known[key] = total
        return total

    def _key(self, name: str | None, given: dict[str, Any]) -> tuple[Any, ...]:
        return name, *(_size(given.get(variable, ...)) for variable in self._steering[name])


def _whole(value: Any) -> Any:
    # GraphQL's Int takes the 100.0 of JSON for 100.
    return int(value) if type(value) is float and value.is_integer() else value


def _size(value: Any) -> Any:
    """Return all that a measure depends on in the value of a variable."""
    if type(value) is list:
        return "list", len(value)
    value = _whole(value)
    if type(value) is not int:
        return value if value is ... else None
    if -1 <= value <= MAX_PAGE_SIZE:
        return value
    # All negative ones measure alike, and all beyond the largest page.
    return -1 if value < 0 else MAX_PAGE_SIZE


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    """Return the default values of variables that can be sizes."""
    found: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        default = definition.default_value
        if isinstance(default, IntValueNode):
            found[definition.variable.name.value] = int(default.value[:9])
        elif isinstance(default, ListValueNode):
            found[definition.variable.name.value] = list(default.values)
    return found


def _measure(
    schema: GraphQLSchema, document: DocumentNode, name: str | None, variables: dict[str, Any]
) -> tuple[Measure, set[str]]:
    worst, steering = Measure(), set[str]()
    for operation in operations(document, name):
        meter = _Meter(schema, document, _defaults(operation) | variables)
        total = meter.selections(schema.get_root_type(operation.operation), operation.selection_set)
        worst = Measure(
            max(worst.depth, total.depth),
            max(worst.fields, total.fields),
            max(worst.aliases, total.aliases),
            max(worst.cost, -(-total.cost // COST_CHARACTERS)),
            passwords=max(worst.passwords, total.passwords),
        )
        steering |= meter.steering
    return worst, steering


def shown_cost(total: Measure, limits: Limits) -> dict[str, int]:
    """Return ``extensions.cost`` of an answer."""
    return {"requested": min(total.cost, MAX_SHOWN), "limit": limits.cost}


def too_large(total: Measure, limits: Limits) -> GraphQLError | None:
    """Return the error for the first limit of its shape that *total* is over, if it is over any.

    That says nothing of the schema, so it can be told before the document is known to be valid.
    """
    return _exceeded(
        ("depth", total.depth, limits.depth),
        ("number of aliases", total.aliases, limits.aliases),
        ("number of fields", total.fields, limits.fields),
    )


def too_demanding(total: Measure, limits: Limits) -> GraphQLError | None:
    """Return the error for what *total* asks of the fields of the schema, if it is too much.

    For valid documents only: of others it would tell which fields there are (CWE-203).
    """
    return _exceeded(
        ("cost", total.cost, limits.cost),
        ("number of fields that check a password", total.passwords, 1),
    )


def _exceeded(*measured: tuple[str, int, int]) -> GraphQLError | None:
    for what, value, limit in measured:
        if value > limit:
            requested = str(value) if value < MAX_SHOWN else "far more"
            return refusal(f"The operation's {what} is {requested}; the limit is {limit}.")
    return None


def too_many_values(variables: object, limits: Limits) -> GraphQLError | None:
    """Return the error for variables of more values than allowed: each is checked against its type."""
    count, pending = 0, [variables]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            count += len(value)
            if count > limits.values:
                return refusal(f"The variables hold too many values: at most {limits.values}.")
            pending.extend(value.values() if isinstance(value, dict) else value)
    return None
