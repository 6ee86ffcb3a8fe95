"""Values for the rows: right and odd ones for each leaf, errors, and awaitables that can be awaited twice."""

from collections.abc import AsyncIterator, Generator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from graphql import GraphQLError

from tests.engine.graphql.leaves import Color, Mood, Shouting, Size


class Denied(Exception):
    """An error of an application."""


def draw_error(rng: Random) -> Exception:
    """Return an exception, as resolvers raise them."""
    text = f"trouble {rng.randrange(100)}"
    return rng.choice(
        (
            Denied(text),
            ValueError(text),
            KeyError(text),
            GraphQLError(text),
            GraphQLError(text, extensions={"code": "TROUBLE", "number": rng.randrange(9)}),
            Denied(),
        )
    )


class Later:
    """An awaitable that can be awaited again and again."""

    def __init__(self, value: Any, turns: int) -> None:
        self.value = value
        self.turns = turns

    def __await__(self) -> Generator[None, None, Any]:
        for _ in range(self.turns):
            yield
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Arriving:
    """An asynchronous iterable that can be read again and again; it may end in an error."""

    def __init__(self, items: list[Any], end: Exception | None) -> None:
        self.items = items
        self.end = end

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self.items:
            await Later(None, 1)
            yield item
        if self.end is not None:
            raise self.end


class Sequence:
    """A sequence that is no list: iterated by ``__getitem__`` and ``__iter__``."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __iter__(self) -> Any:
        return iter(self.items)


class Plain:
    """An object that no scalar knows, with words of its own."""

    def __str__(self) -> str:
        return "plain"


_MOMENT = datetime(2026, 1, 31, 12, 30, 59, 123456, UTC)
LEAVES: dict[str, tuple[Any, ...]] = {
    "Int": (0, 1, -1, 42, 2**31 - 1, -(2**31)),
    "Float": (0.0, -0.0, 1.5, -2.25, 1e300, 3, 1e16, 5e-324),
    "String": ("", "a", "ä 😀 \u2028 \"'\\", "x" * 50, "\x00\x1f\x7f"),
    "Boolean": (True, False),
    "ID": ("a", "1", 7, -3, 2**40),
    "Color": (Color.RED, Color.GREEN, Color.BLUE),
    "Size": (Size.SMALL, Size.LARGE),
    "Mood": (Mood.GLAD, Mood.SAD),
    "Odd": (1, 3, 99),
    "JSON": ({"b": [1, None, {"a": "x"}], "a": 1.5}, [], "text", 3, False),
    "Date": (date(2026, 1, 31), date(1, 1, 1)),
    "DateTime": (_MOMENT, _MOMENT.replace(tzinfo=None, microsecond=0)),
    "Time": (time(1, 2, 3), time(23, 59, 59, 999)),
    "Decimal": (Decimal("1.50"), Decimal("-0"), Decimal("1E+3")),
    "UUID": (UUID(int=7), UUID(int=2**128 - 1)),
}
ODD_LEAVES: dict[str, tuple[Any, ...]] = {
    "Int": (True, 3.0, "12", 1.5, 2**31, -(2**31) - 1, "x", "", Decimal(5), Size.LARGE, [1], float("nan")),
    "Float": (True, "1.5", float("nan"), float("inf"), -float("inf"), "x", Decimal("1.5"), 10**400, [1.0]),
    "String": (1, 1.5, True, Mood.GLAD, Shouting("loud"), Plain(), b"raw", ["a"], {"a": 1}, Color.RED),
    "Boolean": (1, 0, 0.5, "true", Decimal(0), float("nan"), Plain(), []),
    "ID": (1.0, 1.5, True, Plain(), UUID(int=3), Mood.SAD, b"raw", Shouting("id")),
    "Color": ("RED", 1, "red", Size.SMALL, 99, Plain(), [Color.RED]),
    "Size": (10, "SMALL", Color.RED, 11, None),
    "Mood": ("glad", "GLAD", "angry", Shouting("sad"), 3),
    "Odd": (2, -1, 0, "3", 1.0),
    "JSON": ((1, 2), Mood.GLAD, Shouting("json")),
    "Date": (_MOMENT, "2026-01-31", 7, time(1, 2)),
    "DateTime": (date(2026, 1, 31), "2026-01-31", 7),
    "Time": (date(2026, 1, 31), "noon"),
    "Decimal": (1, 1.5, "x", Plain(), float("nan")),
    "UUID": ("not one", 7, Plain()),
}
