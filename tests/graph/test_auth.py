"""Signing in, staying signed in, signing out, and what a guesser meets."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from core.security.tokens import TokenIssuer, TokenKind, token_hash
from models import Session, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_token, make_tokens, make_user
from tests.graph.documents import attempt, mutate, mutation, refusals

pytestmark = pytest.mark.anyio

ME = "{ me { id } }"
SIGN_IN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }"


async def sign_in(client: Client, user: User, password: str = PASSWORD) -> dict[str, Any]:
    return await mutate(client, "login", email=user.email, password=password)


async def test_signing_in_gives_tokens_that_work_on_both_faces(client: Client) -> None:
    user = await make_user(email="ada@example.com")
    outcome = await mutate(client, "login", email=" aDA@EXAMPLE.com ", password=PASSWORD)
    assert outcome["errors"] == []
    assert outcome["expiresIn"] == client.resources.settings.access_token_seconds
    token = outcome["accessToken"]
    assert (await client.graphql(ME, token=token)).data["me"]
    assert (await client.v1("GET", "/auth/me", token=token)).json()["id"] == user.id


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"username": "a", "password": "hunter2!"}, "to include required field 'email'."),
        ({"email": "a", "password": "hunter2!", "x": 1}, "not to include unknown field 'x'."),
        ({"email": ["hunter2!"], "password": "x"}, "String cannot represent a non string value."),
        ({"email": "a", "password": {"a": "hunter2!"}}, "String cannot represent a non string value."),
        ("hunter2!", "to be an object."),
    ],
)
async def test_no_message_repeats_an_input_which_may_hold_a_password(
    client: Client, given: object, message: str
) -> None:
    in_variables = await client.graphql(SIGN_IN, {"input": given})
    literal = json.dumps(given)
    for name in ("username", "email", "password", "x", "a"):
        literal = literal.replace(f'"{name}":', f"{name}:")
    in_document = await client.graphql(
        SIGN_IN.replace("$input)", f"{literal})").replace("($input: LoginInput!)", "")
    )
    for answer in (in_variables, in_document):
        assert set(answer.codes) == {"VALIDATION_ERROR"}
        assert "hunter2" not in answer.response.text
        assert any(error["message"].endswith(message) for error in answer.body["errors"])


async def test_a_refresh_token_is_stored_only_as_a_hash_beside_where_it_was_given(client: Client) -> None:
    user = await make_user()
    response = await client.rest.post(
        "/graphql",
        json={
            "query": mutation("login"),
            "variables": {"input": {"email": user.email, "password": PASSWORD}},
        },
        headers={"User-Agent": "Mozilla" + "x" * 500},
    )
    token = response.json()["data"]["login"]["refreshToken"]
    session = await Session.get(user_id=user.id)
    assert session.token_hash == token_hash(token)
    assert session.user_agent == ("Mozilla" + "x" * 500)[:200]
    assert session.address == "127.0.0.1"
    assert timedelta(days=6) < session.expires_at - datetime.now(UTC) <= timedelta(days=7)


async def test_unknown_email_wrong_password_and_shut_out_users_get_the_same_answer(client: Client) -> None:
    user = await make_user()
    disabled = await make_user(is_active=False)
    deleted = await make_user(deleted_at=datetime.now(UTC))
    answers = [
        await attempt(client, "login", email=email, password=password)
        for email, password in (
            ("nobody@example.com", PASSWORD),
            ("", ""),
            ("not an email", PASSWORD),
            ("x" * 500 + "@example.com", PASSWORD),
            ("a\x00b@example.com", PASSWORD),
            (user.email, "wrong"),
            (user.email, ""),
            (user.email, PASSWORD + "x" * 72),
            (user.email, PASSWORD + "\x00"),
            (disabled.email, PASSWORD),
            (deleted.email, PASSWORD),
        )
    ]
    assert len({answer.response.text for answer in answers}) == 1
    outcome = answers[0].data["login"]
    assert refusals(outcome) == [("INVALID_CREDENTIALS", None)]
    assert outcome["errors"][0]["message"] == "Invalid email or password"
    assert await Session.all().count() == 0


async def test_an_unknown_email_costs_as_many_hashes_as_a_wrong_password(
    client: Client, checked_passwords: list[bytes]
) -> None:
    user = await make_user()
    for email in (user.email, "nobody@example.com"):
        await mutate(client, "login", email=email, password="wrong")
    assert checked_passwords == [b"wrong", b"wrong"]


async def test_a_refreshed_pair_works_and_the_old_refresh_token_does_not(client: Client) -> None:
    user = await make_user()
    first = await sign_in(client, user)
    second = await mutate(client, "refreshToken", refreshToken=first["refreshToken"])
    assert second["errors"] == []
    assert second["refreshToken"] != first["refreshToken"]
    for pair in (first, second):
        assert (await client.graphql(ME, token=pair["accessToken"])).data["me"]
    third = await mutate(client, "refreshToken", refreshToken=second["refreshToken"])
    assert third["errors"] == []
    assert await Session.filter(user_id=user.id).count() == 1


async def test_using_a_refresh_token_twice_ends_the_session_and_no_other(client: Client) -> None:
    user = await make_user()
    elsewhere, first = await sign_in(client, user), await sign_in(client, user)
    second = await mutate(client, "refreshToken", refreshToken=first["refreshToken"])
    for token in (first["refreshToken"], second["refreshToken"]):
        outcome = await mutate(client, "refreshToken", refreshToken=token)
        assert refusals(outcome) == [("REFRESH_TOKEN_INVALID", None)]
    for pair in (first, second):
        assert (await client.graphql(ME, token=pair["accessToken"])).codes == ["TOKEN_INVALID"]
    assert (await client.graphql(ME, token=elsewhere["accessToken"])).data["me"]


async def test_of_concurrent_uses_of_a_refresh_token_at_most_one_succeeds(client: Client) -> None:
    user = await make_user()
    token = (await sign_in(client, user))["refreshToken"]
    outcomes = await asyncio.gather(*(mutate(client, "refreshToken", refreshToken=token) for _ in range(6)))
    assert sum(not outcome["errors"] for outcome in outcomes) <= 1
    # Whichever the legitimate one was, the session is over: somebody has a copy.
    assert await Session.filter(user_id=user.id, revoked_at=None).count() == 0


async def test_rest_keeps_the_refresh_token_and_the_two_faces_share_the_session(client: Client) -> None:
    user = await make_user()
    pair = (
        await client.v1("POST", "/auth/login", json={"username": user.email, "password": PASSWORD})
    ).json()
    for _ in range(2):
        renewed = await client.v1("POST", "/auth/refresh", json={"refresh_token": pair["refresh_token"]})
        assert (await client.graphql(ME, token=renewed.json()["access_token"])).data["me"]
    rotated = await mutate(client, "refreshToken", refreshToken=pair["refresh_token"])
    assert rotated["errors"] == []
    reused = await client.v1("POST", "/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    assert reused.json()["error_code"] == "REFRESH_TOKEN_INVALID"


async def test_tokens_of_a_server_whose_clock_is_ahead_work_on_both_faces(client: Client) -> None:
    tokens = client.resources.tokens
    ahead = TokenIssuer(client.resources.settings, clock=lambda: time.time() + 5)
    user = await make_user()
    session_id = uuid4()
    refresh_token = ahead.issue(TokenKind.REFRESH, user_id=user.id, session_id=session_id)
    expires_at = datetime.now(UTC) + timedelta(seconds=tokens.seconds(TokenKind.REFRESH))
    await Session.create(
        id=session_id, user_id=user.id, token_hash=token_hash(refresh_token), expires_at=expires_at
    )
    access_token = ahead.issue(TokenKind.ACCESS, user_id=user.id, session_id=session_id)
    assert (await client.graphql(ME, token=access_token)).data["me"]
    assert (await client.v1("GET", "/auth/me", token=access_token)).status_code == 200
    renewed = await client.v1("POST", "/auth/refresh", json={"refresh_token": refresh_token})
    assert renewed.status_code == 200
    assert (await mutate(client, "refreshToken", refreshToken=refresh_token))["errors"] == []


async def test_what_is_not_a_live_refresh_token_is_refused(client: Client) -> None:
    user = await make_user()
    access_token, refresh_token = await make_tokens(client.resources, user)
    gone = client.resources.tokens.issue(
        TokenKind.REFRESH, user_id=user.id, session_id=(await Session.get(user_id=user.id)).id
    )
    other = await make_user()
    session = await Session.get(user_id=user.id)
    foreign = client.resources.tokens.issue(TokenKind.REFRESH, user_id=other.id, session_id=session.id)
    for token in (
        "",
        "nonsense",
        "\x00",
        "é",
        "a.b.c",
        "x" * 100_000,
        access_token,
        refresh_token[:-2],
        foreign,
    ):
        outcome = await mutate(client, "refreshToken", refreshToken=token)
        assert refusals(outcome) == [("REFRESH_TOKEN_INVALID", None)], token[:20]
    # None of those was ours, so the session lives; a well-signed one that it does not know ends it.
    assert (await client.graphql(ME, token=access_token)).data["me"]
    outcome = await mutate(client, "refreshToken", refreshToken=gone)
    assert refusals(outcome) == [("REFRESH_TOKEN_INVALID", None)]
    assert (await client.graphql(ME, token=access_token)).codes == ["TOKEN_INVALID"]


async def test_signing_out_stops_all_tokens_of_the_session_on_both_faces(client: Client) -> None:
    user = await make_user()
    pair, elsewhere = await sign_in(client, user), await sign_in(client, user)
    outcome = await mutate(client, "logout", token=pair["accessToken"])
    assert outcome == {"signedOut": True, "errors": []}
    assert (await client.graphql(ME, token=pair["accessToken"])).codes == ["TOKEN_INVALID"]
    assert (await client.v1("GET", "/orders", token=pair["accessToken"])).status_code == 401
    renewed = await mutate(client, "refreshToken", refreshToken=pair["refreshToken"])
    assert refusals(renewed) == [("REFRESH_TOKEN_INVALID", None)]
    assert (await client.graphql(ME, token=elsewhere["accessToken"])).data["me"]


async def test_a_refresh_token_is_enough_to_sign_out(client: Client) -> None:
    pair = await sign_in(client, await make_user())
    outcome = await mutate(client, "logout", refreshToken=pair["refreshToken"])
    assert outcome == {"signedOut": True, "errors": []}
    assert (await client.graphql(ME, token=pair["accessToken"])).codes == ["TOKEN_INVALID"]
    outcome = await mutate(client, "logout", refreshToken=pair["refreshToken"])
    assert refusals(outcome) == [("REFRESH_TOKEN_INVALID", None)]


async def test_an_expired_access_token_says_so_on_both_faces(client_with: ClientWith, client: Client) -> None:
    user = await make_user()
    token = await make_token((await client_with(access_token_seconds=-1)).resources, user)
    assert (await client.graphql(ME, token=token)).codes == ["TOKEN_EXPIRED"]
    assert (await client.v1("GET", "/auth/me", token=token)).json()["error_code"] == "TOKEN_EXPIRED"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "nonsense"])
async def test_a_header_without_a_token_is_none(client: Client, header: str) -> None:
    response = await client.rest.post("/graphql", json={"query": ME}, headers={"Authorization": header})
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_AUTHENTICATED"


async def test_guesses_at_one_account_are_stopped_whatever_the_case_and_the_right_one_too(
    client_with: ClientWith,
) -> None:
    client = await client_with(sign_in_limit_account=3)
    user, other = await make_user(email="ada@example.com"), await make_user()
    for email in ("ada@example.com", "ADA@example.com", " Ada@example.com"):
        outcome = await mutate(client, "login", email=email, password="wrong")
        assert refusals(outcome) == [("INVALID_CREDENTIALS", None)]
    assert refusals(await sign_in(client, user)) == [("RATE_LIMITED", None)]
    response = await client.v1("POST", "/auth/login", json={"username": user.email, "password": PASSWORD})
    assert (response.status_code, response.json()["error_code"]) == (429, "RATE_LIMITED")
    assert 1 <= int(response.headers["Retry-After"]) <= 300
    assert (await sign_in(client, other))["errors"] == []


async def test_guesses_from_one_address_are_stopped_whatever_the_account(client_with: ClientWith) -> None:
    client = await client_with(sign_in_limit_address=3)
    codes = []
    for number in range(4):
        outcome = await mutate(client, "login", email=f"user{number}@example.com", password="wrong")
        codes.append(refusals(outcome)[0][0])
    assert codes == [*["INVALID_CREDENTIALS"] * 3, "RATE_LIMITED"]


async def test_people_behind_one_address_who_know_their_passwords_are_never_stopped(
    client_with: ClientWith,
) -> None:
    client = await client_with(sign_in_limit_address=3)
    for _ in range(6):
        assert (await sign_in(client, await make_user()))["errors"] == []
    guesser = await make_user()
    for _ in range(3):
        assert refusals(await sign_in(client, guesser, "wrong")) == [("INVALID_CREDENTIALS", None)]
    # The right password of an account of one's own does not buy further guesses.
    assert refusals(await sign_in(client, await make_user())) == [("RATE_LIMITED", None)]
