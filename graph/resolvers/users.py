"""People: found, created, changed, removed."""

from tortoise import timezone
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from core.email_addresses import normal_email
from core.errors import (
    AdminRequired,
    Conflict,
    EmailTaken,
    InvalidCredentials,
    LastAdmin,
    NotOwner,
    UserNotFound,
)
from engine.postgres import Columns, Select
from graph.resolvers.context import Context
from graph.resolvers.pagination import (
    NEWEST_FIRST,
    Ordering,
    Page,
    Window,
    matching,
    paginate,
    search_words,
)
from graph.resolvers.sign_in_throttle import count_attempt, forgive
from graph.resolvers.validation import MAX_NAME, Checks, is_storable
from models import MAX_ID, Session, User, UserRow, sort_key
from models.users import LIVE
from tasks.events import publish_sign_out

#: The wording, apostrophe included, is the documentation's of API v1.
FOREIGN_PROFILE = "Cannot update other user\N{RIGHT SINGLE QUOTATION MARK}s profile"


async def get_user(ctx: Context, user_id: int, *, columns: Columns = None) -> UserRow:
    """Return one live user.

    Args:
        columns: what will be read of it; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        AdminRequired: the directory is closed (``TANDEM_USER_DIRECTORY=admin``) and it is somebody else.
        UserNotFound: there is none.
    """
    viewer = ctx.require_user()
    if user_id != viewer.id:
        _require_directory(ctx, viewer)
    user = await ctx.loaders.by_id(UserRow, columns).load(user_id) if 0 < user_id <= MAX_ID else None
    if user is None or not user.is_live:
        raise UserNotFound
    return user


def _require_directory(ctx: Context, viewer: UserRow) -> None:
    if ctx.resources.settings.user_directory == "admin" and not viewer.is_admin:
        raise AdminRequired


async def _find(user_id: int) -> User:
    user = await User.live().get_or_none(id=user_id) if 0 < user_id <= MAX_ID else None
    if user is None:
        raise UserNotFound
    return user


async def list_users(
    ctx: Context,
    *,
    window: Window,
    is_active: bool | None = None,
    is_admin: bool | None = None,
    search: str | None = None,
    ordering: Ordering = NEWEST_FIRST,
    columns: Columns = None,
) -> Page[UserRow]:
    """Return live users.

    Args:
        search: words that must all be part of the name or the email, whatever their case; one that has an @-sign is
            looked for in the normal form of an email.
        columns: what will be read of them; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        AdminRequired: the directory is closed.
        ValidationFailed: the window or the search is out of bounds.
    """
    _require_directory(ctx, ctx.require_user())
    users = Select(UserRow).where(**LIVE)
    if is_active is not None:
        users = users.where(is_active=is_active)
    if is_admin is not None:
        users = users.where(is_admin=is_admin)
    if search:
        users = matching(users, _normal_words(search), "full_name", "email")
    return await paginate(users, ordering, window, columns=columns, counts=ctx.resources.total_counts)


def _normal_words(search: str) -> list[str]:
    return [(normal_email(word) if "@" in word else "") or word for word in search_words(search)]


async def create_user(ctx: Context, *, email: str, full_name: str, password: str) -> User:
    """Create an ordinary, active user.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        ValidationFailed: an email, name or password that cannot be.
        EmailTaken: a live user has the email.
    """
    ctx.require_admin()
    return await add_user(ctx, email=email, full_name=full_name, password=password, is_admin=False)


async def add_user(ctx: Context, *, email: str, full_name: str, password: str, is_admin: bool) -> User:
    """Check the values of a user, and store it. No viewer is asked for: the command line has none.

    Raises:
        ValidationFailed: an email, name or password that cannot be.
        EmailTaken: a live user has the email.
    """
    checks = Checks()
    email = checks.email(email)
    full_name = checks.text("full_name", full_name, "Full name", longest=MAX_NAME)
    checks.password(password)
    checks.done()
    return await insert_user(ctx, email=email, full_name=full_name, password=password, is_admin=is_admin)


async def insert_user(ctx: Context, *, email: str, full_name: str, password: str, is_admin: bool) -> User:
    """Store a user whose values have been checked. No viewer is asked for: the command line has none.

    Raises:
        EmailTaken: a live user has the email.
    """
    # Looked up first, because a hash costs a quarter of a second and a taken email is the common refusal.
    if await User.by_email(email):
        raise EmailTaken(f"User with email {email} already exists", field=("email",))
    password_hash = await ctx.resources.passwords.hash(password)
    try:
        return await User.create(
            email=email, full_name=full_name, password_hash=password_hash, is_admin=is_admin
        )
    except IntegrityError:
        raise EmailTaken(f"User with email {email} already exists", field=("email",)) from None


async def update_user(
    ctx: Context,
    user_id: int,
    *,
    email: str | None = None,
    full_name: str | None = None,
    expected_version: int | None = None,
) -> User:
    """Change a user's own profile, or anybody's as an administrator. None leaves a value as it is.

    Raises:
        AuthenticationError: nobody is signed in.
        UserNotFound: there is none.
        NotOwner: it is somebody else's profile.
        ValidationFailed: an email or name that cannot be.
        EmailTaken: another live user has the email.
        Conflict: the user is not at *expected_version* any more.
    """
    viewer = ctx.require_user()
    user = await _find(user_id)
    if not viewer.is_admin and user.id != viewer.id:
        raise NotOwner(FOREIGN_PROFILE)
    checks = Checks()
    if email is not None:
        user.email = checks.email(email)
    if full_name is not None:
        user.full_name = checks.text("full_name", full_name, "Full name", longest=MAX_NAME)
    checks.done()
    given = {"email": email, "full_name": full_name}
    values = {name: getattr(user, name) for name, value in given.items() if value is not None}
    if full_name is not None:
        values["full_name_key"] = sort_key(user.full_name)
    try:
        changed = await _change(user.id, expected_version, **values)
    except IntegrityError:
        raise EmailTaken("Email already in use", field=("email",)) from None
    if not changed:
        raise Conflict
    return await _find(user.id)


async def _change(user_id: int, expected_version: int | None = None, /, **values: object) -> bool:
    """Change a live user, if it still has the expected version (any, if none is given); tell whether it had."""
    users = User.live().filter(id=user_id)
    if expected_version is not None:
        users = users.filter(version=expected_version)
    if not values:
        return await users.exists()
    return bool(await users.update(version=F("version") + 1, updated_at=timezone.now(), **values))


async def delete_user(ctx: Context, user_id: int) -> User:
    """Hide a user for good. Orders stay; every token stops at once; the email can be used again.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        UserNotFound: there is none.
        LastAdmin: nobody could administer the shop any more.
    """
    ctx.require_admin()
    return await _end(ctx, user_id, deleted_at=timezone.now())


async def set_user_active(ctx: Context, user_id: int, *, is_active: bool) -> User:
    """Let a user sign in, or stop it at once.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        UserNotFound: there is none.
        LastAdmin: nobody could administer the shop any more.
    """
    ctx.require_admin()
    if not is_active:
        return await _end(ctx, user_id, is_active=False)
    await _change((await _find(user_id)).id, is_active=True)
    return await _find(user_id)


async def set_user_admin(ctx: Context, user_id: int, *, is_admin: bool) -> User:
    """Make a user an administrator, or an ordinary user again.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        UserNotFound: there is none.
        LastAdmin: nobody could administer the shop any more.
    """
    ctx.require_admin()
    async with in_transaction():
        user = await _find(user_id)
        if not is_admin:
            await _keep_an_admin(user)
        await _change(user.id, is_admin=is_admin)
    return await _find(user_id)


async def _end(ctx: Context, user_id: int, **values: object) -> User:
    async with in_transaction():
        user = await _find(user_id)
        await _keep_an_admin(user)
        await _change(user.id, **values)
        await Session.revoke_all(user.id)
    await publish_sign_out(ctx.resources, user.id)
    return await User.get(id=user_id)


async def _keep_an_admin(user: User) -> None:
    """Lock every administrator, so that two cannot remove each other at the same time."""
    admins = await User.live().filter(is_admin=True, is_active=True).order_by("id").select_for_update()
    if [admin.id for admin in admins] == [user.id]:
        raise LastAdmin


async def change_password(ctx: Context, *, current_password: str, new_password: str) -> User:
    """Change the viewer's own password and end the viewer's other sessions.

    Raises:
        AuthenticationError: nobody is signed in.
        ValidationFailed: the new password is too short or too long.
        InvalidCredentials: the current password is wrong.
        RateLimited: too many wrong passwords.
    """
    viewer = ctx.require_session()
    checks = Checks()
    checks.password(new_password, "new_password")
    checks.done()
    await prove_password(ctx, current_password, field="current_password")
    password_hash = await ctx.resources.passwords.hash(new_password)
    async with in_transaction():
        await _change(viewer.user.id, password_hash=password_hash)
        await Session.revoke_all(viewer.user.id, but=viewer.session_id)
    await publish_sign_out(ctx.resources, viewer.user.id)
    return await _find(viewer.user.id)


async def prove_password(ctx: Context, password: str, *, field: str) -> None:
    """Check that the viewer knows the viewer's own password: a token that was copied is not enough for everything.

    Raises:
        AuthenticationError: nobody is signed in.
        InvalidCredentials: the password, which the input has in *field*, is wrong.
        RateLimited: too many wrong passwords.
    """
    user = ctx.require_user()
    await count_attempt(ctx, user.email)
    if not is_storable(password) or not await ctx.resources.passwords.verify(password, user.password_hash):
        raise InvalidCredentials("The current password is wrong", field=(field,))
    await forgive(ctx, user.email)
