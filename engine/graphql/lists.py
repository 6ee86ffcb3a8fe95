"""Completes lists, all lists of a level at once, and the leaves in them (GraphQL specification, section 6.4.3)."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from graphql import GraphQLError
from graphql.pyutils import is_async_iterable, is_awaitable, is_iterable

from engine.graphql.completion import INCOMPLETE, complete_awaited, complete_null_or_error, then
from engine.graphql.leaves import Pending
from engine.graphql.plan import Complete, Field, Run


def complete_lists(inner: Complete, field: Field, *, non_null: bool) -> Complete:
    """Return the completion of lists whose items *inner* completes, the items of all lists of a level at once."""

    def complete(values: list[Any], run: Run, *, awaited: bool = False) -> list[Any] | Awaitable[list[Any]]:
        if len(values) == 1 and type(values[0]) is list:
            return cast("list[Any]", then(inner(values[0], run), lambda items: [items]))
        out: list[Any] = []
        items: list[Any] = []
        # Iterables that can be read but once, by their index.
        read: dict[int, Any] = {}
        for value in values:
            kind = type(value)
            if kind is list or kind is tuple:
                items += value
                out.append(len(value))
                continue
            result = complete_null_or_error(value, field, run, non_null=non_null)
            if result is INCOMPLETE:
                if is_async_iterable(value) or (is_awaitable(value) and not awaited):
                    awaitable = [
                        read[index] if index in read else _as_awaitable(value)
                        for index, value in enumerate(values)
                    ]
                    return complete_awaited(awaitable, complete, run)
                result = read[len(out)] = _read(value, field)
                if type(result) is list:
                    items += result
                    result = len(result)
                else:
                    result = run.fail(field, result)
            out.append(result)
        return cast("list[Any]", then(inner(items, run), lambda done: _split(out, done)))

    return complete


def _as_awaitable(value: Any) -> Any:
    if not is_async_iterable(value):
        return value

    async def read() -> list[Any]:
        return [item async for item in value]

    return read()


def _read(value: Any, field: Field) -> Any:
    """Return the items of an iterable as a list, or what is wrong with it."""
    if not is_iterable(value):
        message = f"Expected Iterable, but did not find one for field '{field.parent_type}.{field.name}'."
        return GraphQLError(message)
    try:
        return list(value)
    except Exception as error:
        return error


def _split(sizes: list[Any], items: list[Any]) -> list[Any]:
    """Replace the numbers in *sizes* by as many of the *items*, in order."""
    start = 0
    for index, size in enumerate(sizes):
        if type(size) is int:
            sizes[index] = items[start : start + size]
            start += size
    return sizes


def complete_leaves(complete_items: Callable[[list[Any], Run], list[Any]]) -> Complete:
    """Return the completion of leaves in lists, where *complete_items* leaves awaitable ones pending."""

    def complete(values: list[Any], run: Run, *, awaited: bool = False) -> list[Any] | Awaitable[list[Any]]:
        done = complete_items(values, run)
        if run.pending and not awaited and any(type(value) is Pending for value in done):
            return complete_awaited(values, complete, run)
        return done

    return complete
