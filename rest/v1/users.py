"""Users over v1."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from core.errors import (
    AdminRequired,
    EmailTaken,
    LastAdmin,
    NotOwner,
    Problem,
    UserNotFound,
    ValidationFailed,
)
from graph.resolvers import profiles
from graph.resolvers import users as resolvers
from rest.v1.dependencies import AdminCtx, UserCtx
from rest.v1.json_response import JsonResponse
from rest.v1.openapi_responses import BAD_PAGE, REFUSED, SIGNED_IN, UNREADABLE, responses
from rest.v1.paging import Paging
from rest.v1.routing import PREFIX, Route
from rest.v1.schemas.bounds import ID
from rest.v1.schemas.fields import Truth, WholeNumber
from rest.v1.schemas.users import (
    DETAIL_COLUMNS,
    SUMMARY_COLUMNS,
    UserDetail,
    UserIn,
    UserList,
    UserOut,
    UserPatch,
    user_detail,
    user_list,
    user_out,
)

router = APIRouter(prefix=f"{PREFIX}/users", tags=["Users"], route_class=Route)

UserId = Annotated[WholeNumber, Path(description="User ID.", examples=[123], json_schema_extra=ID)]
_BAD_EMAIL = Problem(("email",), "Invalid email format: An email address must have an @-sign")
_BAD_ID = ValidationFailed(Problem(("user_id",), "user_id must be a whole number"))


@router.post(
    "",
    operation_id="createUser",
    summary="Create user",
    status_code=201,
    response_model=UserOut,
    responses=responses(
        *REFUSED,
        AdminRequired(),
        EmailTaken("User with email user@example.com already exists"),
        ValidationFailed(
            _BAD_EMAIL,
            Problem(("password",), "Password too short: at least 8 characters"),
        ),
        *UNREADABLE,
    ),
    openapi_extra=SIGNED_IN,
)
async def create_user(ctx: AdminCtx, body: UserIn) -> JsonResponse:
    """Create an ordinary, active user (admin only)."""
    user = await resolvers.create_user(
        ctx, email=body.email, full_name=body.full_name, password=body.password
    )
    return JsonResponse(user_out(user), 201, {"Location": f"/api/v1/users/{user.id}"})


@router.get(
    "",
    operation_id="listUsers",
    summary="List users",
    response_model=UserList,
    responses=responses(*REFUSED, AdminRequired(), BAD_PAGE),
    openapi_extra=SIGNED_IN,
)
async def list_users(
    ctx: UserCtx,
    paging: Paging,
    is_active: Annotated[Truth | None, Query(description="Only active, or only inactive, users.")] = None,
) -> JsonResponse:
    """Retrieve a page of the users, newest first.

    Any signed-in user may ask, unless the directory is closed (`TANDEM_USER_DIRECTORY=admin`).
    """
    page = await resolvers.list_users(ctx, window=paging, is_active=is_active, columns=SUMMARY_COLUMNS)
    return JsonResponse(user_list(page, await page.count(), paging))


@router.get(
    "/{user_id}",
    operation_id="getUser",
    summary="Get user by ID",
    response_model=UserDetail,
    responses=responses(*REFUSED, AdminRequired(), UserNotFound(), _BAD_ID),
    openapi_extra=SIGNED_IN,
)
async def get_user(ctx: UserCtx, user_id: UserId) -> JsonResponse:
    """Retrieve a specific user.

    403 is for other people's profiles while the directory is closed (`TANDEM_USER_DIRECTORY=admin`).
    """
    return JsonResponse(user_detail(await resolvers.get_user(ctx, user_id, columns=DETAIL_COLUMNS)))


@router.patch(
    "/{user_id}",
    operation_id="updateUser",
    summary="Update user",
    response_model=UserDetail,
    responses=responses(
        *REFUSED,
        NotOwner(profiles.FOREIGN_PROFILE),
        UserNotFound(),
        EmailTaken("Email already in use"),
        ValidationFailed(_BAD_EMAIL),
        *UNREADABLE,
    ),
    openapi_extra=SIGNED_IN,
)
async def update_user(ctx: UserCtx, user_id: UserId, body: UserPatch) -> JsonResponse:
    """Change a user's own profile, or anybody's as an admin. What the body leaves out stays as it is."""
    user = await profiles.update_user(ctx, user_id, email=body.email, full_name=body.full_name)
    return JsonResponse(user_detail(user))


@router.delete(
    "/{user_id}",
    operation_id="deleteUser",
    summary="Delete user",
    status_code=204,
    response_class=Response,
    responses=responses(*REFUSED, AdminRequired(), UserNotFound(), LastAdmin(), _BAD_ID),
    openapi_extra=SIGNED_IN,
)
async def delete_user(ctx: AdminCtx, user_id: UserId) -> Response:
    """Soft delete a user (admin only). The user's tokens stop at once, and the email can be used again."""
    await resolvers.delete_user(ctx, user_id)
    return Response(status_code=204)
