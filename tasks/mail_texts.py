"""What the mails say. They name nobody: a name is what its owner typed, and a mail may go to a stranger."""

from datetime import UTC, datetime

from core.mail import Message

_IGNORE = "If you did not ask for this, ignore this mail: nothing changes."


def _act(app_url: str, path: str, mutation: str, token: str) -> str:
    if not app_url:
        return f"The token for {mutation}:\n\n{token}"
    # Behind the number sign, where no server and no Referer header gets to see it.
    return f"{app_url}/{path}#token={token}"


def password_reset(to: str, token: str, app_url: str, *, sign_in_by: str) -> Message:
    """Tell how to set a new password, and the email to sign in by if it is another.

    Args:
        app_url: the address of the front end, or empty.
    """
    sign_in = "" if sign_in_by == to else f"The email to sign in with is {sign_in_by} at present.\n\n"
    act = _act(app_url, "reset-password", "resetPassword", token)
    return Message(
        to,
        "Set a new password",
        f"Somebody, probably you, asked to set a new password for this account.\n\n{act}\n\n"
        f"It works once, within an hour.\n\n{sign_in}{_IGNORE}\n",
    )


def password_changed(to: str) -> Message:
    """Tell that it was done, by whichever way."""
    return Message(
        to,
        "Your password was changed",
        "The password of this account was just changed, by somebody who knew it or by a link that was mailed to this "
        "address, and all other devices were signed out.\n\nIf that was not you, somebody knows your password or can "
        "read your mail: secure the mailbox, then ask for a new password.\n",
    )


def new_sign_in(to: str, at: datetime, user_agent: str, address: str) -> Message:
    """Tell of a sign-in from a device that is new, as far as it says what it is."""
    return Message(
        to,
        "A new device has signed in",
        "Somebody, probably you, signed in to this account from a device that it was not used on lately.\n\n"
        f"Time: {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC\nDevice: {_printable(user_agent)}\n"
        f"Address: {_printable(address)}\n\n"
        "If that was not you, somebody knows your password: change it now, which also signs all devices out.\n",
    )


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable()) or "unknown"


def email_changed(to: str, new_email: str, token: str, app_url: str) -> Message:
    """Tell the last address that was proved of one that was not, and how to take the change back."""
    act = _act(app_url, "revert-email", "revertEmailChange", token)
    return Message(
        to,
        "The email of your account was changed",
        f"Somebody, probably you, changed the email to sign in with to {new_email}. Nobody has proved yet to read its "
        "mail, so mails about the account still come here.\n\n"
        f"If that was not you, take the change back; it signs all devices out:\n\n{act}\n\n"
        "It works once, within 72 hours. If it was you, there is nothing to do.\n",
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
