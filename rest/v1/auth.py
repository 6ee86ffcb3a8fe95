"""Signing in over v1."""

from typing import Annotated

from fastapi import APIRouter

from core.errors import (
    InvalidCredentials,
    NotAuthenticated,
    Problem,
    RefreshTokenInvalid,
    TokenExpired,
    TokenInvalid,
    ValidationFailed,
)
from graph.resolvers import auth as resolvers
from rest.v1.bodies import ReadBy, read_json_or_form
from rest.v1.dependencies import Ctx
from rest.v1.json_response import JsonResponse
from rest.v1.openapi_responses import SIGNED_IN, UNREADABLE, responses
from rest.v1.routing import PREFIX, Route
from rest.v1.schemas.auth import AccessToken, LoginIn, RefreshIn, TokenPair, access_token, token_pair
from rest.v1.schemas.users import UserOut, user_out

router = APIRouter(prefix=f"{PREFIX}/auth", tags=["Authentication"], route_class=Route)


@router.post(
    "/login",
    operation_id="login",
    summary="Login",
    response_model=TokenPair,
    responses=responses(
        InvalidCredentials(), ValidationFailed(Problem(("password",), "password is required")), *UNREADABLE
    ),
)
async def login(ctx: Ctx, body: Annotated[LoginIn, ReadBy(read_json_or_form)]) -> JsonResponse:
    """Authenticate a user and receive an access token and a refresh token.

    `username` is the email. Attempts that fail are counted for each account and address, and all attempts up to a
    higher limit; too many are answered with 429.
    """
    signed_in = await resolvers.login(ctx, email=body.username, password=body.password)
    return JsonResponse(token_pair(signed_in))


@router.post(
    "/refresh",
    operation_id="refreshToken",
    summary="Refresh token",
    response_model=AccessToken,
    responses=responses(
        RefreshTokenInvalid(),
        ValidationFailed(Problem(("refresh_token",), "refresh_token is required")),
        *UNREADABLE,
    ),
)
async def refresh_token(ctx: Ctx, body: RefreshIn) -> JsonResponse:
    """Get a new access token. The refresh token stays the same until it expires or is revoked."""
    signed_in = await resolvers.refresh_access_token(ctx, refresh_token=body.refresh_token)
    return JsonResponse(access_token(signed_in))


@router.get(
    "/me",
    operation_id="getCurrentUser",
    summary="Get current user",
    response_model=UserOut,
    responses=responses(
        NotAuthenticated(resolvers.NO_TOKEN), TokenInvalid(resolvers.NO_TOKEN), TokenExpired()
    ),
    openapi_extra=SIGNED_IN,
)
async def get_current_user(ctx: Ctx) -> JsonResponse:
    """Retrieve the user that the access token belongs to."""
    return JsonResponse(user_out(await resolvers.get_me(ctx)))
