"""Whom a request counts for."""

import pytest

from tests.conftest import ClientWith

pytestmark = pytest.mark.anyio


async def test_clients_behind_a_trusted_proxy_are_counted_apart(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=1, trusted_proxies=("127.0.0.0/8",))
    for number in (1, 2):
        headers = {"X-Forwarded-For": f"203.0.113.9, 198.51.100.{number}"}
        assert (await client.v1("GET", "/products", headers=headers)).status_code == 200
    assert (await client.v1("GET", "/products", headers=headers)).status_code == 429


async def test_an_untrusted_forwarded_address_does_not_help(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_anonymous=1)
    statuses = [
        (await client.v1("GET", "/products", headers={"X-Forwarded-For": f"198.51.100.{n}"})).status_code
        for n in (1, 2)
    ]
    assert statuses == [200, 429]
