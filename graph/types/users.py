"""``User``, and the inputs and payloads of its mutations."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from core.email_addresses import MAX_EMAIL
from core.security.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS
from engine.graphql import reads
from graph.resolvers import orders as order_resolvers
from graph.resolvers import sessions as session_resolvers
from graph.resolvers import users as user_resolvers
from graph.resolvers.context import Context
from graph.resolvers.pagination import MAX_SEARCH_WORDS, SEARCH_BOUNDS, Page
from graph.resolvers.sessions import MAX_SESSIONS
from graph.resolvers.validation import MAX_NAME, TRIMMED
from graph.types.bounds import bounds
from graph.types.connections import connection_field
from graph.types.enums import OrderSort
from graph.types.errors import Payload
from graph.types.nodes import EXPECTED_VERSION, Info, Node, recognise, row_id
from models import OrderRow, User, UserRow

if TYPE_CHECKING:
    from graph.types.orders import OrderFilter, OrderType
    from graph.types.sessions import SessionType

PASSWORD_BOUNDS = (
    f"at least {MIN_PASSWORD_CHARACTERS} characters, and at most {MAX_PASSWORD_BYTES} bytes in UTF-8, its letters"
    " composed (NFC)"
)


@strawberry.type(name="User", description="A person who can sign in: a customer or an administrator.")
class UserType(Node):
    """A row of :class:`models.User`."""

    email: str = strawberry.field(description="The email to sign in with.")
    full_name: str = strawberry.field(description="The name to show.")
    is_active: bool = strawberry.field(description="Whether the user may sign in.")
    is_admin: bool = strawberry.field(description="Whether the user is an administrator.")
    version: int = strawberry.field(
        description="A number that grows with every change of the user; for `expectedVersion`."
    )
    created_at: datetime = strawberry.field(description="When the user was created.")
    updated_at: datetime = strawberry.field(description="When the user was last changed.")

    is_type_of = recognise(User)
    database_id = row_id()

    @strawberry.field(
        description="The last email that was proved, as long as `email` is not: mails about the account go to it. Null"
        " if `email` is proved. For the user and for administrators only.",
        metadata=reads("id", "recovery_email"),
    )
    def recovery_email(root: strawberry.Parent[User | UserRow], info: Info) -> str | None:
        return user_resolvers.recovery_email(info.context, root)

    @connection_field(
        Annotated["OrderType", strawberry.lazy("graph.types.orders")],
        Annotated["OrderFilter", strawberry.lazy("graph.types.orders")],
        OrderSort,
        metadata=reads("id"),
    )
    async def orders(user: User | UserRow, ctx: Context, **given: Any) -> Page[OrderRow]:
        """The orders of this user. For the user and for administrators only."""
        columns = ctx.loaders.columns_of("Order")
        return await order_resolvers.list_orders(ctx, user_id=user.id, **given, columns=columns)

    @strawberry.field(
        description=f"The live sessions of this user, the last used first, at most {MAX_SESSIONS}. For the user only.",
        graphql_type=list[Annotated["SessionType", strawberry.lazy("graph.types.sessions")]] | None,
        metadata=reads("id") | bounds(entries=MAX_SESSIONS, statement=True),
    )
    async def sessions(root: strawberry.Parent[User | UserRow], info: Info) -> Any:
        columns = info.context.loaders.columns_of("Session")
        return await session_resolvers.list_sessions(info.context, user_id=root.id, columns=columns)


@strawberry.input(description="Conditions on users, all of which must hold.")
class UserFilter:
    is_active: bool | None = strawberry.field(
        default=None, description="True: only users who may sign in. False: only those who may not."
    )
    is_admin: bool | None = strawberry.field(
        default=None, description="True: only administrators. False: only the others."
    )
    search: str | None = strawberry.field(
        default=None,
        description=f"Words, the first {MAX_SEARCH_WORDS} of which must all occur in the name or the email;"
        f" upper and lower case do not matter. It has {SEARCH_BOUNDS}.",
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :func:`graph.resolvers.users.list_users`."""
        return {"is_active": self.is_active, "is_admin": self.is_admin, "search": self.search}


@strawberry.input(description="The user to create.")
class CreateUserInput:
    """Input of ``createUser``."""

    email: str = strawberry.field(
        description=f"The email to sign in with, at most {MAX_EMAIL} characters. {TRIMMED} No other user may have it."
    )
    full_name: str = strawberry.field(description=f"The name to show: 1 to {MAX_NAME} characters. {TRIMMED}")
    password: str = strawberry.field(description=f"The password to sign in with: {PASSWORD_BOUNDS}.")


@strawberry.input(description="Changes of a user's profile. What is left out stays as it is.")
class UpdateUserInput:
    """Input of ``updateUser``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the user.")
    email: str | None = strawberry.field(
        default=None,
        description=f"The new email to sign in with, at most {MAX_EMAIL} characters. {TRIMMED} No other user may have"
        " it.",
    )
    full_name: str | None = strawberry.field(
        default=None, description=f"The new name to show: 1 to {MAX_NAME} characters. {TRIMMED}"
    )
    expected_version: int | None = strawberry.field(default=None, description=EXPECTED_VERSION)


@strawberry.input(description="The user to delete.")
class DeleteUserInput:
    """Input of ``deleteUser``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the user.")


@strawberry.input(description="A user, and whether that user may sign in.")
class SetUserActiveInput:
    """Input of ``setUserActive``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the user.")
    is_active: bool = strawberry.field(
        description="True: the user may sign in. False: the user may not, and all sessions of the user end at once."
    )


@strawberry.input(description="A user, and whether that user is an administrator.")
class SetUserAdminInput:
    """Input of ``setUserAdmin``."""

    id: strawberry.ID = strawberry.field(description="The global ID of the user.")
    is_admin: bool = strawberry.field(description="True: an administrator. False: an ordinary user.")


@strawberry.input(description="The viewer's present password, and the new one.")
class ChangePasswordInput:
    """Input of ``changePassword``."""

    current_password: str = strawberry.field(description="The present password.")
    new_password: str = strawberry.field(description=f"The new password: {PASSWORD_BOUNDS}.")


@strawberry.type
class UserOutcome:
    """What a payload shows of one user."""

    user: User | UserRow | None = strawberry.field(
        default=None,
        graphql_type=UserType | None,
        description="The user as it is now; null after an error.",
    )


@strawberry.type(description="The outcome of `createUser`: the new user.")
class CreateUserPayload(UserOutcome, Payload): ...


@strawberry.type(description="The outcome of `updateUser`: the changed user.")
class UpdateUserPayload(UserOutcome, Payload): ...


@strawberry.type(description="The outcome of `deleteUser`: what is left of the user, without email or name.")
class DeleteUserPayload(UserOutcome, Payload): ...


@strawberry.type(description="The outcome of `setUserActive`: the changed user.")
class SetUserActivePayload(UserOutcome, Payload): ...


@strawberry.type(description="The outcome of `setUserAdmin`: the changed user.")
class SetUserAdminPayload(UserOutcome, Payload): ...
