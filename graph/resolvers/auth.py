"""Signing in and out."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tortoise import timezone

from core.errors import AppError, InvalidCredentials, NotAuthenticated, RefreshTokenInvalid, TokenInvalid
from core.security.tokens import Claims, TokenKind, token_hash
from graph.resolvers.context import Anonymous, Context
from graph.resolvers.sign_in_throttle import count_attempt, forgive
from graph.resolvers.validation import is_storable
from models import Session, User, UserRow
from tasks.events import publish_sign_out

logger = logging.getLogger("tandem.auth")

#: What the documentation of API v1 prints for ``GET /auth/me``.
NO_TOKEN = "Invalid or missing token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class SignIn:
    """A fresh pair of tokens. ``expires_in`` is the access token's lifetime in seconds."""

    user: User | UserRow
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
    """
    if not is_storable(email) or not is_storable(password):
        email, password = "", ""
    await count_attempt(ctx, email)
    user = await User.by_email(email)
    matches = await ctx.resources.passwords.verify(password, user.password_hash if user else None)
    if user is None or not matches or not user.is_active:
        raise InvalidCredentials
    await forgive(ctx, email)
    return await _open_session(ctx, user)


async def _open_session(ctx: Context, user: UserRow) -> SignIn:
    session_id = uuid4()
    signed_in = _issue(ctx, user, session_id)
    await Session.create(
        id=session_id,
        user_id=user.id,
        token_hash=token_hash(signed_in.refresh_token),
        user_agent=ctx.caller.user_agent[:200].replace("\0", ""),
        address=ctx.caller.address[:45],
        expires_at=_refresh_expiry(ctx),
    )
    return signed_in


def _issue(ctx: Context, user: User | UserRow, session_id: UUID) -> SignIn:
    tokens = ctx.resources.tokens
    return SignIn(
        user,
        tokens.issue(TokenKind.ACCESS, user_id=user.id, session_id=session_id),
        tokens.issue(TokenKind.REFRESH, user_id=user.id, session_id=session_id),
        tokens.seconds(TokenKind.ACCESS),
    )


def _refresh_expiry(ctx: Context) -> datetime:
    return timezone.now() + timedelta(seconds=ctx.resources.tokens.seconds(TokenKind.REFRESH))


async def refresh_access_token(ctx: Context, *, refresh_token: str) -> SignIn:
    """Return a new access token beside the same refresh token, as API v1 documents it.

    Raises:
        RefreshTokenInvalid: it is not a live refresh token.
    """
    claims, user = await _redeem(ctx, refresh_token)
    await Session.filter(id=claims.session_id).update(last_used_at=timezone.now())
    tokens = ctx.resources.tokens
    access_token = tokens.issue(TokenKind.ACCESS, user_id=user.id, session_id=claims.session_id)
    return SignIn(user, access_token, refresh_token, tokens.seconds(TokenKind.ACCESS))


async def rotate_refresh_token(ctx: Context, *, refresh_token: str) -> SignIn:
    """Return a new pair of tokens and end the old refresh token (RFC 9700 section 4.14.2).

    Raises:
        RefreshTokenInvalid: it is not a live refresh token; if it was one before, the session ends too.
    """
    claims, user = await _redeem(ctx, refresh_token)
    signed_in = _issue(ctx, user, claims.session_id)
    rotated = await Session.filter(
        id=claims.session_id, token_hash=token_hash(refresh_token), revoked_at__isnull=True
    ).update(
        token_hash=token_hash(signed_in.refresh_token),
        last_used_at=timezone.now(),
        expires_at=_refresh_expiry(ctx),
    )
    if not rotated:  # somebody else redeemed the same token in this very moment
        await _revoke(ctx, claims.session_id, claims.user_id)
        raise RefreshTokenInvalid
    return signed_in


async def _redeem(ctx: Context, refresh_token: str) -> tuple[Claims, User]:
    try:
        claims = ctx.resources.tokens.verify(refresh_token, TokenKind.REFRESH)
    except AppError:
        raise RefreshTokenInvalid from None
    session = await Session.get_or_none(id=claims.session_id, revoked_at__isnull=True).select_related("user")
    if session is None or session.user_id != claims.user_id:
        raise RefreshTokenInvalid
    if session.token_hash != token_hash(refresh_token):
        logger.warning("A rotated refresh token of session %s was used again", session.id)
        await _revoke(ctx, claims.session_id, claims.user_id)
        raise RefreshTokenInvalid
    if not session.user.is_active or not session.user.is_live:
        raise RefreshTokenInvalid
    return claims, session.user


async def _revoke(ctx: Context, session_id: UUID, user_id: int) -> None:
    await Session.revoke(session_id)
    await publish_sign_out(ctx.resources, user_id)


async def logout(ctx: Context, *, refresh_token: str | None = None) -> None:
    """End a session: that of *refresh_token*, or else the one that the request is signed in with.

    All tokens of the session stop at once.

    Raises:
        AuthenticationError: neither is given.
        RefreshTokenInvalid: *refresh_token* is not a live one.
    """
    if refresh_token is not None:
        claims, _ = await _redeem(ctx, refresh_token)
        await _revoke(ctx, claims.session_id, claims.user_id)
    else:
        viewer = ctx.require_session()
        await _revoke(ctx, viewer.session_id, viewer.user.id)
