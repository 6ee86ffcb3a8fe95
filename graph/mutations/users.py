"""Mutations of people."""

from typing import Annotated, Any

import strawberry

from graph.mutations.input import WHAT
from graph.resolvers import users
from graph.types.errors import payload
from graph.types.nodes import Info, database_id
from graph.types.users import (
    ChangePasswordInput,
    ChangePasswordPayload,
    CreateUserInput,
    CreateUserPayload,
    DeleteUserInput,
    DeleteUserPayload,
    SetUserActiveInput,
    SetUserActivePayload,
    SetUserAdminInput,
    SetUserAdminPayload,
    UpdateUserInput,
    UpdateUserPayload,
)


def _user(row: Any) -> dict[str, Any]:
    return {"user": row}


@strawberry.type
class UserMutations:
    """Bindings of the resolvers of the same name."""

    @strawberry.mutation(description="Create a user. For administrators.")
    async def create_user(self, info: Info, input: Annotated[CreateUserInput, WHAT]) -> CreateUserPayload:
        """Create a user."""
        return await payload(
            info.context,
            CreateUserPayload,
            lambda: users.create_user(
                info.context, email=input.email, full_name=input.full_name, password=input.password
            ),
            _user,
        )

    @strawberry.mutation(description="Change a profile: one's own, or anybody's as an administrator.")
    async def update_user(self, info: Info, input: Annotated[UpdateUserInput, WHAT]) -> UpdateUserPayload:
        """Change a profile."""
        return await payload(
            info.context,
            UpdateUserPayload,
            lambda: users.update_user(
                info.context,
                database_id(input.id, "User"),
                email=input.email,
                full_name=input.full_name,
                expected_version=input.expected_version,
            ),
            _user,
        )

    @strawberry.mutation(
        description="Delete a user. Orders stay, sessions end, the email can be used again. For administrators."
    )
    async def delete_user(self, info: Info, input: Annotated[DeleteUserInput, WHAT]) -> DeleteUserPayload:
        """Delete a user."""
        return await payload(
            info.context,
            DeleteUserPayload,
            lambda: users.delete_user(info.context, database_id(input.id, "User")),
            _user,
        )

    @strawberry.mutation(description="Let a user sign in, or shut the user out at once. For administrators.")
    async def set_user_active(
        self, info: Info, input: Annotated[SetUserActiveInput, WHAT]
    ) -> SetUserActivePayload:
        """Let in or shut out."""
        return await payload(
            info.context,
            SetUserActivePayload,
            lambda: users.set_user_active(
                info.context, database_id(input.id, "User"), is_active=input.is_active
            ),
            _user,
        )

    @strawberry.mutation(
        description="Make a user an administrator, or an ordinary user again. For administrators."
    )
    async def set_user_admin(
        self, info: Info, input: Annotated[SetUserAdminInput, WHAT]
    ) -> SetUserAdminPayload:
        """Promote or demote."""
        return await payload(
            info.context,
            SetUserAdminPayload,
            lambda: users.set_user_admin(
                info.context, database_id(input.id, "User"), is_admin=input.is_admin
            ),
            _user,
        )

    @strawberry.mutation(description="Change one's own password. All other sessions end.")
    async def change_password(
        self, info: Info, input: Annotated[ChangePasswordInput, WHAT]
    ) -> ChangePasswordPayload:
        """Change the viewer's password."""
        return await payload(
            info.context,
            ChangePasswordPayload,
            lambda: users.change_password(
                info.context, current_password=input.current_password, new_password=input.new_password
            ),
            _user,
        )
