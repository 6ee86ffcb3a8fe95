"""Inputs and payloads of signing in and out."""

from typing import Self

import strawberry

from graph.resolvers.auth import SignIn
from graph.types.errors import Payload
from graph.types.users import UserType
from models import User, UserRow


@strawberry.input(description="The email and the password to sign in with.")
class LoginInput:
    """Input of ``login``."""

    email: str = strawberry.field(description="The user's email; upper and lower case do not matter.")
    password: str = strawberry.field(description="The user's password.")


@strawberry.input(description="The refresh token to trade for a new pair of tokens.")
class RefreshTokenInput:
    """Input of ``refreshToken``."""

    refresh_token: str = strawberry.field(
        description="The newest refresh token of the session. Using an older one ends the session."
    )


@strawberry.input(description="The session to end.")
class LogoutInput:
    """Input of ``logout``."""

    refresh_token: str | None = strawberry.field(
        default=None,
        description="The refresh token of the session to end. Without it, the session of the access token ends.",
    )


@strawberry.type
class TokensOutcome:
    """What a payload shows of a sign-in."""

    access_token: str | None = strawberry.field(
        default=None,
        description="The token that signs requests in, as `Authorization: Bearer …` or in the payload of"
        " `connection_init`; null after an error.",
    )
    refresh_token: str | None = strawberry.field(
        default=None,
        description="The token that `refreshToken` trades, once, for the next pair; null after an error.",
    )
    expires_in: int | None = strawberry.field(
        default=None,
        description="The lifetime of the access token from now on, in seconds; null after an error.",
    )
    user: User | UserRow | None = strawberry.field(
        default=None,
        graphql_type=UserType | None,
        description="The user who is signed in; null after an error.",
    )

    @classmethod
    def of(cls, signed_in: SignIn) -> Self:
        """Return the payload of a sign-in."""
        return cls(
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token,
            expires_in=signed_in.expires_in,
            user=signed_in.user,
        )


@strawberry.type
class LogoutOutcome:
    """What ``logout`` shows."""

    signed_out: bool = strawberry.field(
        default=False, description="Whether the session has ended; false after an error."
    )


@strawberry.type(description="The outcome of `login`: the tokens of a new session.")
class LoginPayload(TokensOutcome, Payload): ...


@strawberry.type(description="The outcome of `refreshToken`: the next tokens of the session.")
class RefreshTokenPayload(TokensOutcome, Payload): ...


@strawberry.type(
    description="The outcome of `changePassword`: the viewer, and the tokens of a session in the place of the present."
)
class ChangePasswordPayload(TokensOutcome, Payload): ...


@strawberry.type(description="The outcome of `logout`.")
class LogoutPayload(LogoutOutcome, Payload): ...
