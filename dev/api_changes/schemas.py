"""Compares JSON Schemas of two OpenAPI documents: what a request may hold, and what an answer may.

What was fit to be sent must stay so: a schema of a request that accepts less breaks clients. What is answered must fit
what was told: a schema of an answer that allows more breaks them. Fields may be added to both, since clients have to
ignore fields of answers that they do not know; values of an enum may not be added to answers, since generated clients
fail at a value that they do not know, unless the old document says that it is open (``x-open-enum``).
"""

from collections.abc import Iterable
from datetime import date
from math import inf
from typing import Any, Literal

from dev.api_changes.changes import Changes
from rest.v1.openapi_document import Json, resolve

Side = Literal["request", "answer"]

#: Bounds, with what they are where they are left out.
_LEAST: dict[str, float] = {
    "minimum": -inf,
    "exclusiveMinimum": -inf,
    "minLength": 0,
    "minItems": 0,
    "minProperties": 0,
}
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
#: Says nothing of what is valid.
_ANNOTATIONS = {
    "title",
    "description",
    "examples",
    "example",
    "deprecated",
    "externalDocs",
    "xml",
    "$comment",
}
#: Compared by a rule of their own. Any other keyword narrows a schema, whatever it is.
_COMPARED = {*_LEAST, *_MOST, "type", "enum", "const", "anyOf", "oneOf", "$ref", "default", "items"}
_COMPARED |= {"properties", "required", "additionalProperties"}
_ANY = "any type"


def was_announced(element: Json, today: date) -> bool:
    """Tell whether the old document has said that *element* will be removed, and the day has come."""
    sunset = element.get("x-sunset")
    return bool(element.get("deprecated")) and sunset is not None and date.fromisoformat(sunset) <= today


class SchemaComparison:
    """Compares schemas of two documents on one side, requests or answers.

    Args:
        old: the document that clients have.
        new: the one that they will have.
        side: whether what the schemas describe is sent to the server, or by it.
        changes: gets what differs.
        today: the day before whose end announced removals may happen.
    """

    def __init__(self, old: Json, new: Json, side: Side, changes: Changes, today: date) -> None:
        self._old = old
        self._new = new
        self._side = side
        self._changes = changes
        self._today = today
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Json, new: Json, place: str) -> None:
        """Compare two schemas, of which *place* is the coordinate."""
        before, after = _by_type(self._old, old), _by_type(self._new, new)
        lost, gained = _kinds(before) - _kinds(after), _kinds(after) - _kinds(before)
        if lost or gained:
            types = " or ".join(sorted(before)), " or ".join(sorted(after))
            what = "changed its type from {} to {}".format(*types)
            self._report(place, what, narrower=bool(lost), wider=bool(gained))
        for kind, choices in before.items():
            others = after.get(kind) or after.get(
                {"integer": "number", "number": "integer"}.get(kind, ""), []
            )
            if len(choices) == len(others) == 1:
                self._compare_choice(choices[0], others[0], place)
            elif others and _plain(choices) != _plain(others):
                self._report(place, f"changed what it can be as {kind}", narrower=True, wider=True)

    def _report(self, place: str, what: str, *, narrower: bool = False, wider: bool = False) -> None:
        self._changes.add(place, what, breaks=narrower if self._side == "request" else wider)

    def _compare_choice(self, old: Json, new: Json, place: str) -> None:
        if "$ref" in old:
            place = old["$ref"].rpartition("/")[2]
            key = (repr(old), repr(new))
            if key in self._seen:
                return
            self._seen.add(key)
        self._compare_values(old, new, place)
        self._compare_bounds(old, new, place)
        self._compare_others(old, new, place)
        self._compare_fields(old, new, place)
        if "items" in old and "items" in new:
            self.compare(old["items"], new["items"], f"{place}[]")

    def _compare_values(self, old: Json, new: Json, place: str) -> None:
        before, after = _values(old), _values(new)
        if before is None or after is None:
            narrower, wider = before is None and after is not None, after is None and before is not None
            if narrower or wider:
                self._report(place, "is limited to other values", narrower=narrower, wider=wider)
            return
        for value in before:
            if value not in after:
                self._report(f"{place}.{value}", "was removed", narrower=True)
        for value in after:
            if value not in before:
                self._report(f"{place}.{value}", "was added", wider=not old.get("x-open-enum"))

    def _compare_bounds(self, old: Json, new: Json, place: str) -> None:
        for name, absent in (*_LEAST.items(), *dict.fromkeys(_MOST, inf).items()):
            before, after = old.get(name, absent), new.get(name, absent)
            if before != after:
                narrower = (after > before) == (name in _LEAST)
                what = f"changed `{name}` from {old.get(name, 'none')} to {new.get(name, 'none')}"
                self._report(place, what, narrower=narrower, wider=not narrower)

    def _compare_others(self, old: Json, new: Json, place: str) -> None:
        for name in dict.fromkeys((*old, *new)):
            if (
                name in _COMPARED
                or name in _ANNOTATIONS
                or name.startswith("x-")
                or old.get(name) == new.get(name)
            ):
                continue
            what = f"changed `{name}` from {old.get(name, 'none')} to {new.get(name, 'none')}"
            self._report(place, what, narrower=name in new, wider=name in old)
        if "default" in old and self._side == "request" and old["default"] != new.get("default"):
            what = f"changed its default from {old['default']} to {new.get('default')}"
            self._changes.add(place, what, breaks=True)
        more = "additionalProperties"
        if (old.get(more) or {}) != (new.get(more) or {}) or (old.get(more) is False) != (
            new.get(more) is False
        ):
            # Of answers, clients have to take more fields anyway.
            self._report(place, "takes other fields than before", narrower=new.get(more, True) is not True)

    def _compare_fields(self, old: Json, new: Json, place: str) -> None:
        before, after = old.get("properties", {}), new.get("properties", {})
        demanded, demands = old.get("required", ()), new.get("required", ())
        for name, schema in before.items():
            field = f"{place}.{name}"
            if name not in after:
                self._changes.add(field, "was removed", breaks=not was_announced(schema, self._today))
                continue
            if (name in demanded) != (name in demands):
                what = "became required" if name in demands else "became optional"
                self._report(field, what, narrower=name in demands, wider=name in demanded)
            self.compare(schema, after[name], field)
        for name in after:
            if name not in before:
                what = (
                    "was added, and is required"
                    if name in demands and self._side == "request"
                    else "was added"
                )
                self._report(f"{place}.{name}", what, narrower=name in demands)


def _by_type(document: Json, schema: Json) -> dict[str, list[Json]]:
    """Return what a value may be, by its type of JSON."""
    schema = resolve(document, schema)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            found: dict[str, list[Json]] = {}
            beside = {name: value for name, value in schema.items() if name not in (word, "$ref")}
            for choice in schema[word]:
                for kind, choices in _by_type(document, {**beside, **resolve(document, choice)}).items():
                    found.setdefault(kind, []).extend(choices)
            return found
    kinds = schema.get("type", _ANY)
    return {kind: [schema] for kind in ([kinds] if isinstance(kinds, str) else kinds)}


def _kinds(by_type: Iterable[str]) -> set[str]:
    kinds = set(by_type)
    if _ANY in kinds:
        kinds |= {"string", "number", "boolean", "object", "array", "null"}
    return kinds | {"integer"} if "number" in kinds else kinds


def _values(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _plain(schemas: list[Json]) -> list[Json]:
    return [{name: value for name, value in schema.items() if name not in _ANNOTATIONS} for schema in schemas]
