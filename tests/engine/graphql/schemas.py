"""Random Strawberry schemas: every shape of type, resolved in every way, and the values come from the rows.

A schema has two interfaces (one implements the other), five object types with rows or instances of their own,
two unions, and specialised generics; ``draw_schema`` fills them with fields.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import or_
from random import Random
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from engine.graphql import batch_field
from tests.engine.graphql.leaves import (
    LEAF_TYPES,
    SCALARS,
    Choice,
    Color,
    Demand,
    Filter,
    Mood,
    Odd,
    Size,
)
from tests.engine.graphql.resolvers import NotTheFirst, Passing, give, give_all, give_later, tell
from tests.engine.graphql.rows import Row

#: How a field gets its value. ``awaitable`` is a plain function that returns a coroutine.
#: ``info`` answers with what it is told of the request.
MODES = (
    "attr",
    "attr",
    "attr",
    "attr",
    "sync",
    "sync",
    "async",
    "async",
    "batch",
    "batch",
    "batch",
    "awaitable",
    "extended",
    "guarded",
    "info",
)
ARGUMENTS = (
    "count: int = 3",
    "ratio: float | None = None",
    "name: str | None = 'nobody'",
    "flag: bool = True",
    "ids: list[strawberry.ID] | None = None",
    "color: Color = Color.RED",
    "sizes: list[Size] | None = strawberry.UNSET",
    "moods: list[Mood | None] | None = None",
    "filter: Filter | None = None",
    "choice: Choice | None = None",
    "day: date | None = None",
    "odd: Odd | None = None",
    "grid: list[list[int]] | None = None",
    "word: Annotated[str | None, strawberry.argument(name='class', description='renamed')] = None",
    "late: Annotated[int | None, strawberry.argument(deprecation_reason='too late')] = 0",
    "maybe: strawberry.Maybe[str | None] = None",
)
REQUIRED = ("must: str", "demand: Demand", "price: Decimal", "many: list[Filter]")


T = TypeVar("T")


def _resolver(mode: str, owner: str, name: str, arguments: list[str]) -> Callable[..., Any]:
    """Write a resolver of the given kind, as somebody would have written it by hand."""
    names = [argument.split(":")[0] for argument in arguments]
    given = "{" + ", ".join(f"{name!r}: {name}" for name in names) + "}"
    rest = "".join(f", {argument}" for argument in arguments)
    told = f"root, {owner!r}, {name!r}, {given}"
    one = f"(root: strawberry.Parent[Any], info: strawberry.Info{rest}) -> Any:"
    source = {
        "sync": f"def {name}{one} return give(info.context, {told})",
        "info": f"def {name}{one} return tell(info, {given})",
        "guarded": f"def {name}{one} return give(info.context, {told})",
        "async": f"async def {name}{one} return await give_later(info.context, {told})",
        "extended": f"async def {name}{one} return await give_later(info.context, {told})",
        "awaitable": f"def {name}{one} return give_later(info.context, {told})",
        "batch": f"async def {name}(roots: list[Any], ctx: Any{rest}) -> Any: return await give_all(ctx, {told})",
    }[mode].replace("(ctx, root,", "(ctx, roots,")
    namespace: dict[str, Any] = {}
    exec(source, globals(), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


# What the written resolvers name.
_ = (
    Annotated,
    give,
    give_all,
    give_later,
    tell,
    date,
    Choice,
    Color,
    Demand,
    Filter,
    Mood,
    Odd,
    Size,
    Decimal,
)


def _wrapped(rng: Random, inner: Any, *, leaf: bool) -> Any:
    if rng.random() < (0.6 if leaf else 0.35):
        return rng.choice((inner, inner | None))
    return rng.choice(
        (
            *(list[inner], list[inner | None], list[inner] | None, list[inner | None] | None),
            *(list[list[inner]], list[list[inner | None] | None] | None, list[list[inner] | None]),
        )
    )


@dataclass
class _Class:
    """A class on its way to a GraphQL type."""

    name: str
    bases: tuple[type, ...] = ()
    cls: type = field(init=False)
    #: Name, shape and arguments of each field.
    fields: list[tuple[str, Any, list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cls = type(self.name, (*self.bases, Row), {"__annotations__": {}, "__repr__": Row.__repr__})


class _Drawing:
    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.number = 0
        self.kinds: list[Any] = []

    def schema(self) -> strawberry.Schema:
        rng = self.rng
        plant = _Class("Plant")
        tree = _Class("Tree", (plant.cls,))
        bases: list[tuple[type, ...]] = [(), (), (plant.cls,), (tree.cls,), (tree.cls,)]
        types = [
            _Class(name, base)
            for name, base in zip(("Ant", "Bee", "Corn", "Dill", "Elm"), bases, strict=True)
        ]
        objects: Any = [type_.cls for type_ in types]
        box: Any = _box()
        garden: Any = Annotated[reduce(or_, objects[1:3]), strawberry.union("Garden")]
        living: Any = Annotated[reduce(or_, [objects[1], *objects[3:]]), strawberry.union("Living")]
        boxes = [box[objects[2]], box[objects[0] | None], box[int]]
        self.kinds = [plant.cls, tree.cls, *objects, garden, living, *boxes]
        self._fill(plant, 3)
        self._resolve_type(plant)
        strawberry.interface(plant.cls)
        self._fill(tree, 2)
        self._resolve_type(tree)
        strawberry.interface(tree.cls)
        for number, type_ in enumerate(types):
            self._fill(type_, rng.randint(5, 8))
            for base in (plant, tree):
                if base.cls in type_.bases:
                    self._override(type_, base)
            if number == 1 or rng.random() < 0.5:
                _recognise_rows(type_.cls)
            strawberry.type(type_.cls)
        query, mutation = _Class("Query"), _Class("Mutation")
        self._fill(query, 12)
        self._fill(mutation, 6, modes=("async", "awaitable", "batch", "sync"))
        return strawberry.Schema(
            strawberry.type(query.cls),
            mutation=strawberry.type(mutation.cls),
            types=objects,
            config=StrawberryConfig(scalar_map=SCALARS),
        )

    def _fill(self, owner: _Class, count: int, modes: tuple[str, ...] = MODES) -> None:
        for _ in range(count):
            self.number += 1
            mode = self.rng.choice(modes)
            leaf = self.rng.random() < 0.55 or mode == "info"
            kind = self.rng.choice(LEAF_TYPES if leaf else self.kinds)
            shape = _wrapped(self.rng, kind, leaf=leaf) if mode != "info" else str
            name = f"{mode}_{'leaf' if leaf else 'node'}{self.number}"
            arguments = [] if mode == "attr" else self._arguments()
            owner.fields.append((name, shape, arguments))
            self._add(owner, mode, name, shape, arguments)

    def _override(self, owner: _Class, base: _Class) -> None:
        """Resolve some fields of an interface otherwise."""
        for name, shape, arguments in base.fields:
            if self.rng.random() < 0.3 and not name.startswith("info"):
                mode = self.rng.choice(("sync", "async", "batch", "extended"))
                self._add(owner, mode, name, shape, arguments)

    def _add(self, owner: _Class, mode: str, name: str, shape: Any, arguments: list[str]) -> None:
        cls: Any = owner.cls
        if mode == "attr":
            cls.__annotations__[name] = shape
            return
        graphql_name = "".join([name.split("_")[0], *(part.capitalize() for part in name.split("_")[1:])])
        resolver = _resolver(mode, owner.name, graphql_name, arguments)
        options: dict[str, Any] = {"graphql_type": shape, "name": graphql_name}
        if mode == "batch":
            value = batch_field(**options)(resolver)
        elif mode == "extended":
            value = strawberry.field(resolver, extensions=[Passing()], **options)
        elif mode == "guarded":
            value = strawberry.field(resolver, permission_classes=[NotTheFirst], **options)
        else:
            value = strawberry.field(resolver, **options)
        setattr(cls, name, value)

    def _arguments(self) -> list[str]:
        if self.rng.random() < 0.6:
            return []
        required = self.rng.sample(REQUIRED, self.rng.choice((0, 0, 0, 1)))
        return [*required, *self.rng.sample(ARGUMENTS, self.rng.randint(1, 3))]

    def _resolve_type(self, owner: _Class) -> None:
        how = self.rng.choice(("default", "default", "sync", "async"))
        cls: Any = owner.cls
        if how == "sync":
            cls.resolve_type = classmethod(lambda cls, value, info, type_: _typename(value))
        elif how == "async":
            cls.resolve_type = classmethod(lambda cls, value, info, type_: _typename_later(value))


def _typename(value: Any) -> str | None:
    name: str = value.typename
    if name == "raise":
        raise GraphQLError("no type")
    return name or None


async def _typename_later(value: Any) -> str | None:
    await asyncio.sleep(0)
    return _typename(value)


def _recognise_rows(cls: Any) -> None:
    """Give *cls* rows of another class, by which it knows them."""
    rows = cls.row_class = type(f"{cls.__name__}Row", (Row,), {})
    cls.is_type_of = classmethod(lambda cls, value, info: isinstance(value, rows))


def _box() -> Any:
    class Box(Row, Generic[T]):
        """A generic type."""

        item: T
        items: list[T] | None

    return strawberry.type(Box)


def draw_schema(rng: Random) -> strawberry.Schema:
    """Return a schema whose resolvers read :class:`tests.engine.graphql.rows.Row` objects."""
    return _Drawing(rng).schema()
