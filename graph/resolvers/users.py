"""People: found, created, let in and shut out. Their profiles are changed by ``profiles``."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tortoise import timezone
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from core.email_addresses import normal_email
from core.errors import (
    AdminRequired,
    EmailTaken,
    InvalidCredentials,
    LastAdmin,
    NotOwner,
    UserNotFound,
)
from engine.postgres import Columns, Select
from graph.resolvers.auth import SignIn, open_session
from graph.resolvers.context import Context, look_again
from graph.resolvers.pagination import (
    NEWEST_FIRST,
    Ordering,
    Page,
    Window,
    matching,
    paginate,
    search_words,
)
from graph.resolvers.sign_in_throttle import count_proof
from graph.resolvers.validation import MAX_NAME, Checks, is_storable
from models import MAX_ID, Session, User, UserRow
from models.users import LIVE
from tasks.events import publish_sign_out
from tasks.mail import mail_password_changed, notify


async def get_user(ctx: Context, user_id: int, *, columns: Columns = None) -> UserRow:
    """Return one live user.

    Args:
        columns: what will be read of it; all if not given.

    Raises:
        AuthenticationError: nobody is signed in.
        AdminRequired: the directory is closed (``TANDEM_USER_DIRECTORY=admin``) and it is somebody else.
        UserNotFound: there is none.
    """
    if user_id != ctx.require_user().id and not _shows_others(ctx):
        raise AdminRequired
    user = await ctx.loaders.find(UserRow, user_id, columns)
    if user is None or not user.is_live:
        raise UserNotFound
    return user


async def load_users(ctx: Context, user_ids: Sequence[int | None]) -> list[UserRow | None]:
    """Return the users with these ids, in their order; None in the place of one who is deleted or not shown.

    Raises:
        AuthenticationError: nobody is signed in.
    """
    shown = [user_id for user_id in shown_user_ids(ctx, user_ids) if user_id is not None]
    found = dict(zip(shown, await ctx.loaders.users.load_many(shown), strict=True))
    users = [found.get(user_id) if user_id is not None else None for user_id in user_ids]
    return [user if user is not None and user.is_live else None for user in users]


def shown_user_ids(ctx: Context, user_ids: Sequence[int | None]) -> list[int | None]:
    """Return the ids of users, deleted ones too, in their order; None in the place of one who is not shown.

    Raises:
        AuthenticationError: nobody is signed in.
    """
    viewer_id, shows_others = ctx.require_user().id, _shows_others(ctx)
    return [user_id if shows_others or user_id == viewer_id else None for user_id in user_ids]


def _shows_others(ctx: Context) -> bool:
    """Tell whether the viewer may see other users: the rule for every way to one."""
    return ctx.require_user().is_admin or ctx.resources.settings.user_directory == "all"


def recovery_email(ctx: Context, user: User | UserRow) -> str | None:
    """Return the last email of a user that was proved; None if the present one is.

    Raises:
        AuthenticationError: nobody is signed in.
        NotOwner: it is somebody else's, and the viewer is no administrator.
    """
    viewer = ctx.require_user()
    if user.id != viewer.id and not viewer.is_admin:
        raise NotOwner
    return user.recovery_email


async def find_user(user_id: int) -> User:
    """Return one live user as it is now, whoever asks.

    Raises:
        UserNotFound: there is none.
    """
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
    if not _shows_others(ctx):
        raise AdminRequired
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
    email, full_name = _checked(email, full_name, password)
    user = await _prepare(ctx, email=email, full_name=full_name, password=password)
    async with _as_admin(ctx):
        return await _store(user)


async def add_user(ctx: Context, *, email: str, full_name: str, password: str, is_admin: bool) -> User:
    """Check the values of a user, and store it. No viewer is asked for: the command line has none.

    Raises:
        ValidationFailed: an email, name or password that cannot be.
        EmailTaken: a live user has the email.
    """
    email, full_name = _checked(email, full_name, password)
    return await insert_user(ctx, email=email, full_name=full_name, password=password, is_admin=is_admin)


async def insert_user(ctx: Context, *, email: str, full_name: str, password: str, is_admin: bool) -> User:
    """Store a user whose values have been checked. No viewer is asked for: the command line has none.

    Raises:
        EmailTaken: a live user has the email.
    """
    user = await _prepare(ctx, email=email, full_name=full_name, password=password)
    user.is_admin = is_admin
    return await _store(user)


def _checked(email: str, full_name: str, password: str) -> tuple[str, str]:
    checks = Checks()
    email = checks.email(email)
    full_name = checks.text("full_name", full_name, "Full name", longest=MAX_NAME)
    checks.password(password)
    checks.done()
    return email, full_name


async def _prepare(ctx: Context, *, email: str, full_name: str, password: str) -> User:
    # Looked up first, because a hash costs a quarter of a second and a taken email is the common refusal.
    if await User.by_email(email):
        raise _taken(email)
    return User(email=email, full_name=full_name, password_hash=await ctx.resources.passwords.hash(password))


async def _store(user: User) -> User:
    try:
        await user.save(force_create=True)
    except IntegrityError:
        raise _taken(user.email) from None
    return user


def _taken(email: str) -> EmailTaken:
    return EmailTaken(f"User with email {email} already exists", field=("email",))


async def _change(user_id: int, /, **values: object) -> None:
    """Change a live user.

    Raises:
        UserNotFound: there is none.
    """
    users = User.live().filter(id=(await find_user(user_id)).id)
    if not await users.update(version=F("version") + 1, updated_at=timezone.now(), **values):
        raise UserNotFound


async def delete_user(ctx: Context, user_id: int) -> User:
    """Delete a user and what is known of the person, and return what is left: the database erases it (``users_erase``).

    Orders stay; every token stops at once; the email can be used again.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        UserNotFound: there is none.
        LastAdmin: nobody could administer the shop any more.
    """
    return await _end(ctx, user_id, deleted_at=timezone.now())


async def set_user_active(ctx: Context, user_id: int, *, is_active: bool) -> User:
    """Let a user sign in, or stop it at once.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        UserNotFound: there is none.
        LastAdmin: nobody could administer the shop any more.
    """
    if not is_active:
        return await _end(ctx, user_id, is_active=False)
    async with _as_admin(ctx):
        await _change(user_id, is_active=True)
    return await find_user(user_id)


async def set_user_admin(ctx: Context, user_id: int, *, is_admin: bool) -> User:
    """Make a user an administrator, or an ordinary user again.

    Raises:
        AuthenticationError, AdminRequired: the viewer is no administrator.
        UserNotFound: there is none.
        LastAdmin: nobody could administer the shop any more.
    """
    async with _as_admin(ctx) as admins:
        if not is_admin:
            _keep_one(admins, user_id)
        await _change(user_id, is_admin=is_admin)
    return await find_user(user_id)


async def _end(ctx: Context, user_id: int, **values: object) -> User:
    async with _as_admin(ctx) as admins:
        _keep_one(admins, user_id)
        await _change(user_id, **values)
        await Session.revoke_all(user_id)
    await publish_sign_out(ctx.resources, user_id)
    return await User.get(id=user_id)


@asynccontextmanager
async def _as_admin(ctx: Context) -> AsyncIterator[list[int]]:
    """Open a transaction in which the viewer is an administrator to its end; yields the ids of all who are one.

    They are locked, so that two cannot remove each other at the same time.

    Raises:
        AuthenticationError, AdminRequired: the viewer is none, or not any more.
    """
    ctx.require_admin()
    async with in_transaction():
        admins = User.live().filter(is_admin=True, is_active=True).order_by("id")
        locked = await admins.select_for_update(no_key=True)
        if not (await look_again(ctx)).user.is_admin:
            raise AdminRequired
        yield [admin.id for admin in locked]


def _keep_one(admins: list[int], user_id: int) -> None:
    if admins == [user_id]:
        raise LastAdmin


async def change_password(ctx: Context, *, current_password: str, new_password: str) -> SignIn:
    """Change the viewer's own password, end all of the viewer's sessions, and open one in the place of the present.

    So copies of the present tokens stop, too (CWE-613).

    Raises:
        AuthenticationError: nobody is signed in, or not any more.
        ValidationFailed: the new password is too short or too long.
        InvalidCredentials: the current password is wrong, or has been changed meanwhile.
        RateLimited: too many attempts.
    """
    viewer = ctx.require_session()
    checks = Checks()
    checks.password(new_password, "new_password")
    checks.done()
    await prove_password(ctx, current_password, field="current_password")
    password_hash = await ctx.resources.passwords.hash(new_password)
    async with in_transaction():
        proved = User.live().filter(id=viewer.user.id, password_hash=viewer.user.password_hash)
        if not await proved.update(
            version=F("version") + 1, updated_at=timezone.now(), password_hash=password_hash
        ):
            raise _wrong_password("current_password")
        await look_again(ctx)
        await Session.revoke_all(viewer.user.id)
        signed_in, _ = await open_session(ctx, await find_user(viewer.user.id))
    await publish_sign_out(ctx.resources, viewer.user.id)
    await notify(mail_password_changed, viewer.user.id)
    return signed_in


async def prove_password(ctx: Context, password: str, *, field: str) -> None:
    """Check that the viewer knows the viewer's own password: a token that was copied is not enough for everything.

    Raises:
        AuthenticationError: nobody is signed in.
        InvalidCredentials: the password, which the input has in *field*, is wrong.
        RateLimited: too many attempts.
    """
    user = ctx.require_user()
    await count_proof(ctx)
    if not is_storable(password) or not await ctx.resources.passwords.verify(password, user.password_hash):
        raise _wrong_password(field)


def _wrong_password(field: str) -> InvalidCredentials:
    return InvalidCredentials("The current password is wrong", field=(field,))
