"""How v1 writes JSON: times in UTC with ``Z`` and whole seconds. Money is written by ``schemas.fields.money``."""

from typing import Any

import orjson
from starlette.responses import Response

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


def to_json(content: Any) -> bytes:
    """Return *content* (containers, dataclasses, ``datetime``) as JSON text."""
    return orjson.dumps(content, option=_OPTIONS)


class JsonResponse(Response):
    """A response whose content is written by :func:`to_json`."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content)
