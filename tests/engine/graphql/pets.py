"""A schema of interfaces and unions, with every way of finding the type of a value."""

import asyncio
from typing import Annotated, Any

import strawberry

from engine.graphql import batch_field


class Row:
    """A row of the database, of one kind or another."""

    def __init__(self, name: str) -> None:
        self.name = name


class DogRow(Row):
    """A row behind a dog."""

    barks = True


class CatRow(Row):
    """A row behind a cat."""

    meows = None


@strawberry.interface
class Named:
    """Whatever has a name."""

    name: str


@strawberry.interface
class Pet(Named):
    """A pet: known by what its types say of it."""

    @batch_field(graphql_type=str)  # type: ignore[untyped-decorator]
    async def tag(roots: list[Any], ctx: Any) -> list[str]:  # noqa: N805
        """Name all at once."""
        return [f"#{root.name}" for root in roots]


@strawberry.type
class Dog(Pet):
    """A dog."""

    barks: bool

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Know its rows."""
        return isinstance(value, DogRow)


@strawberry.type
class Cat(Pet):
    """A cat."""

    meows: bool | None

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Know its rows."""
        if value.name == "Schrödinger's":
            raise ValueError("alive or not")
        return isinstance(value, CatRow)


@strawberry.interface
class Toy:
    """A toy: known by what itself says."""

    name: str

    @classmethod
    def resolve_type(cls, value: Any, _info: Any, _type: Any) -> Any:
        """Tell by the name."""
        told = {"nothing": None, "number": 7, "dog": "Dog", "color": "String", "lost": "Nobody"}
        if value.name == "broken":
            raise ValueError("broken toy")
        return told.get(value.name, "Ball")


@strawberry.interface
class Slow:
    """Known after a while."""

    name: str

    @classmethod
    async def resolve_type(cls, value: Any, _info: Any, _type: Any) -> str:
        """Wait before telling."""
        await asyncio.sleep(0)
        if value.name == "broken":
            raise ValueError("broken snail")
        return "Snail" if value.name == "snail" else "Sloth"


@strawberry.type
class Ball(Toy):
    """A toy."""

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Take anything but cats."""
        return not isinstance(value, CatRow)


@strawberry.type
class Snail(Slow):
    """Slow."""

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Take whatever it is given."""
        return True


@strawberry.type
class Sloth(Slow):
    """Slow too, and slow to know itself."""

    @classmethod
    async def is_type_of(cls, value: Any, _info: Any) -> bool:
        """Wait before telling."""
        await asyncio.sleep(0)
        return bool(value.name == "sloth")


Animal = Annotated[Dog | Cat, strawberry.union("Animal")]


@strawberry.type
class Query:
    """Everything comes from the root."""

    pets: list[Pet | None]
    pet: Pet | None
    named: list[Named | None] | None
    animals: list[Animal | None]
    toy: Toy | None
    slow: list[Slow | None]
    slow_one: Slow
    dogs: list[Dog | None]


SCHEMA = strawberry.Schema(Query, types=[Dog, Cat, Ball, Snail, Sloth])
