"""Answers that need not be made again: selections on objects that never change, such as amounts of money."""

from collections.abc import Awaitable
from functools import lru_cache
from typing import Any, TypeVar, cast

from engine.graphql.completion import then
from engine.graphql.plan import Complete, Run
from engine.graphql.selection import Constant, Entry, Inline

C = TypeVar("C", bound=type[Any])

#: Selections whose answers are kept, and objects of one selection. Clients choose the former.
MAX_SELECTIONS = 16
MAX_OBJECTS = 10_000
_UNCHANGING = "__unchanging__"


def unchanging(kind: C) -> C:
    """Mark a class whose instances never change: what a selection makes of one is kept, as long as there is room.

    It pays where the same instances turn up in many answers.
    """
    setattr(kind, _UNCHANGING, True)
    return kind


class _Memory:
    """What one selection has made of objects, by their identity; the objects are kept, so that it stays theirs."""

    def __init__(self) -> None:
        self.made: dict[int, Any] = {}
        self.objects: list[Any] = []

    def keep(self, objects: list[Any], made: list[Any]) -> None:
        if len(self.objects) + len(objects) > MAX_OBJECTS:
            self.made.clear()
            self.objects.clear()
        self.objects += objects
        self.made.update(zip(map(id, objects), made, strict=True))


@lru_cache(maxsize=MAX_SELECTIONS)
def _memory(_kind: type[Any], _parts: tuple[tuple[str, str], ...]) -> _Memory:
    return _Memory()


def remember(select: Complete, kind: Any, entries: list[Entry]) -> Complete:
    """Return *select*, or what asks it once for each object if *kind* is unchanging and *entries* are plain."""
    parts = _parts(entries)
    if not getattr(kind, _UNCHANGING, False) or parts is None:
        return select

    def select_known(objects: list[Any], run: Run) -> list[Any] | Awaitable[list[Any]]:
        # Looked up each time: plans outlive what is kept for their selections.
        memory = _memory(kind, parts)
        out: list[Any] = list(map(memory.made.get, map(id, objects)))
        if None not in out:
            return out
        places = [place for place, made in enumerate(out) if made is None]
        unknown = [objects[place] for place in places]

        def fill(made: list[Any]) -> list[Any]:
            if not run.failed and not run.pending:
                memory.keep(unknown, made)
            for place, one in zip(places, made, strict=True):
                out[place] = one
            return out

        return cast("list[Any]", then(select(unknown, run), fill))

    return select_known


def _parts(entries: list[Entry]) -> tuple[tuple[str, str], ...] | None:
    """Return what makes up the answer, by key; None if it is more than the attributes of the object."""
    parts = []
    for entry in entries:
        if isinstance(entry, Constant):
            parts.append((entry.key, f"={entry.value}"))
        elif isinstance(entry, Inline) and entry.attribute and not entry.leaf.encoded:
            parts.append((entry.key, entry.attribute))
        else:
            return None
    return tuple(parts)
