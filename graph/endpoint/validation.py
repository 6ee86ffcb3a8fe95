"""Strawberry extensions: documents checked once, limits held, operations timed and counted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Self

from graphql import (
    ASTValidationRule,
    DocumentNode,
    ExecutableDefinitionsRule,
    GraphQLError,
    KnownFragmentNamesRule,
    LoneAnonymousOperationRule,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    OperationDefinitionNode,
    UniqueFragmentNamesRule,
    UniqueOperationNamesRule,
    UniqueVariableNamesRule,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.graphql import OperationType

from core.errors import DeadlineExceeded
from core.settings import Settings
from engine.postgres.client import record_statements
from graph.endpoint.documents import DocumentCache, KnownDocument, PersistedDocuments
from graph.endpoint.errors import shorten
from graph.endpoint.limits import (
    MAX_SHOWN,
    Limits,
    Measure,
    Measures,
    exceeded,
    operations,
    refusal,
    too_many_values,
)
from graph.endpoint.overlapping_fields import is_hard_to_merge

#: Told of one document; whoever writes it mends them one after the other, and each takes time to find.
MAX_ERRORS = 20
_RULES: tuple[type[ASTValidationRule], ...] = (
    *specified_rules,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)
#: Rules whose messages name what the client wrote, and nothing of the schema.
_FORMAL_RULES: tuple[type[ASTValidationRule], ...] = (
    ExecutableDefinitionsRule,
    LoneAnonymousOperationRule,
    KnownFragmentNamesRule,
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    UniqueFragmentNamesRule,
    UniqueOperationNamesRule,
    UniqueVariableNamesRule,
)


@dataclass(frozen=True, slots=True)
class Checks:
    """How documents are checked. *tell_schema* allows introspection and "Did you mean"."""

    limits: Limits
    tell_schema: bool
    show_cost: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the checks that *settings* ask for."""
        return cls(Limits.of(settings), settings.tells_schema, settings.shows_cost)

    def refuse(self, total: Measure, variables: object) -> GraphQLError | None:
        """Return the error of an operation that asks for more than the limits, or brings more."""
        return exceeded(total, self.limits) or too_many_values(variables, self.limits)

    def cost(self, total: Measure, extensions: dict[str, Any] | None) -> dict[str, int] | None:
        """Return ``extensions.cost`` of an answer, if it is to be shown."""
        asked: Any = (extensions or {}).get("cost")
        if not self.show_cost and asked is not True:
            return None
        return {"requested": min(total.cost, MAX_SHOWN), "limit": self.limits.cost}


class CheckedDocuments(SchemaExtension):
    """Parses and validates each text once, and holds the limits of ``graph.endpoint.limits`` each time.

    The limits come before the other rules, some of which take time that grows with the square of the
    document.

    Args:
        checks: what to hold documents to.
        cache: those that are known to be valid.
        persisted: where a client has a valid one kept (``extensions.persistedQuery``).
    """

    def __init__(self, checks: Checks, cache: DocumentCache, persisted: PersistedDocuments | None) -> None:
        self.checks = checks
        self.cache = cache
        self.persisted = persisted
        self.known: KnownDocument | None = None

    def on_operation(self) -> Iterator[None]:
        """Bound the parser."""
        self.execution_context.parse_options["max_tokens"] = self.checks.limits.tokens
        yield

    def on_parse(self) -> Iterator[None]:
        """Take the document from the cache if it is there, and refuse to read one without end."""
        limit = self.checks.limits.characters
        if len(self.execution_context.query or "") > limit:
            raise refusal(f"The document is too long: at most {limit} characters.")
        self.known = self.cache.get(self.execution_context.query)
        if self.known is not None:
            self.execution_context.graphql_document = self.known.document
        yield

    async def on_validate(self) -> AsyncIterator[None]:
        """Hold the limits, validate what is new, and keep what is valid."""
        context = self.execution_context
        document = context.graphql_document
        if document is None:
            yield
            return
        found = self.known or KnownDocument(document, Measures(context.schema._schema, document))
        total = found.measures.take(context.operation_name, context.variables)
        self._show(total)
        ambiguous = _ambiguous(document, context._provided_operation_name)
        if error := ambiguous or self.checks.refuse(total, context.variables):
            context.pre_execution_errors = [error]
        else:
            context.pre_execution_errors = await self._check(found)
        yield

    async def _check(self, found: KnownDocument) -> list[GraphQLError]:
        """Return what is wrong with a document, which is kept if nothing is, or else with the variables."""
        if errors := [] if self.known else self._validate(found.document):
            return errors
        await self._keep(found)
        return self._coerce(found.document)

    def _show(self, total: Measure) -> None:
        if cost := self.checks.cost(total, self.execution_context.operation_extensions):
            self.execution_context.extensions_results["cost"] = cost

    def _validate(self, document: DocumentNode) -> list[GraphQLError]:
        if is_hard_to_merge(document):
            return [refusal("The document repeats fields or fragments too often.")]
        schema = self.execution_context.schema._schema
        if self.checks.tell_schema:
            errors = validate(schema, document, _RULES, max_errors=MAX_ERRORS)
        elif errors := validate(schema, document, _FORMAL_RULES, max_errors=MAX_ERRORS):
            return [refusal(shorten(error.message)) for error in errors]
        else:
            rules = (*_RULES, NoSchemaIntrospectionCustomRule)
            errors = validate(schema, document, rules, max_errors=1, hide_suggestions=True)
        for error in errors:
            # A literal that a scalar cannot read (a number of 5,000 digits) is no defect of ours.
            error.original_error = None
        return errors

    def _coerce(self, document: DocumentNode) -> list[GraphQLError]:
        """Return what is wrong with the variables; the operation is not begun then (GraphQL, section 6.1.2)."""
        context = self.execution_context
        operation = operations(document, context._provided_operation_name)[0]
        values = get_variable_values(
            context.schema._schema,
            operation.variable_definitions or (),
            context.variables or {},
            max_errors=MAX_ERRORS,
        )
        return values if isinstance(values, list) else []

    async def _keep(self, document: KnownDocument) -> None:
        text = self.execution_context.query
        if not self.known:
            self.cache.keep(text, document)
        if (
            self.persisted
            and text
            and "persistedQuery" in (self.execution_context.operation_extensions or {})
        ):
            await self.persisted.keep(text)


class Deadline(SchemaExtension):
    """Stops an operation that takes too long; of a subscription, its beginning.

    Args:
        seconds: how long an execution may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def on_execute(self) -> AsyncIterator[None]:
        """Cancel the execution when its time is up: queries in progress end, and transactions are rolled back."""
        try:
            async with asyncio.timeout(self.seconds):
                yield
        except TimeoutError:
            raise too_late(self.seconds) from None


def too_late(seconds: float) -> DeadlineExceeded:
    """Return the error of an operation that was stopped after so many *seconds*."""
    return DeadlineExceeded(f"The operation took longer than {seconds:g} s and was stopped")


class CountStatements(SchemaExtension):
    """Shows how many SQL statements a query or mutation has sent, beside finding out who asks."""

    def on_execute(self) -> Iterator[None]:
        """Count."""
        with record_statements() as statements:
            yield
        if self.execution_context.operation_type is not OperationType.SUBSCRIPTION:
            self.execution_context.extensions_results["sqlQueries"] = len(statements)


def _ambiguous(document: DocumentNode, name: str | None) -> GraphQLError | None:
    """Return an error if it is not told which operation to run; Strawberry would take the first (section 6.1)."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name or len(operations) < 2:
        return None
    return refusal("Must provide operation name if query contains multiple operations.")
