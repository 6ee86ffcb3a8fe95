"""The one road of every GraphQL operation: by POST, GET, stream or socket, with a known document or a new one.

:meth:`Operations.run` is the only caller of the compiled operation's ``execute``, and of graphql-core's for what the
executor declines. Its stages, in this order and under one deadline: find document, check limits, plan, find viewer,
coerce variables, execute, present errors, encode.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext
from functools import partial
from typing import Any

import graphql
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType, parse
from graphql.execution.values import VariableValues, get_variable_values
from graphql.pyutils import is_awaitable

from core.deadline import within_deadline
from core.errors import AppError, DeadlineExceeded
from core.http.caller import Caller
from core.metrics import COMPILED, DECLINED
from core.resources import Resources
from core.series import OperationTimer
from engine.graphql import Executor, Operation, core_schema
from engine.postgres import RecordedStatement, record_statements
from graph.endpoint.documents import DocumentCache, KnownDocument, PersistedDocuments
from graph.endpoint.error_presentation import present_all
from graph.endpoint.limits import Limits, Measures, shown_cost, too_demanding, too_large, too_many_values
from graph.endpoint.messages import Answer, OperationRequest
from graph.endpoint.request_errors import DocumentError, ProtocolError, RequestError, not_allowed, refusal
from graph.endpoint.shared_events import Event, SharedEvents, SharedExecution, shared_key
from graph.endpoint.uses import SchemaUses
from graph.endpoint.validation import validate
from graph.resolvers.context import Context, make_context
from graph.schema import build_schema

ALL_TYPES = frozenset(OperationType)
#: Characters of the name of an operation that the log tells.
MAX_NAME = 100
NO_DOCUMENT = "No GraphQL query found in the request"


def _shown_statement(statement: RecordedStatement) -> dict[str, Any]:
    milliseconds = None if statement.seconds is None else round(statement.seconds * 1000, 3)
    return {"statement": str(statement).strip(), "rows": statement.rows, "milliseconds": milliseconds}


class Operations:
    """Runs the operations of one process."""

    def __init__(self, resources: Resources) -> None:
        settings = resources.settings
        self._resources = resources
        self._settings = settings
        schema = build_schema()
        self._core = core_schema(schema)
        self._executor = Executor(schema) if settings.graphql_compile else None
        self._schema_uses = SchemaUses(self._core)
        #: The names under which it counts who uses what.
        self.countable = self._schema_uses.countable
        self._limits = Limits.of(settings)
        self._max_bytes = settings.max_answer_bytes
        self._cache = DocumentCache()
        self._events = SharedEvents()
        self._persisted = PersistedDocuments(
            resources.redis, settings.manifest, only_trusted=settings.graphql_only_trusted
        )

    async def run(
        self,
        request: OperationRequest,
        caller: Caller,
        allowed: frozenset[OperationType] = ALL_TYPES,
        state: dict[str, Any] | None = None,
    ) -> Answer | AsyncGenerator[Answer, None]:
        """Run one operation.

        Args:
            allowed: the types of operations that can be run by the way that the request came.
            state: gets the ``operation``, by its name in the document, for the log.

        Returns:
            The answer; of a subscription its answers, one for each event. Errors are part of them, and stand in place
            of data that is larger than an answer may be.
            What takes longer than the deadline is stopped; of a subscription that is its beginning.

        Raises:
            Exception: who is asking cannot be found out, as while the database cannot be reached.
        """
        extensions: dict[str, Any] = {}
        timer = OperationTimer()
        work = self._run(request, caller, allowed, extensions, state, timer)
        try:
            answer = await within_deadline(self._settings.deadline_seconds, work)
            return answer.within(self._max_bytes) if isinstance(answer, Answer) else answer
        except DeadlineExceeded as error:
            answer = self._present(_failed(error), extensions)
            answer.was_stopped = True
            return answer
        finally:
            timer.observe()

    async def _run(
        self,
        request: OperationRequest,
        caller: Caller,
        allowed: frozenset[OperationType],
        extensions: dict[str, Any],
        state: dict[str, Any] | None,
        timer: OperationTimer,
    ) -> Answer | AsyncGenerator[Answer, None]:
        try:
            document, operation = await self._find_document(request, allowed)
            if state is not None and operation.name:
                state["operation"] = operation.name.value[:MAX_NAME]
            await self._check_limits(document, operation, request, extensions)
            uses = document.uses(operation, self._schema_uses)
            timer.series = uses.durations
            self._resources.usage.count(caller.client_name, uses.of(request.variables))
            static: Answer | None = document.static_answers.get(request.name)
            if static is not None and not extensions and not request.variables:
                return static
            plan = self._plan(document, operation, request)
            context = await self._find_viewer(caller, plan)
            values = self._coerce(plan, operation, request)
        except RequestError as error:
            return self._refuse(error, extensions)
        if operation.operation is OperationType.SUBSCRIPTION:
            return await self._subscribe(document, request, context, extensions)
        with record_statements() if self._settings.counts_statements else nullcontext() as statements:
            answer = await self._execute(plan, document, request, context, values)
        if statements is not None:
            extensions["sqlQueries"] = len(statements)
            if (request.extensions or {}).get("sql") is True:
                extensions["sql"] = list(map(_shown_statement, statements))
        answer.extensions = extensions
        if plan is not None and plan.is_static and not extensions and not answer.errors:
            document.static_answers[request.name] = answer
            document.answer_bytes += len(answer.encode())
            self._cache.keep(document)
        return answer

    async def _find_document(
        self, request: OperationRequest, allowed: frozenset[OperationType]
    ) -> tuple[KnownDocument, OperationDefinitionNode]:
        """Return the document and which of its operations to run; the document may not be valid."""
        try:
            text = await self._persisted.find(request.query, request.extensions, request.document_id)
        except AppError as error:
            raise DocumentError(error) from None
        if not text:
            raise ProtocolError(NO_DOCUMENT)
        document = self._cache.get(text) or self._parse(text)
        operation = document.operation(request.name)
        if operation.operation not in allowed:
            raise not_allowed(operation.operation, allowed)
        return document, operation

    def _parse(self, text: str) -> KnownDocument:
        if len(text) > self._limits.characters:
            raise RequestError(
                [refusal(f"The document is too long: at most {self._limits.characters} characters.")]
            )
        try:
            parsed = parse(text, max_tokens=self._limits.tokens)
        except GraphQLError as error:
            raise RequestError([error]) from None
        except RecursionError:
            raise _nested_too_deeply() from None
        return KnownDocument(text, parsed, Measures(self._core, parsed))

    async def _check_limits(
        self,
        document: KnownDocument,
        operation: OperationDefinitionNode,
        request: OperationRequest,
        extensions: dict[str, Any],
    ) -> None:
        """Check what is asked for against the limits, and a new document against the rules; show the cost.

        What depends on the schema comes last: nobody learns it by what is no valid document.
        """
        try:
            total = document.measures.take(
                operation.name.value if operation.name else None, request.variables
            )
            document.require_one_operation(request.name)
            if error := too_large(total, self._limits) or too_many_values(request.variables, self._limits):
                raise RequestError([error])
            if not document.is_valid:
                self._validate(document)
            if self._settings.shows_cost or (request.extensions or {}).get("cost") is True:
                extensions["cost"] = shown_cost(total, self._limits)
            if error := too_demanding(total, self._limits):
                raise RequestError([error])
        except RecursionError:
            raise _nested_too_deeply() from None
        if request.query and "persistedQuery" in (request.extensions or {}):
            await self._persisted.keep(document.text)

    def _validate(self, document: KnownDocument) -> None:
        errors = validate(self._core, document.parsed, tells_schema=self._settings.tells_schema)
        if errors:
            raise RequestError(errors)
        document.is_valid = True
        self._cache.keep(document)

    def _plan(
        self, document: KnownDocument, operation: OperationDefinitionNode, request: OperationRequest
    ) -> Operation | None:
        """Return the compiled plan; None where graphql-core must execute the operation."""
        if self._executor is None or operation.operation is OperationType.SUBSCRIPTION:
            return None
        if document.plans is None:
            document.plans = self._executor.plans(document.parsed)
        fields = document.plans.fields
        plan = document.plans.prepare(request.name, request.variables)
        if document.plans.fields != fields:
            self._cache.keep(document)
        return plan

    async def _find_viewer(self, caller: Caller, plan: Operation | None) -> Context:
        """Return the context of the resolvers, which read no more of the rows than the plan tells."""
        return await make_context(self._resources, caller, plan.reads if plan else None)

    def _coerce(
        self, plan: Operation | None, operation: OperationDefinitionNode, request: OperationRequest
    ) -> VariableValues:
        """Return the values of the variables (specification, section 6.1.2)."""
        if plan is not None:
            values = plan.coerce(request.variables)
        else:
            # graphql-core does it again by itself, and would tell of no difference to an error in the execution.
            definitions = operation.variable_definitions or ()
            values = get_variable_values(self._core, definitions, request.variables or {})
        if isinstance(values, list):
            raise RequestError(values)
        return values

    async def _execute(
        self,
        plan: Operation | None,
        document: KnownDocument,
        request: OperationRequest,
        context: Context,
        values: VariableValues,
    ) -> Answer:
        """Execute a query or mutation."""
        try:
            if plan is not None:
                COMPILED.inc()
                result = await plan.execute(context, None, values, encoded=True)
            else:
                DECLINED.inc()
                result = await self._execute_by_core(document, request, context)
        except Exception as error:
            result = _failed(error)
        return self._present(result)

    async def _execute_by_core(
        self, document: KnownDocument, request: OperationRequest, context: Context
    ) -> ExecutionResult:
        result: Any = graphql.execute(
            self._core,
            document.parsed,
            context_value=context,
            variable_values=request.variables,
            operation_name=request.name,
        )
        return result if isinstance(result, ExecutionResult) else await result

    async def _subscribe(
        self, document: KnownDocument, request: OperationRequest, context: Context, extensions: dict[str, Any]
    ) -> Answer | AsyncGenerator[Answer, None]:
        """Begin a subscription; its events have no deadline."""
        executor = graphql.Executor.build(
            self._core,
            document.parsed,
            context_value=context,
            raw_variable_values=request.variables,
            operation_name=request.name,
        )
        if isinstance(executor, list):
            return self._refuse(RequestError(executor), extensions)
        try:
            source: Any = graphql.create_source_event_stream(executor)
            source = await source if is_awaitable(source) else source
        except Exception as error:
            source = _failed(error)
        if isinstance(source, ExecutionResult):
            return self._refuse(RequestError(source.errors or []), extensions)
        key = shared_key(document.text, request, extensions)
        return self._answers(source, self._events.of(key), executor, context, extensions)

    async def _answers(
        self,
        source: Any,
        shared: SharedExecution,
        executor: graphql.Executor[Any],
        context: Context,
        extensions: dict[str, Any],
    ) -> AsyncGenerator[Answer, None]:
        async with aclosing(source):
            try:
                async for row in source:
                    execute = partial(self._execute_event, executor.build_per_event_executor(row), extensions)
                    yield await shared.submit(Event(context.viewer_now, row, execute))
            except Exception as error:
                yield self._present(_failed(error), extensions)

    async def _execute_event(self, executor: graphql.Executor[Any], extensions: dict[str, Any]) -> Answer:
        """Execute one event of a subscription, and encode its answer."""
        result = graphql.execute_subscription_event(executor)
        result = result if isinstance(result, ExecutionResult) else await result
        return self._present(result, extensions).within(self._max_bytes)

    def _present(self, result: ExecutionResult, extensions: dict[str, Any] | None = None) -> Answer:
        """Return a result as the client may see it."""
        return Answer(result.data, self._presented(result.errors), extensions or {})

    def _refuse(self, error: RequestError, extensions: dict[str, Any]) -> Answer:
        return Answer(None, self._presented(error.errors), extensions, request_error=error)

    def _presented(self, errors: Sequence[GraphQLError] | None) -> Sequence[Any]:
        if not errors:
            return ()
        shown = present_all(errors, tells_schema=self._settings.tells_schema)
        return [error.formatted for error in shown]


def _failed(error: Exception) -> ExecutionResult:
    return ExecutionResult(None, [GraphQLError(str(error), original_error=error)])


def _nested_too_deeply() -> RequestError:
    return RequestError([refusal("The document is nested too deeply")])
