"""How long a session lives, how many a user has, and who gets word of a new one."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tortoise import timezone

from core.resources import Resources
from engine.postgres import fetch
from models import Session, User
from models.sessions import MAX_LIVE
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_tokens, make_user
from tests.graph.documents import mutate, refusals
from tests.graph.test_recovery import Postbox, postbox, work

pytestmark = pytest.mark.anyio

__all__ = ["postbox"]  # a fixture

DAY = 24 * 3600
ME = "{ me { id } }"
NEW_DEVICE, NEW_PASSWORD = "A new device has signed in", "Your password was changed"


async def test_a_session_ends_in_time_however_often_it_is_renewed(client_with: ClientWith) -> None:
    client = await client_with(session_max_seconds=90 * DAY)
    user = await make_user()
    pair = await mutate(client, "login", email=user.email, password=PASSWORD)
    await fetch("UPDATE sessions SET created_at = now() - interval '89 days'")
    pair = await mutate(client, "refreshToken", refreshToken=pair["refreshToken"])
    session = await Session.get()
    assert abs(session.expires_at - session.created_at - timedelta(days=90)) < timedelta(seconds=1)
    assert (await client.graphql(ME, token=pair["accessToken"])).data["me"]
    await fetch("UPDATE sessions SET created_at = now() - interval '90 days', expires_at = now()")
    assert (await client.graphql(ME, token=pair["accessToken"])).codes == ["TOKEN_INVALID"]
    outcome = await mutate(client, "refreshToken", refreshToken=pair["refreshToken"])
    assert refusals(outcome) == [("REFRESH_TOKEN_INVALID", None)]
    answer = await client.v1("POST", "/auth/refresh", json={"refresh_token": pair["refreshToken"]})
    assert answer.json()["error_code"] == "REFRESH_TOKEN_INVALID"


async def test_a_session_that_is_older_than_any_may_be_is_not_renewed(client_with: ClientWith) -> None:
    client = await client_with(session_max_seconds=DAY)
    _, token = await make_tokens(client.resources, await make_user())
    await fetch("UPDATE sessions SET created_at = now() - interval '1 day'")
    outcome = await mutate(client, "refreshToken", refreshToken=token)
    assert refusals(outcome) == [("REFRESH_TOKEN_INVALID", None)]


async def test_a_new_session_lives_no_longer_than_any_may(client_with: ClientWith) -> None:
    client = await client_with(session_max_seconds=DAY)
    user = await make_user()
    await mutate(client, "login", email=user.email, password=PASSWORD)
    session = await Session.get()
    assert session.expires_at - session.created_at == timedelta(days=1)


async def fill(user: User, count: int = MAX_LIVE) -> list[Session]:
    """Store sessions of a user, the longest unused first."""
    now = timezone.now()
    sessions = [
        Session(id=uuid4(), user_id=user.id, token_hash="x", expires_at=now + timedelta(days=7))
        for _ in range(count)
    ]
    await Session.bulk_create(sessions)
    for number, session in enumerate(sessions):
        used_at = now - timedelta(minutes=count - number)
        await Session.filter(id=session.id).update(last_used_at=used_at)
    return sessions


@pytest.mark.parametrize("face", ["graphql", "rest"])
async def test_the_longest_unused_sessions_end_for_new_ones(client: Client, face: str) -> None:
    user, other = await make_user(), await make_user()
    theirs, sessions = await fill(other, 2), await fill(user)
    for _ in range(2):
        if face == "graphql":
            assert not (await mutate(client, "login", email=user.email, password=PASSWORD))["errors"]
        else:
            body = {"username": user.email, "password": PASSWORD}
            assert (await client.v1("POST", "/auth/login", json=body)).status_code == 200
    ended = await Session.exclude(revoked_at=None).values_list("id", flat=True)
    assert set(ended) == {sessions[0].id, sessions[1].id}
    assert await Session.filter(user_id=user.id, revoked_at=None).count() == MAX_LIVE
    assert await Session.filter(user_id=other.id, revoked_at=None).count() == len(theirs)


async def test_sign_ins_at_once_leave_no_more_than_one_user_may_have(client: Client) -> None:
    user = await make_user()
    await fill(user, MAX_LIVE - 2)
    sign_ins = [mutate(client, "login", email=user.email, password=PASSWORD) for _ in range(8)]
    assert all(not outcome["errors"] for outcome in await asyncio.gather(*sign_ins))
    assert await Session.filter(user_id=user.id, revoked_at=None).count() == MAX_LIVE


async def sign_in(client: Client, user: User, agent: str = "Firefox", address: str = "192.0.2.1") -> str:
    """Sign in from a device; return the access token."""
    answer = await client.rest.post(
        "/api/v1/auth/login",
        json={"username": user.email, "password": PASSWORD},
        headers={"User-Agent": agent, "X-Forwarded-For": address},
    )
    assert answer.status_code == 200
    token: str = answer.json()["access_token"]
    return token


@pytest.fixture
async def behind_proxy(client_with: ClientWith, postbox: Postbox, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client that says from which address it comes, and whose mails are kept."""
    client = await client_with(trusted_proxies=("127.0.0.1",))
    monkeypatch.setattr(client.resources, "mailer", postbox)
    return client


async def test_a_sign_in_from_a_new_device_is_told_and_one_from_a_known_one_is_not(
    behind_proxy: Client, postbox: Postbox
) -> None:
    user = await make_user(email="moved@example.com", recovery_email="ada@example.com")
    quiet = [
        ("Firefox", "192.0.2.1"),  # the first one of a new account
        ("Firefox", "192.0.2.1"),
    ]
    for device in quiet:
        await sign_in(behind_proxy, user, *device)
    await work(behind_proxy.resources)
    assert postbox.mails == []
    for device in [("Evil\tBot", "192.0.2.1"), ("Firefox", "198.51.100.7"), ("Firefox", "2001:db8::1")]:
        await sign_in(behind_proxy, user, *device)
        await work(behind_proxy.resources)
        await sign_in(behind_proxy, user, *device)
        await work(behind_proxy.resources)
    await sign_in(behind_proxy, user, "Firefox", "2001:db8::ffff:1")  # the same /64
    await work(behind_proxy.resources)
    assert [(mail.to, mail.subject) for mail in postbox.mails] == [("ada@example.com", NEW_DEVICE)] * 3
    assert "Device: EvilBot\nAddress: 192.0.2.1\n" in postbox.mails[0].text
    assert "Address: 2001:db8::1\n" in postbox.mails[2].text


async def test_a_device_is_known_by_sessions_that_have_ended_and_not_by_those_of_others(
    behind_proxy: Client, postbox: Postbox
) -> None:
    user, other = await make_user(), await make_user()
    token = await sign_in(behind_proxy, user)
    await mutate(behind_proxy, "logout", token=token)
    await sign_in(behind_proxy, other, "Safari")
    await sign_in(behind_proxy, user)
    await work(behind_proxy.resources)
    assert postbox.mails == []
    await sign_in(behind_proxy, user, "Safari")
    await work(behind_proxy.resources)
    assert postbox.recipients == [user.email]


async def test_an_account_whose_sessions_are_forgotten_is_no_new_one(
    behind_proxy: Client, postbox: Postbox
) -> None:
    user = await make_user()
    await fetch("UPDATE users SET created_at = now() - interval '8 days'")
    await sign_in(behind_proxy, user)
    await work(behind_proxy.resources)
    assert [mail.subject for mail in postbox.mails] == [NEW_DEVICE]


@pytest.mark.usefixtures("broker_unavailable")
async def test_a_sign_in_works_even_if_nobody_can_be_told(client: Client) -> None:
    user = await make_user()
    await make_tokens(client.resources, user)
    assert not (await mutate(client, "login", email=user.email, password=PASSWORD))["errors"]
    values: dict[str, Any] = {"currentPassword": PASSWORD, "newPassword": "another good one"}
    assert not (await mutate(client, "changePassword", user=user, **values))["errors"]


async def test_no_notice_of_a_session_or_user_who_is_gone(
    behind_proxy: Client, resources: Resources, postbox: Postbox
) -> None:
    user = await make_user()
    for agent in ("Firefox", "Safari", "Opera"):
        await sign_in(behind_proxy, user, agent)
    await Session.filter(user_agent="Safari").delete()
    await fetch("UPDATE users SET deleted_at = now()")
    await work(resources)
    assert postbox.mails == []


async def test_a_changed_password_is_told(client: Client, postbox: Postbox) -> None:
    user = await make_user(email="moved@example.com", recovery_email="ada@example.com")
    values: dict[str, Any] = {"currentPassword": PASSWORD, "newPassword": "another good one"}
    assert not (await mutate(client, "changePassword", user=user, **values))["errors"]
    await work(client.resources)
    assert [(mail.to, mail.subject) for mail in postbox.mails] == [("ada@example.com", NEW_PASSWORD)]
