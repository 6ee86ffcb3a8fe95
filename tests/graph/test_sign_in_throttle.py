"""Who is slowed down by wrong passwords, and who is not kept out by those of others."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.http.caller import IPV6_SENDERS
from graph.resolvers.sign_in_throttle import SUCCESSES
from models import Session, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_token, make_user
from tests.graph.documents import mutate, mutation, refusals

pytestmark = pytest.mark.anyio

PROXY = {"trusted_proxies": ("127.0.0.0/8",)}
HOME = "198.51.100.1"


async def sign_in(client: Client, user: User, password: str = PASSWORD, *, by: str = HOME) -> int:
    """Sign in from an address over REST and return the status."""
    answer = await client.v1(
        "POST",
        "/auth/login",
        json={"username": user.email, "password": password},
        headers={"X-Forwarded-For": by},
    )
    return answer.status_code


async def sign_in_by_graphql(client: Client, user: User, password: str = PASSWORD, *, by: str = HOME) -> int:
    """Sign in from an address over GraphQL and return the status that REST would have."""
    body = {
        "query": mutation("login"),
        "variables": {"input": {"email": user.email, "password": password}},
    }
    answer = await client.rest.post("/graphql", json=body, headers={"X-Forwarded-For": by})
    errors = answer.json()["data"]["login"]["errors"]
    return {"INVALID_CREDENTIALS": 401, "RATE_LIMITED": 429}[errors[0]["code"]] if errors else 200


SignIn = Callable[..., Awaitable[int]]
FACES = pytest.mark.parametrize("by_face", [sign_in, sign_in_by_graphql], ids=["rest", "graphql"])


@FACES
async def test_a_stranger_locks_an_account_for_nobody_else(client_with: ClientWith, by_face: SignIn) -> None:
    client = await client_with(sign_in_limit_account=2, **PROXY)
    user = await make_user()
    wrong = [await by_face(client, user, "wrong", by="203.0.113.7") for _ in range(4)]
    assert wrong == [401, 401, 429, 429]
    assert await by_face(client, user, by="203.0.113.7") == 429
    assert await by_face(client, user) == 200


@FACES
async def test_many_strangers_keep_out_nobody_who_has_signed_in_before(
    client_with: ClientWith, by_face: SignIn
) -> None:
    client = await client_with(sign_in_limit_account=2, sign_in_limit_account_total=6, **PROXY)
    user, home, unknown = await make_user(), "2001:db8:1::1", User(email="nobody@example.com")
    assert await by_face(client, user, by=home) == 200
    await Session.revoke_all(user.id)  # signed out since
    for target in (user, unknown):
        answers = [await by_face(client, target, "wrong", by=f"203.0.113.{n // 2}") for n in range(12)]
        assert answers == [401] * 6 + [429] * 6
    # From elsewhere nobody is let in, whatever the password; from the /64 of the device everybody who knows it.
    assert await by_face(client, user, by="192.0.2.1") == 429
    assert await by_face(client, user, by="2001:db8:1::2") == 200
    # The device's own attempts are still counted.
    assert [await by_face(client, user, "wrong", by=home) for _ in range(3)] == [401, 401, 429]


async def test_what_a_sender_is_refused_uses_up_nothing_of_the_account(client_with: ClientWith) -> None:
    client = await client_with(sign_in_limit_account=2, sign_in_limit_account_total=4, **PROXY)
    user = await make_user()
    for _ in range(20):
        await sign_in(client, user, "wrong", by="203.0.113.7")
    assert await sign_in(client, user) == 200


@FACES
async def test_no_other_name_spends_the_attempts_of_an_account(
    client_with: ClientWith, by_face: SignIn
) -> None:
    client = await client_with(sign_in_limit_account=2, sign_in_limit_account_total=20, **PROXY)
    user, home = await make_user(), "2001:db8:1::1"
    for tail in (HOME, "2001:db8:1::/64", "2001:db8:1::/56", "2001:db8:1::/48", "203.0.113.7"):
        for number in range(16):
            other = User(email=f"{user.email}:{tail}")
            assert await by_face(client, other, "wrong", by=f"203.0.113.{number}") == 401
    assert await by_face(client, user) == 200
    assert await by_face(client, user, by=home) == 200


@FACES
async def test_sign_ins_that_succeed_are_limited_too(client_with: ClientWith, by_face: SignIn) -> None:
    client = await client_with(sign_in_limit_account=1, **PROXY)
    user = await make_user()
    assert [await by_face(client, user) for _ in range(12)] == [200] * SUCCESSES + [429] * 2
    assert await Session.filter(user_id=user.id).count() == SUCCESSES


@FACES
async def test_a_success_gives_a_guesser_no_further_guesses(client_with: ClientWith, by_face: SignIn) -> None:
    client = await client_with(sign_in_limit_account=4, **PROXY)
    user = await make_user()
    passwords = ["wrong", "wrong", PASSWORD, "wrong", PASSWORD, "wrong", PASSWORD]
    answers = [401, 401, 200, 401, 200, 401, 429]
    assert [await by_face(client, user, given) for given in passwords] == answers


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        (
            "changePassword",
            {"currentPassword": "wrong", "newPassword": PASSWORD},
            {"currentPassword": PASSWORD, "newPassword": "another one"},
        ),
        (
            "requestEmailChange",
            {"newEmail": "new@example.com", "password": "wrong"},
            {"newEmail": "new@example.com", "password": PASSWORD},
        ),
    ],
)
async def test_strangers_stop_nobody_from_proving_a_password_nor_is_another_session_stopped(
    client_with: ClientWith, name: str, wrong: dict[str, Any], right: dict[str, Any]
) -> None:
    client = await client_with(
        sign_in_limit_account=1,
        sign_in_limit_account_total=1,
        sign_in_limit_address=1,
        password_proof_limit=2,
    )
    user = await make_user()
    for _ in range(3):  # from the same address, even
        await mutate(client, "login", email=user.email, password="wrong")
    assert refusals(await mutate(client, "login", email=user.email, password=PASSWORD)) == [
        ("RATE_LIMITED", None)
    ]
    copied, own = await make_token(client.resources, user), await make_token(client.resources, user)
    codes = [refusals(await mutate(client, name, token=copied, **wrong))[0][0] for _ in range(4)]
    assert codes == ["INVALID_CREDENTIALS"] * 2 + ["RATE_LIMITED"] * 2
    assert (await mutate(client, name, token=own, **right))["errors"] == []


GUESS = 'login(input: {{email: "{}", password: "{}"}}) {{ accessToken errors {{ code }} }}'
SECOND = {
    "aliases": "mutation {{ a: {guess} b: {guess} }}",
    "a fragment": "mutation {{ a: {guess} ...F }} fragment F on Mutation {{ {guess} }}",
    "a fragment twice": "mutation {{ ... {{ ...F }} x: {guess} }} fragment F on Mutation {{ y: {guess} }}",
    "another field": 'mutation {{ {guess} changePassword(input: {{currentPassword: "x", newPassword: "y"}})'
    " {{ errors {{ code }} }} }}",
    "a third one": 'mutation {{ {guess} requestEmailChange(input: {{newEmail: "x", password: "y"}})'
    " {{ accepted }} }}",
}


@pytest.mark.parametrize("form", SECOND.values(), ids=SECOND)
async def test_one_document_checks_one_password(
    client: Client, checked_passwords: list[bytes], form: str
) -> None:
    user = await make_user()
    answer = await client.graphql(form.format(guess=GUESS.format(user.email, PASSWORD)))
    assert answer.codes == ["VALIDATION_ERROR"]
    assert "check a password is 2; the limit is 1" in answer.body["errors"][0]["message"]
    assert checked_passwords == []
    assert await Session.all().count() == 0


async def test_a_document_may_hold_several_operations_that_check_a_password(client: Client) -> None:
    guess = GUESS.format((await make_user()).email, PASSWORD)
    body = {"query": f"mutation A {{ {guess} }} mutation B {{ {guess} }}", "operationName": "B"}
    answer = (await client.rest.post("/graphql", json=body)).json()
    assert answer["data"]["login"]["accessToken"]


async def anonymous_request(client: Client, by: str) -> bool:
    answer = await client.v1("GET", "/products", headers={"X-Forwarded-For": by})
    assert answer.headers["x-ratelimit-limit"] == "2"
    return answer.status_code == 200


async def anonymous_document(client: Client, by: str) -> bool:
    body = {"query": "{ products { totalCount } }"}
    return (await client.rest.post("/graphql", json=body, headers={"X-Forwarded-For": by})).status_code == 200


async def guess_at_anybody(client: Client, by: str) -> bool:
    return await sign_in(client, await make_user(), "wrong", by=by) == 401


async def guess_at_one(client: Client, by: str) -> bool:
    return await sign_in(client, User(email="ada@example.com"), "wrong", by=by) == 401


async def mail_to_anybody(client: Client, by: str) -> bool:
    values = {"input": {"email": (await make_user()).email}}
    body = {"query": mutation("requestPasswordReset"), "variables": values}
    answer = await client.rest.post("/graphql", json=body, headers={"X-Forwarded-For": by})
    return bool(answer.json()["data"]["requestPasswordReset"]["accepted"])


@pytest.mark.parametrize(
    ("setting", "send"),
    [
        ("rate_limit_anonymous", anonymous_request),
        ("rate_limit_anonymous", anonymous_document),
        ("sign_in_limit_address", guess_at_anybody),
        ("sign_in_limit_account", guess_at_one),
        ("mail_limit_address", mail_to_anybody),
    ],
)
async def test_who_numbers_many_networks_is_not_many_senders(
    client_with: ClientWith, setting: str, send: Callable[[Client, str], Awaitable[bool]]
) -> None:
    client = await client_with(**{setting: 2}, **PROXY)
    times = dict(IPV6_SENDERS)
    # A new /64 each time, all in one /56; a new /56 each time, all in one /48; a new /48 each time.
    for form, most in (
        ("2001:db8:a:{:x}::1", 2 * times[56]),
        ("2001:db8:b:{:x}00::1", 2 * times[48]),
        ("2001:db9:{:x}::1", 40),
    ):
        passed = [await send(client, form.format(number)) for number in range(1, 41)]
        assert sum(passed) == most, form
    # Within one /64, and by IPv4, each counts for itself and uses up nothing of its neighbours.
    for _ in range(20):
        await send(client, "2001:db8:c:1::1")
    assert await send(client, "2001:db8:c:2::1")
    assert await send(client, "198.51.100.77")
