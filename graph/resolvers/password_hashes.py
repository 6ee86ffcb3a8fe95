"""Hashes of passwords after the setting of their rounds has changed: renewed one by one, and told apart by nobody."""

import asyncio
import logging

from core.errors import ServiceUnavailable
from core.resources import Resources
from core.security.passwords import MAX_PASSWORD_BYTES, normal_password
from graph.resolvers.context import Context
from models import User, UserRow

logger = logging.getLogger("tandem.auth")

#: Seconds between two looks at the rounds of all accounts, each of which reads them once (a million in a third of a
#: second); and before the next attempt after one that failed.
LOOK_SECONDS = 3600
RETRY_SECONDS = 10


async def renew_hash(ctx: Context, user: UserRow, password: str) -> None:
    """Hash the password that *user* has just been verified by anew, if the setting of the rounds has changed.

    Not while there is no time for it: then at a later sign-in.
    """
    passwords = ctx.resources.passwords
    # What was hashed as it was typed may be too long in its normal form.
    fits = len(normal_password(password).encode()) <= MAX_PASSWORD_BYTES
    if not fits or not passwords.is_outdated(user.password_hash):
        return
    try:
        renewed = await passwords.hash(password)
    except ServiceUnavailable:
        return
    await User.renew_hash(user.id, user.password_hash, renewed)


async def watch_rounds(resources: Resources) -> None:
    """Have unknown accounts verified by the rounds that the accounts have, looked at now and again."""
    while True:
        try:
            resources.passwords.learn_rounds(await User.count_rounds())
            pause = LOOK_SECONDS
        except Exception as error:
            logger.warning("The rounds of the accounts cannot be counted: %r", error)
            pause = RETRY_SECONDS
        await asyncio.sleep(pause)
