"""The front page: every door that it names opens, and the demo is there in development alone."""

import re
import struct
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

import rest.home
from core.demo_people import DEMO_PEOPLE
from core.settings import Environment
from graph.schema import SDL_PATH
from tests.client import Client
from tests.conftest import ClientWith

pytestmark = pytest.mark.anyio

STATIC = Path(rest.home.__file__).parent / "static"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


async def test_a_browser_gets_a_page_whose_links_open(client_with: ClientWith) -> None:
    client = await client_with(metrics=True)
    page = await client.rest.get("/", headers=BROWSER)
    assert page.headers["Content-Type"].startswith("text/html")
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    doors = {"/graphql", "/docs", "/redoc", "/openapi.json", "/schema.graphql", "/health/ready", "/metrics"}
    assert doors <= set(links)
    for link in links:
        assert (await client.rest.get(link, headers={"Accept": "text/html,*/*"})).status_code == 200, link


async def test_the_policy_admits_nothing_inline_and_no_eval(client: Client) -> None:
    page = await client.rest.get("/", headers=BROWSER)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page.text)


async def test_a_door_that_is_closed_is_not_named(client_with: ClientWith) -> None:
    client = await client_with(metrics=False, graphql_introspection=False)
    page = await client.rest.get("/", headers=BROWSER)
    assert "/metrics" not in page.text
    assert "/schema.graphql" not in page.text


async def test_the_demo_is_offered_in_development_alone(client: Client, client_with: ClientWith) -> None:
    production = await client_with(environment=Environment.PRODUCTION)
    pages = [(await some.rest.get("/", headers=BROWSER)).text for some in (client, production)]
    assert 'id="place"' in pages[0]
    assert 'id="place"' not in pages[1]
    for person in DEMO_PEOPLE:
        assert person.email not in pages[1]
        assert person.password not in pages[1]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.9", ""])
async def test_a_program_gets_the_addresses(client: Client, accept: str) -> None:
    doors = (await client.rest.get("/", headers={"Accept": accept})).json()
    assert (await client.rest.post(doors["graphql"], json={"query": "{ __typename }"})).json()["data"]
    assert (await client.rest.get(f"{doors['rest']}/products")).status_code == 200
    assert (await client.rest.get(doors["openapi"])).json()["openapi"]
    assert "type Query" in (await client.rest.get(doors["schema"])).text


async def test_the_icon_that_everybody_asks_for_is_one_and_is_kept(client: Client) -> None:
    icon = await client.rest.get("/favicon.ico")
    assert icon.headers["content-type"] == "image/vnd.microsoft.icon"
    assert icon.headers["cache-control"] == "public, max-age=86400"
    reserved, kind, images = struct.unpack("<HHH", icon.content[:6])
    assert (reserved, kind, images) == (0, 1, 3)
    for number in range(images):
        size, offset = struct.unpack("<II", icon.content[6 + 16 * number + 8 :][:8])
        assert icon.content[offset:][:8] == b"\x89PNG\r\n\x1a\n"
        assert icon.content[offset + size - 8 :][:4] == b"IEND"


def test_the_operations_of_the_page_are_valid_against_the_schema() -> None:
    schema = build_schema(SDL_PATH.read_text(encoding="utf-8"))
    documents = re.findall(
        r"= `((?:query|mutation|subscription).*?)`;", (STATIC / "demo.js").read_text(), re.DOTALL
    )
    assert len(documents) == 3
    for document in documents:
        assert validate(schema, parse(document)) == []
