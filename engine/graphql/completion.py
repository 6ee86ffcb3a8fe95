"""Completing values (GraphQL specification, section 6.4.3): what lists, leaves and objects have in common."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from graphql import Undefined
from graphql.pyutils import is_awaitable

from engine.graphql.gathering import outcomes
from engine.graphql.plan import Field, Run

#: Stands for a value that is neither a null nor an error, and so has to be completed by its type.
INCOMPLETE: Any = object()


def complete_null_or_error(value: Any, field: Field, run: Run, *, non_null: bool) -> Any:
    """Return the result of a value that is a null or an error; ``INCOMPLETE`` for all others."""
    if value is None or value is Undefined:
        return run.fail(field, field.null_error()) if non_null else None
    if isinstance(value, Exception):
        return run.fail(field, value)
    return INCOMPLETE


def attempt(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Return what *function* returns, or the exception that it raises."""
    try:
        return function(*arguments, **named)
    except Exception as error:
        return error


class CompleteAwaited(Protocol):
    """A completion that can be told that its values have been awaited."""

    def __call__(
        self, values: list[Any], run: Run, *, awaited: bool = False
    ) -> list[Any] | Awaitable[list[Any]]: ...


async def complete_awaited(values: list[Any], complete: CompleteAwaited, run: Run) -> list[Any]:
    """Await the awaitables among *values*, and complete all of them."""
    # Awaited once, as by graphql-core: there are objects that can be awaited time and again.
    return await await_list(complete(await await_values(values), run, awaited=True))


async def await_values(values: list[Any]) -> list[Any]:
    """Return *values* with the awaitables among them replaced by their outcomes."""
    awaitable = [index for index, value in enumerate(values) if is_awaitable(value)]
    values = list(values)
    for index, value in zip(awaitable, await outcomes([values[index] for index in awaitable]), strict=True):
        values[index] = value
    return values


async def await_list(done: list[Any] | Awaitable[list[Any]]) -> list[Any]:
    """Return the list that *done* is, or the one that it is an awaitable of."""
    return done if isinstance(done, list) else await done


def then(done: list[Any] | Awaitable[list[Any]], use: Callable[[list[Any]], list[Any]]) -> Any:
    """Return ``use(done)``: at once for a list, else an awaitable of it."""
    if type(done) is list:
        return use(done)

    async def later() -> list[Any]:
        return use(await cast("Awaitable[list[Any]]", done))

    return later()
