"""Propagates nulls and locates errors (GraphQL specification, section 6.4.4), for a whole response at once.

An operation without errors never comes here, so success pays nothing for paths.
"""

from typing import Any

from graphql import GraphQLError, GraphQLOutputType, is_list_type, is_non_null_type, located_error

from engine.graphql.plan import Failure, Field

Path = tuple[str | int, ...]


def propagate_nulls(data: dict[str, Any]) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """Replace the failures in *data* by nulls at the nearest nullable positions.

    Returns:
        The data, None if a failure has reached the root, and the located errors in the order of the response.
    """
    errors: list[GraphQLError] = []
    nulled: set[Path] = set()
    for path, failure in _failures(data):
        position = _nullable_position(path, failure.field)
        if any(position[:length] in nulled for length in range(len(position) + 1)):
            continue
        nulled.add(position)
        errors.append(located_error(failure.error, failure.field.nodes, list(path)))
    for position in sorted(nulled, key=len, reverse=True):
        if not position:
            return None, errors
        _put_null(data, position)
    return data, errors


def reaches_root(data: dict[str, Any]) -> bool:
    """Return whether a failure in *data* makes all of it null."""
    return any(not _nullable_position(path, failure.field) for path, failure in _failures(data))


def _failures(data: dict[str, Any]) -> list[tuple[Path, Failure]]:
    found: list[tuple[Path, Failure]] = []
    _collect(data, (), found)
    return found


def _collect(value: Any, path: Path, found: list[tuple[Path, Failure]]) -> None:
    kind = type(value)
    if kind is Failure:
        found.append((path, value))
    elif kind is dict:
        for key, inner in value.items():
            _collect(inner, (*path, key), found)
    elif kind is list:
        for index, inner in enumerate(value):
            _collect(inner, (*path, index), found)


def _nullable_position(path: Path, field: Field) -> Path:
    """Return the position that becomes null: the nearest one, from *path* upwards, whose type is nullable."""
    while True:
        if not is_non_null_type(_type_at(path, field)):
            return path
        inside_list = isinstance(path[-1], int)
        path = path[:-1]
        if not inside_list:
            if field.parent is None:
                return ()
            field = field.parent


def _type_at(path: Path, field: Field) -> GraphQLOutputType:
    depth = 0
    while isinstance(path[-1 - depth], int):
        depth += 1
    kind = field.definition.type
    for _ in range(depth):
        kind = kind.of_type if is_non_null_type(kind) else kind
        if is_list_type(kind):
            kind = kind.of_type
    return kind


def _put_null(data: Any, path: Path) -> None:
    *parents, last = path
    for step in parents:
        data = data[step]
    data[last] = None
