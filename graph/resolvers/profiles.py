"""What a user is called and signs in by: changed by the user, or by an administrator."""

from typing import Any

from tortoise import timezone
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from core.errors import Conflict, EmailTaken, NotOwner, UserNotFound
from graph.resolvers.context import Context, SignedIn, look_again
from graph.resolvers.sign_in_throttle import count
from graph.resolvers.users import find_user
from graph.resolvers.validation import MAX_NAME, Checks
from models import Session, User, sort_key
from tasks.events import publish_sign_out
from tasks.mail import mail_email_changed, notify

#: The wording, apostrophe included, is the documentation's of API v1.
FOREIGN_PROFILE = "Cannot update other user\N{RIGHT SINGLE QUOTATION MARK}s profile"
#: Changes of the own email in an hour, tried or done: the answer tells whether an address is taken, and each change
#: mails the address before.
MAX_EMAIL_CHANGES = 10


async def update_user(
    ctx: Context,
    user_id: int,
    *,
    email: str | None = None,
    full_name: str | None = None,
    expected_version: int | None = None,
) -> User:
    """Change a user's own profile, or anybody's as an administrator. None leaves a value as it is.

    An email that a user gives itself is not proved. It is what the user signs in by from then on, but mails about the
    account keep going to the last one that was proved, which gets a notice by which to take the change back; and all
    other sessions of the user end. One that an administrator gives to somebody else counts as proved.

    Raises:
        AuthenticationError: nobody is signed in.
        UserNotFound: there is none.
        NotOwner: it is somebody else's profile.
        ValidationFailed: an email or name that cannot be.
        RateLimited: too many changes of the own email.
        EmailTaken: another live user has the email, or had it when it was last proved.
        Conflict: the user is not at *expected_version* any more.
    """
    viewer = ctx.require_session()
    _require_profile(viewer, (await find_user(user_id)).id)
    checks = Checks()
    values: dict[str, Any] = {}
    if email is not None:
        values["email"] = checks.email(email)
    if full_name is not None:
        values["full_name"] = checks.text("full_name", full_name, "Full name", longest=MAX_NAME)
        values["full_name_key"] = sort_key(values["full_name"])
    checks.done()
    if user_id == viewer.user.id and values.get("email", viewer.user.email) != viewer.user.email:
        limits = ((f"email-of:{user_id}", MAX_EMAIL_CHANGES),)
        await count(ctx.resources.mails, limits, "Too many changes of the email")
    try:
        signs_out = await _update(ctx, user_id, expected_version, values)
    except IntegrityError:
        raise EmailTaken("Email already in use", field=("email",)) from None
    if signs_out:
        await publish_sign_out(ctx.resources, user_id)
        await notify(mail_email_changed, user_id)
    return await find_user(user_id)


def _require_profile(viewer: SignedIn, user_id: int) -> None:
    if not viewer.user.is_admin and user_id != viewer.user.id:
        raise NotOwner(FOREIGN_PROFILE)


async def _update(ctx: Context, user_id: int, expected_version: int | None, values: dict[str, Any]) -> bool:
    """Change a user at whom nobody else is; tell whether other sessions of the user have ended by it."""
    async with in_transaction():
        user = await User.live().filter(id=user_id).select_for_update(no_key=True).first()
        if user is None:
            raise UserNotFound
        viewer = await look_again(ctx)
        _require_profile(viewer, user.id)
        if expected_version not in (None, user.version):
            raise Conflict
        if not values:
            return False
        moves = values.get("email", user.email) != user.email
        is_own = user.id == viewer.user.id
        if moves:
            values["recovery_email"] = _recovery_email(user, values["email"]) if is_own else None
        changed = User.filter(id=user.id)
        await changed.update(version=F("version") + 1, updated_at=timezone.now(), **values)
        if not (moves and is_own):
            return False
        # After the change: whoever gives this address up at the same time has been waited for by it.
        if await User.live().filter(recovery_email=values["email"]).exclude(id=user.id).exists():
            raise EmailTaken("Email already in use", field=("email",))
        await Session.revoke_all(user.id, but=viewer.session_id)
        return True


def _recovery_email(user: User, email: str) -> str | None:
    """Return the last address that was proved; None if that is the new *email*, too."""
    return user.proved_email if user.proved_email != email else None
