"""Signing in and out."""

import logging
from dataclasses import dataclass
from uuid import UUID, uuid4

from tortoise.transactions import in_transaction

from core.email_addresses import normal_email
from core.errors import AppError, InvalidCredentials, NotAuthenticated, RefreshTokenInvalid, TokenInvalid
from core.security.tokens import TokenKind, token_hash
from graph.resolvers.context import Anonymous, Context
from graph.resolvers.password_hashes import renew_hash
from graph.resolvers.sign_in_throttle import count_attempt, forgive
from graph.resolvers.validation import is_storable
from models import Session, User, UserRow
from models.sessions import Device
from tasks.events import publish_sign_out
from tasks.mail import mail_new_sign_in, notify

logger = logging.getLogger("tandem.auth")

#: What the documentation of API v1 prints for ``GET /auth/me``.
NO_TOKEN = "Invalid or missing token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class SignIn:
    """A fresh pair of tokens. ``expires_in`` is the access token's lifetime in seconds."""

    user: User | UserRow
    session_id: UUID
    access_token: str
    refresh_token: str
    expires_in: int


async def get_me(ctx: Context) -> UserRow:
    """Return who is signed in.

    Raises:
        AuthenticationError: nobody is.
    """
    if isinstance(ctx.viewer, Anonymous) and isinstance(ctx.viewer.reason, NotAuthenticated | TokenInvalid):
        raise type(ctx.viewer.reason)(NO_TOKEN)
    return ctx.require_user()


async def login(ctx: Context, *, email: str, password: str) -> SignIn:
    """Sign in with email and password.

    Raises:
        InvalidCredentials: unknown email, wrong password, disabled or deleted account: the same answer after
            the same time.
        RateLimited: too many attempts for this account or from this address.
        ServiceUnavailable: too many passwords are being checked.
    """
    if not is_storable(email) or not is_storable(password):
        email, password = "", ""
    await count_attempt(ctx, email)
    user = await _verify(ctx, email, password)
    try:
        signed_in, is_new_device, has_ended = await _open_one_more(ctx, user)
    except InvalidCredentials:
        # Not the same hash any more: of another password, or of this one, renewed by another sign-in.
        user = await _verify(ctx, email, password)
        signed_in, is_new_device, has_ended = await _open_one_more(ctx, user)
    await forgive(ctx, email)
    if has_ended:
        await publish_sign_out(ctx.resources, user.id)
    if is_new_device:
        await notify(mail_new_sign_in, str(signed_in.session_id))
    await renew_hash(ctx, user, password)
    return signed_in


async def _verify(ctx: Context, email: str, password: str) -> UserRow:
    user = await User.by_email(email)
    matches = await ctx.resources.passwords.verify(
        password, user.password_hash if user else None, account=normal_email(email)
    )
    if user is None or not matches or not user.is_active:
        raise InvalidCredentials
    return user


async def _open_one_more(ctx: Context, user: UserRow) -> tuple[SignIn, bool, bool]:
    """Open a session; tell whether the device is new, and whether an unused session has ended for it."""
    async with in_transaction():
        signed_in, is_new_device = await open_session(ctx, user)
        return signed_in, is_new_device, await Session.end_unused(user.id)


async def open_session(ctx: Context, user: User | UserRow) -> tuple[SignIn, bool]:
    """Open a session, and tell whether the sign-in came from a device that is new to the user.

    Args:
        user: as it was when the password was verified.

    Raises:
        InvalidCredentials: the user has another password by now, or may not sign in any more.
    """
    session_id = uuid4()
    refresh_token = _issue_refresh(ctx, user.id, session_id)
    caller = ctx.caller
    device = Device(caller.user_agent[:200].replace("\0", ""), caller.address[:45], caller.network[:45])
    seconds = min(_lifetimes(ctx))
    is_new_device = await Session.open(session_id, user, token_hash(refresh_token), device, seconds)
    if is_new_device is None:
        raise InvalidCredentials
    return _sign_in(ctx, user, session_id, refresh_token), is_new_device


def _issue_refresh(ctx: Context, user_id: int, session_id: UUID) -> str:
    return ctx.resources.tokens.issue(TokenKind.REFRESH, user_id=user_id, session_id=session_id)


def _sign_in(ctx: Context, user: User | UserRow, session_id: UUID, refresh_token: str) -> SignIn:
    tokens = ctx.resources.tokens
    access_token = tokens.issue(TokenKind.ACCESS, user_id=user.id, session_id=session_id)
    return SignIn(user, session_id, access_token, refresh_token, tokens.seconds(TokenKind.ACCESS))


def _lifetimes(ctx: Context) -> tuple[int, int]:
    """Return the seconds of a session until it has to be renewed, and in all."""
    return ctx.resources.tokens.seconds(TokenKind.REFRESH), ctx.resources.settings.session_max_seconds


async def refresh_access_token(ctx: Context, *, refresh_token: str) -> SignIn:
    """Return a new access token beside the same refresh token, as API v1 documents it.

    Raises:
        RefreshTokenInvalid: it is not a live refresh token.
    """
    return await _renew(ctx, refresh_token, rotates=False)


async def rotate_refresh_token(ctx: Context, *, refresh_token: str) -> SignIn:
    """Return a new pair of tokens and end the old refresh token (RFC 9700 section 4.14.2).

    Raises:
        RefreshTokenInvalid: it is not a live refresh token; if it was one before, the session ends too.
    """
    return await _renew(ctx, refresh_token, rotates=True)


async def _renew(ctx: Context, refresh_token: str, *, rotates: bool) -> SignIn:
    tokens = ctx.resources.tokens
    try:
        claims = tokens.verify(refresh_token, TokenKind.REFRESH)
    except AppError:
        raise RefreshTokenInvalid from None
    session_id, user_id = claims.session_id, claims.user_id
    renewed = _issue_refresh(ctx, user_id, session_id) if rotates else refresh_token
    session = session_id, user_id, token_hash(refresh_token)
    seconds, most = _lifetimes(ctx)
    user = await Session.renew(*session, token_hash(renewed), seconds=seconds, most=most)
    if user is None:
        if await Session.revoke_reused(*session):
            logger.warning("A rotated refresh token of session %s was used again", session_id)
            await publish_sign_out(ctx.resources, user_id)
        raise RefreshTokenInvalid
    return _sign_in(ctx, user, session_id, renewed)


async def logout(ctx: Context, *, refresh_token: str | None = None) -> None:
    """End a session: that of *refresh_token*, or else the one that the request is signed in with.

    All tokens of the session stop at once.

    Raises:
        AuthenticationError: neither is given.
        RefreshTokenInvalid: *refresh_token* is not a live one.
    """
    if refresh_token is not None:
        signed_in = await _renew(ctx, refresh_token, rotates=False)
        session_id, user_id = signed_in.session_id, signed_in.user.id
    else:
        viewer = ctx.require_session()
        session_id, user_id = viewer.session_id, viewer.user.id
    await Session.revoke(session_id)
    await publish_sign_out(ctx.resources, user_id)
