"""What a request says of the program that sent it: a name to tell the clients of an API apart by.

Nobody proves it, and no right hangs on it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from core.blank import is_blank

#: Headers, and parameters of ``connection_init``, in which clients say their names, in this order.
NAMES = ("graphql-client-name", "apollographql-client-name")
#: Of a client that says nothing.
UNKNOWN = "(unknown)"
#: Characters of a name that are kept, and of what is read to find one.
MAX_NAME = 64
MAX_READ = 256
#: The first product without its version (RFC 9110, sections 10.1.5 and 5.6.2).
_PRODUCT = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)")


# A client sends the same with each request.
@lru_cache(maxsize=1024)
def client_name(declared: bytes, agent: str) -> str:
    """Return the name of a client by its headers, at most ``MAX_NAME`` characters that can be printed.

    Args:
        declared: what it says its name is.
        agent: its ``User-Agent``. Both are to be cut to ``MAX_READ``.
    """
    name = _clean(declared.decode(errors="replace"))
    if not name and (product := _PRODUCT.match(agent)):
        name = product[1][:MAX_NAME]
    return name or UNKNOWN


def declared_name(parameters: Mapping[str, Any]) -> str:
    """Return the name that a client says in parameters whose keys are in lower case; empty if it says none."""
    return next(filter(None, map(_clean, _texts(parameters))), "")


def _texts(parameters: Mapping[str, Any]) -> Iterable[str]:
    values = (parameters.get(name) for name in NAMES)
    return (value[:MAX_READ] for value in values if isinstance(value, str))


def _clean(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    name = " ".join(printable.split())[:MAX_NAME].rstrip()
    return "" if is_blank(name) else name
