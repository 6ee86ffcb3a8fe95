"""Completes sets of values (GraphQL specification, section 6.4.3): lists, objects, interfaces and unions.

Each function here makes the completion of one type at one field. A completion gets all values of its level
and returns a result for each, at once where nothing needs to be awaited. Usual sets take a short way: the
classes in them have been seen before, and are known to need no look at the single value.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLObjectType,
    Undefined,
    default_type_resolver,
    is_object_type,
)
from graphql.pyutils import inspect, is_async_iterable, is_awaitable, is_iterable

from graph.execution.leaves import Pending
from graph.execution.plan import Complete, Failure, Field, Run
from graph.execution.waiting import gather_all, outcomes

#: Decided by the class of a value alone, as the maker of the function has promised.
BY_CLASS = "__decided_by_class__"
_NOTHING: Any = object()


def decided_by_class(function: Any) -> Any:
    """Mark an ``is_type_of`` whose answer depends on the class of the value alone: it is asked once a class.

    Strawberry's own ones are none of these: ``strawberry.cast`` leaves a mark on single values.
    """
    setattr(function, BY_CLASS, True)
    return function


def _settle(value: Any, field: Field, run: Run, *, non_null: bool) -> Any:
    """Return the result of a value that is a null or an error; ``_NOTHING`` for all others."""
    if value is None or value is Undefined:
        return run.fail(field, field.null_error()) if non_null else None
    if isinstance(value, Failure):
        return value
    if isinstance(value, Exception):
        return run.fail(field, value)
    return _NOTHING


class _CompleteAwaited(Protocol):
    """A completion that can be told that nothing is to be awaited any more."""

    def __call__(
        self, values: list[Any], run: Run, *, awaited: bool = False
    ) -> list[Any] | Awaitable[list[Any]]: ...


async def _await_values(values: list[Any], complete: _CompleteAwaited, run: Run) -> list[Any]:
    # Awaited once, as by graphql-core: there are objects that can be awaited time and again.
    return await _now(complete(await _await_some(values), run, awaited=True))


def _then(done: list[Any] | Awaitable[list[Any]], use: Callable[[list[Any]], list[Any]]) -> Any:
    """Return ``use(done)``, now or when it is there."""
    if type(done) is list:
        return use(done)

    async def later() -> list[Any]:
        return use(await cast("Awaitable[list[Any]]", done))

    return later()


def complete_lists(inner: Complete, field: Field, *, non_null: bool) -> Complete:
    """Return the completion of lists whose items *inner* completes, all lists of a level at once."""

    def complete(values: list[Any], run: Run, *, awaited: bool = False) -> list[Any] | Awaitable[list[Any]]:
        if len(values) == 1 and type(values[0]) is list:
            return cast("list[Any]", _then(inner(values[0], run), lambda items: [items]))
        out: list[Any] = []
        items: list[Any] = []
        for value in values:
            kind = type(value)
            if kind is list or kind is tuple:
                items += value
                out.append(len(value))
                continue
            result = _settle(value, field, run, non_null=non_null)
            if result is _NOTHING:
                if is_async_iterable(value) or (is_awaitable(value) and not awaited):
                    return _await_values([_read(value) for value in values], complete, run)
                result = _listed(value, field)
                if type(result) is list:
                    items += result
                    result = len(result)
                else:
                    result = run.fail(field, result)
            out.append(result)
        return cast("list[Any]", _then(inner(items, run), lambda done: _part(out, done)))

    return complete


def _read(value: Any) -> Any:
    if not is_async_iterable(value):
        return value

    async def read() -> list[Any]:
        return [item async for item in value]

    return read()


def _listed(value: Any, field: Field) -> Any:
    if not is_iterable(value):
        message = f"Expected Iterable, but did not find one for field '{field.parent_type}.{field.name}'."
        return GraphQLError(message)
    try:
        return list(value)
    except Exception as error:
        return error


def _part(sizes: list[Any], items: list[Any]) -> list[Any]:
    """Put slices of *items* where *sizes* has numbers."""
    start = 0
    for index, size in enumerate(sizes):
        if type(size) is int:
            sizes[index] = items[start : start + size]
            start += size
    return sizes


def complete_leaves(every: Callable[[list[Any], Run], list[Any]]) -> Complete:
    """Return the completion of leaves in lists, which *every* completes as far as that goes at once."""

    def complete(values: list[Any], run: Run, *, awaited: bool = False) -> list[Any] | Awaitable[list[Any]]:
        done = every(values, run)
        if run.pending and not awaited and any(type(value) is Pending for value in done):
            return _await_values(values, complete, run)
        return done

    return complete


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
            return _await_values(values, self.complete, run)
        is_type_of = self.kind.is_type_of
        if is_type_of is None:
            verdicts: list[Any] = [True] * len(sorted_out.objects)
        else:
            info = run.core_info(self.field)
            verdicts = [_try(is_type_of, value, info) for value in sorted_out.objects]
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
        return await _now(self._judge(sorted_out, await _await_some(verdicts), run))


def complete_objects(kind: GraphQLObjectType, select: Complete, field: Field, *, non_null: bool) -> Complete:
    """Return the completion of objects of one type, whose selection *select* executes."""
    return _Objects(kind, select, field, non_null=non_null).complete


def _try(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        return error


async def _now(done: list[Any] | Awaitable[list[Any]]) -> list[Any]:
    return done if isinstance(done, list) else await done


async def _await_some(values: list[Any]) -> list[Any]:
    waiting = [index for index, value in enumerate(values) if is_awaitable(value)]
    values = list(values)
    for index, value in zip(waiting, await outcomes([values[index] for index in waiting]), strict=True):
        values[index] = value
    return values


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
        result = _settle(value, field, run, non_null=non_null)
        if result is _NOTHING:
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

    return _then(done, put)


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
            return _await_values(values, self.complete, run)
        info = run.core_info(self.field)
        names = [_try(self.resolve_type, value, info, self.kind) for value in sorted_out.objects]
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
        return await _now(self._part(sorted_out, await _await_some(names), run))

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
