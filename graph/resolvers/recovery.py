"""Lost passwords and new addresses, by a token that is mailed and works once.

What asks for a mail answers alike, after the same work, whether or not there is such an account: looking it up
is left to a worker (``tasks.mail``).
"""

from tortoise import timezone
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from core.email_addresses import normal_email
from core.errors import EmailTaken, OneTimeTokenInvalid
from graph.resolvers.context import Context
from graph.resolvers.sign_in_throttle import count, forget_attempts
from graph.resolvers.users import prove_password
from graph.resolvers.validation import Checks, refuse
from models import OneTimeToken, Session, TokenPurpose, User
from tasks.events import publish_sign_out
from tasks.mail import (
    enqueue,
    mail_email_change,
    mail_email_change_asked,
    mail_password_changed,
    mail_password_reset,
    notify,
)


async def request_password_reset(ctx: Context, *, email: str) -> None:
    """Have a token sent to the holder of *email*, if there is one who may sign in; nobody is told whether.

    Raises:
        ValidationFailed: it is no email.
        RateLimited: too many mails to this recipient, or asked for from this address.
        InternalError: no mail can be sent at the moment.
    """
    checks = Checks()
    email = checks.email(email)
    checks.done()
    await _count_mail(ctx, email)
    await enqueue(mail_password_reset, email)


async def reset_password(ctx: Context, *, token: str, new_password: str) -> User:
    """Set the password of the user whom *token* was mailed to, and end all of the user's sessions.

    Raises:
        ValidationFailed: the new password is too short or too long; the token stays good.
        OneTimeTokenInvalid: the token is unknown, expired, superseded or used.
    """
    checks = Checks()
    checks.password(new_password, "new_password")
    checks.done()
    found = await _find(token, TokenPurpose.PASSWORD_RESET)
    # A hash takes a quarter of a second: neither for guessers, nor while rows are locked.
    password_hash = await ctx.resources.passwords.hash(new_password)
    async with in_transaction():
        await _redeem(found, password_hash=password_hash)
        await Session.revoke_all(found.user_id)
    user = await User.get(id=found.user_id)
    await publish_sign_out(ctx.resources, user.id)
    await forget_attempts(ctx, user.email)
    await notify(mail_password_changed, user.id)
    return user


async def request_email_change(ctx: Context, *, new_email: str, password: str) -> None:
    """Have a token sent to the viewer's new address. Nobody is told whether it is another user's already.

    Raises:
        AuthenticationError: nobody is signed in.
        ValidationFailed: it is no email, or the viewer's own, which was proved.
        InvalidCredentials: *password* is not the viewer's.
        RateLimited: too many attempts, or too many mails.
        InternalError: no mail can be sent at the moment.
    """
    viewer = ctx.require_user()
    checks = Checks()
    new_email = checks.email(new_email, "new_email")
    checks.done()
    if new_email == viewer.proved_email == viewer.email:
        refuse("new_email", "This is your email already")
    await prove_password(ctx, password, field="password")
    await _count_mail(ctx, new_email)
    await enqueue(mail_email_change_asked, viewer.id, new_email)
    await enqueue(mail_email_change, viewer.id, new_email, viewer.version)


async def confirm_email_change(ctx: Context, *, token: str) -> User:  # noqa: ARG001 - as every resolver
    """Give a user the address that *token* was mailed to. Whoever reads its mail needs no other sign-in.

    Raises:
        OneTimeTokenInvalid: the token is unknown, expired, superseded or used.
        EmailTaken: another live user has got the address meanwhile.
    """
    found = await _find(token, TokenPurpose.EMAIL_CHANGE)
    async with in_transaction():
        await _redeem(found, email=found.email, recovery_email=None)
    return await User.get(id=found.user_id)


async def revert_email_change(ctx: Context, *, token: str) -> User:
    """Give a user back the email that was proved last, to which *token* was mailed, and end all of its sessions.

    Whoever changed the email has shown a session and nothing else; whoever reads the mail of the former address needs
    no other sign-in to take the change back.

    Raises:
        OneTimeTokenInvalid: the token is unknown, expired, superseded or used, or the new email has been proved.
        EmailTaken: another live user has got the address meanwhile.
    """
    found = await _find(token, TokenPurpose.EMAIL_REVERT)
    async with in_transaction():
        await _redeem(found, email=F("recovery_email"), recovery_email=None)
        await Session.revoke_all(found.user_id)
    await publish_sign_out(ctx.resources, found.user_id)
    return await User.get(id=found.user_id)


async def _find(token: str, purpose: TokenPurpose) -> OneTimeToken:
    found = await OneTimeToken.find(token, purpose)
    if found is None:
        raise OneTimeTokenInvalid(field=("token",))
    return found


async def _redeem(token: OneTimeToken, **values: object) -> None:
    """Use a token up to change its user; inside a transaction, which does not outlive an error.

    Raises:
        OneTimeTokenInvalid: it is used up, or its user may not sign in any more.
        EmailTaken: another live user has the new email.
    """
    # The user first and then the tokens, as everything locks them that changes both: else two could wait for
    # each other.
    user = User.live().filter(id=token.user_id, is_active=True)
    if not await user.select_for_update(no_key=True).first() or not await token.redeem():
        raise OneTimeTokenInvalid(field=("token",))
    try:
        await user.update(version=F("version") + 1, updated_at=timezone.now(), **values)
    except IntegrityError:
        raise EmailTaken("Email already in use") from None


async def _count_mail(ctx: Context, recipient: str) -> None:
    settings = ctx.resources.settings
    # First, so that what is refused for its sender does not use up what the recipient may ask for.
    limits = ctx.caller.limits("from", settings.mail_limit_address)
    if settings.mail_limit_recipient:
        limits.append((f"to:{normal_email(recipient)}", settings.mail_limit_recipient))
    await count(ctx.resources.mails, limits, "Too many mails")
