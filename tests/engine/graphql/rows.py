"""Random data for random schemas: rows with nulls, errors, values of wrong types, and the same row twice.

Everything is drawn beforehand from one seed, so that every run over a :class:`World` reads the same values,
in whatever order, as often as it likes.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    get_nullable_type,
    is_abstract_type,
    is_interface_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

from tests.engine.graphql.values import LEAVES, ODD_LEAVES, Arriving, Later, Plain, Sequence, draw_error

ROWS_OF_A_TYPE = 4
MAX_LIST = 3


class Row:
    """An object behind a GraphQL type.

    ``stored`` holds what resolvers give, by field; plain attributes are attributes. An attribute that is in
    ``faults`` raises when it is read.
    """

    key: str
    typename: str
    stored: dict[str, Any]
    faults: dict[str, Exception]

    def __getattr__(self, name: str) -> Any:
        fault = self.__dict__.get("faults", {}).get(name)
        raise fault or AttributeError(f"{type(self).__name__} has no {name}")

    def __repr__(self) -> str:
        return f"<{self.__dict__.get('key')}>"


@dataclass(frozen=True)
class Raised:
    """A resolver raises this instead of returning anything."""

    error: Exception


@dataclass(frozen=True)
class Once:
    """A resolver returns a generator over these."""

    items: list[Any]


@dataclass(frozen=True)
class Spice:
    """How often something is not as it should be, as shares of 1."""

    nulls: float = 0.15
    missing: float = 0.0
    faults: float = 0.0
    odd: float = 0.0
    wrong: float = 0.0
    later: float = 0.0
    batches: float = 0.0

    @classmethod
    def draw(cls, rng: Random) -> "Spice":
        """Choose between no errors at all, a few, and many; awaitables in odd places with either."""
        share = rng.choice((0.0, 0.0, 0.01, 0.01, 0.03, 0.1))
        return cls(
            nulls=rng.choice((0.0, 0.15, 0.3)),
            missing=share,
            faults=share,
            odd=share * 2,
            wrong=share,
            later=rng.choice((0.0, 0.0, 0.0, 0.03)),
            batches=share,
        )


@dataclass
class World:
    """All rows of one case, and how its batch resolvers misbehave as a whole (by type and field)."""

    rows: dict[str, list[Row]]
    batches: dict[tuple[str, str], str]

    def root(self, typename: str) -> Row:
        """Return the one row of a root type."""
        return self.rows[typename][0]


@dataclass
class Ctx:
    """The context of one run: what it reads, and a record of what ran.

    ``calls`` counts resolvers by type, field, row and arguments; ``batch_sizes`` lists the sets that batch
    resolvers got; ``log`` is the order in which root mutations began and ended.
    """

    world: World
    calls: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    batch_sizes: list[tuple[str, str, int]] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)


class _Maker:
    """Draws a world."""

    def __init__(self, rng: Random, schema: GraphQLSchema, spice: Spice) -> None:
        self.rng = rng
        self.schema = schema
        self.spice = spice
        self.rows: dict[str, list[Row]] = {}

    def make(self) -> World:
        types = [
            type_
            for type_ in self.schema.type_map.values()
            if is_object_type(type_) and not is_introspection_type(type_)
        ]
        roots = (self.schema.query_type, self.schema.mutation_type)
        for type_ in types:
            self.rows[type_.name] = [
                self._row(type_, n) for n in range(1 if type_ in roots else ROWS_OF_A_TYPE)
            ]
        for type_ in types:
            for row in self.rows[type_.name]:
                self._fill(row, type_)
        return World(self.rows, self._batches())

    def _batches(self) -> dict[tuple[str, str], str]:
        """Choose how batch resolvers fail as a whole; those of interfaces are inherited."""
        return {
            (type_.name, name): self.rng.choice(("raise", "short", "long", "none"))
            for type_ in self.schema.type_map.values()
            if is_object_type(type_) or is_interface_type(type_)
            for name in type_.fields
            if self._happens(self.spice.batches)
        }

    def _happens(self, share: float) -> bool:
        return share > 0 and self.rng.random() < share

    def _row(self, type_: GraphQLObjectType, number: int) -> Row:
        cls = type_.extensions["strawberry-definition"].origin
        row: Row = object.__new__(getattr(cls, "row_class", None) or (cls if issubclass(cls, Row) else Row))
        row.__dict__.update(key=f"{type_.name}{number}", typename=type_.name, stored={}, faults={})
        if self._happens(self.spice.wrong):
            row.typename = self.rng.choice(("", "Nobody", "Query", "Color", "raise"))
        return row

    def _fill(self, row: Row, type_: GraphQLObjectType) -> None:
        for name, field_ in type_.fields.items():
            definition = field_.extensions["strawberry-definition"]
            if definition.base_resolver is not None:
                row.stored[name] = self._resolved(field_.type)
            elif self._happens(self.spice.faults):
                row.faults[definition.python_name] = draw_error(self.rng)
            else:
                row.__dict__[definition.python_name] = self._value(field_.type)

    def _resolved(self, type_: Any) -> Any:
        if self._happens(self.spice.faults):
            return Raised(draw_error(self.rng))
        # A resolver's result is awaited once, as graphql-core does; what that gives is none to await again.
        value = self._present(type_)
        if type(value) is list and is_list_type(get_nullable_type(type_)) and self.rng.random() < 0.1:
            return Once(value)
        return value

    def _value(self, type_: Any) -> Any:
        if self._happens(self.spice.later):
            return Later(self._present(type_), self.rng.randrange(3))
        return self._present(type_)

    def _present(self, type_: Any) -> Any:
        rng, spice = self.rng, self.spice
        if is_non_null_type(type_):
            if self._happens(spice.missing):
                return None
            type_ = type_.of_type
        elif self._happens(spice.nulls):
            return None
        if self._happens(spice.faults):
            return draw_error(rng)
        if is_list_type(type_):
            return self._list(type_.of_type)
        if is_leaf_type(type_):
            odd = self._happens(spice.odd)
            return rng.choice((ODD_LEAVES if odd else LEAVES)[type_.name])
        if self._happens(spice.wrong):
            return rng.choice([7, "text", *(rows[0] for rows in self.rows.values())])
        possible = self.schema.get_possible_types(type_) if is_abstract_type(type_) else [type_]
        return rng.choice(self.rows[rng.choice(possible).name])

    def _list(self, item: Any) -> Any:
        rng = self.rng
        if self._happens(self.spice.wrong):
            return rng.choice(("text", 7, {"a": 1}, Plain()))
        items = [self._value(item) for _ in range(rng.randint(0, MAX_LIST))]
        if items and rng.random() < 0.2:
            items.append(items[0])
        if self._happens(self.spice.later):
            return Arriving(items, draw_error(rng) if self._happens(self.spice.faults * 3) else None)
        kind = rng.choice((list, list, list, list, tuple, deque, Sequence))
        return kind(items)


def draw_world(rng: Random, schema: GraphQLSchema, spice: Spice) -> World:
    """Return rows for every object type of *schema* (one whose types have Strawberry definitions)."""
    return _Maker(rng, schema, spice).make()
