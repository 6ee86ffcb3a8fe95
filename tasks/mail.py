"""Mails with one-time tokens and notices, made and sent by workers.

A request only says what somebody asked for. Whether there is such an account is looked up here, where nobody
can measure how long it takes; and the token is born here, so that no queue ever holds it. Every mail but the one that
proves a new address goes to the last address that was proved.

Mails have a queue of their own, which each worker serves beside that of the orders (:mod:`tasks.broker`). A task that
fails is delivered again after a pause, from its beginning: so it hands one mail over, at its end. The token of the
attempt before has ended then.
"""

import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

from taskiq import AsyncTaskiqDecoratedTask, Context, TaskiqDepends, async_shared_broker
from taskiq.exceptions import SendTaskError

from core.errors import InternalError
from core.mail import MailNotSent, Message
from core.metrics import MAILS
from core.resources import Resources
from engine.redis import QUEUE_NAME, TryAgain
from models import OneTimeToken, Session, TokenPurpose, User, UserRow
from tasks import mail_texts

logger = logging.getLogger("tandem.mail")

#: Key of the stream in Redis.
MAIL_QUEUE = "tandem:tasks:mail"


@async_shared_broker.task(task_name="mail_password_reset")
async def mail_password_reset(email: str, context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Send a token to the holder of *email*, if there is one who may sign in."""
    resources: Resources = context.state.resources
    user = await User.by_proved_email(email)
    purpose = TokenPurpose.PASSWORD_RESET
    token = await OneTimeToken.issue(user.id, purpose, version=user.version) if user else None
    if user and token:
        # To the address on record, never to the one that was typed: the database may take two for the same.
        message = mail_texts.password_reset(
            user.proved_email, token, resources.settings.app_url, sign_in_by=user.email
        )
        await _send(resources, user, message)


@async_shared_broker.task(task_name="mail_password_changed")
async def mail_password_changed(user_id: int, context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Send a user word that the password was changed or reset."""
    if user := await User.live().get_or_none(id=user_id):
        await _send(context.state.resources, user, mail_texts.password_changed(user.proved_email))


@async_shared_broker.task(task_name="mail_new_sign_in")
async def mail_new_sign_in(session_id: str, context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Send a user word of a sign-in from a device that is new."""
    session = await Session.get_or_none(id=UUID(session_id)).select_related("user")
    if session and session.user.is_live:
        message = mail_texts.new_sign_in(
            session.user.proved_email, session.created_at, session.user_agent, session.address
        )
        await _send(context.state.resources, session.user, message)


@async_shared_broker.task(task_name="mail_email_changed")
async def mail_email_changed(user_id: int, context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Send a token that takes a change of the email back to the address that was proved last, if it is not that one."""
    resources: Resources = context.state.resources
    user = await User.live().get_or_none(id=user_id)
    if user is None or user.recovery_email is None:
        return
    token = await OneTimeToken.issue(user.id, TokenPurpose.EMAIL_REVERT, version=user.version)
    if token:
        message = mail_texts.email_changed(user.recovery_email, user.email, token, resources.settings.app_url)
        await _send(resources, user, message)


@async_shared_broker.task(task_name="mail_email_change")
async def mail_email_change(
    user_id: int,
    new_email: str,
    version: int,
    context: Context = TaskiqDepends(),  # noqa: B008
) -> None:
    """Send a token to the address that a user wants.

    If the wanted one is another's, its holder gets word, and no token is made; nor is one if the user, with this
    *version* when it was asked for, has changed since: a new password, say, ends all that was under way (CWE-367).
    """
    resources: Resources = context.state.resources
    user = await User.live().get_or_none(id=user_id)
    if user is None:
        return
    if holder := await _other_holder(user, new_email):
        await _send(resources, holder, mail_texts.email_taken(holder.proved_email))
        return
    token = await OneTimeToken.issue(user.id, TokenPurpose.EMAIL_CHANGE, email=new_email, version=version)
    if token:
        await _send(resources, user, mail_texts.email_change(new_email, token, resources.settings.app_url))


@async_shared_broker.task(task_name="mail_email_change_asked")
async def mail_email_change_asked(
    user_id: int,
    new_email: str,
    context: Context = TaskiqDepends(),  # noqa: B008
) -> None:
    """Send a user word that a token is sent to another address, unless that is somebody else's."""
    user = await User.live().get_or_none(id=user_id)
    if user and not await _other_holder(user, new_email):
        await _send(
            context.state.resources, user, mail_texts.email_change_asked(user.proved_email, new_email)
        )


async def _other_holder(user: User, email: str) -> UserRow | None:
    holder = await User.by_email(email)
    return holder if holder and holder.id != user.id else None


async def enqueue(task: AsyncTaskiqDecoratedTask[Any, Any], *arguments: Any) -> None:
    """Send *task* to the workers, in the lane of mails. Call it after the commit.

    Raises:
        InternalError: the broker is unavailable. The client learns it, and can ask for the mail again; while Redis
            is unavailable, requests for mails are not counted either.
    """
    try:
        # The label stays with the task, as it should.
        await task.kicker().with_labels(**{QUEUE_NAME: MAIL_QUEUE}).kiq(*arguments)
    except SendTaskError as error:
        logger.warning("%s cannot be sent: %s", task.task_name, error)
        raise InternalError("No mail can be sent at the moment: try again later") from None


async def notify(task: AsyncTaskiqDecoratedTask[Any, Any], *arguments: Any) -> None:
    """Send *task* to the workers, for a mail that is a notice: if the broker is unavailable, the log has it instead."""
    with suppress(InternalError):
        await enqueue(task, *arguments)


async def _send(resources: Resources, user: User | UserRow, message: Message) -> None:
    """Hand a mail over, the last thing that a task does; what would never be taken is lost.

    Raises:
        TryAgain: it was not taken for a reason that may pass.
    """
    try:
        await resources.mailer.send(message)
        MAILS.labels("sent").inc()
    except MailNotSent as failure:
        MAILS.labels("lost" if failure.permanent else "put off").inc()
        if not failure.permanent:
            raise TryAgain(f"a mail of user {user.id} ({message.subject}): {failure}") from None
        logger.error("A mail of user %d (%s) was lost: %s", user.id, message.subject, failure)
