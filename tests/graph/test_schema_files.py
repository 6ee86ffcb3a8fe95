"""The schema as files: what is in them, and where there are none."""

import httpx
import pytest
from graphql import build_client_schema, build_schema, lexicographic_sort_schema, print_schema

from graph.schema import print_sdl
from tests.client import Client
from tests.conftest import ClientWith

pytestmark = pytest.mark.anyio

PATHS = ("/playground/schema.json", "/schema.graphql")


async def test_the_introspection_tells_the_whole_schema(client: Client) -> None:
    told = (await client.rest.get("/playground/schema.json")).json()["data"]
    rebuilt, schema = build_client_schema(told), build_schema(print_sdl())
    assert print_schema(lexicographic_sort_schema(rebuilt)) == print_schema(lexicographic_sort_schema(schema))


async def test_the_definition_is_that_of_the_schema(client: Client) -> None:
    answer = await client.rest.get("/schema.graphql")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == print_sdl()


@pytest.mark.parametrize("path", PATHS)
async def test_who_has_a_file_is_only_told_so(client: Client, path: str) -> None:
    first = await client.rest.get(path)
    again = await client.rest.get(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    other = await client.rest.get(path, headers={"If-None-Match": '"other"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (other.status_code, other.content) == (200, first.content)
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("closed", [{"graphql_introspection": False}, {"graphql_only_trusted": True}])
async def test_a_schema_that_is_not_told_is_in_no_file(
    client_with: ClientWith, path: str, closed: dict[str, bool]
) -> None:
    client = await client_with(**closed)
    answers: list[httpx.Response] = [await client.rest.get(address) for address in (path, "/")]
    assert answers[0].status_code == 404
    assert "schema" not in answers[1].json()
