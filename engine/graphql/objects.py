"""Completes objects, interfaces and unions (GraphQL specification, section 6.4.3).

A completion gets all values of its level and returns a result for each, at once where nothing needs to be awaited.
Usual sets take a short way: the classes in them have been seen before, and need no look at the single value.
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

from engine.graphql.completion import NOTHING, attempt, await_some, await_values, now, settle, then
from engine.graphql.gathering import gather_all
from engine.graphql.plan import Complete, Field, Run

#: Decided by the class of a value alone, as the maker of the function has promised.
BY_CLASS = "__decided_by_class__"


def decided_by_class(function: Any) -> Any:
    """Mark an ``is_type_of`` whose answer depends on the class of the value alone: it is asked once a class.

    Strawberry's own ones are none of these: ``strawberry.cast`` leaves a mark on single values.
    """
    setattr(function, BY_CLASS, True)
    return function


class _Objects:
    """Completes objects of one type, whose selection *select* executes."""

    def __init__(self, kind: GraphQLObjectType, select: Complete, field: Field, *, non_null: bool) -> None:
        self.kind = kind
        self.select = select
        self.field = field
        self.non_null = non_null
        self.by_class = kind.is_type_of is None or getattr(kind.is_type_of, BY_CLASS, False)
        #: Classes whose instances are of the type, and neither nulls nor errors, nor to be awaited.
        self.known: set[type] = set()

    def complete(
        self, values: list[Any], run: Run, *, awaited: bool = False
    ) -> list[Any] | Awaitable[list[Any]]:
        if not values:
            return values
        if self.known.issuperset(map(type, values)):
            return self.select(values, run)
        sorted_out = _sort(values, self.field, run, non_null=self.non_null, awaited=awaited)
        if sorted_out is None:
            return await_values(values, self.complete, run)
        is_type_of = self.kind.is_type_of
        if is_type_of is None:
            verdicts: list[Any] = [True] * len(sorted_out.objects)
        else:
            info = run.core_info(self.field)
            verdicts = [attempt(is_type_of, value, info) for value in sorted_out.objects]
        if any(map(is_awaitable, verdicts)):
            return self._judge_later(sorted_out, verdicts, run)
        return self._judge(sorted_out, verdicts, run)

    def _judge(
        self, sorted_out: "_Sorted", verdicts: list[Any], run: Run
    ) -> list[Any] | Awaitable[list[Any]]:
        out = sorted_out.out
        right: list[Any] = []
        places: list[int] = []
        for place, value, verdict in zip(sorted_out.places, sorted_out.objects, verdicts, strict=True):
            if isinstance(verdict, Exception):
                out[place] = run.fail(self.field, verdict)
            elif not verdict:
                message = f"Expected value of type '{self.kind}' but got: {inspect(value)}."
                out[place] = run.fail(self.field, GraphQLError(message, self.field.nodes))
            else:
                right.append(value)
                places.append(place)
                if self.by_class:
                    self.known.add(type(value))
        if not right:
            return out
        done = self.select(right, run)
        return done if len(right) == len(out) else _place(out, places, done)

    async def _judge_later(self, sorted_out: "_Sorted", verdicts: list[Any], run: Run) -> list[Any]:
        return await now(self._judge(sorted_out, await await_some(verdicts), run))


def complete_objects(kind: GraphQLObjectType, select: Complete, field: Field, *, non_null: bool) -> Complete:
    """Return the completion of objects of one type, whose selection *select* executes."""
    return _Objects(kind, select, field, non_null=non_null).complete


@dataclass(frozen=True, slots=True)
class _Sorted:
    """A set without its nulls and errors: what is left in *objects*, and the *places* of that in *out*."""

    out: list[Any]
    places: list[int]
    objects: list[Any]


def _sort(values: list[Any], field: Field, run: Run, *, non_null: bool, awaited: bool) -> _Sorted | None:
    """Settle nulls and errors; return None if something must be awaited before."""
    if not awaited and any(map(is_awaitable, values)):
        return None
    sorted_out = _Sorted([None] * len(values), [], [])
    for place, value in enumerate(values):
        result = settle(value, field, run, non_null=non_null)
        if result is NOTHING:
            sorted_out.places.append(place)
            sorted_out.objects.append(value)
        else:
            sorted_out.out[place] = result
    return sorted_out


def _place(out: list[Any], places: list[int], done: list[Any] | Awaitable[list[Any]]) -> Any:
    def put(done: list[Any]) -> list[Any]:
        for place, value in zip(places, done, strict=True):
            out[place] = value
        return out

    return then(done, put)


class _Abstract:
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
        sorted_out = _sort(values, self.field, run, non_null=self.non_null, awaited=awaited)
        if sorted_out is None:
            return await_values(values, self.complete, run)
        info = run.core_info(self.field)
        names = [attempt(self.resolve_type, value, info, self.kind) for value in sorted_out.objects]
        if any(map(is_awaitable, names)):
            return self._part_later(sorted_out, names, run)
        return self._part(sorted_out, names, run)

    def _part(self, sorted_out: _Sorted, names: list[Any], run: Run) -> list[Any] | Awaitable[list[Any]]:
        out = sorted_out.out
        groups: dict[str, tuple[list[int], list[Any]]] = {}
        for place, value, name in zip(sorted_out.places, sorted_out.objects, names, strict=True):
            if error := _unfit(name, self.kind, value, self.field, run):
                out[place] = run.fail(self.field, error)
                continue
            places, group = groups.setdefault(name, ([], []))
            places.append(place)
            group.append(value)
        results = [
            _place(out, places, self.complete_as(name)(group, run))
            for name, (places, group) in groups.items()
        ]
        waiting = [result for result in results if type(result) is not list]
        return self._finish(out, waiting) if waiting else out

    async def _part_later(self, sorted_out: _Sorted, names: list[Any], run: Run) -> list[Any]:
        return await now(self._part(sorted_out, await await_some(names), run))

    async def _finish(self, out: list[Any], waiting: list[Awaitable[list[Any]]]) -> list[Any]:
        await gather_all(waiting)
        return out


def complete_abstract(
    kind: GraphQLAbstractType, complete_as: Callable[[str], Complete], field: Field, *, non_null: bool
) -> Complete:
    """Return the completion of an interface or union: the set is parted by runtime type.

    Args:
        complete_as: gives the completion of the objects of a possible type, by its name.
    """
    return _Abstract(kind, complete_as, field, non_null=non_null).complete


def _unfit(name: Any, kind: GraphQLAbstractType, value: Any, field: Field, run: Run) -> Exception | None:
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
