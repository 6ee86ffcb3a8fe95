"""Mutations of people."""

import strawberry

from graph.mutations.binding import mutation
from graph.resolvers import profiles, users
from graph.types.auth import ChangePasswordPayload
from graph.types.nodes import Info, database_id
from graph.types.users import (
    ChangePasswordInput,
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


@strawberry.type
class UserMutations:
    """Bindings of :mod:`graph.resolvers.users`."""

    @mutation
    async def create_user(self, info: Info, input: CreateUserInput) -> CreateUserPayload:
        """Create an ordinary user, who may sign in at once. For administrators."""
        user = await users.create_user(
            info.context, email=input.email, full_name=input.full_name, password=input.password
        )
        return CreateUserPayload(user=user)

    @mutation
    async def update_user(self, info: Info, input: UpdateUserInput) -> UpdateUserPayload:
        """Change a user's profile: the viewer's own, or anybody's as an administrator.

        An email that the viewer changes to is not proved: mails about the account go to the last one that was, which
        gets a notice with a token for `revertEmailChange`, and all other sessions of the viewer end.
        `requestEmailChange` proves it.
        """
        user = await profiles.update_user(
            info.context,
            database_id(input.id, "User"),
            email=input.email,
            full_name=input.full_name,
            expected_version=input.expected_version,
        )
        return UpdateUserPayload(user=user)

    @mutation
    async def delete_user(self, info: Info, input: DeleteUserInput) -> DeleteUserPayload:
        """Delete a user for good, with email, name and sessions. Orders stay. For administrators."""
        user = await users.delete_user(info.context, database_id(input.id, "User"))
        return DeleteUserPayload(user=user)

    @mutation
    async def set_user_active(self, info: Info, input: SetUserActiveInput) -> SetUserActivePayload:
        """Allow a user to sign in, or forbid it at once. For administrators."""
        user = await users.set_user_active(
            info.context, database_id(input.id, "User"), is_active=input.is_active
        )
        return SetUserActivePayload(user=user)

    @mutation
    async def set_user_admin(self, info: Info, input: SetUserAdminInput) -> SetUserAdminPayload:
        """Make a user an administrator, or an ordinary user again. For administrators."""
        user = await users.set_user_admin(
            info.context, database_id(input.id, "User"), is_admin=input.is_admin
        )
        return SetUserAdminPayload(user=user)

    @mutation
    async def change_password(self, info: Info, input: ChangePasswordInput) -> ChangePasswordPayload:
        """Change the viewer's password. All sessions of the viewer end: sign requests in by the tokens of the payload.

        A notice is mailed.
        """
        signed_in = await users.change_password(
            info.context, current_password=input.current_password, new_password=input.new_password
        )
        return ChangePasswordPayload.of(signed_in)
