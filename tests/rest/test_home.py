"""The front page: every door that it names opens."""

import re

import pytest

from tests.client import Client

pytestmark = pytest.mark.anyio


async def test_a_browser_gets_a_page_whose_links_open(client: Client) -> None:
    page = await client.rest.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    links = re.findall(r'href="([^"]+)"', page.text)
    assert len(links) >= 4
    for link in links:
        assert (await client.rest.get(link, headers={"Accept": "text/html,*/*"})).status_code == 200, link


async def test_a_program_gets_the_addresses(client: Client) -> None:
    doors = (await client.rest.get("/")).json()
    assert (await client.rest.post(doors["graphql"], json={"query": "{ __typename }"})).json()["data"]
    assert (await client.rest.get(f"{doors['rest']}/products")).status_code == 200
    assert (await client.rest.get(doors["openapi"])).json()["openapi"]
