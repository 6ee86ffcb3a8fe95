"""Signing in over v1."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models import Session, User
from tests.client import Client
from tests.factories import PASSWORD, make_admin, make_tokens, make_user
from tests.rest.conformance import Call

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_login_gives_tokens_that_work(v1: Call) -> None:
    user = await make_user()
    answer = await v1("POST", "/auth/login", json={"username": user.email.upper(), "password": PASSWORD})
    assert answer.status_code == 200
    tokens = answer.json()
    assert tokens["token_type"] == "bearer"
    assert answer.headers["cache-control"] == "no-store"
    me = await v1("GET", "/auth/me", token=tokens["access_token"])
    assert me.json()["id"] == user.id
    fresh = await v1("POST", "/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert fresh.status_code == 200
    assert (await v1("GET", "/auth/me", token=fresh.json()["access_token"])).status_code == 200


async def test_a_refresh_token_works_again_and_again(client: Client, v1: Call) -> None:
    _, refresh_token = await make_tokens(client.resources, await make_user())
    for _ in range(3):
        answer = await v1("POST", "/auth/refresh", json={"refresh_token": refresh_token})
        assert answer.status_code == 200


async def test_login_takes_the_form_of_an_oauth_client(v1: Call) -> None:
    user = await make_user()
    form = {"grant_type": "password", "username": user.email, "password": PASSWORD, "scope": ""}
    answer = await v1("POST", "/auth/login", data=form)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "values",
    [{"is_active": False}, {"deleted_at": "2026-01-01T00:00:00Z"}, {"email": "other@example.com"}],
    ids=["inactive", "deleted", "unknown"],
)
async def test_who_cannot_sign_in_is_told_what_a_wrong_password_is_told(
    v1: Call, values: dict[str, Any]
) -> None:
    await make_user(**({"email": "user@example.com"} | values))
    refused = await v1("POST", "/auth/login", json={"username": "user@example.com", "password": PASSWORD})
    await make_user(email="wrong@example.com")
    wrong = await v1("POST", "/auth/login", json={"username": "wrong@example.com", "password": "not this"})
    assert refused.status_code == wrong.status_code == 401
    assert refused.json() == wrong.json()
    assert refused.json() == {"detail": "Invalid email or password", "error_code": "INVALID_CREDENTIALS"}
    assert refused.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, ["body"]),
        ({"content": b""}, ["body"]),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, ["body"]),
        ({"json": []}, ["body"]),
        ({"json": {}}, ["username", "password"]),
        ({"json": {"username": 1, "password": None}}, ["username", "password"]),
        ({"content": b"username=a", "headers": FORM}, ["password"]),
        ({"content": b"", "headers": FORM}, ["username", "password"]),
        ({"content": b"&".join(b"%d=" % n for n in range(1_001)), "headers": FORM}, ["body"]),
        ({"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, ["body"]),
        ({"content": b'{"username": "\xff"}', "headers": {"Content-Type": "application/json"}}, ["body"]),
    ],
)
async def test_a_login_of_the_wrong_shape_is_refused(
    v1: Call, options: dict[str, Any], fields: list[str]
) -> None:
    answer = await v1("POST", "/auth/login", **options)
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["errors"]] == fields


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}])
async def test_a_login_that_is_sent_as_neither_is_told_how_it_can_be(
    v1: Call, headers: dict[str, str]
) -> None:
    answer = await v1("POST", "/auth/login", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.headers["Accept"] == f"application/json, {FORM['Content-Type']}"


@pytest.mark.parametrize("text", ["", "a\0b", "x" * 5_000])
async def test_strange_credentials_are_wrong_ones(v1: Call, text: str) -> None:
    answer = await v1("POST", "/auth/login", json={"username": text, "password": text})
    assert answer.status_code == 401


async def test_an_access_token_refreshes_nothing(client: Client, v1: Call) -> None:
    access_token, refresh_token = await make_tokens(client.resources, await make_user())
    for token in (access_token, refresh_token[:-2], "", "a\0b"):
        answer = await v1("POST", "/auth/refresh", json={"refresh_token": token})
        assert answer.status_code == 401
        assert answer.json() == {
            "detail": "Invalid or expired refresh token",
            "error_code": "REFRESH_TOKEN_INVALID",
        }


async def test_me_shows_who_is_signed_in(v1: Call) -> None:
    admin = await make_admin(full_name="Ada Admin")
    body = (await v1("GET", "/auth/me", user=admin)).json()
    created_at = admin.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert body == {
        "id": admin.id,
        "email": admin.email,
        "full_name": "Ada Admin",
        "is_active": True,
        "is_admin": True,
        "created_at": created_at,
    }


async def test_no_token_garbage_and_a_refresh_token_are_no_sign_in(client: Client, v1: Call) -> None:
    _, refresh_token = await make_tokens(client.resources, await make_user())
    cases = {None: "NOT_AUTHENTICATED", "garbage": "TOKEN_INVALID", refresh_token: "TOKEN_INVALID"}
    for token, code in cases.items():
        answer = await v1("GET", "/auth/me", token=token)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Invalid or missing token", "error_code": code}
        assert answer.headers["www-authenticate"].startswith("Bearer")
    basic = await v1("GET", "/auth/me", headers={"Authorization": "Basic dTpw"})
    assert basic.json()["error_code"] == "NOT_AUTHENTICATED"


@pytest.mark.parametrize("change", [{"is_active": False}, {"deleted_at": datetime(2026, 1, 1, tzinfo=UTC)}])
async def test_tokens_stop_with_their_user(client: Client, v1: Call, change: dict[str, Any]) -> None:
    user = await make_user()
    access_token, refresh_token = await make_tokens(client.resources, user)
    await User.filter(id=user.id).update(**change)
    me = await v1("GET", "/auth/me", token=access_token)
    assert me.json()["error_code"] == "TOKEN_INVALID"
    refresh = await v1("POST", "/auth/refresh", json={"refresh_token": refresh_token})
    assert refresh.status_code == 401


async def test_tokens_stop_with_their_session(client: Client, v1: Call) -> None:
    user = await make_user()
    access_token, refresh_token = await make_tokens(client.resources, user)
    await Session.revoke_all(user.id)
    assert (await v1("GET", "/auth/me", token=access_token)).status_code == 401
    assert (await v1("POST", "/auth/refresh", json={"refresh_token": refresh_token})).status_code == 401
