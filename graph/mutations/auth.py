"""Mutations of signing in and out."""

from typing import Annotated, Any

import strawberry

from graph.mutations.input import WHAT
from graph.resolvers import auth
from graph.resolvers.auth import SignIn
from graph.types.auth import (
    LoginInput,
    LoginPayload,
    LogoutInput,
    LogoutPayload,
    RefreshTokenInput,
    RefreshTokenPayload,
)
from graph.types.errors import payload
from graph.types.nodes import Info


def _tokens(signed_in: SignIn) -> dict[str, Any]:
    return {
        "access_token": signed_in.access_token,
        "refresh_token": signed_in.refresh_token,
        "expires_in": signed_in.expires_in,
        "user": signed_in.user,
    }


@strawberry.type
class AuthMutations:
    """Bindings of the resolvers of the same name."""

    @strawberry.mutation(
        description="Sign in with email and password. Attempts are limited per account and per address."
    )
    async def login(self, info: Info, input: Annotated[LoginInput, WHAT]) -> LoginPayload:
        """Open a session."""
        return await payload(
            info.context,
            LoginPayload,
            lambda: auth.login(info.context, email=input.email, password=input.password),
            _tokens,
        )

    @strawberry.mutation(
        description="Trade a refresh token for a new pair. The old one ends; using it again ends the session."
    )
    async def refresh_token(
        self, info: Info, input: Annotated[RefreshTokenInput, WHAT]
    ) -> RefreshTokenPayload:
        """Rotate a session's tokens."""
        return await payload(
            info.context,
            RefreshTokenPayload,
            lambda: auth.rotate_refresh_token(info.context, refresh_token=input.refresh_token),
            _tokens,
        )

    @strawberry.mutation(description="End a session: all of its tokens stop at once.")
    async def logout(self, info: Info, input: Annotated[LogoutInput, WHAT]) -> LogoutPayload:
        """End a session."""
        return await payload(
            info.context,
            LogoutPayload,
            lambda: auth.logout(info.context, refresh_token=input.refresh_token),
            lambda _: {"signed_out": True},
        )
