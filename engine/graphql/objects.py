"""Completes objects, interfaces and unions (GraphQL specification, section 6.4.3).

A completion gets all values of a level and returns a result for each, at once where nothing needs to be awaited.
On the fast path all classes of the values are known from before, and no single value is looked at.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLObjectType,
    default_type_resolver,
    is_object_type,
)
from graphql.pyutils import inspect, is_awaitable

from engine.graphql.completion import (
    INCOMPLETE,
    attempt,
    await_list,
    await_values,
    complete_awaited,
    complete_null_or_error,
    then,
)
from engine.graphql.gathering import gather_all
from engine.graphql.plan import Complete, Field, Run

#: Where :func:`static_type_guard` marks an ``is_type_of``.
_STATIC = "__static_type_guard__"


def static_type_guard(is_type_of: Any) -> Any:
    """Mark an ``is_type_of`` that looks at nothing but the class of the value: it is called once for each class.

    Strawberry's own ones are none of these: ``strawberry.cast`` leaves a mark on single values.
    """
    setattr(is_type_of, _STATIC, True)
    return is_type_of


class _ObjectCompletion:
    """Completes objects of one type, whose selection *select* executes."""

    def __init__(self, kind: GraphQLObjectType, select: Complete, field: Field, *, non_null: bool) -> None:
        self.kind = kind
        self.select = select
        self.field = field
        self.non_null = non_null
        self.is_static = kind.is_type_of is None or getattr(kind.is_type_of, _STATIC, False)
        #: Classes whose instances are of the type, and neither nulls nor errors, nor to be awaited.
        self.known: set[type] = set()

    def complete(
        self, values: list[Any], run: Run, *, awaited: bool = False
    ) -> list[Any] | Awaitable[list[Any]]:
        if not values:
            return values
        if self.known.issuperset(map(type, values)):
            return self.select(values, run)
        partition = _partition(values, self.field, run, non_null=self.non_null, awaited=awaited)
        if partition is None:
            return complete_awaited(values, self.complete, run)
        is_type_of = self.kind.is_type_of
        if is_type_of is None:
            fits: list[Any] = [True] * len(partition.objects)
        else:
            info = run.core_info(self.field)
            fits = [attempt(is_type_of, value, info) for value in partition.objects]
        if any(map(is_awaitable, fits)):
            return self._select_later(partition, fits, run)
        return self._select(partition, fits, run)

    def _select(self, partition: "_Partition", fits: list[Any], run: Run) -> list[Any] | Awaitable[list[Any]]:
        out = partition.out
        objects: list[Any] = []
        indices: list[int] = []
        for index, value, fit in zip(partition.indices, partition.objects, fits, strict=True):
            if isinstance(fit, Exception):
                out[index] = run.fail(self.field, fit)
            elif not fit:
                message = f"Expected value of type '{self.kind}' but got: {inspect(value)}."
                out[index] = run.fail(self.field, GraphQLError(message, self.field.nodes))
            else:
                objects.append(value)
                indices.append(index)
                if self.is_static:
                    self.known.add(type(value))
        if not objects:
            return out
        done = self.select(objects, run)
        return done if len(objects) == len(out) else _scatter(out, indices, done)

    async def _select_later(self, partition: "_Partition", fits: list[Any], run: Run) -> list[Any]:
        return await await_list(self._select(partition, await await_values(fits), run))


def complete_objects(kind: GraphQLObjectType, select: Complete, field: Field, *, non_null: bool) -> Complete:
    """Return the completion of objects of one type, whose selection *select* executes."""
    return _ObjectCompletion(kind, select, field, non_null=non_null).complete


@dataclass(frozen=True, slots=True)
class _Partition:
    """A set whose nulls and errors are completed in *out*: the other *objects*, and their *indices* in *out*."""

    out: list[Any]
    indices: list[int]
    objects: list[Any]


def _partition(
    values: list[Any], field: Field, run: Run, *, non_null: bool, awaited: bool
) -> _Partition | None:
    """Complete nulls and errors; return None if something must be awaited before."""
    if not awaited and any(map(is_awaitable, values)):
        return None
    partition = _Partition([None] * len(values), [], [])
    for index, value in enumerate(values):
        result = complete_null_or_error(value, field, run, non_null=non_null)
        if result is INCOMPLETE:
            partition.indices.append(index)
            partition.objects.append(value)
        else:
            partition.out[index] = result
    return partition


def _scatter(out: list[Any], indices: list[int], done: list[Any] | Awaitable[list[Any]]) -> Any:
    """Return *out* with the results of *done* at their *indices*, or an awaitable of it."""

    def put(done: list[Any]) -> list[Any]:
        for index, value in zip(indices, done, strict=True):
            out[index] = value
        return out

    return then(done, put)


class _AbstractCompletion:
    """Completes the objects of an interface or union, each by its runtime type."""

    def __init__(
        self,
        kind: GraphQLAbstractType,
        complete_as: Callable[[str], Complete],
        field: Field,
        *,
        non_null: bool,
    ) -> None:
        self.kind = kind
        self.complete_as = complete_as
        self.field = field
        self.non_null = non_null
        self.resolve_type = kind.resolve_type or default_type_resolver

    def complete(
        self, values: list[Any], run: Run, *, awaited: bool = False
    ) -> list[Any] | Awaitable[list[Any]]:
        partition = _partition(values, self.field, run, non_null=self.non_null, awaited=awaited)
        if partition is None:
            return complete_awaited(values, self.complete, run)
        info = run.core_info(self.field)
        names = [attempt(self.resolve_type, value, info, self.kind) for value in partition.objects]
        if any(map(is_awaitable, names)):
            return self._complete_by_type_later(partition, names, run)
        return self._complete_by_type(partition, names, run)

    def _complete_by_type(
        self, partition: _Partition, names: list[Any], run: Run
    ) -> list[Any] | Awaitable[list[Any]]:
        out = partition.out
        groups: dict[str, tuple[list[int], list[Any]]] = {}
        for index, value, name in zip(partition.indices, partition.objects, names, strict=True):
            if error := _runtime_type_error(name, self.kind, value, self.field, run):
                out[index] = run.fail(self.field, error)
                continue
            indices, group = groups.setdefault(name, ([], []))
            indices.append(index)
            group.append(value)
        results = [
            _scatter(out, indices, self.complete_as(name)(group, run))
            for name, (indices, group) in groups.items()
        ]
        awaitable = [result for result in results if type(result) is not list]
        return self._finish(out, awaitable) if awaitable else out

    async def _complete_by_type_later(self, partition: _Partition, names: list[Any], run: Run) -> list[Any]:
        return await await_list(self._complete_by_type(partition, await await_values(names), run))

    async def _finish(self, out: list[Any], awaitable: list[Awaitable[list[Any]]]) -> list[Any]:
        await gather_all(awaitable)
        return out


def complete_abstract(
    kind: GraphQLAbstractType, complete_as: Callable[[str], Complete], field: Field, *, non_null: bool
) -> Complete:
    """Return the completion of an interface or union: the set is partitioned by runtime type.

    Args:
        complete_as: gives the completion of the objects of a possible type, by its name.
    """
    return _AbstractCompletion(kind, complete_as, field, non_null=non_null).complete


def _runtime_type_error(
    name: Any, kind: GraphQLAbstractType, value: Any, field: Field, run: Run
) -> Exception | None:
    """Return what is wrong with the runtime type that was found, in graphql-core's words."""
    if isinstance(name, Exception):
        return name
    place = f"for field '{field.parent_type}.{field.name}'"
    if name is None:
        message = (
            f"Abstract type '{kind}' must resolve to an Object type at runtime {place}. Either the '{kind}'"
            " type should provide a 'resolve_type' function or each possible type should provide an"
            " 'is_type_of' function."
        )
    elif not isinstance(name, str):
        message = (
            f"Abstract type '{kind}' must resolve to an Object type at runtime {place} with value"
            f" {inspect(value)}, received '{inspect(name)}', which is not a valid Object type name."
        )
    else:
        schema = run.source.core
        runtime_type = schema.get_type(name)
        if runtime_type is None:
            message = f"Abstract type '{kind}' was resolved to a type '{name}' that does not exist inside the schema."
        elif not is_object_type(runtime_type):
            message = f"Abstract type '{kind}' was resolved to a non-object type '{name}'."
        elif not schema.is_sub_type(kind, runtime_type):
            message = f"Runtime Object type '{runtime_type}' is not a possible type for '{kind}'."
        else:
            return None
    return GraphQLError(message, field.nodes)
