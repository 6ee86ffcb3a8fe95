"""Compares two GraphQL schemas in the definition language."""

import re

from graphql import build_schema, find_schema_changes

from dev.api_changes.changes import Change

_SENTENCE = re.compile(r"(?:.* )?([A-Z]\w*(?:\.\w+)?(?:\(\w+:\))?) (was (?:added|removed))\.")


def compare_sdl(old: str, new: str) -> list[Change]:
    """Return how *new* differs from *old*, but for descriptions.

    What breaks clients, and had not been deprecated, is the matter of ``tests/graph/test_sdl.py``.
    """
    # To leave out an input is the same as null, so that a default of null says nothing.
    schemas = [build_schema(sdl.replace(" = null", "")) for sdl in (old, new)]
    return [
        _change(change.description)
        for change in find_schema_changes(*schemas)
        if change.type.name != "DESCRIPTION_CHANGED"
    ]


def _change(description: str) -> Change:
    found = _SENTENCE.fullmatch(description)
    place, what = found.groups() if found else ("", description)
    return Change(place, what, breaks=False)
