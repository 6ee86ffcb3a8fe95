"""The executor: operations compiled once, executed often, and what cannot be compiled left to graphql-core."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, cast

import graphql
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.values import VariableValues, get_variable_values
from strawberry import Schema

from engine.graphql.analysis import Analysis, analyse, find_fragments, find_operation
from engine.graphql.code_cache import CodeCache
from engine.graphql.compiler import Compiler, Reads
from engine.graphql.input_conversion import Converters
from engine.graphql.null_propagation import propagate_nulls
from engine.graphql.plan import Complete, Run, Source
from engine.graphql.schema import core_schema

#: As graphql-core has it.
MAX_COERCION_ERRORS = 50

_NO_VARIABLES = VariableValues({}, {})


@dataclass(frozen=True, slots=True)
class Operation:
    """A compiled operation, to be executed any number of times.

    Args:
        reads: the attributes that it reads of objects of a type, by the type's name; None instead of them where
            that is not known, and None for all where even the types turn up at run time only.
        is_static: nothing but the schema decides the answer.
        fields: how many fields it has, each at its position.
    """

    source: Source
    select: Complete
    reads: Reads | None
    is_static: bool
    fields: int

    def coerce(self, variables: dict[str, Any] | None) -> VariableValues | list[GraphQLError]:
        """Return the values of the variables, or what is wrong with them (GraphQL specification, section 6.1.2)."""
        definitions = self.source.operation.variable_definitions
        if not definitions:
            return _NO_VARIABLES
        return get_variable_values(
            self.source.core, definitions, variables or {}, max_errors=MAX_COERCION_ERRORS
        )

    async def execute(
        self,
        context: Any,
        root_value: Any = None,
        values: VariableValues = _NO_VARIABLES,
        *,
        encoded: bool = False,
    ) -> ExecutionResult:
        """Execute the operation with variables that :meth:`coerce` has returned.

        Args:
            context: what resolvers get as ``info.context``.
            root_value: the object whose fields the root fields are.
            values: the coerced variables.
            encoded: leave in the result, as they are, the values of scalars that an encoder writes alike
                (:func:`engine.graphql.encoder_passthrough`).
        """
        run = Run(self.source, context, root_value, values, encoded=encoded)
        done = self.select([root_value], run)
        if type(done) is not list:
            done = await cast("Awaitable[list[Any]]", done)
        data = done[0]
        if run.failed:
            data, errors = propagate_nulls(data)
            return ExecutionResult(data, errors)
        return ExecutionResult(data, None)

    async def run(
        self, context: Any, root_value: Any = None, variables: dict[str, Any] | None = None
    ) -> ExecutionResult:
        """Coerce *variables* and execute the operation with them."""
        values = self.coerce(variables)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        return await self.execute(context, root_value, values)


class Plans:
    """The plans of one document: whoever keeps the document keeps them with it.

    Attributes:
        fields: the fields of all plans so far, which is what their memory goes with: about 3.5 kB each.
    """

    __slots__ = ("_analysis", "_document", "_executor", "_known", "fields")

    def __init__(self, executor: "Executor", document: DocumentNode) -> None:
        self._executor = executor
        self._document = document
        self._analysis = analyse(document)
        #: By operation name and the values of its conditions.
        self._known: dict[tuple[Any, ...], Operation | None] = {}
        self.fields = 0

    def prepare(
        self, operation_name: str | None = None, variables: dict[str, Any] | None = None
    ) -> Operation | None:
        """Return the plan of an operation, compiled if need be; None if it is declined."""
        plan = self._find(operation_name, variables or {}) if self._analysis.is_supported else None
        if plan is None:
            self._executor.declined += 1
        return plan

    def _find(self, name: str | None, variables: dict[str, Any]) -> Operation | None:
        # An absent variable has its default, which is the document's.
        conditions = [variables.get(variable, ...) for variable in self._analysis.conditions]
        if not all(value is True or value is False or value is ... for value in conditions):
            return None  # an error, which graphql-core words
        key = (name, *conditions)
        if key in self._known:
            return self._known[key]
        operation = find_operation(self._document, name)
        if operation is None or len(self._known) >= self._executor.max_plans:
            return None
        source = self._executor.source(operation, find_fragments(self._document))
        plan = self._known[key] = self._executor.compile(source, self._analysis, variables)
        self.fields += plan.fields if plan else 0
        return plan


class Executor:
    """Executes operations of a Strawberry schema breadth first.

    :class:`Plans` keep a plan of a document for each operation name and combination of the variables of ``@skip`` and
    ``@include``, and for nothing else that a client chooses; the executor keeps none. What cannot be compiled
    (subscriptions, ``@defer``, ``@stream``, fragments with variables, too many combinations) is declined before any
    resolver has run.

    Args:
        schema: the schema; one whose extensions hook into single resolvers is not for this executor.
        max_plans: plans of one document, since a client chooses the combination.
        max_code_entries: generated functions whose compiled code is kept for other documents.

    Attributes:
        compiled: how many plans have been made.
        declined: how many operations have been left to graphql-core.
    """

    def __init__(self, schema: Schema, *, max_plans: int = 16, max_code_entries: int = 1_000) -> None:
        self.schema = schema
        self._core = core_schema(schema)
        self.compiled = 0
        self.declined = 0
        self.max_plans = max_plans
        self._converters = Converters(schema.config, schema.schema_converter.scalar_registry)
        self._code = CodeCache(max_code_entries)

    def plans(self, document: DocumentNode) -> Plans:
        """Return the plans of a valid document, none of which has been compiled."""
        return Plans(self, document)

    async def execute(
        self,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        **options: Any,
    ) -> ExecutionResult:
        """Execute an operation as ``graphql.execute`` does, by graphql-core where there is no plan.

        Args:
            options: further arguments for ``graphql.execute``.
        """
        plan = self.plans(document).prepare(operation_name, variable_values)
        if plan is not None:
            return await plan.run(context_value, root_value, variable_values)
        result = graphql.execute(
            self._core,
            document,
            root_value,
            context_value,
            variable_values,
            operation_name,
            **options,
        )
        return result if isinstance(result, ExecutionResult) else await result

    def source(
        self, operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
    ) -> Source:
        """Return what a plan of *operation* is compiled from."""
        return Source(self.schema, self._core, operation, fragments, self._converters, self._code)

    def compile(self, source: Source, analysis: Analysis, variables: dict[str, Any]) -> Operation | None:
        """Return the plan of an operation for the values of its conditions; None if it is declined."""
        operation = source.operation
        if operation.operation is OperationType.SUBSCRIPTION:
            return None
        kind = source.core.get_root_type(operation.operation)
        definitions = [
            node
            for node in operation.variable_definitions or ()
            if node.variable.name.value in analysis.conditions
        ]
        values = get_variable_values(source.core, definitions, variables) if definitions else _NO_VARIABLES
        if kind is None or isinstance(values, list):
            return None
        compiler = Compiler(source, values)
        try:
            select, is_static = compiler.root(kind, serial=operation.operation is OperationType.MUTATION)
        except (GraphQLError, RecursionError):
            return None
        self.compiled += 1
        is_static = is_static and not operation.variable_definitions
        return Operation(source, select, compiler.reads, is_static, compiler.fields)
