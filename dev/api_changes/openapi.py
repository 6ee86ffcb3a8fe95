"""Compares two OpenAPI documents: what clients of the one rely on, and the other does not keep."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

from dev.api_changes.changes import Change, Changes
from dev.api_changes.schemas import SchemaComparison, was_announced
from rest.v1.openapi_document import Json, resolve

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
#: For people; compared nowhere.
_TEXTS = {
    "summary",
    "description",
    "tags",
    "externalDocs",
    "example",
    "examples",
    "deprecated",
    "operationId",
}
#: Tell of the operation, which goes on without them.
_INFORMATIVE = {"Deprecation", "Sunset", "Link"}


def compare_openapi(old: Json, new: Json, today: date | None = None) -> list[Change]:
    """Return how *new* differs from *old*, in the order of *old*.

    Args:
        old: the document that clients have.
        new: the one that they will have.
        today: what has been deprecated may be removed on its ``x-sunset`` and later; by default, this day of UTC.
    """
    return _Comparison(old, new, today or datetime.now(UTC).date()).run()


class _Comparison:
    def __init__(self, old: Json, new: Json, today: date) -> None:
        self._old = old
        self._new = new
        self._today = today
        self._changes = Changes()
        self._request = SchemaComparison(old, new, "request", self._changes, today)
        self._answer = SchemaComparison(old, new, "answer", self._changes, today)

    def run(self) -> list[Change]:
        before, after = dict(_operations(self._old)), dict(_operations(self._new))
        for key, operation in before.items():
            name = operation["operationId"]
            if key not in after:
                self._removed(name, operation)
            else:
                self._compare_operation(name, operation, after[key])
        for key, operation in after.items():
            if key not in before:
                self._changes.add(operation["operationId"], "was added")
        self._compare_rest(
            "server", self._old, self._new, {"openapi", "info", "paths", "components", "security"}
        )
        return list(self._changes)

    def _removed(self, place: str, element: Json) -> None:
        self._changes.add(place, "was removed", breaks=not was_announced(element, self._today))

    def _compare_rest(self, place: str, old: Json, new: Json, compared: Iterable[str]) -> None:
        """Refuse a difference in anything that has no rule here."""
        for word in dict.fromkeys((*old, *new)):
            is_known = word in compared or word in _TEXTS or word.startswith("x-")
            if not is_known and old.get(word) != new.get(word):
                what = f"changed `{word}` from {old.get(word, 'none')} to {new.get(word, 'none')}"
                self._changes.add(place, what, breaks=True)

    def _compare_operation(self, name: str, old: Json, new: Json) -> None:
        if new["operationId"] != name:
            # The name of a function, or of a class, in generated clients.
            self._changes.add(name, f"was renamed to `{new['operationId']}`", breaks=True)
        self._compare_parameters(name, old, new)
        self._compare_body(name, old.get("requestBody"), new.get("requestBody"))
        self._compare_answers(name, old["responses"], new["responses"])
        self._compare_security(name, old, new)
        compared = {"parameters", "requestBody", "responses", "security"}
        self._compare_rest(name, old, new, compared)

    def _compare_parameters(self, operation: str, old: Json, new: Json) -> None:
        before, after = _parameters(self._old, old), _parameters(self._new, new)
        for key, parameter in before.items():
            place = f"{operation}({parameter['name']}:)"
            if key not in after:
                self._removed(place, parameter)
                continue
            self._compare_demand(place, parameter, after[key])
            self._request.compare(parameter["schema"], after[key]["schema"], place)
            self._compare_rest(place, parameter, after[key], {"name", "in", "required", "schema", "$ref"})
        for key, parameter in after.items():
            if key not in before:
                demanded = parameter.get("required", False)
                what = "was added, and is required" if demanded else "was added"
                self._changes.add(f"{operation}({parameter['name']}:)", what, breaks=demanded)

    def _compare_demand(self, place: str, old: Json, new: Json) -> None:
        demanded, demands = old.get("required", False), new.get("required", False)
        if demanded != demands:
            self._changes.add(place, f"became {'required' if demands else 'optional'}", breaks=demands)

    def _compare_body(self, operation: str, old: Json | None, new: Json | None) -> None:
        place = f"{operation} body"
        if old is None or new is None:
            if old is not None:
                self._changes.add(place, "was removed", breaks=True)
            elif new is not None:
                demanded = new.get("required", False)
                what = "was added, and is required" if demanded else "was added"
                self._changes.add(place, what, breaks=demanded)
            return
        old, new = resolve(self._old, old), resolve(self._new, new)
        self._compare_demand(place, old, new)
        self._compare_content(place, old, new, self._request)
        self._compare_rest(place, old, new, {"required", "content", "$ref"})

    def _compare_content(self, place: str, old: Json, new: Json, schemas: SchemaComparison) -> None:
        before, after = old.get("content", {}), new.get("content", {})
        for media_type, described in before.items():
            if media_type not in after:
                self._changes.add(f"{place} {media_type}", "was removed", breaks=True)
                continue
            there = after[media_type]
            schemas.compare(described.get("schema", {}), there.get("schema", {}), place)
            self._compare_rest(f"{place} {media_type}", described, there, {"schema"})
        for media_type in after:
            if media_type not in before:
                self._changes.add(f"{place} {media_type}", "was added")

    def _compare_answers(self, operation: str, old: Json, new: Json) -> None:
        for status, answer in old.items():
            place = f"{operation} {status}"
            if status not in new:
                self._changes.add(place, "was removed", breaks=True)
                continue
            before, after = resolve(self._old, answer), resolve(self._new, new[status])
            self._compare_content(place, before, after, self._answer)
            self._compare_headers(place, before.get("headers", {}), after.get("headers", {}))
        for status in new:
            if status not in old:
                # Clients have to be ready for any error, but know what a success is.
                self._changes.add(f"{operation} {status}", "was added", breaks=status[0] not in "45")

    def _compare_headers(self, place: str, old: Json, new: Json) -> None:
        for name, header in old.items():
            if name not in new:
                self._changes.add(f"{place} {name}", "was removed", breaks=name not in _INFORMATIVE)
                continue
            before, after = resolve(self._old, header), resolve(self._new, new[name])
            self._answer.compare(before["schema"], after["schema"], f"header {name}")
        for name in new:
            if name not in old:
                self._changes.add(f"header {name}", "was added")

    def _compare_security(self, operation: str, old: Json, new: Json) -> None:
        """Refuse whatever lets in nobody who came in by one of the old ways."""
        before = old.get("security", self._old.get("security")) or [{}]
        after = new.get("security", self._new.get("security")) or [{}]
        for way in before:
            if not any(set(other) <= set(way) and _scopes(other) <= _scopes(way) for other in after):
                self._changes.add(operation, "changed who may call it", breaks=True)
        old_schemes, new_schemes = _schemes(self._old), _schemes(self._new)
        for name in dict.fromkeys(name for way in before for name in way):
            self._compare_rest(name, old_schemes.get(name, {}), new_schemes.get(name, {}), {"bearerFormat"})


def _operations(document: Json) -> Iterator[tuple[tuple[str, str], Json]]:
    """Yield the operations by path and method, each with what its path says of all."""
    for path, item in document["paths"].items():
        shared = {name: value for name, value in item.items() if name not in _METHODS}
        for method in _METHODS:
            if method in item:
                parameters = [*item.get("parameters", ()), *item[method].get("parameters", ())]
                yield (path, method), {**shared, **item[method], "parameters": parameters}


def _parameters(document: Json, operation: Json) -> dict[tuple[str, str], Json]:
    """Return parameters by place and name; those of an operation stand for those of the path."""
    resolved = [resolve(document, one) for one in operation["parameters"]]
    return {
        (one["in"], one["name"].lower() if one["in"] == "header" else one["name"]): one for one in resolved
    }


def _scopes(way: Json) -> set[tuple[str, str]]:
    return {(name, scope) for name, scopes in way.items() for scope in scopes}


def _schemes(document: Json) -> Json:
    schemes: Json = document.get("components", {}).get("securitySchemes", {})
    return schemes
