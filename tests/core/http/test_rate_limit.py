"""Whom a request counts for."""

import pytest

from models import Session
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_user
from tests.graph.documents import mutation, refusals

pytestmark = pytest.mark.anyio


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
