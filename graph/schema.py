"""The schema, put together."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, execute
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types.graphql import OperationType

from core.metrics import COMPILED, DECLINED
from core.settings import Settings
from engine.graphql import Executor, Operation
from graph.endpoint.documents import DocumentCache, PersistedDocuments
from graph.endpoint.errors import PresentErrors
from graph.endpoint.validation import CheckedDocuments, Checks, CountStatements, Deadline
from graph.mutations import Mutation
from graph.queries import Query
from graph.resolvers.context import Context, make_context
from graph.subscriptions import Subscription
from graph.types.scalars import SCALARS

SDL_PATH = Path(__file__).parents[1] / "schema.graphql"


class TandemSchema(strawberry.Schema):
    """Strawberry's schema with our executor, and without its own logging: ``PresentErrors`` logs what deserves it.

    Args:
        compiles: whether operations are compiled where they can be.
        checks: what documents are held to.
        documents: those that are known to be valid.
        options: whatever Strawberry's schema takes.
    """

    def __init__(self, *, compiles: bool, checks: Checks, documents: DocumentCache, **options: Any) -> None:
        super().__init__(**options)
        self.executor = Executor(self)
        self.compiles = compiles
        self.checks = checks
        self.documents = documents

    def plan(
        self, document: DocumentNode, name: str | None, variables: dict[str, Any] | None, context: Context
    ) -> Operation | None:
        """Return the compiled plan of an operation and tell *context* what it reads; None if there is none."""
        plan = self.executor.prepare(document, name, variables) if self.compiles else None
        if plan is None:
            return None
        COMPILED.inc()
        context.narrow(plan.reads)
        return plan

    def _get_execute_function(self) -> Callable[..., Any]:
        # Strawberry's own seam between preparing an operation and running it.
        return self._execute

    async def _execute(
        self, schema: GraphQLSchema, document: DocumentNode, **options: Any
    ) -> ExecutionResult:
        context, variables = options["context_value"], options["variable_values"]
        plan = self.plan(document, options["operation_name"], variables, context)
        if plan is not None:
            return await plan.run(context, options["root_value"], variables)
        DECLINED.inc()
        result = execute(schema, document, **options)
        return result if isinstance(result, ExecutionResult) else await result

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Log nothing: a refused request is not an error of the server."""

    async def execute(  # type: ignore[override]
        self,
        query: str | None,
        *,
        allowed_operation_types: Iterable[OperationType] | None = None,
        **options: Any,
    ) -> Any:
        """Run a query or mutation. A subscription needs ``stream``: here nothing could follow the first answer."""
        allowed = set(allowed_operation_types or OperationType) - {OperationType.SUBSCRIPTION}
        return await super().execute(query, allowed_operation_types=allowed, **options)

    async def stream(self, query: str | None, *, context_value: Any, **options: Any) -> Any:  # type: ignore[override]
        """Run an operation of a socket or stream with a context of its own.

        A socket lives long: without this, one operation would be answered from what another has loaded, by
        the rights that the viewer had when the socket was opened.
        """
        context = await make_context(context_value.resources, context_value.caller)
        return await super().stream(query, context_value=context, **options)


def build_schema(
    settings: Settings | None = None, persisted: PersistedDocuments | None = None
) -> TandemSchema:
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
    if settings.counts_statements:
        extensions.append(CountStatements)
    return TandemSchema(
        compiles=settings.graphql_compile,
        checks=checks,
        documents=cache,
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=extensions,
    )


def print_sdl() -> str:
    """Return the schema in the definition language, as ``schema.graphql`` holds it."""
    return build_schema().as_str().rstrip() + "\n"
