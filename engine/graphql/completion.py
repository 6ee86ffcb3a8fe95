"""What completing a set of values comes down to for the single value, and for those that must be awaited."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from graphql import Undefined
from graphql.pyutils import is_awaitable

from engine.graphql.gathering import outcomes
from engine.graphql.plan import Failure, Field, Run

#: Stands for "nothing settled yet".
NOTHING: Any = object()


def settle(value: Any, field: Field, run: Run, *, non_null: bool) -> Any:
    """Return the result of a value that is a null or an error; ``NOTHING`` for all others."""
    if value is None or value is Undefined:
        return run.fail(field, field.null_error()) if non_null else None
    if isinstance(value, Failure):
        return value
    if isinstance(value, Exception):
        return run.fail(field, value)
    return NOTHING


def attempt(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Return what *function* returns, or the exception that it raises."""
    try:
        return function(*arguments, **named)
    except Exception as error:
        return error


class CompleteAwaited(Protocol):
    """A completion that can be told that nothing is to be awaited any more."""

    def __call__(
        self, values: list[Any], run: Run, *, awaited: bool = False
    ) -> list[Any] | Awaitable[list[Any]]: ...


async def await_values(values: list[Any], complete: CompleteAwaited, run: Run) -> list[Any]:
    """Complete *values* when all of them are there."""
    # Awaited once, as by graphql-core: there are objects that can be awaited time and again.
    return await now(complete(await await_some(values), run, awaited=True))


async def await_some(values: list[Any]) -> list[Any]:
    """Return *values* with what can be awaited replaced by its outcomes."""
    waiting = [index for index, value in enumerate(values) if is_awaitable(value)]
    values = list(values)
    for index, value in zip(waiting, await outcomes([values[index] for index in waiting]), strict=True):
        values[index] = value
    return values


async def now(done: list[Any] | Awaitable[list[Any]]) -> list[Any]:
    """Return *done* when it is there."""
    return done if isinstance(done, list) else await done


def then(done: list[Any] | Awaitable[list[Any]], use: Callable[[list[Any]], list[Any]]) -> Any:
    """Return ``use(done)``, now or when it is there."""
    if type(done) is list:
        return use(done)

    async def later() -> list[Any]:
        return use(await cast("Awaitable[list[Any]]", done))

    return later()
