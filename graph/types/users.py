"""``User``, its connection and the inputs and payloads of its mutations."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from engine.graphql import reads
from graph.resolvers import orders as order_resolvers
from graph.resolvers import sessions as session_resolvers
from graph.types.enums import OrderSort
from graph.types.errors import UserError
from graph.types.lists import connect
from graph.types.nodes import After, Before, Connection, First, Info, Last, Node, keyset, recognise, row_id
from models import User

if TYPE_CHECKING:
    from graph.types.orders import OrderFilter, OrderType
    from graph.types.sessions import SessionType


@strawberry.type(name="User", description="Somebody who can sign in.")
class UserType(Node):
    """A row of :class:`models.User`."""

    email: str = strawberry.field(description="The address to sign in with.")
    full_name: str = strawberry.field(description="The name to show.")
    is_active: bool = strawberry.field(description="Whether the user may sign in.")
    is_admin: bool = strawberry.field(description="Whether the user is an administrator.")
    version: int = strawberry.field(description="Grows with every change; for `expectedVersion`.")
    created_at: datetime = strawberry.field(description="When the user was created.")
    updated_at: datetime = strawberry.field(description="When the user was last changed.")

    is_type_of = recognise(User)
    database_id = row_id()

    @strawberry.field(
        description="The orders of this user, newest first. For the user and for administrators only.",
        graphql_type=Connection[Annotated["OrderType", strawberry.lazy("graph.types.orders")]] | None,
        metadata=reads("id"),
    )
    async def orders(
        root: strawberry.Parent[User],
        info: Info,
        filter: Annotated[
            Annotated["OrderFilter", strawberry.lazy("graph.types.orders")] | None,
            strawberry.argument(description="Only those that match."),
        ] = None,
        order_by: Annotated[
            OrderSort | None, strawberry.argument(description="Newest first if not told.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """List one user's orders."""
        window = keyset(first, after, last, before)
        return await connect(order_resolvers.list_orders, info, filter, order_by, window, user_id=root.id)

    @strawberry.field(
        description="Where this user is signed in: at most 100 sessions, the last used first. For the user only.",
        graphql_type=list[Annotated["SessionType", strawberry.lazy("graph.types.sessions")]] | None,
        metadata=reads("id"),
    )
    async def sessions(root: strawberry.Parent[User], info: Info) -> Any:
        """List the viewer's sessions."""
        return await session_resolvers.list_sessions(info.context, user_id=root.id)


@strawberry.input(description="Which users to list. All conditions must hold.")
class UserFilter:
    """Conditions on users."""

    is_active: bool | None = strawberry.field(
        default=None, description="Only those who may (or may not) sign in."
    )
    is_admin: bool | None = strawberry.field(
        default=None, description="Only administrators, or only the others."
    )
    search: str | None = strawberry.field(
        default=None, description="Words that must all be part of the name or the email."
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the resolver."""
        return {"is_active": self.is_active, "is_admin": self.is_admin, "search": self.search}


@strawberry.input(description="A user that is to be.")
class CreateUserInput:
    """Input of ``createUser``."""

    email: str = strawberry.field(description="The address to sign in with; no other user may have it.")
    full_name: str = strawberry.field(description="The name to show, at most 200 characters.")
    password: str = strawberry.field(description="8 to 72 bytes.")


@strawberry.input(description="Changes of a user's profile. What is left out stays as it is.")
class UpdateUserInput:
    """Input of ``updateUser``."""

    id: strawberry.ID = strawberry.field(description="The user's global id.")
    email: str | None = strawberry.field(default=None, description="The new address to sign in with.")
    full_name: str | None = strawberry.field(default=None, description="The new name.")
    expected_version: int | None = strawberry.field(
        default=None, description="The `version` that the change was made for; another one is a CONFLICT."
    )


@strawberry.input(description="Which user to delete.")
class DeleteUserInput:
    """Input of ``deleteUser``."""

    id: strawberry.ID = strawberry.field(description="The user's global id.")


@strawberry.input(description="Whether a user may sign in.")
class SetUserActiveInput:
    """Input of ``setUserActive``."""

    id: strawberry.ID = strawberry.field(description="The user's global id.")
    is_active: bool = strawberry.field(description="False ends all of the user's sessions at once.")


@strawberry.input(description="Whether a user is an administrator.")
class SetUserAdminInput:
    """Input of ``setUserAdmin``."""

    id: strawberry.ID = strawberry.field(description="The user's global id.")
    is_admin: bool = strawberry.field(description="True to promote, false to demote.")


@strawberry.input(description="A change of one's own password.")
class ChangePasswordInput:
    """Input of ``changePassword``."""

    current_password: str = strawberry.field(description="The password until now.")
    new_password: str = strawberry.field(description="8 to 72 bytes.")


@strawberry.type(description="The outcome of a mutation of one user.")
class UserOutcome:
    """What the payloads below have in common."""

    user: UserType | None = strawberry.field(
        default=None, description="The user as it is now; null after an error."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )


@strawberry.type(description="The outcome of `createUser`.")
class CreateUserPayload(UserOutcome):
    """The new user."""


@strawberry.type(description="The outcome of `updateUser`.")
class UpdateUserPayload(UserOutcome):
    """The changed user."""


@strawberry.type(description="The outcome of `deleteUser`; its user is as it was in the end.")
class DeleteUserPayload(UserOutcome):
    """The deleted user, for the last time."""


@strawberry.type(description="The outcome of `setUserActive`.")
class SetUserActivePayload(UserOutcome):
    """The user let in or shut out."""


@strawberry.type(description="The outcome of `setUserAdmin`.")
class SetUserAdminPayload(UserOutcome):
    """The user promoted or demoted."""


@strawberry.type(description="The outcome of `changePassword`.")
class ChangePasswordPayload(UserOutcome):
    """The viewer."""
