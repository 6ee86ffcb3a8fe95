"""How v1 writes JSON: money as a number with two decimals, times in UTC with ``Z`` and whole seconds."""

from decimal import Decimal
from typing import Any

import orjson
from starlette.responses import Response

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


def _write_money(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(f"v1 has no form for {type(value).__name__}")
    # Digits straight into the text, so that no float ever holds money; nothing is a plain 0.
    return orjson.Fragment(f"{value:.2f}" if value else "0")


def to_json(content: Any) -> bytes:
    """Return *content* (dataclasses, containers, ``datetime``, ``Decimal`` for money) as JSON text."""
    return orjson.dumps(content, default=_write_money, option=_OPTIONS)


class JsonResponse(Response):
    """A response whose content is written by :func:`to_json`."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return to_json(content)
