"""The manifest of trusted documents: what a front end's build has registered with the server."""

from collections.abc import Mapping
from pathlib import Path

from core.json_reader import InvalidJson, parse_json


def read_manifest(path: Path) -> Mapping[str, str]:
    """Return the documents of *path* by their ids.

    Two forms are understood: the object ``{id: text}`` that graphql-codegen's client preset and relay-compiler
    write, and Apollo's manifest, whose ``operations`` are ``{id, body}``.

    Raises:
        ValueError: the file cannot be read, or holds neither form; the message is for whoever runs the server.
    """
    try:
        content = parse_json(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except InvalidJson:
        raise ValueError(f"{path} is not JSON in UTF-8") from None
    if isinstance(content, dict) and isinstance(content.get("operations"), list):
        content = _by_id(path, content["operations"])
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise ValueError(f"{path} must hold an object of documents by their ids")
    return content


def _by_id(path: Path, operations: list[object]) -> dict[object, object]:
    try:
        return {operation["id"]: operation["body"] for operation in operations}  # type: ignore[index]
    except (KeyError, TypeError):
        raise ValueError(f"{path}: every operation of a manifest needs an id and a body") from None
