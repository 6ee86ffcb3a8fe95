"""The one reader of JSON that others have written: bodies and parameters of both APIs, socket messages, files."""

from typing import Any

from pydantic_core import from_json

#: What some programs put in front of a text in UTF-8; a reader may ignore it (RFC 8259 section 8.1).
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class InvalidJson(ValueError):
    """A text is not JSON in UTF-8; the message says why, and where."""


def parse_json(text: bytes | str) -> Any:
    """Return the value of a JSON text in UTF-8 (RFC 8259), whether or not a byte order mark stands in front.

    Integers are exact up to 4,300 digits. A key that is there twice has its last value.

    Raises:
        InvalidJson: it is anything else, such as UTF-16, ``NaN`` or ``Infinity``, half a surrogate pair (escaped or
            not), or nested more than 200 levels deep.
    """
    try:
        encoded = text.encode() if isinstance(text, str) else text
        # Only keys are kept for the next text: among the values are passwords.
        return from_json(encoded.removeprefix(_BYTE_ORDER_MARK), allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise InvalidJson(str(error)) from None
