"""An email that a user gives itself proves nothing: an access token that was copied takes no account over by it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.resources import Resources
from engine.postgres import fetch
from models import OneTimeToken, Session, TokenPurpose, User
from tests.client import Client
from tests.factories import PASSWORD, make_admin, make_token, make_tokens, make_user
from tests.graph.documents import global_id, mutate, refusals
from tests.graph.test_account_races import behind
from tests.graph.test_recovery import (
    ACCEPTED,
    WRONG_TOKEN,
    Postbox,
    can_sign_in,
    confirm,
    mailed_change,
    postbox,
    queued,
    redeem,
    reset,
    work,
)

pytestmark = pytest.mark.anyio

__all__ = ["postbox"]  # a fixture

ADA, MALLORY = "ada@example.com", "mallory@example.com"
FACES = pytest.mark.parametrize("face", ["graphql", "rest"])


async def move(
    client: Client, user: User, email: str, *, face: str = "rest", token: str | None = None
) -> str:
    """Have whoever holds *token* change the email of *user*; return the code of the error, or nothing."""
    token = token or await make_token(client.resources, user)
    if face == "rest":
        answer = await client.v1("PATCH", f"/users/{user.id}", token=token, json={"email": email})
        return str(answer.json().get("error_code", ""))
    errors = (await mutate(client, "updateUser", token=token, id=global_id(user), email=email))["errors"]
    return errors[0]["code"] if errors else ""


async def revert(client: Client, token: str) -> dict[str, Any]:
    answer = await redeem(client, "revertEmailChange", token=token)
    outcome: dict[str, Any] = answer.data["revertEmailChange"]
    return outcome


@FACES
async def test_a_copied_access_token_takes_no_account_over(
    client: Client, postbox: Postbox, face: str
) -> None:
    user = await make_user(email=ADA)
    copied = await make_token(client.resources, user)
    own = await make_tokens(client.resources, user)
    assert await move(client, user, MALLORY, face=face, token=copied) == ""
    # The contract of v1 has it that the change works, and that it works at once.
    assert await can_sign_in(client, MALLORY, PASSWORD)
    assert not await can_sign_in(client, ADA, PASSWORD)
    # Nothing is mailed to the new address, whichever of the two is named; the old one gets the reset, and word.
    for email in (MALLORY, ADA):
        assert await mutate(client, "requestPasswordReset", email=email) == ACCEPTED
    await mutate(client, "changePassword", token=copied, currentPassword="guess", newPassword="long enough")
    await work(client.resources)
    assert set(postbox.recipients) == {ADA}
    assert [mail.subject for mail in postbox.mails].count("Set a new password") == 2
    # All other sessions have ended at once; the present one stays.
    assert (await client.graphql("{ me { id } }", token=own[0])).codes == ["TOKEN_INVALID"]
    renewed = await mutate(client, "refreshToken", refreshToken=own[1])
    assert refusals(renewed) == [("REFRESH_TOKEN_INVALID", None)]
    assert (await client.graphql("{ me { id } }", token=copied)).data["me"]


async def test_the_holder_of_the_last_proved_address_takes_the_change_back(
    client: Client, postbox: Postbox
) -> None:
    user = await make_user(email=ADA)
    copied = await make_token(client.resources, user)
    await move(client, user, MALLORY, token=copied)
    await work(client.resources)
    assert [(mail.to, mail.subject) for mail in postbox.mails] == [
        (ADA, "The email of your account was changed")
    ]
    assert MALLORY in postbox.mails[0].text
    row = await OneTimeToken.get()
    assert timedelta(hours=71) < row.expires_at - datetime.now(UTC) <= timedelta(hours=72)
    outcome = await revert(client, postbox.token())
    assert (outcome["errors"], outcome["user"]["email"]) == ([], ADA)
    assert await Session.filter(user_id=user.id, revoked_at=None).count() == 0
    assert (await client.graphql("{ me { id } }", token=copied)).codes == ["TOKEN_INVALID"]
    found = await User.get(id=user.id)
    assert (found.email, found.recovery_email, found.proved_email) == (ADA, None, ADA)
    assert refusals(await revert(client, postbox.token())) == WRONG_TOKEN
    assert await can_sign_in(client, ADA, PASSWORD)


async def test_a_second_change_does_not_hide_the_first(client: Client, postbox: Postbox) -> None:
    user = await make_user(email=ADA)
    copied = await make_token(client.resources, user)
    for email in (MALLORY, "second@example.com"):
        await move(client, user, email, token=copied)
    await move(client, user, "second@example.com", token=copied)  # no change
    await work(client.resources)
    # The first notice was made when there was a second change already: both say where the email is now.
    assert set(postbox.recipients) == {ADA}
    assert (await User.get(id=user.id)).recovery_email == ADA
    assert (await revert(client, postbox.token()))["user"]["email"] == ADA


async def test_the_way_back_outlives_a_new_password_and_ends_with_a_proof(
    client: Client, postbox: Postbox
) -> None:
    user = await make_user(email=ADA)
    await move(client, user, MALLORY)
    await work(client.resources)
    back = postbox.token()
    for_reset = await OneTimeToken.issue(user.id, TokenPurpose.PASSWORD_RESET)
    assert (await reset(client, for_reset or "", PASSWORD))["user"]["email"] == MALLORY
    assert (await revert(client, back))["errors"] == []

    await move(client, user, MALLORY)
    await work(client.resources)
    back = postbox.token()
    for_reset = await OneTimeToken.issue(user.id, TokenPurpose.PASSWORD_RESET)
    # Whoever knows the password may prove the address that the user has already.
    for_proof = await mailed_change(client, postbox, await User.get(id=user.id), MALLORY)
    assert (postbox.mails[-2].to, postbox.mails[-1].to) == (ADA, MALLORY)
    assert (await confirm(client, for_proof))["errors"] == []
    assert (await User.get(id=user.id)).recovery_email is None
    # What lies in the mailbox that was given up is worth nothing any more.
    assert refusals(await revert(client, back)) == WRONG_TOKEN
    assert refusals(await reset(client, for_reset or "")) == WRONG_TOKEN
    await mutate(client, "requestPasswordReset", email=MALLORY)
    await work(client.resources)
    assert postbox.recipients[-1] == MALLORY


async def test_an_address_that_was_proved_last_is_anothers_as_long_as_it_may_be_taken_back(
    client: Client,
) -> None:
    user, other = await make_user(email=ADA), await make_user()
    await move(client, user, MALLORY)
    assert await move(client, other, ADA) == "EMAIL_EXISTS"
    found = await User.get(id=other.id)
    assert (found.email, found.recovery_email, found.version) == (other.email, None, other.version)
    assert await move(client, user, ADA) == ""
    assert (await User.get(id=user.id)).recovery_email is None


async def test_an_address_is_not_taken_in_the_moment_in_which_it_is_given_up(
    client: Client, database_url: str
) -> None:
    user, other = await make_user(email=ADA), await make_user()
    change = f"UPDATE users SET email = '{MALLORY}', recovery_email = '{ADA}' WHERE id = {user.id}"
    assert await behind(database_url, change, move(client, other, ADA)) == "EMAIL_EXISTS"


async def test_an_address_that_an_administrator_gives_is_proved(client: Client, postbox: Postbox) -> None:
    user, admin = await make_user(email=ADA), await make_admin()
    token = await make_token(client.resources, user)
    await move(client, user, "typo@example.com")
    answer = await client.v1("PATCH", f"/users/{user.id}", user=admin, json={"email": "right@example.com"})
    assert answer.status_code == 200
    assert (await User.get(id=user.id)).recovery_email is None
    await queued(client.resources)
    await mutate(client, "requestPasswordReset", email="right@example.com")
    await work(client.resources)
    assert postbox.recipients == ["right@example.com"]
    assert (await client.graphql("{ me { id } }", token=token)).codes == ["TOKEN_INVALID"]
    # An administrator's own is not: a token of an administrator is no better than another.
    assert await move(client, admin, "new.admin@example.com") == ""
    assert (await User.get(id=admin.id)).recovery_email == admin.email


@FACES
async def test_what_changes_no_address_ends_no_session_and_mails_nobody(client: Client, face: str) -> None:
    user = await make_user(email=ADA)
    elsewhere = await make_token(client.resources, user)
    for _ in range(20):
        assert await move(client, user, " ADA@example.com ", face=face) == ""
    assert (await client.graphql("{ me { recoveryEmail } }", token=elsewhere)).data["me"] == {
        "recoveryEmail": None
    }
    assert await queued(client.resources) == []


@FACES
async def test_taken_addresses_are_told_ten_times_an_hour_and_then_nothing_is(
    client: Client, face: str
) -> None:
    user, other = await make_user(), await make_user()
    token = await make_token(client.resources, user)
    codes = [await move(client, user, other.email, face=face, token=token) for _ in range(11)]
    assert codes == [*["EMAIL_EXISTS"] * 10, "RATE_LIMITED"]
    # Else what is not limited would be what is free.
    assert await move(client, user, "free@example.com", face=face, token=token) == "RATE_LIMITED"
    assert await move(client, other, user.email, face=face) == "EMAIL_EXISTS"


async def test_the_user_sees_where_mails_go(client: Client) -> None:
    user = await make_user(email=ADA)
    token = await make_token(client.resources, user)
    await move(client, user, MALLORY, token=token)
    answer = await client.graphql("{ me { email recoveryEmail } }", token=token)
    assert answer.data["me"] == {"email": MALLORY, "recoveryEmail": ADA}


@pytest.mark.usefixtures("broker_unavailable")
async def test_an_email_is_changed_even_if_nobody_can_be_told(client: Client) -> None:
    user = await make_user()
    assert await move(client, user, MALLORY) == ""


async def test_a_user_who_is_gone_gets_no_notice(
    client: Client, postbox: Postbox, resources: Resources
) -> None:
    user = await make_user(email=ADA)
    await move(client, user, MALLORY)
    await fetch("UPDATE users SET deleted_at = now()")
    await work(resources)
    assert postbox.mails == []
    assert await OneTimeToken.all().count() == 0
