"""One case of the comparison, drawn from a number: a schema, data, a request, and the same run twice."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

import strawberry
from graphql import ExecutionResult, GraphQLSchema, OperationDefinitionNode, OperationType, get_operation_ast

from engine.graphql import Executor, core_schema
from tests.engine.graphql.comparison import ambiguous, differences, observe, refer
from tests.engine.graphql.documents import Request, Taste, draw_request
from tests.engine.graphql.rows import Ctx, Spice, World, draw_world
from tests.engine.graphql.schemas import draw_schema

#: A schema takes longer to make than to use.
CASES_OF_A_SCHEMA = 100


@dataclass(frozen=True)
class Case:
    """What to run."""

    number: int
    schema: strawberry.Schema
    executor: Executor
    world: World
    request: Request

    @classmethod
    def of(cls, number: int, taste: Taste | None = None) -> "Case":
        """Draw the case with this number; the same number is always the same case."""
        schema, executor = schema_of(number // CASES_OF_A_SCHEMA)
        rng = Random(number)
        world = draw_world(rng, core_schema(schema), Spice.draw(rng))
        return cls(number, schema, executor, world, draw_request(rng, core_schema(schema), taste))


@lru_cache(maxsize=8)
def schema_of(number: int) -> tuple[strawberry.Schema, Executor]:
    """Return the schema with this number, and an executor for it."""
    schema = draw_schema(Random(number))
    return schema, Executor(schema)


@dataclass
class Verdict:
    """What came of a case. ``kinds`` says what it was an example of."""

    case: Case
    problems: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    answer: ExecutionResult | None = None
    reference: ExecutionResult | None = None


class _Tasks:
    """The tasks that have begun since."""

    def __init__(self) -> None:
        self.before = asyncio.all_tasks()

    def left(self) -> set[asyncio.Task[Any]]:
        """Return those that still run."""
        return asyncio.all_tasks() - self.before

    async def settle(self) -> None:
        """Let whatever graphql-core has left behind come to its end."""
        while left := self.left():
            await asyncio.gather(*left, return_exceptions=True)


async def judge(case: Case) -> Verdict:
    """Run a case through both executors and compare what came of it, and which resolvers ran."""
    verdict, tasks = Verdict(case), _Tasks()
    request, schema, world = case.request, case.schema, case.world
    root = world.root(_root_type(core_schema(schema), request))
    ours, theirs, all_ = Ctx(world), Ctx(world), Ctx(world)
    reference = verdict.reference = await refer(schema, request, theirs, root)
    await tasks.settle()
    if case.executor.plans(request.document).prepare(request.operation_name, request.variables) is None:
        verdict.kinds.add("declined")
    if ours.calls:
        verdict.problems.append("prepare() ran resolvers")
    answer = verdict.answer = await case.executor.execute(
        request.document,
        root_value=root,
        context_value=ours,
        variable_values=request.variables,
        operation_name=request.operation_name,
    )
    left = tasks.left()
    if left and "declined" not in verdict.kinds:
        verdict.problems.append(f"{len(left)} tasks still run after the answer")
    await tasks.settle()
    truth = None
    if answer.errors or reference.errors:
        truth = await observe(schema, request, all_, root)
        await tasks.settle()
        verdict.kinds |= {"ambiguous"} if ambiguous(truth) else set()
        verdict.problems += [
            f"graphql-core breaks the rules of this comparison: {problem}"
            for problem in differences(reference, reference, truth)
        ]
    verdict.problems += differences(answer, reference, truth)
    verdict.problems += _calls(ours, all_ if truth else theirs, exact=truth is None)
    if ours.log != theirs.log:
        verdict.problems.append(f"mutations ran as {ours.log} instead of {theirs.log}")
    verdict.kinds |= _kinds(reference, request)
    return verdict


def _calls(ours: Ctx, most: Ctx, *, exact: bool) -> list[str]:
    """Hold resolvers to one call for each position; where something failed, fewer may run."""
    found = [f"called too often: {call} {count} times" for call, count in (ours.calls - most.calls).items()]
    if exact:
        found += [f"not called: {call} {count} times" for call, count in (most.calls - ours.calls).items()]
    return found


def _root_type(schema: GraphQLSchema, request: Request) -> str:
    operation = get_operation_ast(request.document, request.operation_name)
    if isinstance(operation, OperationDefinitionNode) and operation.operation is OperationType.MUTATION:
        return "Mutation"
    return "Query"


def _kinds(reference: ExecutionResult, request: Request) -> set[str]:
    text = request.text
    kinds = {
        word
        for word, mark in {
            "fragments": "fragment ",
            "inline fragments": "... on ",
            "variables": "$",
            "skip or include": "@",
            "mutations": "mutation ",
            "introspection": "__schema",
            "typename": "__typename",
        }.items()
        if mark in text
    }
    errors = reference.errors or []
    if errors:
        kinds.add("errors")
    if any(error.path is None for error in errors):
        kinds.add("request refused")
    if reference.data is None:
        kinds.add("no data")
    if sum(1 for error in errors if error.path) > 1:
        kinds.add("several errors")
    return kinds


def tally(verdicts: list[Verdict]) -> Counter[str]:
    """Count the kinds of many cases."""
    return Counter(kind for verdict in verdicts for kind in verdict.kinds)


async def judge_all(numbers: range, taste: Taste | None = None) -> list[Verdict]:
    """Judge the cases with these numbers."""
    return [await judge(Case.of(number, taste)) for number in numbers]


def described(verdict: Verdict) -> str:
    """Say everything that somebody needs who looks into a failed case."""
    request = verdict.case.request
    lines: list[Any] = [
        f"Case {verdict.case.number} (schema {verdict.case.number // CASES_OF_A_SCHEMA})",
        request.text,
        f"operation {request.operation_name!r}, variables {request.variables!r}",
        *verdict.problems,
        f"answer: {verdict.answer}",
        f"reference: {verdict.reference}",
    ]
    return "\n".join(map(str, lines))
