"""Mutations of lost passwords and new addresses."""

from typing import Annotated, Any

import strawberry

from graph.mutations.input import WHAT
from graph.resolvers import recovery
from graph.types.errors import payload
from graph.types.nodes import Info
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


def _user(row: Any) -> dict[str, Any]:
    return {"user": row}


def _accepted(_: None) -> dict[str, Any]:
    return {"accepted": True}


@strawberry.type
class RecoveryMutations:
    """Bindings of the resolvers of the same name."""

    @strawberry.mutation(
        description="Have a token mailed to whoever lost the password. The answer is the same, and takes the same"
        " time, whether or not there is such an account."
    )
    async def request_password_reset(
        self, info: Info, input: Annotated[RequestPasswordResetInput, WHAT]
    ) -> RequestPasswordResetPayload:
        """Ask for a token."""
        return await payload(
            info.context,
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
            info.context,
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
            info.context,
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
            info.context,
            ConfirmEmailChangePayload,
            lambda: recovery.confirm_email_change(info.context, token=input.token),
            _user,
        )
