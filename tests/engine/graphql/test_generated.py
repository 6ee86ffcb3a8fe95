"""The executor beside graphql-core, over random schemas, data and requests. ``make compare`` runs many more."""

import gc
import warnings
from random import Random

import pytest
from graphql import validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.graphql import core_schema
from tests.engine.graphql.cases import Case, described, judge, judge_all, schema_of, tally
from tests.engine.graphql.documents import RULES, draw_request
from tests.engine.graphql.rows import Ctx, Spice, draw_world

pytestmark = [
    pytest.mark.anyio,
    # graphql-core leaves coroutines behind where a synchronous error comes first.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.slow
@pytest.mark.parametrize("first", [7_000, 7_150, 7_220, 7_380])
async def test_random_cases_have_graphql_cores_answer(first: int) -> None:
    verdicts = await judge_all(range(first, first + 50))
    failed = [described(verdict) for verdict in verdicts if verdict.problems]
    assert not failed, "\n\n".join(failed[:3])


@pytest.mark.slow
async def test_the_cases_are_examples_of_everything() -> None:
    verdicts = await judge_all(range(100))
    assert not [described(verdict) for verdict in verdicts if verdict.problems]
    counts = tally(verdicts)
    for kind in (
        *("fragments", "inline fragments", "variables", "skip or include", "mutations", "introspection"),
        *("typename", "errors", "several errors", "no data", "request refused", "ambiguous"),
    ):
        assert counts[kind] >= 3, kind
    assert counts["declined"] < 20


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 10_000), st.integers(0, 3))
async def test_hypothesis_finds_no_difference(seed: int, world_number: int, schema_number: int) -> None:
    # Not st.randoms(): it draws in the coroutine, where hypothesis's StopTest would end the event loop.
    schema, executor = schema_of(schema_number)
    rng = Random(world_number)
    world = draw_world(rng, core_schema(schema), Spice.draw(rng))
    case = Case(-1, schema, executor, world, draw_request(Random(seed), core_schema(schema)))
    verdict = await judge(case)
    assert not verdict.problems, described(verdict)


async def test_a_number_is_always_the_same_case() -> None:
    schema_of.cache_clear()
    first = Case.of(321)
    schema_of.cache_clear()
    again = Case.of(321)
    assert first.request.text == again.request.text
    assert first.request.variables == again.request.variables
    assert first.schema.as_str() == again.schema.as_str()


@pytest.mark.slow
async def test_documents_are_valid() -> None:
    for number in range(400, 450):
        case = Case.of(number)
        assert validate(core_schema(case.schema), case.request.document, RULES) == []


@pytest.mark.slow
async def test_no_coroutine_of_a_failed_request_is_left_unawaited() -> None:
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(50):
            case = Case.of(number)
            if case.executor.plans(case.request.document).prepare(
                case.request.operation_name, case.request.variables
            ):
                await case.executor.execute(
                    case.request.document,
                    root_value=case.world.root("Query"),
                    context_value=Ctx(case.world),
                    variable_values=case.request.variables,
                    operation_name=case.request.operation_name,
                )
        gc.collect()
    assert [str(warning.message) for warning in caught if warning.category is RuntimeWarning] == []
