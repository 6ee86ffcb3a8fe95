"""Rate limits, as v1 shows them."""

import time

import pytest

from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_token, make_user

pytestmark = pytest.mark.anyio


async def test_every_answer_tells_what_is_left(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_user=100, rate_limit_anonymous=20)
    token = await make_token(client.resources, await make_user())
    paths = ["/auth/me", "/users/999999", "/users/x", "/nope"]
    remaining = []
    for path in paths:
        answer = await client.v1("GET", path, token=token)
        assert answer.headers["x-ratelimit-limit"] == "100"
        assert 0 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= 60
        remaining.append(int(answer.headers["x-ratelimit-remaining"]))
    assert remaining == [99, 98, 97, 96]
    anonymous = await client.v1("GET", "/products")
    assert anonymous.headers["x-ratelimit-limit"] == "20"


async def test_too_many_requests_are_refused_and_told_when_to_come_back(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_user=3)
    token = await make_token(client.resources, await make_user())
    answers = [await client.v1("GET", "/auth/me", token=token) for _ in range(10)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 7
    for answer in refused:
        assert answer.json() == {"detail": "Rate limit exceeded", "error_code": "RATE_LIMITED"}
        assert answer.headers["x-ratelimit-remaining"] == "0"
        assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_one_users_requests_do_not_count_for_another(client_with: ClientWith) -> None:
    client = await client_with(rate_limit_user=1, rate_limit_anonymous=1)
    for _ in range(2):
        token = await make_token(client.resources, await make_user())
        assert (await client.v1("GET", "/auth/me", token=token)).status_code == 200


async def test_guessing_passwords_is_slowed_down(client_with: ClientWith) -> None:
    client = await client_with(sign_in_limit_account=2)
    user = await make_user()
    wrong = {"username": user.email, "password": "a wrong password"}
    answers = [await client.v1("POST", "/auth/login", json=wrong) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 429, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json() == {"detail": "Too many sign-in attempts", "error_code": "RATE_LIMITED"}
    assert int(refused.headers["retry-after"]) >= 1
    other = await make_user()
    login = {"username": other.email, "password": PASSWORD}
    assert (await client.v1("POST", "/auth/login", json=login)).status_code == 200
