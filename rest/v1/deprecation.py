"""What REST v1 tells of what comes after it: marks of deprecations in the OpenAPI document, and headers of answers."""

from collections.abc import Iterable, Iterator

from core.deprecations import Deprecations
from rest.v1.openapi_document import Json, operations
from rest.v1.routing import RawHeaders, Route

_HEADERS = {
    "Deprecation": {
        "description": "When the operation was deprecated (RFC 9745): `@` and seconds since 1970.",
        "schema": {"type": "string"},
        "example": "@1767225600",
    },
    "Sunset": {
        "description": "When the operation may be removed (RFC 8594).",
        "schema": {"type": "string"},
        "example": "Fri, 01 Jan 2027 00:00:00 GMT",
    },
}


def mark_deprecated(document: Json, deprecations: Deprecations) -> None:
    """Mark operations, parameters and fields of an OpenAPI document, each with the reason in its description.

    ``x-sunset`` is the day before which what is marked is not removed.

    Raises:
        ValueError: there is no such operation, parameter or field.
    """
    elements = dict(deprecatable(document))
    for coordinate, deprecation in deprecations.rest.items():
        if coordinate not in elements:
            raise ValueError(f"{coordinate} cannot be deprecated: v1 has no such thing")
        element = elements[coordinate]
        element["deprecated"] = True
        element["description"] = "\n\n".join(
            filter(None, (element.get("description"), f"**Deprecated.** {deprecation.reason}"))
        )
        if deprecation.until is not None:
            element["x-sunset"] = deprecation.until.isoformat()
        if "responses" in element:
            _document_headers(document, element, deprecation.headers)


def deprecatable(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield the operations, parameters and fields of an OpenAPI document, by their coordinates."""
    for operation in operations(document):
        yield operation["operationId"], operation
        for parameter in operation.get("parameters", ()):
            yield f"{operation['operationId']}({parameter['name']}:)", parameter
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            yield f"{name}.{field}", described


def _document_headers(document: Json, operation: Json, names: Iterable[str]) -> None:
    for name in names:
        document["components"]["headers"].setdefault(name, _HEADERS[name])
        for response in operation["responses"].values():
            response["headers"][name] = {"$ref": f"#/components/headers/{name}"}


def operation_headers(routes: Iterable[Route], deprecations: Deprecations) -> dict[str, RawHeaders]:
    """Return what all answers of an operation have beside their own headers, by its id."""
    return {str(route.operation_id): _headers_of(route, deprecations) for route in routes}


def _headers_of(route: Route, deprecations: Deprecations) -> RawHeaders:
    headers: dict[str, str] = {}
    # Where its twin in GraphQL stands, too: what comes after v1 (RFC 5829, section 3.5).
    page = f"/docs#/{route.tags[0]}/{route.operation_id}"
    links = [(page, "successor-version")]
    if deprecation := deprecations.rest.get(str(route.operation_id)):
        headers |= deprecation.headers
        # The relations have the names of the headers (RFC 9745, section 3; RFC 8594, section 6).
        links += [(page, name.lower()) for name in deprecation.headers]
    headers["Link"] = link_value(links)
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


def link_value(links: Iterable[tuple[str, str]]) -> str:
    """Return the value of ``Link`` (RFC 8288) for pairs of an address and its relation to what was asked for."""
    return ", ".join(f'<{address}>; rel="{relation}"' for address, relation in links)
