"""Checks of input values that both faces share. All problems of an input are reported at once."""

from decimal import Decimal
from typing import NoReturn

from core.blank import is_blank
from core.email_addresses import EmailNotValidError, read_email
from core.errors import Problem, ValidationFailed
from core.money import MAX_PRICE, to_minor
from core.security.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS, normal_password
from models.orders import MAX_REFERENCE

MAX_NAME = 200
MAX_ADDRESS = 1_000
MAX_DESCRIPTION = 10_000
MAX_IDEMPOTENCY_KEY = 255
#: What descriptions say of a text that is trimmed before it is measured.
TRIMMED = "White space at its ends is removed and does not count."


class Checks:
    """Collects what is wrong; :meth:`done` raises it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, field: str, message: str) -> None:
        """Note a problem. *field* may be a path, its parts separated by dots."""
        self.problems.append(Problem(tuple(field.split(".")), message))

    def done(self) -> None:
        """Raise :class:`ValidationFailed` if there was any problem."""
        if self.problems:
            raise ValidationFailed(*self.problems)

    def text(self, field: str, value: str, label: str, *, longest: int, blank: bool = False) -> str:
        """Return *value* trimmed. PostgreSQL stores no NUL, and a lone surrogate is no text.

        Args:
            longest: the most characters that it may have.
            blank: whether it may be such that nothing in it can be seen.
        """
        value = value.strip()
        if len(value) > longest:
            self.refuse(field, f"{label} is too long: at most {longest} characters")
        elif not blank and is_blank(value):
            self.refuse(field, f"{label} must not be blank")
        elif not is_storable(value):
            self.refuse(field, f"{label} contains characters that cannot be stored")
        return value

    def reference(self, value: str) -> str:
        """Return the reference of an order, trimmed."""
        return self.text("reference", value, "Reference", longest=MAX_REFERENCE)

    def idempotency_key(self, value: str) -> str:
        """Return an idempotency key, trimmed."""
        return self.text("idempotency_key", value, "Idempotency key", longest=MAX_IDEMPOTENCY_KEY)

    def amount(self, field: str, value: Decimal, label: str, *, most: int = MAX_PRICE) -> int:
        """Return an amount of the configured currency in minor units.

        Args:
            most: the largest that it may be, in minor units.
        """
        try:
            return to_minor(value, most=most)
        except ValueError as error:
            self.refuse(field, f"{label} {error}")
            return 0

    def email(self, value: str, field: str = "email") -> str:
        """Return the normal form of an address (:func:`core.email_addresses.read_email`)."""
        try:
            return read_email(value)
        except EmailNotValidError as error:
            self.refuse(field, f"Invalid email format: {str(error).rstrip('.')}")
            return value

    def password(self, value: str, field: str = "password") -> str:
        """Check the length of the normal form: characters are what is guessed, bytes what bcrypt counts."""
        form = normal_password(value)
        try:
            size = len(form.encode())
        except UnicodeEncodeError:
            self.refuse(field, "Password contains characters that cannot be stored")
            return value
        if len(form) < MIN_PASSWORD_CHARACTERS:
            self.refuse(field, f"Password too short: at least {MIN_PASSWORD_CHARACTERS} characters")
        elif size > MAX_PASSWORD_BYTES:
            self.refuse(field, f"Password too long: at most {MAX_PASSWORD_BYTES} bytes")
        elif "\0" in value:
            self.refuse(field, "Password contains characters that cannot be stored")
        return value


def is_storable(value: str) -> bool:
    """Tell whether PostgreSQL can hold *value*."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def refuse(field: str, message: str) -> NoReturn:
    """Raise :class:`ValidationFailed` with this one problem."""
    checks = Checks()
    checks.refuse(field, message)
    raise ValidationFailed(*checks.problems)
