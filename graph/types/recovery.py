"""Inputs and payloads of lost passwords and new addresses."""

import strawberry

from graph.types.errors import UserError
from graph.types.users import UserOutcome


@strawberry.input(description="Whose password is lost.")
class RequestPasswordResetInput:
    """Input of ``requestPasswordReset``."""

    email: str = strawberry.field(description="The address to sign in with, in any case.")


@strawberry.input(description="A new password, and the right to set it.")
class ResetPasswordInput:
    """Input of ``resetPassword``."""

    token: str = strawberry.field(description="The token of the mail: good once, within an hour.")
    new_password: str = strawberry.field(description="8 to 72 bytes.")


@strawberry.input(description="A new address to sign in with.")
class RequestEmailChangeInput:
    """Input of ``requestEmailChange``."""

    new_email: str = strawberry.field(description="The address that is to be proved, by a mail to it.")
    password: str = strawberry.field(description="The viewer's password.")


@strawberry.input(description="The proof of a new address.")
class ConfirmEmailChangeInput:
    """Input of ``confirmEmailChange``."""

    token: str = strawberry.field(description="The token of the mail: good once, within 24 hours.")


@strawberry.type(description="The outcome of asking for a mail.")
class MailOutcome:
    """What the payloads below have in common."""

    accepted: bool = strawberry.field(
        default=False, description="Whether it was passed on. True does not tell that there is an account."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the caller can put right; empty on success."
    )


@strawberry.type(description="The outcome of `requestPasswordReset`, alike for every address.")
class RequestPasswordResetPayload(MailOutcome):
    """Nothing is to be learnt from it."""


@strawberry.type(description="The outcome of `resetPassword`.")
class ResetPasswordPayload(UserOutcome):
    """Whose password was set; nobody is signed in by it."""


@strawberry.type(description="The outcome of `requestEmailChange`, alike for every address.")
class RequestEmailChangePayload(MailOutcome):
    """Nothing is to be learnt from it."""


@strawberry.type(description="The outcome of `confirmEmailChange`.")
class ConfirmEmailChangePayload(UserOutcome):
    """The user with the new address."""
