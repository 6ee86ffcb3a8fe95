"""Whom a request counts for."""

import re

import pytest

from models import Session
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_user
from tests.graph.documents import mutation, refusals

pytestmark = pytest.mark.anyio

#: As Chromium and Firefox ask for a page.
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_clients_behind_a_trusted_proxy_are_counted_apart(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=1, trusted_proxies=("127.0.0.0/8",))
    for number in (1, 2):
        headers = {"X-Forwarded-For": f"203.0.113.9, 198.51.100.{number}"}
        assert (await client.v1("GET", "/products", headers=headers)).status_code == 200
    assert (await client.v1("GET", "/products", headers=headers)).status_code == 429


@pytest.mark.parametrize(
    "form", ["198.51.100.{}:5000{}", '"198.51.100.{}:5000{}"', "[2001:db8:0:{}::1]:5000{}"]
)
async def test_whatever_counts_addresses_takes_ports_for_no_part_of_them(
    client_with: ClientWith, form: str
) -> None:
    client = await client_with(
        rate_limit_anonymous=2,
        sign_in_limit_address=1,
        trusted_proxies=("127.0.0.0/8",),
    )
    for number in (1, 2):
        by = [{"X-Forwarded-For": form.format(number, port)} for port in range(4)]
        wrong = {"username": f"user{number}@example.com", "password": "wrong"}
        answers = [await client.v1("POST", "/auth/login", json=wrong, headers=headers) for headers in by]
        assert [answer.status_code for answer in answers] == [401, 429, 429, 429]
        assert [answer.json()["detail"] for answer in answers[1:]] == [
            "Too many sign-in attempts",
            "Rate limit exceeded",
            "Rate limit exceeded",
        ]


async def test_a_session_and_the_limit_of_mails_have_the_address_without_the_port(
    client_with: ClientWith,
) -> None:
    client = await client_with(mail_limit_address=1, trusted_proxies=("127.0.0.0/8",))
    user = await make_user()
    for number in (1, 2):
        by = [{"X-Forwarded-For": f"198.51.100.{number}:5000{port}"} for port in (1, 2)]
        reset = {
            "query": mutation("requestPasswordReset"),
            "variables": {"input": {"email": f"user{number}@example.com"}},
        }
        answers = [await client.rest.post("/graphql", json=reset, headers=headers) for headers in by]
        outcomes = [answer.json()["data"]["requestPasswordReset"] for answer in answers]
        assert outcomes[0]["accepted"]
        assert refusals(outcomes[1]) == [("RATE_LIMITED", None)]
        credentials = {"username": user.email, "password": PASSWORD}
        await client.v1("POST", "/auth/login", json=credentials, headers=by[0])
    sessions = await Session.filter(user_id=user.id).order_by("address")
    assert [session.address for session in sessions] == ["198.51.100.1", "198.51.100.2"]


async def test_clients_of_a_proxy_that_writes_forwarded_are_counted_apart(client_with: ClientWith) -> None:
    client = await client_with(
        rate_limit_anonymous=1,
        trusted_proxies=("127.0.0.0/8",),
        trusted_proxies_header="Forwarded",
    )
    for number in (1, 2):
        headers = {"Forwarded": f'for="198.51.100.{number}:50001"', "X-Forwarded-For": "203.0.113.9"}
        assert (await client.v1("GET", "/products", headers=headers)).status_code == 200
    assert (await client.v1("GET", "/products", headers=headers)).status_code == 429


async def test_an_untrusted_forwarded_address_does_not_help(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=1)
    statuses = [
        (await client.v1("GET", "/products", headers={"X-Forwarded-For": f"198.51.100.{n}"})).status_code
        for n in (1, 2)
    ]
    assert statuses == [200, 429]


async def test_pages_and_the_schema_do_not_count(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=20)
    pages = ("/", "/graphql", "/graphql?query={__typename}", "/docs", "/redoc")
    for _ in range(40):
        for path in (*pages, "/openapi.json", "/playground/schema.json"):
            page = await client.rest.get(path, headers=BROWSER)
            assert (page.status_code, "x-ratelimit-limit" in page.headers) == (200, False), path
    answers = [await client.graphql("{ products { totalCount } }") for _ in range(21)]
    assert [answer.response.status_code for answer in answers] == [200] * 20 + [429]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/graphql?documentId=x", BROWSER),
        ("GET", "/graphql?extensions={}", BROWSER),
        ("GET", "/graphql?variables={", BROWSER),
        ("GET", "/graphql?query=%ff", BROWSER),
        ("POST", "/graphql", BROWSER),
        ("GET", "/graphql", {"Accept": "application/json"}),
        ("GET", "/graphql?query={__typename}", {"Accept": "*/*"}),
        ("GET", "/graphql/", BROWSER),
        ("GET", "/api/v1/products", BROWSER),
    ],
)
async def test_whatever_is_no_page_counts(
    client_with: ClientWith, method: str, path: str, headers: dict[str, str]
) -> None:
    client = await client_with(rate_limit_anonymous=1)
    statuses = [(await client.rest.request(method, path, headers=headers)).status_code for _ in range(2)]
    assert statuses[0] != 429
    assert statuses[1] == 429


async def test_a_browser_that_must_wait_gets_a_page_with_words(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=1)
    path = "/graphql?documentId=x"
    await client.rest.get(path)
    page = await client.rest.get(path, headers=BROWSER)
    assert page.status_code == 429
    assert page.headers["content-type"].startswith("text/html")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert f"try again in {page.headers['retry-after']} seconds" in page.text
    assert '<a href="">' in page.text
    for address in re.findall(r'(?:src|href)="(/[^"]*)"', page.text):
        assert (await client.rest.get(address)).status_code == 200, address


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/graphql?query={__typename}", "*/*"),
        ("GET", "/graphql?query={__typename}", "application/json, text/html;q=0.5"),
        ("POST", "/graphql", "text/html"),
        ("GET", "/api/v1/products", "text/html, */*;q=0.2"),  # as Java sends by itself
    ],
)
async def test_a_program_that_must_wait_gets_json(
    client_with: ClientWith, method: str, path: str, accept: str
) -> None:
    client = await client_with(rate_limit_anonymous=1)
    for _ in range(2):
        answer = await client.rest.request(method, path, headers={"Accept": accept})
    assert answer.status_code == 429
    assert "RATE_LIMITED" in str(answer.json())
