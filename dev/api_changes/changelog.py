"""The part of ``CHANGELOG.md`` that says what has changed in both APIs since the documents that clients have."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import fill

import orjson
from graphql import build_schema

from core.deprecations import DEPRECATIONS, Deprecation
from dev.api_changes.changes import Change
from dev.api_changes.openapi import compare_openapi
from dev.api_changes.sdl import compare_sdl
from engine.graphql import find_deprecatable
from graph.schema import print_sdl
from rest.v1 import routes
from rest.v1.deprecation import deprecatable
from rest.v1.openapi import print_openapi

ROOT = Path(__file__).parents[2]
CHANGELOG = ROOT / "CHANGELOG.md"
#: What clients were given last; ``make released`` writes both.
RELEASED_SDL = ROOT / "tests" / "graph" / "released.graphql"
RELEASED_OPENAPI = ROOT / "rest" / "v1" / "released.json"
BEGIN = "<!-- `make schema` writes what follows -->\n"
END = "<!-- until here -->\n"
_WIDTH = 120


def write_changes() -> None:
    """Bring the part up to date.

    Raises:
        ValueError: the file has no place for it.
    """
    text = CHANGELOG.read_text(encoding="utf-8")
    CHANGELOG.write_text(replace_changes(text, describe_changes()), encoding="utf-8")


def replace_changes(text: str, changes: str) -> str:
    """Return the text of a changelog with these changes.

    Raises:
        ValueError: it has no place for them, or several.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end or BEGIN in rest:
        raise ValueError(f"CHANGELOG.md needs a line {BEGIN.strip()} and, after it, {END.strip()}, once")
    return f"{before}{begin}\n{changes}\n{end}{after}"


def describe_changes() -> str:
    """Return the changes of both APIs since the released documents, in Markdown."""
    sdl, openapi = RELEASED_SDL.read_text(encoding="utf-8"), orjson.loads(RELEASED_OPENAPI.read_bytes())
    schema = build_schema(sdl)
    told = {place for place in DEPRECATIONS.graphql if _is_deprecated(find_deprecatable(schema, place))}
    graphql = describe(compare_sdl(sdl, print_sdl()), _without(DEPRECATIONS.graphql, told))
    told = {place for place, element in deprecatable(openapi) if element.get("deprecated")}
    present = orjson.loads(print_openapi(routes.routes))
    rest = describe(compare_openapi(openapi, present), _without(DEPRECATIONS.rest, told))
    return f"GraphQL, since the last release:\n\n{graphql}\nREST v1, since the last release:\n\n{rest}"


def _is_deprecated(element: object) -> bool:
    return getattr(element, "deprecation_reason", None) is not None


def _without(deprecations: Mapping[str, Deprecation], told: Iterable[str]) -> dict[str, Deprecation]:
    return {place: entry for place, entry in deprecations.items() if place not in told}


def describe(changes: Iterable[Change], deprecations: Mapping[str, Deprecation]) -> str:
    """Return a list in Markdown: what is new, what is gone, what will be, and what is otherwise."""
    changes = list(changes)
    items = []
    for what, title in (("was added", "Added"), ("was removed", "Removed")):
        if places := [f"`{change.place}`" for change in changes if change.place and change.what == what]:
            items.append(f"{title}: {', '.join(places)}.")
    items += [f"Deprecated: `{place}`. {entry.reason}" for place, entry in deprecations.items()]
    items += [f"Changed: {change}" for change in changes if change.what not in ("was added", "was removed")]
    return "".join(f"{_item(text)}\n" for text in items or ["Nothing."])


def _item(text: str) -> str:
    return fill(f"- {text}", _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
