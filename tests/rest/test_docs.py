"""The pages of the REST docs and their files, without a browser; tests/browser has the rest."""

import re

import httpx
import pytest
from starlette.applications import Starlette

from core.demo_people import DEMO_PEOPLE
from rest.docs import docs_routes

pytestmark = pytest.mark.anyio


def client(*, demo: bool = False) -> httpx.AsyncClient:
    app = Starlette(routes=docs_routes(openapi_url="/schema.json", title="A <b> title", demo=demo))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_every_file_of_a_page_is_ours_and_there(path: str) -> None:
    async with client() as http:
        answer = await http.get(path)
        addresses = re.findall(r'(?:src|href)="(/docs/static/[^"]+)"', answer.text)
        assert len(addresses) >= 4
        for address in addresses:
            assert (await http.get(address)).status_code == 200, address
    assert "://" not in answer.text
    assert 'data-openapi="/schema.json"' in answer.text
    assert "A &lt;b&gt; title" in answer.text


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_policy_admits_nothing_inline_and_no_eval(path: str) -> None:
    async with client() as http:
        answer = await http.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "://" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", answer.text)


async def test_demo_passwords_are_in_the_page_in_development_only() -> None:
    for demo in (True, False):
        async with client(demo=demo) as http:
            page = (await http.get("/docs")).text
        assert [person.password in page for person in DEMO_PEOPLE] == [demo] * len(DEMO_PEOPLE)


async def test_redoc_is_served_without_its_remote_logo() -> None:
    async with client() as http:
        script = (await http.get("/docs/static/redoc.standalone.js")).text
    assert len(script) > 1_000_000
    assert "cdn.redoc.ly" not in script
    assert "var(--pattern)" in script


@pytest.mark.parametrize("path", ["../docs.py", "%2e%2e/docs.py", "..%2fdocs.py", "%2fetc/passwd", ""])
async def test_nothing_outside_the_folders_is_served(path: str) -> None:
    async with client() as http:
        # Built by hand, because a client tidies such a path up.
        answer = await http.get(httpx.URL("http://test/").copy_with(raw_path=f"/docs/static/{path}".encode()))
    assert answer.status_code in {404, 405}
