"""Each operation of v1 answers what its GraphQL twin answers: byte for byte, over random shops and requests.

``TANDEM_COMPARE_CASES`` asks for more requests and other ones each time, as ``make compare`` does.
"""

import os

import asyncpg
import pytest
from fastapi import FastAPI
from graphql import FieldNode, OperationDefinitionNode, parse, validate
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from engine.graphql import core_schema
from graph.schema import build_schema
from rest.v1.twins import TWINS, Twin, V1Request
from tests.client import Client
from tests.conftest import ClientWith
from tests.rest.twin_answers import ask_graphql, ask_v1, compare, shown_headers
from tests.rest.twin_cases import Draw
from tests.rest.twin_shop import TwinShop
from tests.worlds import HAPPENINGS

pytestmark = pytest.mark.anyio

#: Always the same ones; those of the long run are new each time.
FEW = 300
CASES = int(os.environ.get("TANDEM_COMPARE_CASES", FEW))
CASES_IN_SHOP = 25
NUMBERS = st.integers(0, 2**32 - 1)
STORIES = st.lists(st.tuples(st.sampled_from(sorted(HAPPENINGS)), NUMBERS), max_size=20)


async def test_every_operation_of_v1_has_a_twin_and_every_twin_is_of_one(app: FastAPI) -> None:
    operations = [
        operation["operationId"] for path in app.openapi()["paths"].values() for operation in path.values()
    ]
    assert sorted(TWINS) == sorted(operations)


@pytest.mark.parametrize("twin", TWINS.values(), ids=lambda twin: twin.operation_id)
def test_a_twin_is_one_valid_operation_named_after_that_of_v1(twin: Twin) -> None:
    document = parse(twin.document)
    assert validate(core_schema(build_schema()), document) == []
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.name
    assert operation.name.value == twin.operation_id[0].upper() + twin.operation_id[1:]
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)


@pytest.mark.slow
@settings(
    max_examples=max(1, CASES // CASES_IN_SHOP),
    deadline=None,
    database=None,
    derandomize=CASES == FEW,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STORIES, NUMBERS)
async def test_random_requests_have_the_same_answer(
    client: Client, superuser: asyncpg.Connection, story: list[tuple[str, int]], seed: int
) -> None:
    shop = await TwinShop.make(client, superuser, story, seed)
    failed = []
    for number in range(CASES_IN_SHOP):
        case = Draw(shop, seed * CASES_IN_SHOP + number).case()
        found, kind = await compare(shop, case)
        event(f"{case.operation_id}: {kind}")
        if found:
            failed.append("\n".join((str(case), *found)))
    assert not failed, "\n\n".join(failed)


async def test_requests_to_every_operation_succeed_often(
    client: Client, superuser: asyncpg.Connection
) -> None:
    shop = await TwinShop.make(client, superuser, [], 1)
    for operation_id in TWINS:
        for number in range(200):
            _, kind = await compare(shop, Draw(shop, number).case(operation_id))
            if kind.startswith("20"):
                break
        else:
            pytest.fail(f"no request to {operation_id} succeeds")


async def test_both_say_alike_when_to_try_again(client_with: ClientWith) -> None:
    client = await client_with(sign_in_limit_account=1)
    request = V1Request(body={"username": "user@example.com", "password": "wrong"})
    await ask_v1(client, "login", request, None)
    response = await ask_v1(client, "login", request, None)
    twin, _ = await ask_graphql(client, "login", request, None)
    assert (response.status_code, twin.status) == (429, 429)
    assert twin.headers == shown_headers(response)
    assert twin.headers["Retry-After"]
    assert twin.content == response.content
