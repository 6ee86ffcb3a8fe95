"""Mutations of signing in and out."""

import strawberry

from graph.mutations.binding import mutation
from graph.resolvers import auth
from graph.types.auth import (
    LoginInput,
    LoginPayload,
    LogoutInput,
    LogoutPayload,
    RefreshTokenInput,
    RefreshTokenPayload,
)
from graph.types.nodes import Info


@strawberry.type
class AuthMutations:
    """Bindings of :mod:`graph.resolvers.auth`."""

    @mutation
    async def login(self, info: Info, input: LoginInput) -> LoginPayload:
        """Sign in with email and password. The number of attempts is limited for an account and for an address.

        One operation has one field that checks a password.
        """
        signed_in = await auth.login(info.context, email=input.email, password=input.password)
        return LoginPayload.of(signed_in)

    @mutation
    async def refresh_token(self, info: Info, input: RefreshTokenInput) -> RefreshTokenPayload:
        """Trade a refresh token for a new pair of tokens. The old one ends; using it again ends the session."""
        signed_in = await auth.rotate_refresh_token(info.context, refresh_token=input.refresh_token)
        return RefreshTokenPayload.of(signed_in)

    @mutation
    async def logout(self, info: Info, input: LogoutInput) -> LogoutPayload:
        """End a session: all of its tokens stop working at once."""
        await auth.logout(info.context, refresh_token=input.refresh_token)
        return LogoutPayload(signed_out=True)
