"""Values of request headers: found, and kept once they are parsed."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from starlette.types import Scope

Parsed = TypeVar("Parsed")

#: Texts between commas, and between semicolons, that are not within quotes (RFC 9110 sections 5.6.1, 5.6.4 and 5.6.6).
ELEMENTS = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*"?)+')
PARTS = re.compile(r'(?:[^";]|"(?:[^"\\]|\\.)*"?)+')

#: Parsed values that one process keeps for one header, and the bytes of the longest that is kept.
MAX_KEPT = 256
MAX_KEPT_BYTES = 512


def find_header(scope: Scope, name: bytes) -> bytes:
    """Return the value of a header; of several lines the one list that they make (RFC 9110 section 5.3).

    Args:
        name: in lower case.
    """
    first, more = b"", []
    for key, value in scope["headers"]:
        if key == name:
            if first:
                more.append(value)
            else:
                first = value
    return b", ".join([first, *more]) if more else first


def memoized(parse: Callable[[bytes], Parsed]) -> Callable[[bytes], Parsed]:
    """Return a parser of header values that keeps what it has parsed: clients send the same few again and again."""
    kept = lru_cache(maxsize=MAX_KEPT)(parse)

    def recall_or_parse(value: bytes) -> Parsed:
        return kept(value) if len(value) <= MAX_KEPT_BYTES else parse(value)

    return recall_or_parse
