"""Resolves fields for whole sets of objects: by attribute, by one call for all, or by a call for each object."""

import inspect
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Any, cast

from graphql import default_field_resolver

from engine.graphql.batch_fields import BatchResolver, check_batch, resolve_batch
from engine.graphql.completion import attempt, await_list, await_values
from engine.graphql.fields import Resolver
from engine.graphql.plan import Complete, Field, Run, Start
from engine.graphql.selection import call_arguments


def make_start(field: Field, resolver: Resolver, complete: Complete) -> Start:
    """Return the function that resolves *field* for a set of objects and completes what comes of it."""
    if resolver.attribute is not None:
        return _by_attribute(resolver.attribute, complete)
    if resolver.batch is not None:
        return _by_batch(field, resolver.batch, complete)
    if resolver.call is not None:
        call = _calls(field, resolver.call)
        return (
            _by_awaiting(field, call, complete) if resolver.is_async else _by_calling(field, call, complete)
        )
    return _by_graphql_core(field, complete)


def _by_attribute(name: str, complete: Complete) -> Start:
    get = attrgetter(name)

    def start(objects: list[Any], run: Run) -> list[Any] | Awaitable[list[Any]]:
        try:
            values = list(map(get, objects))
        except Exception:
            values = [attempt(get, value) for value in objects]
        return complete(values, run)

    return start


def _by_batch(field: Field, function: BatchResolver, complete: Complete) -> Start:
    if not inspect.iscoroutinefunction(function):
        return _by_synchronous_batch(field, function, complete)

    async def start(objects: list[Any], run: Run) -> list[Any]:
        arguments = run.arguments(field)
        if isinstance(arguments, Exception):
            values: list[Any] = [arguments] * len(objects)
        else:
            values = await resolve_batch(function, objects, run.context, arguments)
        return await await_list(complete(values, run))

    return start


def _by_synchronous_batch(field: Field, function: BatchResolver, complete: Complete) -> Start:
    def start(objects: list[Any], run: Run) -> list[Any] | Awaitable[list[Any]]:
        arguments = run.arguments(field)
        if isinstance(arguments, Exception):
            return complete([arguments] * len(objects), run)
        try:
            values = check_batch(function, function(objects, run.context, **arguments), objects)
        except Exception as error:
            values = [error] * len(objects)
        return complete(values, run)

    return start


#: Calls a resolver for each object: gets the objects, the info and the arguments.
Calls = Callable[[list[Any], Any, dict[str, Any]], list[Any]]


def _calls(field: Field, function: Callable[..., Any]) -> Calls:
    arguments, _ = call_arguments(field, "info")
    lines = [
        "def call_all(objects, info, arguments):",
        "    out = []",
        "    add = out.append",
        "    for o in objects:",
        f"        try: add(f({', '.join([*arguments, '**arguments'])}))",
        "        except Exception as error: add(error)",
        "    return out",
    ]
    return cast("Calls", field.source.code.define("call_all", "\n".join(lines), {"f": function}))


def _values(field: Field, call: Calls, objects: list[Any], run: Run) -> list[Any]:
    arguments = run.arguments(field)
    if isinstance(arguments, Exception):
        return [arguments] * len(objects)
    return call(objects, run.info(field), arguments)


def _by_calling(field: Field, call: Calls, complete: Complete) -> Start:
    def start(objects: list[Any], run: Run) -> list[Any] | Awaitable[list[Any]]:
        return complete(_values(field, call, objects, run), run)

    return start


def _by_awaiting(field: Field, call: Calls, complete: Complete) -> Start:
    async def start(objects: list[Any], run: Run) -> list[Any]:
        values = await await_values(_values(field, call, objects, run))
        return await await_list(complete(values, run))

    return start


def _by_graphql_core(field: Field, complete: Complete) -> Start:
    resolve = field.definition.resolve or default_field_resolver

    def start(objects: list[Any], run: Run) -> list[Any] | Awaitable[list[Any]]:
        arguments = run.arguments(field)
        if isinstance(arguments, Exception):
            return complete([arguments] * len(objects), run)
        info = run.core_info(field)
        values = [attempt(resolve, value, info, **arguments) for value in objects]
        return complete(values, run)

    return start
