"""The schema, put together."""

from pathlib import Path

import strawberry
from strawberry.schema.config import StrawberryConfig

from graph.mutations import Mutation
from graph.queries import Query
from graph.subscriptions import Subscription
from graph.types.scalars import SCALARS

SDL_PATH = Path(__file__).parents[1] / "schema.graphql"


def build_schema() -> strawberry.Schema:
    """Return what the schema says; :mod:`graph.operation` runs its operations."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def print_sdl() -> str:
    """Return the schema in the definition language, as ``schema.graphql`` holds it."""
    return build_schema().as_str().rstrip() + "\n"
