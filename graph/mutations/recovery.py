"""Mutations of lost passwords and new addresses."""

import strawberry

from graph.mutations.binding import mutation
from graph.resolvers import recovery
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
    RevertEmailChangeInput,
    RevertEmailChangePayload,
)


@strawberry.type
class RecoveryMutations:
    """Bindings of :mod:`graph.resolvers.recovery`."""

    @mutation
    async def request_password_reset(
        self, info: Info, input: RequestPasswordResetInput
    ) -> RequestPasswordResetPayload:
        """Ask for a mail with a token, by which a lost password can be replaced.

        The answer is the same, and takes the same time, whether or not there is such an account.
        """
        await recovery.request_password_reset(info.context, email=input.email)
        return RequestPasswordResetPayload(accepted=True)

    @mutation
    async def reset_password(self, info: Info, input: ResetPasswordInput) -> ResetPasswordPayload:
        """Set a new password, by the token of a mail. All sessions of the user end."""
        user = await recovery.reset_password(info.context, token=input.token, new_password=input.new_password)
        return ResetPasswordPayload(user=user)

    @mutation
    async def request_email_change(
        self, info: Info, input: RequestEmailChangeInput
    ) -> RequestEmailChangePayload:
        """Ask for a mail with a token to the viewer's new email, and for a notice to the present one.

        The answer does not tell whether the new email is another user's already.
        """
        await recovery.request_email_change(info.context, new_email=input.new_email, password=input.password)
        return RequestEmailChangePayload(accepted=True)

    @mutation
    async def confirm_email_change(
        self, info: Info, input: ConfirmEmailChangeInput
    ) -> ConfirmEmailChangePayload:
        """Give a user a new email, by the token that was mailed to it. Needs no sign-in."""
        user = await recovery.confirm_email_change(info.context, token=input.token)
        return ConfirmEmailChangePayload(user=user)

    @mutation
    async def revert_email_change(
        self, info: Info, input: RevertEmailChangeInput
    ) -> RevertEmailChangePayload:
        """Take a change of a user's email back, by the token that was mailed to the former one. Needs no sign-in.

        All sessions of the user end, and the former email is again the one to sign in with.
        """
        user = await recovery.revert_email_change(info.context, token=input.token)
        return RevertEmailChangePayload(user=user)
