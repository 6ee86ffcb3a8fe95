"""Whether an answer is right, by graphql-core's.

Data must be the same bytes, and errors without a path (of the request) the same. Field errors must be the same
set of (path, locations, message, extensions, class of the original error) **except below a position that was
nulled for more than one reason**: there graphql-core's own answer depends on which resolver was quicker. The
specification (section 6.4.4) wants one error for a field that is null because of errors below it, and does not
say which; and errors that had nulled something inside before all of it went may stand or be missing.

To be exact about that, a third run (:func:`observe`) lets graphql-core execute everything without propagating
nulls: that gives every genuine error, and which positions are nullable. Each error is *handled* at the nearest
nullable position at or above its path. An answer's field errors are right if

- each is a genuine one, with its exact path, locations, message, extensions and class;
- no two are handled at the same position;
- each position that is visibly null because of errors has exactly one error that is handled there.

Where no position has two reasons, nothing but graphql-core's very set satisfies this. The order of the errors
is not compared.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

import orjson
import strawberry
from graphql import ExecutionResult, GraphQLError, execute, is_non_null_type
from graphql.execution import Executor as ReferenceExecutor

from engine.graphql import core_schema
from tests.engine.graphql.documents import Request

Path = tuple[str | int, ...]
#: JSON as the endpoint writes it.
JSON_OPTIONS = orjson.OPT_NON_STR_KEYS

#: Of a batch resolver that returned too few: which objects come together is each executor's own affair.
_WRONG_LENGTH = re.compile(r"returned \d+ values for \d+ objects")


@dataclass(frozen=True)
class Seen:
    """What a client, and a log, can see of one error."""

    path: Path | None
    locations: tuple[tuple[int, int], ...]
    message: str
    cause: str | None
    extensions: bytes

    @classmethod
    def of(cls, error: GraphQLError) -> "Seen":
        """Read an error."""
        return cls(
            None if error.path is None else tuple(error.path),
            tuple((place.line, place.column) for place in error.locations or ()),
            _WRONG_LENGTH.sub("returned some values for other objects", error.message),
            None if error.original_error is None else type(error.original_error).__name__,
            orjson.dumps(error.extensions or {}),
        )


@dataclass
class Truth:
    """Every genuine error of an operation in which everything is executed, and where null may stand."""

    errors: set[Seen] = field(default_factory=set)
    non_null: dict[Path, bool] = field(default_factory=dict)

    def handled_at(self, path: Path) -> Path:
        """Return the nearest position at or above *path* that may be null; the root's is ``()``."""
        while path and self.non_null[path]:
            path = path[:-1]
        return path


async def refer(
    schema: strawberry.Schema, request: Request, context: Any, root: Any = None, executor: Any = None
) -> ExecutionResult:
    """Let graphql-core execute a request as Strawberry has it do."""
    result = execute(
        core_schema(schema),
        request.document,
        root,
        context,
        request.variables,
        request.operation_name,
        executor_class=executor or schema.execution_context_class,
    )
    if isawaitable(result):
        return await result
    assert isinstance(result, ExecutionResult)
    return result


async def observe(schema: strawberry.Schema, request: Request, context: Any, root: Any = None) -> Truth:
    """Execute everything, with nothing nulled but what has failed itself."""
    truth = Truth()
    base: type[ReferenceExecutor[Any]] = schema.execution_context_class

    class Observer(base):  # type: ignore[misc, valid-type]
        """Notes the types of all positions, and propagates nothing."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.error_propagation = False

        def complete_value(self, return_type: Any, nodes: Any, info: Any, path: Any, *rest: Any) -> Any:
            truth.non_null.setdefault(tuple(path.as_list()), is_non_null_type(return_type))
            return super().complete_value(return_type, nodes, info, path, *rest)

        def handle_field_error(self, error: Any, return_type: Any, nodes: Any, path: Any) -> None:
            truth.non_null.setdefault(tuple(path.as_list()), is_non_null_type(return_type))
            super().handle_field_error(error, return_type, nodes, path)

    result = await refer(schema, request, context, root, Observer)
    truth.errors = {Seen.of(error) for error in result.errors or ()}
    return truth


def differences(answer: ExecutionResult, reference: ExecutionResult, truth: Truth | None) -> list[str]:
    """Return what is wrong with *answer*; nothing if it is right.

    Args:
        answer: what to judge.
        reference: graphql-core's answer.
        truth: of the same request, unless neither answer has an error.
    """
    found = []
    ours, theirs = (orjson.dumps(result.data, option=JSON_OPTIONS) for result in (answer, reference))
    if ours != theirs:
        found.append(f"data differ:\n  {ours.decode()}\ninstead of\n  {theirs.decode()}")
    errors = [Seen.of(error) for error in answer.errors or ()]
    expected = [Seen.of(error) for error in reference.errors or ()]
    found += _of_request(errors, expected)
    if truth is None:
        return found + [f"no error was due: {error}" for error in errors if error.path is not None]
    return found + _of_fields([error for error in errors if error.path is not None], reference.data, truth)


def _of_request(errors: list[Seen], expected: list[Seen]) -> list[str]:
    ours, theirs = (Counter(error for error in some if error.path is None) for some in (errors, expected))
    return [f"unexpected: {error}" for error in ours - theirs] + [
        f"missing: {error}" for error in theirs - ours
    ]


def _of_fields(errors: list[Seen], data: Any, truth: Truth) -> list[str]:
    found = [f"not a genuine error: {error}" for error in errors if error not in truth.errors]
    genuine = [error for error in errors if error in truth.errors]
    places = Counter(truth.handled_at(error.path or ()) for error in genuine)
    found += [f"{count} errors for the null at {list(place)}" for place, count in places.items() if count > 1]
    found += [
        f"no error for the null at {list(place)}" for place in _visible(data, truth) if not places[place]
    ]
    return found


def _visible(data: Any, truth: Truth) -> Iterable[Path]:
    """Return the positions that are null in *data* because of errors at or below them."""
    return {_null_on_the_way(data, error.path) for error in truth.errors if error.path is not None}


def _null_on_the_way(data: Any, path: Path) -> Path:
    for depth, key in enumerate(path):
        if data is None:
            return path[:depth]
        data = data[key]
    assert data is None, f"graphql-core has an error, but data at {path}"
    return path


def ambiguous(truth: Truth) -> bool:
    """Return whether more than one set of errors is right."""
    places = [truth.handled_at(error.path) for error in truth.errors if error.path is not None]
    if len(set(places)) < len(places):
        return True
    return any(one != other and other[: len(one)] == one for one in places for other in places)
