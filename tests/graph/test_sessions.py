"""One's own sessions: seen, and ended one by one or all at once."""

import asyncio
import base64
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tortoise import timezone

from graph.resolvers.sessions import MAX_SESSIONS
from graph.types.nodes import encode_id
from models import Session, User
from tasks.events import user_channel
from tests.client import Client
from tests.factories import PASSWORD, make_admin, make_token, make_tokens, make_user
from tests.graph.documents import attempt, mutate, refusals
from tests.servers import SECONDS

pytestmark = pytest.mark.anyio

ME = "{ me { id } }"
SESSIONS = "{ me { sessions { id createdAt lastUsedAt expiresAt userAgent address isCurrent } } }"
NODE = "query ($id: ID!) { node(id: $id) { id ... on Session { isCurrent } } }"


async def make_session(user: User, **values: Any) -> Session:
    defaults: dict[str, Any] = {"expires_at": timezone.now() + timedelta(days=1), "token_hash": "0" * 64}
    return await Session.create(id=uuid4(), user_id=user.id, **(defaults | values))


def session_id(session: Session) -> str:
    return encode_id("Session", session.id)


async def works(client: Client, token: str) -> bool:
    answer = await client.graphql(ME, token=token)
    assert answer.codes in ([], ["TOKEN_INVALID"])
    return not answer.codes


async def test_the_viewer_sees_where_a_sign_in_came_from(client: Client) -> None:
    user = await make_user()
    query = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }"
    body = {"query": query, "variables": {"input": {"email": user.email, "password": PASSWORD}}}
    response = await client.rest.post("/graphql", json=body, headers={"User-Agent": "Firefox on a phone"})
    token = response.json()["data"]["login"]["accessToken"]
    (shown,) = (await client.graphql(SESSIONS, token=token)).data["me"]["sessions"]
    assert (shown["userAgent"], shown["address"]) == ("Firefox on a phone", "127.0.0.1")
    assert shown["isCurrent"] is True
    assert shown["createdAt"] < shown["expiresAt"]


async def test_sessions_that_have_ended_are_not_shown_and_the_last_used_comes_first(client: Client) -> None:
    user, now = await make_user(), timezone.now()
    older, newer = [await make_session(user) for _ in range(2)]
    await make_session(user, revoked_at=now)
    await make_session(user, expires_at=now - timedelta(seconds=1))
    await make_session(await make_user())
    await Session.filter(id=older.id).update(last_used_at=now - timedelta(hours=2))
    await Session.filter(id=newer.id).update(last_used_at=now - timedelta(hours=1))
    shown = (await client.graphql(SESSIONS, user=user)).data["me"]["sessions"]
    assert [entry["isCurrent"] for entry in shown] == [True, False, False]
    assert [entry["id"] for entry in shown[1:]] == [session_id(newer), session_id(older)]


async def test_the_list_ends_at_its_limit(client: Client) -> None:
    user = await make_user()
    for _ in range(MAX_SESSIONS):
        await make_session(user)
    # The request's own session is one more.
    shown = (await client.graphql(SESSIONS, user=user)).data["me"]["sessions"]
    assert len(shown) == MAX_SESSIONS


async def test_another_users_sessions_are_nobodys_business(client: Client) -> None:
    user, other, admin = await make_user(), await make_user(), await make_admin()
    session = await make_session(user)
    query = "query ($id: ID!) { user(id: $id) { email sessions { id } } }"
    for viewer in (other, admin):
        listed = await client.graphql(query, {"id": encode_id("User", user.id)}, user=viewer)
        assert listed.codes == ["NOT_OWNER"]
        assert listed.body["data"]["user"] == {"email": user.email, "sessions": None}
        assert (await client.graphql(NODE, {"id": session_id(session)}, user=viewer)).codes == [
            "SESSION_NOT_FOUND"
        ]
        outcome = await mutate(client, "revokeSession", user=viewer, id=session_id(session))
        assert refusals(outcome) == [("SESSION_NOT_FOUND", None)]
    assert (await Session.get(id=session.id)).revoked_at is None


async def test_node_finds_a_session_again(client: Client) -> None:
    user = await make_user()
    session = await make_session(user)
    answer = await client.graphql(NODE, {"id": session_id(session)}, user=user)
    assert answer.data["node"] == {"id": session_id(session), "isCurrent": False}


@pytest.mark.parametrize(
    "text",
    [
        "Session:",
        "Session:1",
        "Session:{3f2b8d0e-9a51-4a4e-8a52-0d6a3f7f1c11}",
        "Session:3F2B8D0E-9A51-4A4E-8A52-0D6A3F7F1C11",
        "Session:3f2b8d0e9a514a4e8a520d6a3f7f1c11",
        "User:3f2b8d0e-9a51-4a4e-8a52-0d6a3f7f1c11",
        "User:1",
        "Order:99999999999",
    ],
)
async def test_what_is_no_id_of_a_session_is_refused(client: Client, text: str) -> None:
    id = base64.b64encode(text.encode()).decode()
    outcome = await mutate(client, "revokeSession", user=await make_user(), id=id)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "id"])]


async def test_a_revoked_session_ends_at_once_with_all_its_tokens_and_no_other(client: Client) -> None:
    user = await make_user()
    lost_access, lost_refresh = await make_tokens(client.resources, user)
    lost = await Session.get(user_id=user.id)
    token = await make_token(client.resources, user)
    outcome = await mutate(client, "revokeSession", token=token, id=session_id(lost))
    assert outcome == {"session": {"id": session_id(lost), "isCurrent": False}, "errors": []}
    assert not await works(client, lost_access)
    renewed = await mutate(client, "refreshToken", refreshToken=lost_refresh)
    assert refusals(renewed) == [("REFRESH_TOKEN_INVALID", None)]
    assert await works(client, token)
    again = await mutate(client, "revokeSession", token=token, id=session_id(lost))
    assert refusals(again) == [("SESSION_NOT_FOUND", None)]


async def test_the_present_session_can_be_revoked_too(client: Client) -> None:
    user = await make_user()
    token = await make_token(client.resources, user)
    outcome = await mutate(client, "revokeSession", token=token, id=session_id(await Session.get()))
    assert outcome["session"]["isCurrent"] is True
    assert not await works(client, token)


async def test_all_other_sessions_end_and_the_present_one_goes_on(client: Client) -> None:
    user, other = await make_user(), await make_user()
    elsewhere = [await make_token(client.resources, user) for _ in range(2)]
    strangers = await make_token(client.resources, other)
    token = await make_token(client.resources, user)
    outcome = await mutate(client, "revokeOtherSessions", token=token)
    assert outcome == {"revokedCount": 2, "errors": []}
    assert [await works(client, ended) for ended in elsewhere] == [False, False]
    assert await works(client, token)
    assert await works(client, strangers)
    assert (await mutate(client, "revokeOtherSessions", token=token))["revokedCount"] == 0


async def test_everywhere_means_here_too(client: Client) -> None:
    user = await make_user()
    tokens = [await make_token(client.resources, user) for _ in range(2)]
    outcome = await mutate(client, "revokeOtherSessions", token=tokens[0], keepCurrent=False)
    assert outcome == {"revokedCount": 2, "errors": []}
    assert [await works(client, token) for token in tokens] == [False, False]


@pytest.mark.parametrize("name", ["revokeSession", "revokeOtherSessions"])
async def test_nobody_has_no_sessions_to_end(client: Client, name: str) -> None:
    values: dict[str, Any] = {"id": encode_id("Session", uuid4())} if name == "revokeSession" else {}
    assert (await attempt(client, name, **values)).codes == ["NOT_AUTHENTICATED"]


@pytest.mark.parametrize("name", ["revokeSession", "revokeOtherSessions"])
async def test_what_listens_is_told_of_the_end(client: Client, name: str) -> None:
    user = await make_user()
    values: dict[str, Any] = {"id": session_id(await make_session(user))} if name == "revokeSession" else {}
    async with client.resources.events.subscribe(user_channel(user.id)) as news, asyncio.timeout(SECONDS):
        assert (await mutate(client, name, user=user, **values))["errors"] == []
        assert await anext(news)
