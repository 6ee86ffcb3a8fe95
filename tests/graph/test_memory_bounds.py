"""What clients send without end is not kept without end: memory stays where the first of it has brought it."""

import gc
import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from graphql import parse

from core.settings import Environment
from engine.graphql import core_schema
from graph.endpoint.documents import MAX_KEPT_CHARACTERS, DocumentCache, PersistedDocuments
from graph.endpoint.limits import Measures
from graph.schema import build_schema
from tests.conftest import ClientWith

pytestmark = pytest.mark.anyio

#: Of documents that the process under test keeps, and by how much the memory may change once these are there.
KEPT_BYTES = 1_500_000
SLACK_BYTES = 700_000

#: About 50 tokens, and half as many fields.
SELECTION = (
    "me { id email fullName isActive isAdmin orders(first: 1) { nodes { id status items { quantity product { id name"
    " inStock } } events { status createdAt } } } }"
)
CONDITIONS = ("a", "b", "c", "d")
SIZES = [f"s{number}" for number in range(60)]

Body = dict[str, Any]


def new_document(number: int) -> Body:
    return {"query": f"query Q{number} {{ {SELECTION} }}"}


def new_document_too_long_to_keep(number: int) -> Body:
    return {"query": f"query Q{number} {{ {SELECTION} }} #{'x' * MAX_KEPT_CHARACTERS}"}


def new_persisted_document(number: int) -> Body:
    query = f"query Q{number} {{ me {{ id }} }} #{'x' * 19_000}"
    digest = hashlib.sha256(query.encode()).hexdigest()
    return {"query": query, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}


def new_operation_name(number: int) -> Body:
    return {"query": "query A { __typename }", "operationName": f"Q{number:06}" + "x" * 900_000}


def new_choice_of_conditions(number: int) -> Body:
    declared = " ".join(f"${name}: Boolean!" for name in CONDITIONS)
    fields = " ".join(f"{name}: me @skip(if: ${name}) {{ id }}" for name in CONDITIONS)
    values = {name: bool(number >> bit & 1) for bit, name in enumerate(CONDITIONS)}
    return {"query": f"query Q{number // 16}({declared}) {{ {fields} {SELECTION} }}", "variables": values}


def new_name_for_the_whole_schema(number: int) -> Body:
    names = [f"Q{number // 10}x{at}" for at in range(10)]
    operations = " ".join(f"query {name} {{ ...All }}" for name in names)
    described = "name description fields { name description args { name description type { name } } }"
    fragment = f"fragment All on Query {{ __schema {{ types {{ {described} }} }} }}"
    return {"query": f"{operations} {fragment}", "operationName": names[number % 10]}


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Return what tells how many bytes Python holds, garbage aside."""

    def held() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    yield held
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("make", "requests"),
    [
        (new_document, 60),
        (new_document_too_long_to_keep, 20),
        (new_persisted_document, 80),
        (new_operation_name, 40),
        (new_choice_of_conditions, 64),
        (new_name_for_the_whole_schema, 60),
    ],
)
async def test_requests_without_end_take_the_memory_of_the_first_quarter(
    client_with: ClientWith,
    monkeypatch: pytest.MonkeyPatch,
    traced: Callable[[], int],
    make: Callable[[int], Body],
    requests: int,
) -> None:
    monkeypatch.setattr("graph.operation.DocumentCache", partial(DocumentCache, KEPT_BYTES))
    persisted = partial(PersistedDocuments, max_text_bytes=KEPT_BYTES // 5)
    monkeypatch.setattr("graph.operation.PersistedDocuments", persisted)
    client = await client_with(environment=Environment.DEVELOPMENT)

    async def send(numbers: range) -> None:
        for number in numbers:
            await client.rest.post("/graphql", json=make(number))

    await send(range(requests // 4))
    before = traced()
    await send(range(requests // 4, requests))
    assert traced() - before < SLACK_BYTES


def test_sizes_without_end_leave_few_measures(traced: Callable[[], int]) -> None:
    sizes = " ".join(f"a{at}: products(first: ${name}) {{ totalCount }}" for at, name in enumerate(SIZES))
    declared = " ".join(f"${name}: Int" for name in SIZES)
    measures = Measures(core_schema(build_schema()), parse(f"query({declared}) {{ {sizes} }}"))
    before = traced()
    for number in range(190):
        measures.take(None, {name: number * 1_000_003 + at for at, name in enumerate(SIZES)})
        measures.take(None, {name: (number + at) % 100 for at, name in enumerate(SIZES)})
    assert traced() - before < 20_000
