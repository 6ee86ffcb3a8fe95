"""Random valid requests over any schema: documents with fragments, directives and variables, and their values.

All chance comes from one ``random.Random``; hypothesis has one that shrinks. What comes out is valid: all that can
go wrong are collisions of response names, and :func:`draw_request` throws those away. Mistakes are made on purpose
in the values of variables and in the operation's name; they are errors of the request and not of the document.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLInputField,
    GraphQLNonNull,
    GraphQLSchema,
    OverlappingFieldsCanBeMergedRule,
    Undefined,
    do_types_overlap,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_introspection_type,
    is_leaf_type,
    is_non_null_type,
    parse,
    specified_rules,
    validate,
)
from graphql.type import SchemaMetaFieldDef, TypeMetaFieldDef
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from tests.engine.graphql.inputs import Inputs, Suggest, Variable

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


@dataclass(frozen=True)
class Request:
    """What a client sends."""

    text: str
    document: DocumentNode
    operation_name: str | None
    variables: dict[str, Any] | None


@dataclass(frozen=True)
class Taste:
    """How large and how odd requests are; shares are of 1."""

    selections: int = 24
    depth: int = 4
    introspection: float = 0.02
    mutations: float = 0.15
    mistakes: float = 0.02
    suggest: Suggest | None = None
    #: Fields to leave out, as ``Type.field``.
    avoid: frozenset[str] = frozenset()


@dataclass
class _Definition:
    """An operation or fragment in the making, and the variables that it uses."""

    variables: set[str] = field(default_factory=set)


@dataclass
class _Fragment(_Definition):
    name: str = ""
    condition: Any = None
    text: str = ""


class _Writer:
    def __init__(self, rng: Random, schema: GraphQLSchema, taste: Taste) -> None:
        self.rng = rng
        self.schema = schema
        self.taste = taste
        self.left = taste.selections
        self.keys: dict[str, str] = {}
        self.fragments: list[_Fragment] = []
        self.open: list[_Definition] = []
        self.inputs = Inputs(rng, schema, self._use, taste.suggest)
        self.counter = 0
        self.composite = [
            type_
            for type_ in schema.type_map.values()
            if is_composite_type(type_) and not is_introspection_type(type_)
        ]

    def happens(self, share: float) -> bool:
        return self.rng.random() < share

    def _use(self, variable: Variable) -> None:
        self.open[-1].variables.add(variable.name)

    def number(self) -> int:
        self.counter += 1
        return self.counter

    def operation(self, name: str) -> tuple[str, set[str]]:
        """Write one operation; return it with the names of its variables."""
        root, word = self.schema.query_type, "query"
        if self.schema.mutation_type and self.happens(self.taste.mutations):
            root, word = self.schema.mutation_type, "mutation"
        here = _Definition()
        self.open.append(here)
        self.left = max(self.left, 6)
        selections = self.selections(root, self.taste.depth, root_level=word == "query")
        self.open.pop()
        declared = ", ".join(self.inputs.variables[name].declaration for name in sorted(here.variables))
        if word == "query" and not name and not declared and self.happens(0.5):
            return selections, here.variables
        return f"{word} {name}{f'({declared})' if declared else ''} {selections}", here.variables

    def selections(self, parent: Any, depth: int, *, root_level: bool = False) -> str:
        """Write a selection set."""
        parts = [self.selection(parent, depth) for _ in range(self.rng.randint(1, 5))]
        if root_level and self.happens(self.taste.introspection * 5):
            name, found = self._introspection()
            parts.append(self.field(parent, name, found, depth))
        return "{ " + " ".join(parts) + " }"

    def _introspection(self) -> tuple[str, GraphQLField]:
        return self.rng.choice((("__schema", SchemaMetaFieldDef), ("__type", TypeMetaFieldDef)))

    def selection(self, parent: Any, depth: int) -> str:
        """Write one field, spread or inline fragment."""
        self.left -= 1
        kind = self.rng.random()
        if kind < 0.1 and depth > 0:
            return self.inline(parent, depth)
        if kind < 0.2 and depth > 0 and not is_introspection_type(parent):
            return self.spread(parent, depth)
        fields = [] if not hasattr(parent, "fields") else list(parent.fields.items())
        if self.left <= 0 or depth <= 0:
            fields = [(name, found) for name, found in fields if is_leaf_type(get_named_type(found.type))]
        fields = [item for item in fields if f"{parent}.{item[0]}" not in self.taste.avoid]
        if not fields or self.happens(0.05):
            if is_abstract_type(parent) and depth > 0 and not self.happens(0.4):
                return self.inline(parent, depth)
            return self.key("__typename", "__typename:String!") + self.directives()
        name, found = self.rng.choice(fields)
        return self.field(parent, name, found, depth)

    def field(self, parent: Any, name: str, found: GraphQLField, depth: int) -> str:
        """Write one field, with whatever it needs."""
        arguments = self.arguments(f"{parent}.{name}", found.args)
        key = self.key(name, f"{name}{arguments}:{found.type}")
        named = get_named_type(found.type)
        below = "" if is_leaf_type(named) else " " + self.selections(named, depth - 1)
        return f"{key}{arguments}{self.directives()}{below}"

    def key(self, name: str, meaning: str) -> str:
        """Return ``name`` or ``alias: name``; a response name has one meaning in the whole document, mostly."""
        wanted = name if self.happens(0.75) else f"{self.rng.choice('abc')}{self.rng.randrange(3)}"
        if self.keys.setdefault(wanted, meaning) != meaning and not self.happens(0.05):
            wanted = f"x{self.number()}"
        return wanted if wanted == name else f"{wanted}: {name}"

    def arguments(self, place: str, arguments: dict[str, GraphQLArgument]) -> str:
        """Write the arguments that must be given, and some that may."""
        told = []
        for name, argument in arguments.items():
            needed = is_non_null_type(argument.type) and argument.default_value is Undefined
            if needed and argument.default is not None:
                needed = False
            if needed or self.happens(0.4):
                told.append(
                    f"{name}: {self.inputs.literal(argument.type, _defaulted(argument), f'{place}.{name}')}"
                )
        self.rng.shuffle(told)
        return f"({', '.join(told)})" if told else ""

    def directives(self) -> str:
        """Write ``@skip`` and ``@include``, seldom."""
        texts = []
        boolean = GraphQLNonNull(GraphQLBoolean)
        for name in ("skip", "include"):
            if self.happens(0.06):
                value = self.inputs.literal(boolean, False, "@if", variable=0.6)
                texts.append(f" @{name}(if: {value})")
        self.rng.shuffle(texts)
        return "".join(texts)

    def _narrowed(self, parent: Any) -> Any:
        if is_introspection_type(parent):
            return parent
        return self.rng.choice(
            [type_ for type_ in self.composite if do_types_overlap(self.schema, type_, parent)]
        )

    def inline(self, parent: Any, depth: int) -> str:
        """Write an inline fragment, with or without a type condition."""
        condition = parent if self.happens(0.3) else self._narrowed(parent)
        told = "" if condition is parent and self.happens(0.5) else f" on {condition}"
        return f"...{told}{self.directives()} {self.selections(condition, depth - (condition is parent))}"

    def spread(self, parent: Any, depth: int) -> str:
        """Spread a fragment that there is, or a new one."""
        fitting = [one for one in self.fragments if do_types_overlap(self.schema, one.condition, parent)]
        if not fitting or self.happens(0.5):
            fragment = _Fragment(name=f"F{self.number()}", condition=self._narrowed(parent))
            self.open.append(fragment)
            body = self.selections(fragment.condition, depth - 1)
            self.open.pop()
            fragment.text = f"fragment {fragment.name} on {fragment.condition}{{directives}} {body}"
            self.fragments.append(fragment)
        else:
            fragment = self.rng.choice(fitting)
        self.open[-1].variables |= fragment.variables
        return f"...{fragment.name}{self.directives()}"

    def request(self) -> tuple[str, str | None, dict[str, Any] | None]:
        """Write a whole request."""
        count = self.rng.choice((1, 1, 1, 1, 2, 3))
        names = [f"Op{number}" for number in range(count)]
        if count == 1 and self.happens(0.6):
            names = [""]
        operations = [self.operation(name) for name in names]
        chosen = self.rng.randrange(count)
        name: str | None = names[chosen] or None
        if count == 1 and self.happens(0.3):
            name = None
        elif self.happens(self.taste.mistakes / 2):
            name = self.rng.choice((None, "Nobody"))
        texts = [text for text, _ in operations] + [
            fragment.text.replace("{directives}", "") for fragment in self.fragments
        ]
        self.rng.shuffle(texts)
        return self._joined(texts), name, self.inputs.values(operations[chosen][1], self.taste.mistakes)

    def _joined(self, texts: list[str]) -> str:
        return self.rng.choice(("\n", "\n\n", " ")).join(texts)


def _defaulted(argument: GraphQLArgument | GraphQLInputField) -> bool:
    return argument.default is not None or argument.default_value is not Undefined


def draw_request(rng: Random, schema: GraphQLSchema, taste: Taste | None = None) -> Request:
    """Return a request whose document is valid in *schema*."""
    while True:
        text, name, variables = _Writer(rng, schema, taste or Taste()).request()
        document = parse(text)
        if not validate(schema, document, [OverlappingFieldsCanBeMergedRule], max_errors=1):
            return Request(text, document, name, variables)
