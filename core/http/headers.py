"""Values of request headers: found, and kept once they are parsed."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from starlette.types import Scope

Parsed = TypeVar("Parsed")

#: Parsed values that one process keeps for one header, and the bytes of the longest that is kept.
MAX_KEPT = 256
MAX_KEPT_BYTES = 512


def find_header(scope: Scope, name: bytes) -> bytes:
    """Return the value of a header; of several lines the one list that they make (RFC 9110 section 5.3).

    Args:
        name: in lower case.
    """
    values = [value for key, value in scope["headers"] if key == name]
    return values[0] if len(values) == 1 else b", ".join(values)


def memoized(parse: Callable[[bytes], Parsed]) -> Callable[[bytes], Parsed]:
    """Return a parser of header values that keeps what it has parsed: clients send the same few again and again."""
    kept = lru_cache(maxsize=MAX_KEPT)(parse)

    def parse_or_recall(value: bytes) -> Parsed:
        return kept(value) if len(value) <= MAX_KEPT_BYTES else parse(value)

    return parse_or_recall
