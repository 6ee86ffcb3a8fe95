"""For whom the requests of a token count whose session has ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from core.security import ended_sessions
from models import User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import make_token, make_user
from tests.graph.conftest import Serve
from tests.graph.documents import mutate

pytestmark = pytest.mark.anyio

Send = Callable[[Client, str], Awaitable[int]]


async def rest(client: Client, token: str) -> int:
    return (await client.v1("GET", "/auth/me", token=token)).status_code


async def nowhere(client: Client, token: str) -> int:
    return (await client.v1("GET", "/nothing/there", token=token)).status_code


async def graphql(client: Client, token: str) -> int:
    return (await client.graphql("{ me { id } }", token=token)).response.status_code


async def static(client: Client, token: str) -> int:
    return (await client.graphql("{ __typename }", token=token)).response.status_code


async def malformed(client: Client, token: str) -> int:
    return (await client.graphql("{ nonsense", token=token)).response.status_code


WAYS = pytest.mark.parametrize("send", [rest, nowhere, graphql, static, malformed])


async def left(client: Client, token: str) -> int:
    """Return how many requests a user has left in this minute, this one counted."""
    answer = await client.v1("GET", "/auth/me", token=token)
    assert answer.status_code == 200
    return int(answer.headers["x-ratelimit-remaining"])


async def end(client: Client, user: User, token: str, how: str) -> None:
    if how == "signed out":
        assert (await mutate(client, "logout", token=token))["signedOut"]
    else:
        await User.filter(id=user.id).update(is_active=False)


@WAYS
async def test_a_token_of_an_ended_session_spends_nothing_of_its_users(
    client_with: ClientWith, send: Send
) -> None:
    client = await client_with(rate_limit_user=100, rate_limit_anonymous=5)
    user = await make_user()
    dead, live = await make_token(client.resources, user), await make_token(client.resources, user)
    await mutate(client, "logout", token=dead)
    before = await left(client, live)
    statuses = [await send(client, dead) for _ in range(110)]
    # It is a sender without a token, and stopped like one.
    assert 429 not in statuses[:5]
    assert statuses[5:] == [429] * 105
    # Nothing but the request that asks is counted.
    assert await left(client, live) == before - 1


@WAYS
async def test_even_many_at_once_are_given_back(client_with: ClientWith, send: Send) -> None:
    client = await client_with(rate_limit_user=100, rate_limit_anonymous=5)
    user = await make_user()
    dead, live = await make_token(client.resources, user), await make_token(client.resources, user)
    await mutate(client, "logout", token=dead)
    before = await left(client, live)
    await asyncio.gather(*(send(client, dead) for _ in range(60)))
    assert await send(client, dead) == 429
    assert await left(client, live) == before - 1


async def test_a_live_token_is_asked_about_no_more_often_than_its_requests_need(
    client_with: ClientWith, record_looks: list[int]
) -> None:
    client = await client_with(rate_limit_user=100)
    token = await make_token(client.resources, await make_user())
    for send in (rest, graphql):
        record_looks.clear()
        assert await send(client, token) == 200
        assert len(record_looks) == 1


@pytest.fixture
def record_looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sessions each statement looks up from now on."""
    from graph.resolvers import viewer

    looks: list[int] = []
    submit = viewer._lookups.submit

    def note(session_id: object) -> object:
        looks.append(1)
        return submit(session_id)  # type: ignore[arg-type]

    monkeypatch.setattr(viewer._lookups, "submit", note)
    return looks


async def test_operations_on_a_socket_of_an_ended_session_count_for_the_address(serve: Serve) -> None:
    live = await serve(rate_limit_user=100, rate_limit_anonymous=3)
    user = await make_user()
    dead, token = await make_token(live.client.resources, user), await make_token(live.client.resources, user)
    await mutate(live.client, "logout", token=dead)
    before = await left(live.client, token)
    socket = await live.socket(additional_headers={"Authorization": f"Bearer {dead}"})
    await socket.init()
    codes = []
    for _ in range(8):
        await socket.subscribe("{ __typename }")
        message = await socket.receive()
        codes.append(message["type"])
        if message["type"] == "next":
            await socket.receive()
    assert codes == ["next"] * 3 + ["error"] * 5
    # The request that asks is counted, and the handshake until its socket is closed.
    assert await left(live.client, token) == before - 2


async def test_what_is_remembered_of_ended_sessions_is_bounded(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_sessions, "MAX_SESSIONS", 5)
    client = await client_with(access_token_seconds=600)
    user = await make_user()
    tokens = [await make_token(client.resources, user) for _ in range(12)]
    await mutate(client, "revokeOtherSessions", token=tokens[0], keepCurrent=False)
    for token in tokens:
        assert await rest(client, token) == 401
    assert len(client.resources.ended_sessions) == 5
    # They end with their tokens.
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    later = await client_with(access_token_seconds=36_000)
    token = await make_token(later.resources, user)
    await mutate(later, "logout", token=token)
    later.resources.ended_sessions = client.resources.ended_sessions
    assert await rest(later, token) == 401
    assert len(client.resources.ended_sessions) == 1
