"""A list of changes of an API."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One difference between two documents.

    Args:
        place: what has changed, by its coordinate; empty if *what* is a sentence.
        what: the rest of the sentence.
        breaks: whether a client of the old document can fail.
    """

    place: str
    what: str
    breaks: bool

    def __str__(self) -> str:
        return f"`{self.place}` {self.what}." if self.place else self.what


class Changes:
    """Changes in the order of their discovery, each once: what breaks somebody somewhere breaks."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], bool] = {}

    def add(self, place: str, what: str, *, breaks: bool = False) -> None:
        """Note a change."""
        self._found[place, what] = breaks or self._found.get((place, what), False)

    def __iter__(self) -> Iterator[Change]:
        return (Change(place, what, breaks) for (place, what), breaks in self._found.items())
