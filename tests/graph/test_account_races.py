"""What is decided before a hash, a lock or a mail is looked at again where it takes effect (CWE-367, CWE-613).

Requests are stopped behind their decision: in the hasher, which a stand-in lets wait there, or at a row that another
transaction has changed and not committed yet.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.resources import Resources
from core.security.passwords import PasswordHasher
from core.security.tokens import TokenKind
from engine.postgres import fetch
from models import OneTimeToken, Session, TokenPurpose, User
from tests.client import Client
from tests.factories import PASSWORD, make_admin, make_token, make_tokens, make_user
from tests.graph.conftest import Serve
from tests.graph.documents import global_id, mutate, mutation, refusals
from tests.graph.test_recovery import Postbox, postbox, work
from tests.servers import SECONDS, until
from tests.test_locked_rows import held

pytestmark = pytest.mark.anyio

__all__ = ["postbox"]  # a fixture

NEW_PASSWORD = "another good one"
ME = "{ me { id } }"
CREDENTIALS_WRONG = [("INVALID_CREDENTIALS", None)]


class Pause:
    """Stops the first call of a hasher's method that it sees, when its result is there."""

    def __init__(self, hasher: PasswordHasher, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(hasher, method)
        self._reached, self._over = asyncio.Event(), asyncio.Event()

        async def stopped(*values: Any, **options: Any) -> Any:
            result = await real(*values, **options)
            if not self._reached.is_set():
                self._reached.set()
                await self._over.wait()
            return result

        monkeypatch.setattr(hasher, method, stopped)

    @asynccontextmanager
    async def of(self, request: Awaitable[Any]) -> AsyncIterator["asyncio.Future[Any]"]:
        """Send a request; the body runs while it is stopped, and gets the task, which goes on behind it."""
        task = asyncio.ensure_future(request)
        await self._reached.wait()
        yield task
        self._over.set()
        await task


PauseAt = Callable[[str], Pause]


@pytest.fixture
def pause_at(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> PauseAt:
    return lambda method: Pause(resources.passwords, method, monkeypatch)


async def behind(database_url: str, change: str, request: Awaitable[Any]) -> Any:
    """Return what a request answers that finds its row changed by another transaction, and has waited for its end."""
    query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with held(database_url, change):
        task = asyncio.ensure_future(request)

        async def is_waiting() -> bool:
            assert not task.done(), task.result()
            return bool(await fetch(query))

        await until(is_waiting)
    return await task


async def reset(client: Client, user: User) -> None:
    token = await OneTimeToken.issue(user.id, TokenPurpose.PASSWORD_RESET)
    values = {"input": {"token": token, "newPassword": NEW_PASSWORD}}
    answer = await client.graphql(mutation("resetPassword"), values)
    assert answer.data["resetPassword"]["errors"] == []


async def change_password(client: Client, user: User) -> None:
    values = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert not (await mutate(client, "changePassword", user=user, **values))["errors"]


async def disable(client: Client, user: User) -> None:
    admin = await make_admin()
    assert not (await mutate(client, "setUserActive", user=admin, id=global_id(user), isActive=False))[
        "errors"
    ]


async def delete(client: Client, user: User) -> None:
    answer = await client.v1("DELETE", f"/users/{user.id}", user=await make_admin())
    assert answer.status_code == 204


#: What has to end every sign-in of a user, those under way, too.
ENDINGS = [reset, change_password, disable, delete]


@pytest.mark.parametrize("face", ["graphql", "rest"])
@pytest.mark.parametrize("ending", ENDINGS)
async def test_no_sign_in_under_way_survives(
    client: Client, pause_at: PauseAt, ending: Callable[[Client, User], Awaitable[None]], face: str
) -> None:
    user = await make_user()
    if face == "graphql":
        request: Any = mutate(client, "login", email=user.email, password=PASSWORD)
    else:
        request = client.v1("POST", "/auth/login", json={"username": user.email, "password": PASSWORD})
    async with pause_at("verify").of(request) as sign_in:
        await ending(client, user)
        opened = await Session.filter(user_id=user.id, revoked_at=None).values_list("id", flat=True)
    if face == "graphql":
        assert refusals(sign_in.result()) == CREDENTIALS_WRONG
    else:
        assert (sign_in.result().status_code, sign_in.result().json()["error_code"]) == (
            401,
            "INVALID_CREDENTIALS",
        )
    # Only changePassword opens a session: the one that it was asked by goes on in it.
    live = await Session.filter(user_id=user.id, revoked_at=None).values_list("id", flat=True)
    assert live == opened
    assert len(live) == (1 if ending is change_password else 0)


#: Of no password.
OTHER_HASH = "$2b$04$" + "." * 53


@pytest.mark.parametrize(
    "change",
    [f"password_hash = '{OTHER_HASH}'", "is_active = FALSE", "deleted_at = now()"],
    ids=["password", "disabled", "deleted"],
)
async def test_a_sign_in_waits_for_whoever_changes_the_user(
    client: Client, database_url: str, change: str
) -> None:
    user = await make_user()
    request = mutate(client, "login", email=user.email, password=PASSWORD)
    outcome = await behind(database_url, f"UPDATE users SET {change}", request)
    assert refusals(outcome) == CREDENTIALS_WRONG
    assert await Session.all().count() == 0


async def test_a_change_of_the_password_does_not_undo_a_reset(client: Client, pause_at: PauseAt) -> None:
    user = await make_user()
    values = {"currentPassword": PASSWORD, "newPassword": "the attacker's"}
    async with pause_at("verify").of(mutate(client, "changePassword", user=user, **values)) as change:
        await reset(client, user)
        stored = (await User.get(id=user.id)).password_hash
    assert refusals(change.result()) == [("INVALID_CREDENTIALS", ["input", "currentPassword"])]
    assert (await User.get(id=user.id)).password_hash == stored
    assert not await Session.filter(user_id=user.id, revoked_at=None).exists()


async def test_a_session_that_was_revoked_changes_no_password(client: Client, pause_at: PauseAt) -> None:
    user = await make_user()
    token = await make_token(client.resources, user)
    document = mutation("changePassword")
    values = {"input": {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}}
    async with pause_at("hash").of(client.graphql(document, values, token=token)) as change:
        assert (await mutate(client, "revokeOtherSessions", user=user))["revokedCount"] == 1
    assert change.result().codes == ["TOKEN_INVALID"]
    assert (await User.get(id=user.id)).password_hash == user.password_hash


@pytest.mark.parametrize(
    ("ending", "code"),
    [("demoted", "ADMIN_REQUIRED"), ("disabled", "TOKEN_INVALID"), ("out", "TOKEN_INVALID")],
)
async def test_who_is_no_administrator_any_more_creates_nobody(
    client: Client, pause_at: PauseAt, ending: str, code: str
) -> None:
    other, admin = await make_admin(), await make_admin()
    token = await make_token(client.resources, admin)
    body = {"email": "new@example.com", "full_name": "New", "password": "long enough"}
    async with pause_at("hash").of(client.v1("POST", "/users", token=token, json=body)) as request:
        if ending == "demoted":
            await mutate(client, "setUserAdmin", user=other, id=global_id(admin), isAdmin=False)
        elif ending == "disabled":
            await mutate(client, "setUserActive", user=other, id=global_id(admin), isActive=False)
        else:
            await mutate(client, "logout", token=token)
    assert request.result().json()["error_code"] == code
    assert not await User.filter(email="new@example.com").exists()


@pytest.mark.parametrize("name", ["deleteUser", "setUserActive", "setUserAdmin"])
async def test_who_is_demoted_meanwhile_administers_nobody(
    client: Client, database_url: str, name: str
) -> None:
    await make_admin()
    admin, user = await make_admin(), await make_user()
    values: dict[str, Any] = {"setUserActive": {"isActive": True}, "setUserAdmin": {"isAdmin": True}}.get(
        name, {}
    )
    request = mutate(client, name, user=admin, id=global_id(user), **values)
    change = f"UPDATE users SET is_admin = FALSE WHERE id = {admin.id}"
    assert refusals(await behind(database_url, change, request)) == [("ADMIN_REQUIRED", None)]
    found = await User.get(id=user.id)
    assert (found.version, found.is_admin, found.deleted_at) == (user.version, False, None)


async def test_a_user_who_is_deleted_meanwhile_is_changed_by_nobody(
    client: Client, database_url: str
) -> None:
    admin, user = await make_admin(), await make_user()
    request = mutate(client, "setUserAdmin", user=admin, id=global_id(user), isAdmin=True)
    change = f"UPDATE users SET deleted_at = now() WHERE id = {user.id}"
    assert refusals(await behind(database_url, change, request)) == [("USER_NOT_FOUND", None)]
    assert not (await User.get(id=user.id)).is_admin


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            "WITH gone AS (UPDATE sessions SET revoked_at = now()) UPDATE users SET version = 9",
            "TOKEN_INVALID",
        ),
        ("UPDATE users SET is_active = FALSE", "TOKEN_INVALID"),
        ("UPDATE users SET deleted_at = now()", "USER_NOT_FOUND"),
    ],
)
async def test_a_profile_is_changed_only_by_who_is_still_signed_in(
    client: Client, database_url: str, change: str, code: str
) -> None:
    user = await make_user()
    token = await make_token(client.resources, user)
    body = {"email": "taken.over@example.com"}
    request = client.v1("PATCH", f"/users/{user.id}", token=token, json=body)
    assert (await behind(database_url, change, request)).json()["error_code"] == code
    assert (await User.get(id=user.id)).email != body["email"]


async def test_an_expected_version_is_compared_where_it_is_changed(client: Client, database_url: str) -> None:
    user = await make_user()
    values: dict[str, Any] = {"id": global_id(user), "fullName": "Second", "expectedVersion": user.version}
    change = "UPDATE users SET version = version + 1, full_name = 'First'"
    request = mutate(client, "updateUser", user=user, **values)
    assert refusals(await behind(database_url, change, request)) == [("CONFLICT", None)]
    assert (await User.get(id=user.id)).full_name == "First"


@pytest.mark.parametrize("face", ["graphql", "rest"])
async def test_a_session_that_is_revoked_meanwhile_is_not_renewed(
    client: Client, database_url: str, face: str
) -> None:
    user = await make_user()
    _, token = await make_tokens(client.resources, user)
    if face == "graphql":
        request: Any = mutate(client, "refreshToken", refreshToken=token)
    else:
        request = client.v1("POST", "/auth/refresh", json={"refresh_token": token})
    answer = await behind(database_url, "UPDATE sessions SET revoked_at = now()", request)
    if face == "graphql":
        assert refusals(answer) == [("REFRESH_TOKEN_INVALID", None)]
    else:
        assert answer.json()["error_code"] == "REFRESH_TOKEN_INVALID"


@pytest.mark.parametrize("face", ["graphql", "rest"])
@pytest.mark.parametrize("change", ["is_active = FALSE", "deleted_at = now()"])
async def test_who_may_not_sign_in_renews_no_session(client: Client, change: str, face: str) -> None:
    user = await make_user()
    _, token = await make_tokens(client.resources, user)
    await fetch(f"UPDATE users SET {change}")
    if face == "graphql":
        outcome = await mutate(client, "refreshToken", refreshToken=token)
        assert refusals(outcome) == [("REFRESH_TOKEN_INVALID", None)]
    else:
        answer = await client.v1("POST", "/auth/refresh", json={"refresh_token": token})
        assert answer.json()["error_code"] == "REFRESH_TOKEN_INVALID"


async def test_a_password_that_was_changed_meanwhile_proves_no_new_address(
    client: Client, pause_at: PauseAt, postbox: Postbox
) -> None:
    user = await make_user()
    values = {"newEmail": "attacker@example.com", "password": PASSWORD}
    async with pause_at("verify").of(mutate(client, "requestEmailChange", user=user, **values)):
        await reset(client, user)
    await work(client.resources)
    assert "attacker@example.com" not in postbox.recipients
    assert not await OneTimeToken.filter(purpose=TokenPurpose.EMAIL_CHANGE).exists()


async def test_a_reset_is_not_mailed_to_an_address_that_was_given_up_meanwhile(
    client: Client, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await make_user()
    await mutate(client, "requestPasswordReset", email=user.email)
    issue = OneTimeToken.issue

    async def late(*values: Any, **options: Any) -> str | None:
        # The worker has read the user, and the user has another address before the token is there.
        await fetch("UPDATE users SET email = 'proved@example.com', version = version + 1")
        return await issue(*values, **options)

    monkeypatch.setattr(OneTimeToken, "issue", late)
    await work(client.resources)
    assert postbox.mails == []


@pytest.mark.parametrize("watcher", ["socket", "stream"])
async def test_who_signs_out_before_the_subscription_is_there_hears_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, watcher: str
) -> None:
    live = await serve()
    events = live.client.resources.events
    user = await make_user()
    token = await make_token(live.client.resources, user)
    session_id = live.client.resources.tokens.verify(token, TokenKind.ACCESS).session_id
    subscribe = events.subscribe

    @asynccontextmanager
    async def late(*channels: str) -> AsyncIterator[Any]:
        # The viewer has been found, and is signed out before anybody listens.
        await Session.revoke(session_id)
        async with subscribe(*channels) as found:
            yield found

    monkeypatch.setattr(events, "subscribe", late)
    if watcher == "socket":
        socket = await live.socket()
        await socket.init(token)
        assert (await socket.closed())[0] == 4403
    else:
        async with asyncio.timeout(SECONDS):
            response = await live.client.rest.post(
                "/graphql",
                json={"query": "subscription { orderEvents { cursor } }"},
                headers={"Authorization": f"Bearer {token}", "Accept": "text/event-stream"},
            )
        assert "TOKEN_INVALID" in response.text


async def test_a_sign_in_outlasts_the_renewal_of_its_hash(client: Client, pause_at: PauseAt) -> None:
    """Another sign-in of the same user hashes the same password anew in between."""
    user = await make_user()
    renewed = await PasswordHasher(rounds=5, threads=1).hash(PASSWORD)
    async with pause_at("verify").of(mutate(client, "login", email=user.email, password=PASSWORD)) as task:
        await User.filter(id=user.id).update(password_hash=renewed)
    assert (await task)["errors"] == []
