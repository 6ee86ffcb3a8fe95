"""The executor: operations compiled once, run often, and whatever cannot be compiled left to graphql-core."""

from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, cast

import graphql
from graphql import (
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues, get_variable_values
from strawberry import Schema

from engine.graphql.compiler import Compiler, Reads
from engine.graphql.input_conversion import Converters
from engine.graphql.null_propagation import locate
from engine.graphql.plan import Complete, Run, Source

#: Documents whose operations are kept.
MAX_DOCUMENTS = 1_000
#: Plans of one document. Each combination of ``@skip`` and ``@include`` is another one, and the client chooses.
MAX_PLANS = 16
#: As graphql-core has it.
MAX_COERCION_ERRORS = 50

_NO_VARIABLES = VariableValues({}, {})


@dataclass(frozen=True, slots=True)
class Operation:
    """A compiled operation.

    Args:
        reads: the attributes that it reads of objects of a type, by the type's name; None instead of them where
            that is not known, and None for all where even the types turn up at run time only.
        is_static: nothing but the schema decides the answer.
    """

    source: Source
    select: Complete
    reads: Reads | None
    is_static: bool

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
        """Run the operation with variables that :meth:`coerce` has returned.

        Args:
            encoded: leave in the result, as they are, the values that scalars say an encoder writes alike
                (:func:`engine.graphql.encoded_alike`).
        """
        run = Run(self.source, context, root_value, values, encoded=encoded)
        done = self.select([root_value], run)
        if type(done) is not list:
            done = await cast("Awaitable[list[Any]]", done)
        data = done[0]
        if run.failed:
            data, errors = locate(data)
            return ExecutionResult(data, errors)
        return ExecutionResult(data, None)

    async def run(
        self, context: Any, root_value: Any = None, variables: dict[str, Any] | None = None
    ) -> ExecutionResult:
        """Run the operation with variables as the client sent them."""
        values = self.coerce(variables)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        return await self.execute(context, root_value, values)


@dataclass(slots=True)
class _Document:
    """A document, and the plans of its operations by name and steering variables."""

    document: DocumentNode
    steering: tuple[str, ...]
    can_be_compiled: bool
    plans: dict[tuple[Any, ...], Operation | None] = field(default_factory=dict)


def core_schema(schema: Schema) -> GraphQLSchema:
    """Return graphql-core's schema behind Strawberry's."""
    return schema._schema


class Executor:
    """Executes operations of a Strawberry schema breadth first.

    A plan is kept for each document, operation name and combination of the variables that steer ``@skip`` and
    ``@include``, and for nothing else that a client chooses. What cannot be compiled (subscriptions, ``@defer``,
    ``@stream``, fragments with variables, too many combinations) is declined before any resolver has run.

    Args:
        schema: the schema; one whose extensions hook into single resolvers is not for this executor.
        max_documents: how many documents to remember.

    Attributes:
        compiled: how many plans have been made.
        declined: how many operations have been left to graphql-core.
    """

    def __init__(self, schema: Schema, *, max_documents: int = MAX_DOCUMENTS) -> None:
        self.schema = schema
        self.compiled = 0
        self.declined = 0
        self._max_documents = max_documents
        self._converters = Converters(schema.config, schema.schema_converter.scalar_registry)
        self._documents: OrderedDict[int, _Document] = OrderedDict()

    def prepare(
        self,
        document: DocumentNode,
        operation_name: str | None = None,
        variables: dict[str, Any] | None = None,
    ) -> Operation | None:
        """Return the plan of an operation of a valid document, compiled if need be; None if it is declined."""
        entry = self._documents.get(id(document))
        if entry is None:
            entry = self._remember(document)
        else:
            self._documents.move_to_end(id(document))
        plan = self._plan(entry, operation_name, variables) if entry.can_be_compiled else None
        if plan is None:
            self.declined += 1
        return plan

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
        plan = self.prepare(document, operation_name, variable_values)
        if plan is not None:
            return await plan.run(context_value, root_value, variable_values)
        result = graphql.execute(
            self.schema._schema,
            document,
            root_value,
            context_value,
            variable_values,
            operation_name,
            **options,
        )
        return result if isinstance(result, ExecutionResult) else await result

    def _remember(self, document: DocumentNode) -> _Document:
        finder = _Finder()
        visit(document, finder)
        entry = _Document(document, tuple(sorted(finder.steering)), not finder.foreign)
        # The entry holds the document, so that no other one gets its id.
        self._documents[id(document)] = entry
        if len(self._documents) > self._max_documents:
            self._documents.popitem(last=False)
        return entry

    def _plan(self, entry: _Document, name: str | None, variables: dict[str, Any] | None) -> Operation | None:
        if not entry.steering:
            key: tuple[Any, ...] = (name,)
        else:
            given = variables or {}
            # An absent variable has its default, which is the document's.
            key = (name, *(_switch(given.get(steering, ...)) for steering in entry.steering))
            if None in key[1:]:
                return None
        if key in entry.plans:
            return entry.plans[key]
        if len(entry.plans) >= MAX_PLANS:
            return None
        plan = entry.plans[key] = self._compile(entry, name, variables or {})
        return plan

    def _compile(self, entry: _Document, name: str | None, variables: dict[str, Any]) -> Operation | None:
        operation = _find_operation(entry.document, name)
        if operation is None or operation.operation is OperationType.SUBSCRIPTION:
            return None
        core = self.schema._schema
        kind = core.get_root_type(operation.operation)
        definitions = [
            node
            for node in operation.variable_definitions or ()
            if node.variable.name.value in entry.steering
        ]
        values = get_variable_values(core, definitions, variables) if definitions else _NO_VARIABLES
        if kind is None or isinstance(values, list):
            return None
        fragments = {
            node.name.value: node
            for node in entry.document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        source = Source(self.schema, operation, fragments, self._converters)
        compiler = Compiler(source, values)
        try:
            select, is_static = compiler.root(kind, serial=operation.operation is OperationType.MUTATION)
        except (GraphQLError, RecursionError):
            return None
        self.compiled += 1
        return Operation(source, select, compiler.reads, is_static and not operation.variable_definitions)


def _switch(value: Any) -> Any:
    # Anything else makes an error, which graphql-core words.
    return value if value is True or value is False or value is ... else None


def _find_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None:
        return operations[0] if len(operations) == 1 else None
    named = [node for node in operations if node.name and node.name.value == name]
    return named[-1] if named else None


class _Finder(Visitor):
    """Finds the variables that steer what is executed, and what only graphql-core can execute."""

    def __init__(self) -> None:
        super().__init__()
        self.steering: set[str] = set()
        self.foreign = False

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in ("defer", "stream"):
            self.foreign = True
        elif node.name.value in ("skip", "include"):
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.steering.add(argument.value.name.value)
                elif not isinstance(argument.value, BooleanValueNode):
                    self.foreign = True

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        if node.variable_definitions:
            self.foreign = True
