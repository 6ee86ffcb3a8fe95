"""Functions of generated code, compiled once for each source text."""

from functools import lru_cache
from types import CodeType
from typing import Any

#: Longer texts are compiled each time, so that the number of entries bounds the memory, too: about 10 MB.
MAX_SOURCE_CHARACTERS = 4_000


class CodeCache:
    """Defines functions by their source text.

    Documents that differ in literals, aliases elsewhere or whitespace have most selections in common, and compiling
    to byte code is half of what a plan costs.

    Args:
        max_entries: how many texts are kept, the least recently used going first.
    """

    def __init__(self, max_entries: int) -> None:
        self._cached = lru_cache(max_entries)(_compile)

    def define(self, name: str, source: str, names: dict[str, Any]) -> Any:
        """Return the function *name* that *source* defines; *names* become its globals."""
        code = self._cached(source) if len(source) <= MAX_SOURCE_CHARACTERS else _compile(source)
        exec(code, names)  # noqa: S102 - generated from names of the schema and quoted response names
        return names[name]


def _compile(source: str) -> CodeType:
    return compile(source, "<graphql selection>", "exec")
