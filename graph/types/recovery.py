"""Inputs and payloads of lost passwords and new addresses."""

import strawberry

from core.email_addresses import MAX_EMAIL
from graph.resolvers.validation import TRIMMED
from graph.types.errors import Payload
from graph.types.users import PASSWORD_BOUNDS, UserOutcome


@strawberry.input(description="The account whose password is lost.")
class RequestPasswordResetInput:
    """Input of ``requestPasswordReset``."""

    email: str = strawberry.field(description="The account's email; upper and lower case do not matter.")


@strawberry.input(description="A new password, and the token that allows to set it.")
class ResetPasswordInput:
    """Input of ``resetPassword``."""

    token: str = strawberry.field(
        description="The token that was mailed: good once, within an hour, until a newer one is asked for."
    )
    new_password: str = strawberry.field(description=f"The new password: {PASSWORD_BOUNDS}.")


@strawberry.input(description="A new email for the viewer, and the viewer's password.")
class RequestEmailChangeInput:
    """Input of ``requestEmailChange``."""

    new_email: str = strawberry.field(
        description=f"The new email, at most {MAX_EMAIL} characters. {TRIMMED} A token is mailed to it, to"
        " prove that the viewer reads its mail."
    )
    password: str = strawberry.field(description="The viewer's password.")


@strawberry.input(description="The token that proves a new email.")
class ConfirmEmailChangeInput:
    """Input of ``confirmEmailChange``."""

    token: str = strawberry.field(
        description="The token that was mailed: good once, within 24 hours, until a newer one is asked for."
    )


@strawberry.input(description="The token that takes a change of the email back.")
class RevertEmailChangeInput:
    """Input of ``revertEmailChange``."""

    token: str = strawberry.field(
        description="The token that was mailed to the former email: good once, within 72 hours, unless the new email is"
        " proved or changed again."
    )


@strawberry.type
class MailOutcome:
    """What a payload shows of a mail that was asked for."""

    accepted: bool = strawberry.field(
        default=False,
        description="Whether the request was accepted. True does not tell whether there is such an account.",
    )


@strawberry.type(description="The outcome of `requestPasswordReset`, the same for every email.")
class RequestPasswordResetPayload(MailOutcome, Payload): ...


@strawberry.type(
    description="The outcome of `resetPassword`: whose password it was. Nobody is signed in by it."
)
class ResetPasswordPayload(UserOutcome, Payload): ...


@strawberry.type(description="The outcome of `requestEmailChange`, the same for every email.")
class RequestEmailChangePayload(MailOutcome, Payload): ...


@strawberry.type(description="The outcome of `confirmEmailChange`: the user with the new email.")
class ConfirmEmailChangePayload(UserOutcome, Payload): ...


@strawberry.type(description="The outcome of `revertEmailChange`: the user with the former email.")
class RevertEmailChangePayload(UserOutcome, Payload): ...
