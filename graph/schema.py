"""The schema, put together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from core.settings import Settings
from graph.context import make_context
from graph.documents import DocumentCache, PersistedDocuments
from graph.errors import PresentErrors
from graph.extensions import CheckedDocuments, Checks, CountStatements, Deadline
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


def build_schema(
    settings: Settings | None = None, persisted: PersistedDocuments | None = None
) -> strawberry.Schema:
    """Return a schema with a document cache of its own.

    Args:
        settings: limits and what is shown; the defaults if not given.
        persisted: where documents are kept for clients that ask for it.
    """
    settings = settings or Settings.model_construct()
    checks, cache = Checks.of(settings), DocumentCache()
    extensions: list[Callable[[], SchemaExtension]] = [
        lambda: CheckedDocuments(checks, cache, persisted),
        lambda: PresentErrors(tell_schema=checks.tell_schema),
        lambda: Deadline(settings.graphql_deadline_seconds),
    ]
    if not settings.is_production and settings.shows_cost:
        extensions.append(CountStatements)
    return TandemSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=extensions,
    )


def print_sdl() -> str:
    """Return the schema in the definition language, as ``schema.graphql`` holds it."""
    return build_schema().as_str().rstrip() + "\n"
