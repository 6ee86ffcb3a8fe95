"""Inputs and payloads of signing in and out."""

import strawberry

from graph.types.errors import UserError
from graph.types.users import UserType


@strawberry.input(description="Credentials.")
class LoginInput:
    """Input of ``login``."""

    email: str = strawberry.field(description="The user's email, in any case.")
    password: str = strawberry.field(description="The user's password.")


@strawberry.input(description="A refresh token to redeem.")
class RefreshTokenInput:
    """Input of ``refreshToken``."""

    refresh_token: str = strawberry.field(
        description="The newest refresh token of the session. Redeeming an older one ends the session."
    )


@strawberry.input(description="Which session to end.")
class LogoutInput:
    """Input of ``logout``."""

    refresh_token: str | None = strawberry.field(
        default=None, description="A token of the session to end; without it, the one of the access token."
    )


@strawberry.type(description="A pair of tokens, or why there is none.")
class TokenOutcome:
    """What the payloads below have in common."""

    access_token: str | None = strawberry.field(
        default=None, description="Goes into `Authorization: Bearer …` and into `connection_init`."
    )
    refresh_token: str | None = strawberry.field(
        default=None, description="Gets the next pair from `refreshToken`, once."
    )
    expires_in: int | None = strawberry.field(
        default=None, description="For how many seconds the access token is good."
    )
    user: UserType | None = strawberry.field(default=None, description="Who is signed in.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )


@strawberry.type(description="The outcome of `login`.")
class LoginPayload(TokenOutcome):
    """A new session's tokens."""


@strawberry.type(description="The outcome of `refreshToken`.")
class RefreshTokenPayload(TokenOutcome):
    """The session's next tokens."""


@strawberry.type(description="The outcome of `logout`.")
class LogoutPayload:
    """Nothing is left to show but errors."""

    signed_out: bool = strawberry.field(default=False, description="Whether the session has ended.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )
