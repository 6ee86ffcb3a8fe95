"""Turns the failures that stand in a result into nulls and located errors.

A run that has gone well never comes here, so success pays nothing for paths.
"""

from typing import Any

from graphql import GraphQLError, GraphQLOutputType, is_list_type, is_non_null_type, located_error

from engine.graphql.plan import Failure, Field

Place = tuple[str | int, ...]


def locate(data: dict[str, Any]) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """Replace the failures in *data* by nulls (GraphQL specification, section 6.4.4).

    Returns:
        The data, None if a failure has reached its root, and the errors in the order of the response.
    """
    found: list[tuple[Place, Failure]] = []
    _collect(data, (), found)
    errors: list[GraphQLError] = []
    nulled: set[Place] = set()
    for place, failure in found:
        gap = _nullable_place(place, failure.field)
        if any(gap[:length] in nulled for length in range(len(gap) + 1)):
            continue
        nulled.add(gap)
        errors.append(located_error(failure.error, failure.field.nodes, list(place)))
    for gap in sorted(nulled, key=len, reverse=True):
        if not gap:
            return None, errors
        _put_null(data, gap)
    return data, errors


def reaches_root(data: dict[str, Any]) -> bool:
    """Return whether a failure in *data* makes all of it null."""
    found: list[tuple[Place, Failure]] = []
    _collect(data, (), found)
    return any(not _nullable_place(place, failure.field) for place, failure in found)


def _collect(value: Any, place: Place, found: list[tuple[Place, Failure]]) -> None:
    kind = type(value)
    if kind is Failure:
        found.append((place, value))
    elif kind is dict:
        for key, inner in value.items():
            _collect(inner, (*place, key), found)
    elif kind is list:
        for index, inner in enumerate(value):
            _collect(inner, (*place, index), found)


def _nullable_place(place: Place, field: Field) -> Place:
    """Return the place that becomes null: the nearest one, from *place* upwards, that may be."""
    while True:
        if not is_non_null_type(_type_at(place, field)):
            return place
        inside_list = isinstance(place[-1], int)
        place = place[:-1]
        if not inside_list:
            if field.parent is None:
                return ()
            field = field.parent


def _type_at(place: Place, field: Field) -> GraphQLOutputType:
    depth = 0
    while isinstance(place[-1 - depth], int):
        depth += 1
    kind = field.definition.type
    for _ in range(depth):
        kind = kind.of_type if is_non_null_type(kind) else kind
        if is_list_type(kind):
            kind = kind.of_type
    return kind


def _put_null(data: Any, place: Place) -> None:
    *path, last = place
    for step in path:
        data = data[step]
    data[last] = None
