"""Whether a browser gets GraphiQL, what it is told otherwise, and what the page keeps where the schema is hidden."""

import pytest

from core.demo_people import DEMO_PEOPLE
from core.settings import Environment
from tests.client import Client
from tests.conftest import ClientWith

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PRODUCTION = {"environment": Environment.PRODUCTION}
ONE = {"query": "{ __typename }"}


async def test_production_has_no_page_unless_it_is_switched_on(client_with: ClientWith) -> None:
    client = await client_with(**PRODUCTION)
    told = await client.rest.get("/graphql", headers=BROWSER)
    assert (told.status_code, told.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert "TANDEM_PLAYGROUND" in told.text
    for path in ("playground.js", "icon.svg", "assets/react@18.2.0/umd/react.production.min.js"):
        assert (await client.rest.get(f"/playground/{path}")).status_code == 404, path


@pytest.mark.parametrize("accept", ["*/*", "application/json", BROWSER["Accept"]])
async def test_queries_run_where_there_is_no_page(client_with: ClientWith, accept: str) -> None:
    client = await client_with(playground=False)
    answer = await client.rest.get("/graphql", params=ONE, headers={"Accept": accept})
    assert answer.json()["data"] == {"__typename": "Query"}
    assert (await client.rest.get("/graphql", headers={"Accept": "*/*"})).json()["errors"]


async def test_switched_on_in_production_the_page_tells_of_the_schema_what_the_server_does(
    client_with: ClientWith,
) -> None:
    client = await client_with(playground=True, **PRODUCTION)
    page = await client.rest.get("/graphql", headers=BROWSER)
    assert page.status_code == 200
    assert "TANDEM_GRAPHQL_INTROSPECTION" in page.text
    assert "createOrder" not in page.text
    assert (await client.rest.get("/playground/playground.js")).status_code == 200
    opened = await client_with(playground=True, graphql_introspection=True, **PRODUCTION)
    page = await opened.rest.get("/graphql", headers=BROWSER)
    assert "TANDEM_GRAPHQL_INTROSPECTION" not in page.text
    assert "createOrder" in page.text
    assert not any(person.password in page.text for person in DEMO_PEOPLE)


async def test_a_browser_is_shown_the_document_of_an_address_and_a_program_its_answer(client: Client) -> None:
    shown = await client.rest.get("/graphql", params=ONE, headers=BROWSER)
    assert shown.headers["Content-Type"].startswith("text/html")
    for accept in ("*/*", "application/json", "text/html;q=0.5, application/json"):
        answer = await client.rest.get("/graphql", params=ONE, headers={"Accept": accept})
        assert answer.json()["data"] == {"__typename": "Query"}, accept
