"""Email addresses: what is one, and the one form in which they are compared, counted, stored and searched."""

import unicodedata

import email_validator
from email_validator import EmailNotValidError, EmailSyntaxError, ValidatedEmail, validate_email

__all__ = ["MAX_EMAIL", "EmailNotValidError", "normal_email", "parse_email", "read_email"]

#: Characters of an address, as it is sent and in its normal form (RFC 5321 section 4.5.3.1.3).
MAX_EMAIL = 254

#: Private mail servers deliver to them (RFC 6762 appendix G, RFC 6761 section 6.2), so they are addresses here. The
#: library has one list for the whole process, and documents changing it.
_DELIVERABLE = {"local", "test"}
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in _DELIVERABLE
]


def parse_email(text: str) -> ValidatedEmail:
    """Return the parts of an address (RFC 5321, 6531), in the case that it is written in.

    Raises:
        EmailNotValidError: it is none; the message is a sentence that says why.
    """
    return validate_email(_trimmed(text), check_deliverability=False)


def read_email(text: str) -> str:
    """Return the normal form of an address.

    That is NFC; before the @-sign lower case (``str.lower``, which depends on no locale), behind it the Unicode
    form of the domain by UTS 46, whether it was written so or in Punycode. It is its own normal form.

    Raises:
        EmailNotValidError: it is no address; the message is a sentence that says why.
    """
    local_part, at, domain = _trimmed(text).rpartition("@")
    return parse_email(_lower(local_part) + at + domain).normalized


def normal_email(text: str) -> str:
    """Return the normal form of an address, or for what is none some form of its own: for whatever looks one up.

    Two texts have the same form if and only if they are the same account, so attempts are counted by it, too.
    Nobody has the form of what is too long, which is empty.
    """
    try:
        return read_email(text)
    except EmailNotValidError:
        text = text.strip()
        return _lower(text) if len(text) <= MAX_EMAIL else ""


def _trimmed(text: str) -> str:
    text = text.strip()
    # Before anything that takes more than linear time.
    if len(text) > MAX_EMAIL:
        raise EmailSyntaxError(f"The email address is too long: at most {MAX_EMAIL} characters.")
    return text


def _lower(text: str) -> str:
    # Lower case may decompose, and what is decomposed may have no lower case of its own.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
