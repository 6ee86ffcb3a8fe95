"""What a request has read is free once it is answered, not when Python looks for cycles.

Of answers with errors that is not asked: an error keeps the frames that it went through, which may keep the error.
"""

import gc
from collections.abc import Callable, Iterator

import asyncpg
import pytest
from graphql import GraphQLSchema

from engine.graphql.schema import core_schema
from graph.resolvers.context import Context
from graph.schema import build_schema
from rest.v1.twins import TWINS
from tests.client import Client
from tests.graph.test_authorization_matrix import (
    FIELDS,
    INPUTS,
    MUTATIONS,
    OK,
    PATHS,
    ask,
    outcome,
    selection,
    set_stage,
)
from tests.rest.twin_answers import ask_v1
from tests.rest.twin_cases import Draw
from tests.rest.twin_shop import TwinShop

pytestmark = pytest.mark.anyio


@pytest.fixture
def in_cycles() -> Iterator[Callable[[], int]]:
    """Return what tells how many requests' contexts are held by nothing but cycles, and frees them."""

    def count() -> int:
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            gc.collect()
            # By its type: isinstance() asks the proxy of something that is gone for its class, which raises.
            return sum(issubclass(type(one), Context) for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.collect()

    gc.disable()
    yield count
    gc.enable()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return core_schema(build_schema())


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_fields_leave_no_cycle(
    client: Client, schema: GraphQLSchema, in_cycles: Callable[[], int], role: str
) -> None:
    stage = await set_stage(client)
    found = {}
    for type_name, rows in FIELDS.items():
        for field in rows:
            text = PATHS.get(type_name, "{0}").format(selection(schema, type_name, field))
            in_cycles()
            if await ask(client, stage, role, text) == OK:
                found[f"{type_name}.{field}"] = in_cycles()
    assert len(found) > 50
    assert found == dict.fromkeys(found, 0)


@pytest.mark.parametrize("name", MUTATIONS)
async def test_mutations_leave_no_cycle(
    client: Client, schema: GraphQLSchema, in_cycles: Callable[[], int], name: str
) -> None:
    stage = await set_stage(client)
    (argument,) = schema.mutation_type.fields[name].args.values()  # type: ignore[union-attr]
    query = f"mutation ($input: {argument.type}) {{ {name}(input: $input) {{ errors {{ code }} }} }}"
    for role in ("admin", "owner"):
        in_cycles()
        answer = await client.graphql(query, {"input": INPUTS[name](stage, role)}, token=stage.token(role))
        if outcome(answer.body) == OK:
            assert in_cycles() == 0


async def test_operations_of_v1_leave_no_cycle(
    client: Client, superuser: asyncpg.Connection, in_cycles: Callable[[], int]
) -> None:
    shop = await TwinShop.make(client, superuser, [], 1)
    found = {}
    for operation_id in TWINS:
        for number in range(100):
            case = Draw(shop, number).case(operation_id)
            in_cycles()
            response = await ask_v1(client, operation_id, case.request, shop.tokens.get(case.viewer))
            if response.is_success:
                found[operation_id] = in_cycles()
                break
    assert found == dict.fromkeys(TWINS, 0)
