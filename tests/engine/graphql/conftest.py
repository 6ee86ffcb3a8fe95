"""Runs operations by both executors, for the tables of the specification's rules."""

from functools import lru_cache
from typing import Any, Protocol

import pytest
import strawberry
from graphql import ExecutionResult, parse, validate

from engine.graphql import Executor, core_schema
from tests.engine.graphql.comparison import refer
from tests.engine.graphql.documents import RULES, Request

#: An error as the tables tell it: where, and what.
Error = tuple[list[str | int] | None, str]


class Run(Protocol):
    """Executes a document, which must be valid, and returns what came of it."""

    async def __call__(
        self,
        schema: strawberry.Schema,
        text: str,
        variables: dict[str, Any] | None = None,
        *,
        root: Any = None,
        context: Any = None,
        operation_name: str | None = None,
    ) -> ExecutionResult: ...


async def _by_graphql_core(
    schema: strawberry.Schema,
    text: str,
    variables: dict[str, Any] | None = None,
    *,
    root: Any = None,
    context: Any = None,
    operation_name: str | None = None,
) -> ExecutionResult:
    return await refer(schema, Request(text, _parsed(schema, text), operation_name, variables), context, root)


async def _breadth_first(
    schema: strawberry.Schema,
    text: str,
    variables: dict[str, Any] | None = None,
    *,
    root: Any = None,
    context: Any = None,
    operation_name: str | None = None,
) -> ExecutionResult:
    document = _parsed(schema, text)
    operation = _executor(schema).plans(document).prepare(operation_name, variables)
    assert operation is not None, "declined"
    return await operation.run(context, root, variables)


@lru_cache
def _executor(schema: strawberry.Schema) -> Executor:
    return Executor(schema)


@lru_cache(maxsize=1_000)
def _parsed(schema: strawberry.Schema, text: str) -> Any:
    document = parse(text)
    assert validate(core_schema(schema), document, RULES) == []
    return document


@pytest.fixture(params=[_by_graphql_core, _breadth_first], ids=["graphql-core", "breadth-first"])
def run(request: pytest.FixtureRequest) -> Run:
    """One executor after the other."""
    executor: Run = request.param
    return executor


def errors_of(result: ExecutionResult) -> list[Error]:
    """Return where each error is, and what it says, in the order of their paths."""
    told = [(error.path, error.message) for error in result.errors or ()]
    return sorted(told, key=repr)
