"""The schema, put together."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from graph.context import make_context
from graph.extensions import CheckedDocuments, DocumentCache, PresentErrors
from graph.mutations import Mutation
from graph.queries import Query
from graph.subscriptions import Subscription
from graph.types.scalars import SCALARS

SDL_PATH = Path(__file__).parents[1] / "schema.graphql"


class TandemSchema(strawberry.Schema):
    """Strawberry's schema, without its own logging of errors: ``PresentErrors`` logs what deserves it."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Log nothing: a refused request is not an error of the server."""

    async def stream(self, query: str | None, *, context_value: Any, **options: Any) -> Any:  # type: ignore[override]
        """Run an operation of a socket or stream with a context of its own.

        A socket lives long: without this, one operation would be answered from what another has loaded, by
        the rights that the viewer had when the socket was opened.
        """
        context = await make_context(context_value.resources, context_value.caller)
        return await super().stream(query, context_value=context, **options)


def build_schema() -> strawberry.Schema:
    """Return a schema with a document cache of its own."""
    cache = DocumentCache(OrderedDict())
    return TandemSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[lambda: CheckedDocuments(cache), PresentErrors],
    )


def print_sdl() -> str:
    """Return the schema in the definition language, as ``schema.graphql`` holds it."""
    return build_schema().as_str().rstrip() + "\n"
