"""The schema, put together."""

from functools import cache
from pathlib import Path

import strawberry
from strawberry.schema.config import StrawberryConfig

from core.deprecations import DEPRECATIONS, Deprecations
from engine.graphql import core_schema, deprecate, drop_null_defaults, print_schema
from graph.mutations import Mutation
from graph.queries import Query
from graph.subscriptions import Subscription
from graph.types.scalars import SCALARS

SDL_PATH = Path(__file__).parents[1] / "schema.graphql"
DESCRIPTION = """\
An order API: browse products, place orders, and follow them live.

An `id` is global and opaque, unique among all types: arguments take it, `node` and `nodes` find it again; a \
`databaseId` is the number that REST uses.

What the caller can put right is in `errors` of a mutation's payload; everything else is in the answer's `errors`, \
with one of `ErrorCode` in `extensions.code`.

`login` gives an access token for the header `Authorization: Bearer …` (of a WebSocket: for the payload of \
`connection_init`), and a refresh token, which `refreshToken` trades once for the next pair; products can be read \
without.

Lists are Relay connections of 20 nodes unless `first` or `last` says otherwise, at most 100; `orderEvents` tells what \
is new, a list does not.

An operation costs what its answer can come to at most, 1 for each 1,000 characters, and is refused above the \
server's limit; with `"extensions": {"cost": true}` in the request the answer tells its cost.
"""


@cache
def build_schema(deprecations: Deprecations = DEPRECATIONS) -> strawberry.Schema:
    """Return what the schema says, built once a process; :mod:`graph.operation` runs its operations."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    drop_null_defaults(schema)
    deprecate(schema, {place: entry.reason for place, entry in deprecations.graphql.items()})
    core_schema(schema).description = DESCRIPTION.strip()
    return schema


def print_sdl() -> str:
    """Return the schema in the definition language, as ``schema.graphql`` holds it."""
    return print_schema(build_schema())
