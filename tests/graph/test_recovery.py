"""Lost passwords and new addresses: who gets a mail, what its token is good for, and what nobody learns."""

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from taskiq import async_shared_broker
from tortoise import timezone

from core.mail import MailNotSent, Message
from core.resources import Resources
from engine.postgres import record_statements
from models import OneTimeToken, Session, TokenPurpose, User
from models.one_time_tokens import one_time_hash
from tasks.broker import broker_for
from tests.client import Answer, Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_admin, make_token, make_user
from tests.graph.documents import attempt, global_id, mutate, mutation, refusals

pytestmark = pytest.mark.anyio

QUEUE = "tandem:tasks:mail"
NEW_PASSWORD = "another good one"
ACCEPTED = {"accepted": True, "errors": []}
WRONG_TOKEN = [("ONE_TIME_TOKEN_INVALID", ["input", "token"])]


class Postbox:
    """Keeps what is handed over; ``failures`` are raised first."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.failures: list[MailNotSent] = []

    async def send(self, message: Message) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.mails.append(message)

    @property
    def recipients(self) -> list[str]:
        return [mail.to for mail in self.mails]

    def token(self) -> str:
        """Return the newest token."""
        found = [re.search(r"^[\w-]{43}$", mail.text, re.MULTILINE) for mail in self.mails]
        return [match[0] for match in found if match][-1]


@pytest.fixture
def postbox(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Postbox:
    box = Postbox()
    monkeypatch.setattr(resources, "mailer", box)
    return box


async def queued(resources: Resources) -> list[Any]:
    """Take the messages for the workers out of the queue."""
    entries: Any = await resources.redis.xrange(QUEUE)
    await resources.redis.delete(QUEUE)
    formatter = broker_for(resources.settings).formatter
    return [formatter.loads(fields["data"].encode()).model_dump() for _, fields in entries]


async def work(resources: Resources) -> None:
    """Do what a worker would do with everything in the queue."""
    context = SimpleNamespace(state=SimpleNamespace(resources=resources))
    for message in await queued(resources):
        task = async_shared_broker.find_task(message["task_name"])
        assert task is not None
        await task.original_func(*message["args"], context=context)


async def mailed_reset(client: Client, postbox: Postbox, user: User) -> str:
    assert await mutate(client, "requestPasswordReset", email=user.email) == ACCEPTED
    await work(client.resources)
    return postbox.token()


async def mailed_change(client: Client, postbox: Postbox, user: User, new_email: str) -> str:
    outcome = await mutate(client, "requestEmailChange", user=user, newEmail=new_email, password=PASSWORD)
    assert outcome == ACCEPTED
    await work(client.resources)
    return postbox.token()


async def redeem(client: Client, name: str, **values: str) -> Answer:
    """Send a mailed token; what signs in is called a token too, so ``mutate`` cannot."""
    return await client.graphql(mutation(name), {"input": values})


async def reset(client: Client, token: str, password: str = NEW_PASSWORD) -> dict[str, Any]:
    answer = await redeem(client, "resetPassword", token=token, newPassword=password)
    outcome: dict[str, Any] = answer.data["resetPassword"]
    return outcome


async def confirm(client: Client, token: str) -> dict[str, Any]:
    answer = await redeem(client, "confirmEmailChange", token=token)
    outcome: dict[str, Any] = answer.data["confirmEmailChange"]
    return outcome


async def can_sign_in(client: Client, email: str, password: str) -> bool:
    return not (await mutate(client, "login", email=email, password=password))["errors"]


async def test_a_lost_password_is_set_anew_and_all_sessions_end(client: Client, postbox: Postbox) -> None:
    user = await make_user()
    tokens = [await make_token(client.resources, user) for _ in range(2)]
    outcome = await reset(client, await mailed_reset(client, postbox, user))
    assert outcome["errors"] == []
    assert outcome["user"]["email"] == user.email
    assert await Session.filter(revoked_at=None).count() == 0
    for token in tokens:
        assert (await client.graphql("{ me { id } }", token=token)).codes == ["TOKEN_INVALID"]
    assert not await can_sign_in(client, user.email, PASSWORD)
    await work(client.resources)
    assert [mail.subject for mail in postbox.mails] == ["Set a new password", "Your password was changed"]
    assert await can_sign_in(client, user.email, NEW_PASSWORD)


async def test_every_address_gets_the_same_answer_and_the_same_work_is_done(
    client: Client, postbox: Postbox
) -> None:
    user = await make_user(email="ada@example.com")
    inactive = await make_user(is_active=False)
    deleted = await make_user(deleted_at=datetime.now(UTC))
    answers, work_done = set(), set()
    for email in ("aDA@EXAMPLE.com", "nobody@example.com", inactive.email, deleted.email):
        with record_statements() as statements:
            answer = await attempt(client, "requestPasswordReset", email=email)
        answers.add(answer.response.text)
        work_done.add(tuple(statements))
    assert answers == {'{"data":{"requestPasswordReset":{"accepted":true,"errors":[]}}}'}
    assert work_done == {()}  # not even a look at the table
    assert await client.resources.redis.xlen(QUEUE) == 4
    await work(client.resources)
    assert postbox.recipients == ["ada@example.com"]
    assert [token.user_id for token in await OneTimeToken.all()] == [user.id]


async def test_the_mail_goes_to_the_address_on_record_and_not_to_one_that_only_looks_like_it(
    client: Client, postbox: Postbox
) -> None:
    await make_user(email="mike@example.com")
    # In some locales a database folds the capital I with a dot like an ordinary one.
    for email in ("MIKE@example.com", "m\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}ke@example.com"):
        assert await mutate(client, "requestPasswordReset", email=email) == ACCEPTED
    await work(client.resources)
    assert postbox.recipients == ["mike@example.com"]


async def test_a_token_is_stored_only_as_a_hash_and_never_queued(client: Client, postbox: Postbox) -> None:
    user = await make_user()
    await mutate(client, "requestPasswordReset", email=user.email)
    entries: Any = await client.resources.redis.xrange(QUEUE)
    await work(client.resources)
    token = postbox.token()
    row = await OneTimeToken.get()
    assert row.token_hash == one_time_hash(token)
    assert token not in str(vars(row))
    assert len(entries) == 1
    assert token not in str(entries)
    assert timedelta(minutes=59) < row.expires_at - datetime.now(UTC) <= timedelta(hours=1)


async def test_a_token_works_once(client: Client, postbox: Postbox) -> None:
    token = await mailed_reset(client, postbox, await make_user())
    assert (await reset(client, token))["errors"] == []
    assert refusals(await reset(client, token, "yet another one")) == WRONG_TOKEN


async def test_of_concurrent_uses_one_succeeds(client: Client, postbox: Postbox) -> None:
    token = await mailed_reset(client, postbox, await make_user())
    outcomes = await asyncio.gather(*(reset(client, token, f"new password {n}") for n in range(5)))
    assert sorted(len(outcome["errors"]) for outcome in outcomes) == [0, 1, 1, 1, 1]


async def test_a_new_token_ends_the_one_before(client: Client, postbox: Postbox) -> None:
    user = await make_user()
    older, newer = [await mailed_reset(client, postbox, user) for _ in range(2)]
    assert refusals(await reset(client, older)) == WRONG_TOKEN
    assert (await reset(client, newer))["errors"] == []


async def test_a_token_ends_in_time_and_is_good_for_its_purpose_only(
    client: Client, postbox: Postbox
) -> None:
    user = await make_user()
    for_password = await mailed_reset(client, postbox, user)
    for_email = await mailed_change(client, postbox, user, "new@example.com")
    assert refusals(await confirm(client, for_password)) == WRONG_TOKEN
    assert refusals(await reset(client, for_email)) == WRONG_TOKEN
    await OneTimeToken.all().update(expires_at=timezone.now())
    assert refusals(await confirm(client, for_email)) == WRONG_TOKEN
    assert refusals(await reset(client, for_password)) == WRONG_TOKEN


@pytest.mark.parametrize("token", ["", "nonsense", "\x00", "é", "x" * 100_000])
async def test_what_is_no_token_is_refused_like_a_wrong_one(client: Client, token: str) -> None:
    assert refusals(await reset(client, token)) == WRONG_TOKEN
    assert refusals(await confirm(client, token)) == WRONG_TOKEN


async def test_a_password_that_cannot_be_leaves_the_token_good(client: Client, postbox: Postbox) -> None:
    token = await mailed_reset(client, postbox, await make_user())
    for password in ("short", "x" * 73):
        assert refusals(await reset(client, token, password)) == [
            ("VALIDATION_ERROR", ["input", "newPassword"])
        ]
    assert (await reset(client, token))["errors"] == []


@pytest.mark.parametrize("ending", ["changePassword", "updateUser", "setUserActive", "deleteUser", "v1"])
async def test_tokens_end_with_whatever_makes_them_dangerous(
    client: Client, postbox: Postbox, ending: str
) -> None:
    user, admin = await make_user(), await make_admin()
    for_password = await mailed_reset(client, postbox, user)
    for_email = await mailed_change(client, postbox, user, "new@example.com")
    id = global_id(user)
    match ending:
        case "changePassword":
            values = {"currentPassword": PASSWORD, "newPassword": "yet another one"}
            assert not (await mutate(client, ending, user=user, **values))["errors"]
        case "updateUser":
            assert not (await mutate(client, ending, user=user, id=id, email="moved@example.com"))["errors"]
        case "setUserActive":
            assert not (await mutate(client, ending, user=admin, id=id, isActive=False))["errors"]
            assert not (await mutate(client, ending, user=admin, id=id, isActive=True))["errors"]
        case "deleteUser":
            assert not (await mutate(client, ending, user=admin, id=id))["errors"]
        case _:
            body = {"email": "moved@example.com"}
            assert (await client.v1("PATCH", f"/users/{user.id}", user=user, json=body)).status_code == 200
    assert refusals(await reset(client, for_password)) == WRONG_TOKEN
    assert refusals(await confirm(client, for_email)) == WRONG_TOKEN


async def test_tokens_survive_other_changes(client: Client, postbox: Postbox) -> None:
    user = await make_user()
    token = await mailed_reset(client, postbox, user)
    assert not (await mutate(client, "updateUser", user=user, id=global_id(user), fullName="Ada"))["errors"]
    assert (await reset(client, token))["errors"] == []


async def test_changes_of_one_user_at_once_do_not_lock_each_other_out(
    client: Client, postbox: Postbox
) -> None:
    user, admin = await make_user(), await make_admin()
    for _ in range(5):
        for_password = await mailed_reset(client, postbox, user)
        for_email = await mailed_change(client, postbox, user, "new@example.com")
        answers = await asyncio.gather(
            redeem(client, "resetPassword", token=for_password, newPassword=PASSWORD),
            redeem(client, "confirmEmailChange", token=for_email),
            attempt(client, "updateUser", user=admin, id=global_id(user), email="given@example.com"),
            attempt(client, "updateUser", user=user, id=global_id(user), email="moved@example.com"),
            OneTimeToken.issue(user.id, TokenPurpose.PASSWORD_RESET),
            OneTimeToken.issue(user.id, TokenPurpose.EMAIL_CHANGE, email="third@example.com"),
        )
        assert [answer.codes for answer in answers[:3]] == [[], [], []]
        assert answers[3].codes in ([], ["TOKEN_INVALID"])  # the reset ends the sign-in, too
        await User.filter(id=user.id).update(email=user.email)


async def test_who_was_locked_out_can_sign_in_with_the_new_password(
    client_with: ClientWith, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_with(sign_in_limit_account=2)
    monkeypatch.setattr(client.resources, "mailer", postbox)
    user = await make_user()
    for _ in range(3):
        await can_sign_in(client, user.email, "wrong")
    assert not await can_sign_in(client, user.email, PASSWORD)
    assert (await reset(client, await mailed_reset(client, postbox, user)))["errors"] == []
    assert await can_sign_in(client, user.email, NEW_PASSWORD)


async def test_mails_to_one_recipient_are_limited_whether_or_not_there_is_an_account(
    client_with: ClientWith,
) -> None:
    client = await client_with(mail_limit_recipient=2)
    user = await make_user(email="ada@example.com")
    for email in ("ada@example.com", "nobody@example.com"):
        for spelling in (email, email.upper().replace("EXAMPLE.COM", "example.com")):
            assert await mutate(client, "requestPasswordReset", email=spelling) == ACCEPTED
        outcome = await mutate(client, "requestPasswordReset", email=email)
        assert refusals(outcome) == [("RATE_LIMITED", None)]
    # A signed-in user cannot flood the same mailbox by another way.
    outcome = await mutate(
        client, "requestEmailChange", user=user, newEmail="nobody@example.com", password=PASSWORD
    )
    assert refusals(outcome) == [("RATE_LIMITED", None)]
    assert len(await queued(client.resources)) == 4


async def test_mails_from_one_address_are_limited_and_those_refused_do_not_count_for_the_recipient(
    client_with: ClientWith,
) -> None:
    client = await client_with(mail_limit_address=2, mail_limit_recipient=2)
    for number in range(2):
        assert await mutate(client, "requestPasswordReset", email=f"user{number}@example.com") == ACCEPTED
    for _ in range(3):
        outcome = await mutate(client, "requestPasswordReset", email="ada@example.com")
        assert refusals(outcome) == [("RATE_LIMITED", None)]
    elsewhere = await client_with(mail_limit_address=0, mail_limit_recipient=2)
    assert await mutate(elsewhere, "requestPasswordReset", email="ada@example.com") == ACCEPTED


@pytest.mark.usefixtures("broker_unavailable")
async def test_what_cannot_be_passed_on_is_not_accepted_alike_for_every_address(client: Client) -> None:
    user = await make_user()
    answers = [
        await attempt(client, "requestPasswordReset", email=email)
        for email in (user.email, "nobody@example.com")
    ]
    assert answers[0].codes == ["INTERNAL_ERROR"]
    assert answers[0].response.text == answers[1].response.text


@pytest.mark.usefixtures("broker_unavailable")
async def test_a_password_is_reset_even_if_nobody_can_be_told(client: Client) -> None:
    user = await make_user()
    token = await OneTimeToken.issue(user.id, TokenPurpose.PASSWORD_RESET)
    assert (await reset(client, token or ""))["errors"] == []


@pytest.mark.parametrize(
    "email", ["", "not an email", "a@b@example.com", "ada@example.com\n", "x\0@example.com"]
)
async def test_what_is_no_address_is_refused(client: Client, email: str) -> None:
    outcome = await mutate(client, "requestPasswordReset", email=email)
    if email.strip() == "ada@example.com":
        assert outcome == ACCEPTED
    else:
        assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "email"])]


async def test_a_new_address_is_proved_by_a_mail_to_it_and_the_old_one_is_told(
    client: Client, postbox: Postbox
) -> None:
    user = await make_user(email="old@example.com")
    session = await make_token(client.resources, user)
    token = await mailed_change(client, postbox, user, "new@Example.com")
    assert postbox.recipients == ["old@example.com", "new@example.com"]
    assert token not in postbox.mails[0].text
    assert "new@example.com" in postbox.mails[0].text
    assert (await User.get(id=user.id)).email == "old@example.com"

    outcome = await confirm(client, token)
    assert outcome["errors"] == []
    assert outcome["user"]["email"] == "new@example.com"
    assert (await User.get(id=user.id)).version == user.version + 1
    assert await can_sign_in(client, "new@example.com", PASSWORD)
    assert not await can_sign_in(client, "old@example.com", PASSWORD)
    assert (await client.graphql("{ me { email } }", token=session)).data["me"]["email"] == "new@example.com"
    assert refusals(await confirm(client, token)) == WRONG_TOKEN


async def test_a_copied_access_token_is_not_enough_to_ask_for_a_new_address(
    client: Client, postbox: Postbox
) -> None:
    user = await make_user()
    values: dict[str, Any] = {"newEmail": "new@example.com"}
    outcome = await mutate(client, "requestEmailChange", user=user, password="wrong", **values)
    assert refusals(outcome) == [("INVALID_CREDENTIALS", ["input", "password"])]
    assert (await attempt(client, "requestEmailChange", password=PASSWORD, **values)).codes == [
        "NOT_AUTHENTICATED"
    ]
    assert await queued(client.resources) == []


async def test_guesses_at_the_password_are_counted_there_too(client_with: ClientWith) -> None:
    client = await client_with(password_proof_limit=2)
    token = await make_token(client.resources, await make_user())
    codes = []
    for _ in range(3):
        outcome = await mutate(
            client, "requestEmailChange", token=token, newEmail="new@example.com", password="wrong"
        )
        codes += [code for code, _ in refusals(outcome)]
    assert codes == ["INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "RATE_LIMITED"]


async def test_the_answer_does_not_tell_that_an_address_is_taken_but_its_holder_is_told(
    client: Client, postbox: Postbox
) -> None:
    user, holder = await make_user(), await make_user(email="taken@example.com")
    outcome = await mutate(
        client, "requestEmailChange", user=user, newEmail="Taken@example.com", password=PASSWORD
    )
    assert outcome == ACCEPTED
    await work(client.resources)
    assert postbox.recipients == [holder.email]
    assert await OneTimeToken.all().count() == 0


async def test_an_address_that_was_taken_meanwhile_is_refused(client: Client, postbox: Postbox) -> None:
    user = await make_user()
    token = await mailed_change(client, postbox, user, "new@example.com")
    await make_user(email="new@example.com")
    outcome = await confirm(client, token)
    assert refusals(outcome) == [("EMAIL_EXISTS", None)]
    assert (await User.get(id=user.id)).email == user.email


async def test_ones_own_address_is_no_change_however_it_is_written(client: Client) -> None:
    user = await make_user(email="ada@example.com")
    for email in ("ada@example.com", "Ada@Example.com"):
        outcome = await mutate(client, "requestEmailChange", user=user, newEmail=email, password=PASSWORD)
        assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "newEmail"])]


async def test_a_mail_to_the_old_address_resets_nothing_after_the_change(
    client: Client, postbox: Postbox
) -> None:
    user = await make_user()
    for_password = await mailed_reset(client, postbox, user)
    for_email = await mailed_change(client, postbox, user, "new@example.com")
    assert (await confirm(client, for_email))["errors"] == []
    assert refusals(await reset(client, for_password)) == WRONG_TOKEN


async def test_mails_link_to_the_front_end_with_the_token_where_no_server_sees_it(
    client_with: ClientWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, postbox = await client_with(app_url="https://shop.example.com/app"), Postbox()
    monkeypatch.setattr(client.resources, "mailer", postbox)
    user = await make_user(full_name="http://evil.example.com")
    await mutate(client, "requestPasswordReset", email=user.email)
    await mutate(client, "requestEmailChange", user=user, newEmail="new@example.com", password=PASSWORD)
    await work(client.resources)
    links = [re.findall(r"\S+://\S+", mail.text) for mail in postbox.mails]
    assert [re.sub(r"[\w-]{43}$", "TOKEN", found[0]) for found in links if found] == [
        "https://shop.example.com/app/reset-password#token=TOKEN",
        "https://shop.example.com/app/confirm-email#token=TOKEN",
    ]


async def test_a_mail_that_is_lost_is_logged_without_address_or_token(
    client: Client, postbox: Postbox, caplog: pytest.LogCaptureFixture
) -> None:
    user = await make_user()
    postbox.failures = [MailNotSent("no such mailbox", permanent=True)]
    await mutate(client, "requestPasswordReset", email=user.email)
    with caplog.at_level(logging.ERROR, "tandem.mail"):
        await work(client.resources)
    assert postbox.mails == []
    assert caplog.messages == [f"A mail of user {user.id} (Set a new password) was lost: no such mailbox"]
