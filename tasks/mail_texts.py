"""What the mails say. They name nobody: a name is what its owner typed, and a mail may go to a stranger."""

from core.mail import Message

_IGNORE = "If you did not ask for this, ignore this mail: nothing changes."


def _act(app_url: str, path: str, mutation: str, token: str) -> str:
    if not app_url:
        return f"The token for {mutation}:\n\n{token}"
    # Behind the number sign, where no server and no Referer header gets to see it.
    return f"{app_url}/{path}#token={token}"


def password_reset(to: str, token: str, app_url: str) -> Message:
    """Tell how to set a new password. *app_url* is the address of the front end, or empty."""
    act = _act(app_url, "reset-password", "resetPassword", token)
    return Message(
        to,
        "Set a new password",
        f"Somebody, probably you, asked to set a new password for this account.\n\n{act}\n\n"
        f"It works once, within an hour.\n\n{_IGNORE}\n",
    )


def password_changed(to: str) -> Message:
    """Tell that it was done."""
    return Message(
        to,
        "Your password was changed",
        "The password of this account was just set anew by a link that was mailed to this address, and all devices "
        "were signed out.\n\nIf that was not you, somebody can read your mail: secure the mailbox, then ask for a "
        "new password again.\n",
    )


def email_change(to: str, token: str, app_url: str) -> Message:
    """Ask a new address to prove itself."""
    act = _act(app_url, "confirm-email", "confirmEmailChange", token)
    return Message(
        to,
        "Confirm your new address",
        f"Somebody, probably you, asked to sign in with this address from now on.\n\n{act}\n\n"
        f"It works once, within 24 hours.\n\n{_IGNORE}\n",
    )


def email_change_asked(to: str, new_email: str) -> Message:
    """Tell the present address what is going on."""
    return Message(
        to,
        "Your address is about to change",
        f"Somebody who knows your password asked to sign in with {new_email} instead of this address. "
        "This happens when the mail sent there is confirmed.\n\n"
        "If that was not you, change your password now: that also stops the change.\n",
    )


def email_taken(to: str) -> Message:
    """Tell the holder of an address that somebody wanted it."""
    return Message(
        to,
        "This address already has an account",
        "Somebody, perhaps you, asked to sign in to another account with this address, which has an account of its "
        "own. Nothing was changed.\n\nIf it was you and you do not remember the password, ask for a new one.\n",
    )
