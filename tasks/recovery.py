"""Mails with one-time tokens, made and sent by workers.

A request only says what somebody asked for. Whether there is such an account is looked up here, where nobody
can measure how long it takes; and the token is born here, so that no queue ever holds it.
"""

import asyncio
import logging
from typing import Any

from taskiq import AsyncTaskiqDecoratedTask, Context, TaskiqDepends, async_shared_broker
from taskiq.exceptions import SendTaskError

from core.errors import InternalError
from core.mail import DeliveryFailed, Message
from core.resources import Resources
from models import OneTimeToken, TokenPurpose, User, UserRow
from tasks import mail_texts as letters

logger = logging.getLogger("tandem.mail")

ATTEMPTS = 3
#: Between two attempts. Short, because a task that waits takes the place of one that works.
PAUSE_SECONDS = 2.0


@async_shared_broker.task(task_name="mail_password_reset")
async def mail_password_reset(email: str, context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Send a token to the holder of *email*, if there is one who may sign in."""
    resources: Resources = context.state.resources
    user = await User.by_email(email)
    token = await OneTimeToken.issue(user.id, TokenPurpose.PASSWORD_RESET) if user else None
    if user and token:
        # To the address on record, never to the one that was typed: the database may take two for the same.
        await _deliver(resources, user, letters.password_reset(user.email, token, resources.settings.app_url))


@async_shared_broker.task(task_name="mail_password_changed")
async def mail_password_changed(user_id: int, context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Tell a user that the password was reset."""
    if user := await User.live().get_or_none(id=user_id):
        await _deliver(context.state.resources, user, letters.password_changed(user.email))


@async_shared_broker.task(task_name="mail_email_change")
async def mail_email_change(
    user_id: int,
    new_email: str,
    context: Context = TaskiqDepends(),  # noqa: B008
) -> None:
    """Send a token to the address that a user wants, and word of it to the one that the user has.

    If the wanted one is another's, its holder is told, and nobody gets a token.
    """
    resources: Resources = context.state.resources
    user = await User.live().get_or_none(id=user_id)
    if user is None:
        return
    holder = await User.by_email(new_email)
    if holder is not None and holder.id != user.id:
        await _deliver(resources, holder, letters.email_taken(holder.email))
        return
    token = await OneTimeToken.issue(user.id, TokenPurpose.EMAIL_CHANGE, email=new_email)
    if token is None:
        return
    await _deliver(resources, user, letters.email_change_asked(user.email, new_email))
    await _deliver(resources, user, letters.email_change(new_email, token, resources.settings.app_url))


async def enqueue(task: AsyncTaskiqDecoratedTask[Any, Any], *arguments: Any) -> None:
    """Send *task* to the workers. Call it after the commit.

    Raises:
        InternalError: the broker is away. It is said rather than kept, so that who waits for the mail can ask
            again; and while Redis is away nobody counts how many mails are asked for.
    """
    try:
        await task.kiq(*arguments)
    except SendTaskError as error:
        logger.warning("%s cannot be sent: %s", task.task_name, error)
        raise InternalError("No mail can be sent at the moment: try again later") from None


async def _deliver(resources: Resources, user: User | UserRow, message: Message) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await resources.delivery.send(message)
        except DeliveryFailed as failure:
            if failure.permanent or attempt == ATTEMPTS:
                logger.error("A mail of user %d (%s) was lost: %s", user.id, message.subject, failure)
                return
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return
