"""The mutations: bindings of the resolvers to the schema. Each takes one input and returns one payload."""

from typing import Annotated, Any

import strawberry

from graph.resolvers import auth, orders, products, recovery, sessions, users
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
from graph.types.nodes import Info, database_id, session_id
from graph.types.orders import CancelOrderInput, CancelOrderPayload, CreateOrderInput, CreateOrderPayload
from graph.types.products import (
    AdjustStockInput,
    AdjustStockPayload,
    ArchiveProductInput,
    ArchiveProductPayload,
    CreateProductInput,
    CreateProductPayload,
    UpdateProductInput,
    UpdateProductPayload,
)
from graph.types.recovery import (
    ConfirmEmailChangeInput,
    ConfirmEmailChangePayload,
    RequestEmailChangeInput,
    RequestEmailChangePayload,
    RequestPasswordResetInput,
    RequestPasswordResetPayload,
    ResetPasswordInput,
    ResetPasswordPayload,
)
from graph.types.sessions import (
    RevokeOtherSessionsInput,
    RevokeOtherSessionsPayload,
    RevokeSessionInput,
    RevokeSessionPayload,
)
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

WHAT = strawberry.argument(description="What to do it with.")


def _user(row: Any) -> dict[str, Any]:
    return {"user": row}


def _product(row: Any) -> dict[str, Any]:
    return {"product": row}


def _accepted(_: None) -> dict[str, Any]:
    return {"accepted": True}


def _tokens(signed_in: SignIn) -> dict[str, Any]:
    return {
        "access_token": signed_in.access_token,
        "refresh_token": signed_in.refresh_token,
        "expires_in": signed_in.expires_in,
        "user": signed_in.user,
    }


@strawberry.type(description="What can be changed. Whatever the caller can put right comes back in `errors`.")
class Mutation:
    """One binding for each resolver that writes."""

    @strawberry.mutation(
        description="Sign in with email and password. Attempts are limited per account and per address."
    )
    async def login(self, info: Info, input: Annotated[LoginInput, WHAT]) -> LoginPayload:
        """Open a session."""
        return await payload(
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
            RefreshTokenPayload,
            lambda: auth.rotate_refresh_token(info.context, refresh_token=input.refresh_token),
            _tokens,
        )

    @strawberry.mutation(description="End a session: all of its tokens stop at once.")
    async def logout(self, info: Info, input: Annotated[LogoutInput, WHAT]) -> LogoutPayload:
        """End a session."""
        return await payload(
            LogoutPayload,
            lambda: auth.logout(info.context, refresh_token=input.refresh_token),
            lambda _: {"signed_out": True},
        )

    @strawberry.mutation(description="Create a user. For administrators.")
    async def create_user(self, info: Info, input: Annotated[CreateUserInput, WHAT]) -> CreateUserPayload:
        """Create a user."""
        return await payload(
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
            ChangePasswordPayload,
            lambda: users.change_password(
                info.context, current_password=input.current_password, new_password=input.new_password
            ),
            _user,
        )

    @strawberry.mutation(description="Put a product on sale. For administrators.")
    async def create_product(
        self, info: Info, input: Annotated[CreateProductInput, WHAT]
    ) -> CreateProductPayload:
        """Put a product on sale."""
        return await payload(
            CreateProductPayload,
            lambda: products.create_product(info.context, input.new_product()),
            _product,
        )

    @strawberry.mutation(
        description="Change a product. Orders already placed keep their prices. For administrators."
    )
    async def update_product(
        self, info: Info, input: Annotated[UpdateProductInput, WHAT]
    ) -> UpdateProductPayload:
        """Change a product."""
        return await payload(
            UpdateProductPayload,
            lambda: products.update_product(
                info.context,
                database_id(input.id, "Product"),
                name=input.name,
                description=input.description,
                price=input.price,
                expected_version=input.expected_version,
            ),
            _product,
        )

    @strawberry.mutation(description="Take a product off sale for good. For administrators.")
    async def archive_product(
        self, info: Info, input: Annotated[ArchiveProductInput, WHAT]
    ) -> ArchiveProductPayload:
        """Take a product off sale."""
        return await payload(
            ArchiveProductPayload,
            lambda: products.archive_product(info.context, database_id(input.id, "Product")),
            _product,
        )

    @strawberry.mutation(description="Add to a product's stock, or take from it. For administrators.")
    async def adjust_stock(self, info: Info, input: Annotated[AdjustStockInput, WHAT]) -> AdjustStockPayload:
        """Correct the stock."""
        return await payload(
            AdjustStockPayload,
            lambda: products.adjust_stock(
                info.context, database_id(input.id, "Product"), delta=input.delta, note=input.note
            ),
            _product,
        )

    @strawberry.mutation(
        description="Place an order. It is accepted at once; a worker takes stock and works out the total."
    )
    async def create_order(self, info: Info, input: Annotated[CreateOrderInput, WHAT]) -> CreateOrderPayload:
        """Place an order."""
        return await payload(
            CreateOrderPayload,
            lambda: orders.create_order(
                info.context,
                items=input.new_items(),
                shipping_address=input.shipping_address,
                idempotency_key=input.idempotency_key,
            ),
            lambda placed: {"order": placed.order, "replayed": placed.replayed},
        )

    @strawberry.mutation(description="Cancel an order that is still pending or in processing.")
    async def cancel_order(self, info: Info, input: Annotated[CancelOrderInput, WHAT]) -> CancelOrderPayload:
        """Cancel an order."""
        return await payload(
            CancelOrderPayload,
            lambda: orders.cancel_order(info.context, database_id(input.id, "Order")),
            lambda row: {"order": row},
        )

    @strawberry.mutation(description="End one of the viewer's sessions: all of its tokens stop at once.")
    async def revoke_session(
        self, info: Info, input: Annotated[RevokeSessionInput, WHAT]
    ) -> RevokeSessionPayload:
        """End one session."""
        return await payload(
            RevokeSessionPayload,
            lambda: sessions.revoke_session(info.context, session_id(input.id)),
            lambda row: {"session": row},
        )

    @strawberry.mutation(description="End all of the viewer's other sessions, or all of them.")
    async def revoke_other_sessions(
        self, info: Info, input: Annotated[RevokeOtherSessionsInput, WHAT]
    ) -> RevokeOtherSessionsPayload:
        """Sign out elsewhere, or everywhere."""
        return await payload(
            RevokeOtherSessionsPayload,
            lambda: sessions.revoke_other_sessions(info.context, keep_current=input.keep_current),
            lambda count: {"revoked_count": count},
        )

    @strawberry.mutation(
        description="Have a token mailed to whoever lost the password. The answer is the same, and takes the same"
        " time, whether or not there is such an account."
    )
    async def request_password_reset(
        self, info: Info, input: Annotated[RequestPasswordResetInput, WHAT]
    ) -> RequestPasswordResetPayload:
        """Ask for a token."""
        return await payload(
            RequestPasswordResetPayload,
            lambda: recovery.request_password_reset(info.context, email=input.email),
            _accepted,
        )

    @strawberry.mutation(
        description="Set a new password by the token of a mail. All of the user's sessions end."
    )
    async def reset_password(
        self, info: Info, input: Annotated[ResetPasswordInput, WHAT]
    ) -> ResetPasswordPayload:
        """Redeem a token."""
        return await payload(
            ResetPasswordPayload,
            lambda: recovery.reset_password(info.context, token=input.token, new_password=input.new_password),
            _user,
        )

    @strawberry.mutation(
        description="Have a token mailed to the viewer's new address, and a notice to the present one. The answer"
        " does not tell whether the address is another user's already."
    )
    async def request_email_change(
        self, info: Info, input: Annotated[RequestEmailChangeInput, WHAT]
    ) -> RequestEmailChangePayload:
        """Ask for a token."""
        return await payload(
            RequestEmailChangePayload,
            lambda: recovery.request_email_change(
                info.context, new_email=input.new_email, password=input.password
            ),
            _accepted,
        )

    @strawberry.mutation(
        description="Sign in with a new address from now on, by the token that was mailed to it. Works signed out."
    )
    async def confirm_email_change(
        self, info: Info, input: Annotated[ConfirmEmailChangeInput, WHAT]
    ) -> ConfirmEmailChangePayload:
        """Redeem a token."""
        return await payload(
            ConfirmEmailChangePayload,
            lambda: recovery.confirm_email_change(info.context, token=input.token),
            _user,
        )
