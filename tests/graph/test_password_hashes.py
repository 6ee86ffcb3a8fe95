"""Hashes of passwords: how many wait at once, for whom, and what becomes of them when the rounds change."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import bcrypt
import httpx
import pytest

from core.security import passwords
from core.security.passwords import PasswordHasher
from graph.resolvers.password_hashes import watch_rounds
from models import OneTimeToken, Session, TokenPurpose, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_token, make_user
from tests.graph.conftest import Live, Serve
from tests.graph.documents import attempt, mutate, mutation, refusals
from tests.servers import until

pytestmark = pytest.mark.anyio


class Held:
    """bcrypt that begins what it is asked for, and ends nothing before it may."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self.may_end = threading.Event()

    def checkpw(self, secret: bytes, _expected: bytes) -> bool:
        self.begun.append(secret)
        self.may_end.wait()
        return False


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Hold all checks of passwords up."""
    holding = Held()
    monkeypatch.setattr(bcrypt, "checkpw", holding.checkpw)
    yield holding
    holding.may_end.set()


def login(number: int) -> bytes:
    """Return the bytes of a sign-in by REST."""
    body = b'{"username": "user%d@example.com", "password": "password %d"}' % (number, number)
    return (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: tandem.test\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


def graphql_login(number: int) -> bytes:
    """Return the bytes of a sign-in by GraphQL."""
    body = (
        b'{"query": "mutation { login(input: {email: \\"user%d@example.com\\", password: \\"password %d\\"})'
        b' { accessToken } }"}' % (number, number)
    )
    return (
        b"POST /graphql HTTP/1.1\r\nHost: tandem.test\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


async def abandoned(live: Live, request: bytes) -> asyncio.StreamWriter:
    """Send a request whose answer nobody will read."""
    _, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(request)
    await writer.drain()
    return writer


@pytest.mark.parametrize("request_of", [login, graphql_login], ids=["rest", "graphql"])
async def test_the_sign_ins_of_clients_that_have_gone_are_not_carried_out(
    serve: Serve, held: Held, request_of: Any
) -> None:
    live = await serve(password_hash_threads=2)
    hasher = live.client.resources.passwords
    writers = [await abandoned(live, request_of(number)) for number in range(30)]
    await until(lambda: hasher.pending == 30 and len(held.begun) == 2)
    for writer in writers:
        writer.close()
    await until(lambda: hasher.pending == 2)
    # What runs cannot be stopped; the next one to come is the next one to be served.
    patient = asyncio.create_task(live.client.v1("POST", "/auth/login", json=credentials("ada@example.com")))
    await until(lambda: hasher.pending == 3)
    held.may_end.set()
    assert (await patient).status_code == 401
    assert len(held.begun) == 3


async def test_a_socket_that_is_closed_takes_its_sign_ins_along(serve: Serve, held: Held) -> None:
    live = await serve(password_hash_threads=1)
    hasher = live.client.resources.passwords
    socket = await live.socket()
    await socket.init()
    guess = 'mutation { login(input: {email: "ada@example.com", password: "x"}) { accessToken } }'
    for _ in range(10):
        await socket.subscribe(guess)
    await until(lambda: hasher.pending == 10)
    await socket.connection.close()
    await until(lambda: hasher.pending == 1)
    held.may_end.set()


def credentials(email: str) -> dict[str, str]:
    return {"username": email, "password": PASSWORD}


async def test_who_would_wait_too_long_is_told_to_come_back(client_with: ClientWith, held: Held) -> None:
    client = await client_with(password_hash_rounds=12, password_hash_threads=2)
    user = await make_user()
    token = await make_token(client.resources, user)
    signing_in = [
        asyncio.create_task(client.v1("POST", "/auth/login", json=credentials(f"user{number}@example.com")))
        for number in range(300)
    ]
    await until(lambda: any(task.done() for task in signing_in))
    # All that is let in fits into the two seconds, by what a hash took: more than 30 ms, on any machine.
    hasher = client.resources.passwords
    await until(lambda: sum(task.done() for task in signing_in) + hasher.pending == 300)
    assert hasher.pending < 150
    for task in signing_in:
        if task.done():
            answer = task.result()
            assert (answer.status_code, answer.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")
            assert int(answer.headers["Retry-After"]) > passwords.MAX_WAIT
    # Whatever hashes stands in this queue, and changes nothing when it is refused.
    documents: list[tuple[str, dict[str, Any]]] = [
        ("login", {"email": user.email, "password": PASSWORD}),
        ("changePassword", {"currentPassword": PASSWORD, "newPassword": "another one"}),
        ("requestEmailChange", {"newEmail": "new@example.com", "password": PASSWORD}),
    ]
    for name, values in documents:
        outcome = await mutate(client, name, token=token, **values)
        assert refusals(outcome) == [("SERVICE_UNAVAILABLE", None)]
    assert (await User.get(id=user.id)).password_hash == user.password_hash
    held.may_end.set()
    answers: list[httpx.Response] = await asyncio.gather(*signing_in)
    assert Counter(answer.status_code for answer in answers).keys() == {401, 503}
    await until(lambda: hasher.pending == 0)
    assert (await client.v1("POST", "/auth/login", json=credentials("ada@example.com"))).status_code == 401


async def test_a_hash_that_takes_longer_than_the_wait_is_made_nonetheless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "MAX_WAIT", 0.0)
    hasher = PasswordHasher(rounds=4, threads=1)
    assert await hasher.verify(PASSWORD, await hasher.hash(PASSWORD))
    hasher.close()


def rounds_of(password_hash: str) -> int:
    return int(password_hash[4:6])


async def sign_in(client: Client, user: User) -> str:
    """Sign in and return the hash that the user has then."""
    outcome = await mutate(client, "login", email=user.email, password=PASSWORD)
    assert outcome["errors"] == []
    return (await User.get(id=user.id)).password_hash


@pytest.mark.parametrize("rounds", [5, 6])
async def test_a_hash_of_other_rounds_is_renewed_at_the_next_sign_in(
    client_with: ClientWith, rounds: int
) -> None:
    client = await client_with(password_hash_rounds=rounds)
    user = await make_user()
    assert rounds_of(user.password_hash) == 4
    token = await make_token(client.resources, user)
    wrong = await mutate(client, "login", email=user.email, password="wrong")
    assert refusals(wrong) == [("INVALID_CREDENTIALS", None)]
    assert (await User.get(id=user.id)).password_hash == user.password_hash
    renewed = await sign_in(client, user)
    assert rounds_of(renewed) == rounds
    assert await sign_in(client, user) == renewed
    # To everybody else, nothing has changed.
    now = await User.get(id=user.id)
    assert (now.version, now.updated_at) == (user.version, user.updated_at)
    assert await Session.filter(user_id=user.id, revoked_at__isnull=True).count() == 3
    assert (await client.graphql("{ me { id } }", token=token)).data["me"]


async def test_a_renewal_ends_no_token_of_a_mail(client_with: ClientWith) -> None:
    client = await client_with(password_hash_rounds=5)
    user = await make_user()
    token = await OneTimeToken.issue(user.id, TokenPurpose.EMAIL_CHANGE, email="new@example.com")
    assert await sign_in(client, user) == user.password_hash
    answer = await client.graphql(mutation("confirmEmailChange"), {"input": {"token": token}})
    assert answer.data["confirmEmailChange"]["errors"] == []
    assert rounds_of(await sign_in(client, await User.get(id=user.id))) == 5


async def test_a_renewal_does_not_undo_a_new_password(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_with(password_hash_rounds=5)
    user = await make_user()
    changed = bcrypt.hashpw(b"changed meanwhile", bcrypt.gensalt(4)).decode()
    hash_password = client.resources.passwords.hash

    async def change_meanwhile(password: str) -> str:
        renewed = await hash_password(password)
        await User.filter(id=user.id).update(password_hash=changed)
        return renewed

    monkeypatch.setattr(client.resources.passwords, "hash", change_meanwhile)
    assert await sign_in(client, user) == changed


async def test_a_password_that_is_short_in_characters_still_signs_in(client_with: ClientWith) -> None:
    client = await client_with(password_hash_rounds=5)
    keys = "\N{KEY}" * 2
    user = await make_user(password_hash=bcrypt.hashpw(keys.encode(), bcrypt.gensalt(4)).decode())
    assert (await mutate(client, "login", email=user.email, password=keys))["errors"] == []
    assert rounds_of((await User.get(id=user.id)).password_hash) == 5
    outcome = await mutate(client, "changePassword", user=user, currentPassword=keys, newPassword=keys)
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "newPassword"])]


@pytest.fixture
def checked_rounds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rounds of each hash that is checked from now on."""
    checked: list[int] = []
    checkpw = bcrypt.checkpw

    def note(secret: bytes, expected: bytes) -> bool:
        checked.append(rounds_of(expected.decode()))
        return checkpw(secret, expected)

    monkeypatch.setattr(bcrypt, "checkpw", note)
    return checked


async def test_unknown_accounts_take_the_time_of_those_that_there_are(
    client_with: ClientWith, checked_rounds: list[int]
) -> None:
    client = await client_with(password_hash_rounds=7)
    hashes = {rounds: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(rounds)).decode() for rounds in (4, 5)}
    for number in range(12):
        await make_user(password_hash=hashes[5 if number % 4 else 4])
    await make_user(password_hash=bcrypt.hashpw(b"x", bcrypt.gensalt(8)).decode(), deleted_at="2026-01-01")
    watching = asyncio.create_task(watch_rounds(client.resources))
    emails = [f"nobody{number}@example.com" for number in range(100)]
    await until(partial(_has_learnt, client, emails[0], checked_rounds))
    watching.cancel()
    checked_rounds.clear()
    for email in emails:
        await attempt(client, "login", email=email, password=PASSWORD)
    first = checked_rounds.copy()
    counts = Counter(first)
    assert counts.keys() == {4, 5}
    assert 55 <= counts[5] <= 92  # of 75 expected
    # Each of them always takes the same time, however it is written, in every process of the same key.
    checked_rounds.clear()
    other = await client_with(password_hash_rounds=7)
    other.resources.passwords.learn_rounds(await User.count_rounds())
    for email in emails:
        await other.v1("POST", "/auth/login", json=credentials(f" {email.upper()}"))
    assert checked_rounds == first


async def _has_learnt(client: Client, email: str, checked: list[int]) -> bool:
    checked.clear()
    await attempt(client, "login", email=email, password=PASSWORD)
    return checked[0] in (4, 5)
