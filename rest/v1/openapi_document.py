"""An OpenAPI document as it is walked through: its operations, and what its references lead to."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def operations(document: Json) -> Iterator[Json]:
    """Yield the operations of a document whose paths have nothing else, as FastAPI makes it."""
    for path in document["paths"].values():
        yield from path.values()


def resolve(document: Json, node: Json) -> Json:
    """Return what *node* refers to, with what stands beside the reference, and itself if it refers to nothing."""
    if "$ref" not in node:
        return node
    target = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**resolve(document, target), **node}
