"""An account is one account, however its email is written: for whoever signs in, and for whatever counts."""

from typing import Any

import pytest

from models import User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_admin, make_user
from tests.graph.documents import global_id, mutate, refusals

pytestmark = pytest.mark.anyio

ACCEPTED = {"accepted": True, "errors": []}

#: The normal form of an address, and ways to write it.
SPELLINGS: dict[str, list[str]] = {
    "admin@example.com": [
        "admin@example.com",
        "ADMIN@Example.com",
        " admin@EXAMPLE.COM ",
        "admin@\uff45xample\u3002com",
    ],
    "ünal@example.com": [
        "ünal@example.com",
        "ÜNAL@example.com",
        "u\u0308nal@example.com",
        "U\u0308NAL@example.com",
    ],
    "o@bücher.example.com": [
        "o@bücher.example.com",
        "O@BÜCHER.example.com",
        "o@bu\u0308cher.example.com",
        "o@xn--bcher-kva.example.com",
        "o@XN--BCHER-KVA.EXAMPLE.COM",
    ],
    "i\u0307i\u0307@example.com": [
        "\u0130\u0130@example.com",
        "i\u0307\u0130@example.com",
        "I\u0307i\u0307@example.com",
    ],
    "σίς@straße.example.com": [
        "ΣΊΣ@straße.example.com",
        "σίς@Straße.example.com",
        "Σι\u0301Σ@straße.example.com",
    ],
    "o@shop.local": ["o@shop.local", "O@SHOP.LOCAL"],
    "o@shop.test": ["o@shop.test", "O@Shop.Test"],
}
ACCOUNTS = pytest.mark.parametrize(("email", "spellings"), SPELLINGS.items())
#: What is another address, though a locale or an eye takes it for the same.
LOOK_ALIKES = {
    "admin@example.com": ["adm\u0130n@example.com", "adm\u0131n@example.com", "\uff41dmin@example.com"],
    "o@strasse.example.com": ["o@straße.example.com"],
}


def new_user(email: str) -> dict[str, Any]:
    return {"email": email, "fullName": "New User", "password": PASSWORD}


@ACCOUNTS
async def test_an_account_is_created_once_and_signs_in_however_it_is_written(
    client: Client, email: str, spellings: list[str]
) -> None:
    admin = await make_admin(email="root@example.com")
    first = await mutate(client, "createUser", user=admin, **new_user(spellings[-1]))
    assert (first["errors"], first["user"]["email"]) == ([], email)
    for spelling in spellings:
        again = await mutate(client, "createUser", user=admin, **new_user(spelling))
        assert refusals(again) == [("EMAIL_EXISTS", ["input", "email"])]
        body = {"email": spelling, "full_name": "New User", "password": PASSWORD}
        assert (await client.v1("POST", "/users", user=admin, json=body)).json()[
            "error_code"
        ] == "EMAIL_EXISTS"

        signed_in = await mutate(client, "login", email=spelling, password=PASSWORD)
        assert signed_in["user"]["id"] == first["user"]["id"]
        credentials = {"username": spelling, "password": PASSWORD}
        assert (await client.v1("POST", "/auth/login", json=credentials)).status_code == 200
        assert (await client.v1("POST", "/auth/login", data=credentials)).status_code == 200


@ACCOUNTS
async def test_guesses_count_together_however_the_account_is_written(
    client_with: ClientWith, email: str, spellings: list[str]
) -> None:
    client = await client_with(sign_in_limit_account=2 * len(spellings))
    await make_user(email=email)
    for spelling in spellings:
        outcome = await mutate(client, "login", email=spelling, password="wrong")
        assert refusals(outcome) == [("INVALID_CREDENTIALS", None)]
        answer = await client.v1("POST", "/auth/login", json={"username": spelling, "password": "wrong"})
        assert answer.status_code == 401
    for spelling in spellings:
        outcome = await mutate(client, "login", email=spelling, password=PASSWORD)
        assert refusals(outcome) == [("RATE_LIMITED", None)]
        answer = await client.v1("POST", "/auth/login", json={"username": spelling, "password": PASSWORD})
        assert answer.status_code == 429


@ACCOUNTS
async def test_mails_count_together_however_the_recipient_is_written(
    client_with: ClientWith, email: str, spellings: list[str]
) -> None:
    client = await client_with(mail_limit_recipient=len(spellings))
    await make_user(email=email)
    user = await make_user()
    for spelling in spellings:
        assert await mutate(client, "requestPasswordReset", email=spelling) == ACCEPTED
    for spelling in spellings:
        outcome = await mutate(client, "requestPasswordReset", email=spelling)
        assert refusals(outcome) == [("RATE_LIMITED", None)]
        change = {"newEmail": spelling, "password": PASSWORD}
        outcome = await mutate(client, "requestEmailChange", user=user, **change)
        assert refusals(outcome) == [("RATE_LIMITED", None)]


@ACCOUNTS
async def test_a_search_finds_a_user_by_each_way_to_write_the_email(
    client: Client, email: str, spellings: list[str]
) -> None:
    viewer, user = await make_user(), await make_user(email=email)
    query = "query ($search: String) { users(filter: { search: $search }) { nodes { id } } }"
    for spelling in spellings:
        answer = await client.graphql(query, {"search": spelling}, user=viewer)
        assert answer.data["users"]["nodes"] == [{"id": global_id(user)}], ascii(spelling)


@ACCOUNTS
async def test_nobody_gets_anothers_email_by_writing_it_in_another_way(
    client: Client, email: str, spellings: list[str]
) -> None:
    user, holder = await make_user(), await make_user(email=email)
    for spelling in spellings:
        outcome = await mutate(client, "updateUser", user=user, id=global_id(user), email=spelling)
        assert refusals(outcome) == [("EMAIL_EXISTS", ["input", "email"])]
        answer = await client.v1("PATCH", f"/users/{user.id}", user=user, json={"email": spelling})
        assert answer.json()["error_code"] == "EMAIL_EXISTS"
        own = await mutate(client, "requestEmailChange", user=holder, newEmail=spelling, password=PASSWORD)
        assert refusals(own) == [("VALIDATION_ERROR", ["input", "newEmail"])]
        kept = await mutate(client, "updateUser", user=holder, id=global_id(holder), email=spelling)
        assert kept["user"]["email"] == email
    assert (await User.get(id=user.id)).email == user.email


@pytest.mark.parametrize(("email", "others"), LOOK_ALIKES.items())
async def test_an_address_that_looks_alike_is_another(
    client_with: ClientWith, email: str, others: list[str]
) -> None:
    client = await client_with(sign_in_limit_account=1)
    user = await make_user(email=email)
    for other in others:
        outcome = await mutate(client, "login", email=other, password=PASSWORD)
        assert refusals(outcome) == [("INVALID_CREDENTIALS", None)]
    signed_in = await mutate(client, "login", email=email, password=PASSWORD)
    assert signed_in["user"]["id"] == global_id(user)


REFUSED = {
    "nonsense": "must have an @-sign",
    "ada@example": "should have a period",
    "ada@shop.invalid": "special-use or reserved name",
    "ada@@example.com": "@-sign",
    "a\u200bda@example.com": "ZERO WIDTH SPACE",
    "x" * 300 + "@example.com": "too long",
}


@pytest.mark.parametrize(("email", "reason"), REFUSED.items())
async def test_an_address_that_cannot_be_is_refused_with_the_reason(
    client: Client, email: str, reason: str
) -> None:
    user, admin = await make_user(), await make_admin()
    outcomes = [
        (await mutate(client, "createUser", user=admin, **new_user(email)))["errors"],
        (await mutate(client, "updateUser", user=user, id=global_id(user), email=email))["errors"],
        (await mutate(client, "requestPasswordReset", email=email))["errors"],
        (await mutate(client, "requestEmailChange", user=user, newEmail=email, password=PASSWORD))["errors"],
    ]
    body = {"email": email, "full_name": "New User", "password": PASSWORD}
    created = await client.v1("POST", "/users", user=admin, json=body)
    changed = await client.v1("PATCH", f"/users/{user.id}", user=user, json={"email": email})
    outcomes += [created.json()["errors"], changed.json()["errors"]]
    for (problem,) in outcomes:
        assert problem["message"].startswith("Invalid email format: ")
        assert reason in problem["message"]
        assert not problem["message"].endswith(".")
    assert created.json()["detail"] == outcomes[-2][0]["message"]
