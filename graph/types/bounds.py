"""What a field can come to at most: declared beside the field, and read by the limits of documents."""

from typing import Any, NamedTuple

from strawberry.schema.schema_converter import GraphQLCoreConverter

#: The key in the metadata of a Strawberry field.
BOUNDS = "tandem.bounds"


class Bounds(NamedTuple):
    """What one field can come to, each time that it is resolved.

    Args:
        entries: of a list of objects, the most that it can have.
        characters: of a text, the most that it can have. Short ones need not say.
        statement: whether it sends a statement of its own for each object, rather than one for all of a level.
    """

    entries: int = 5
    characters: int = 20
    statement: bool = False


_DEFAULT = Bounds()


def bounds(**values: Any) -> dict[str, Any]:
    """Return the metadata of a field with :class:`Bounds` of these values."""
    return {BOUNDS: Bounds(**values)}


def bounds_of(definition: Any) -> Bounds:
    """Return the bounds of a field by graphql-core's definition of it, which may be None."""
    field = definition and definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    found: Bounds = getattr(field, "metadata", {}).get(BOUNDS, _DEFAULT)
    return found
