"""What the shapes of v1 are made of.

What comes in is a Pydantic model. What goes out is a plain dictionary, described by a ``TypedDict`` and made by the
function beside it: nobody has to check our own answers, and nothing is written to JSON faster.
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic.config import JsonDict

from core.blank import INVISIBLE
from core.money import MINOR_UNITS

#: Far beyond any number that means something here, far below what Python refuses to read.
MAX_DIGITS = 100

#: Patterns for OpenAPI (ECMA 262 and Python read them alike): PostgreSQL stores no NUL.
STORABLE = r"^[^\u0000]*$"
NOT_BLANK = rf"^[^\u0000]*[^{INVISIBLE}][^\u0000]*$"

#: A string of a structured field (RFC 9651 section 3.3.3), its characters not confined to ASCII.
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


def _whole_number(value: object) -> object:
    # int() would also take " 1 ", "1_000" and digits of other scripts.
    if isinstance(value, str) and not (value.isascii() and value.removeprefix("-").isdigit()):
        raise ValueError("must be a whole number")
    if isinstance(value, str) and len(value) > MAX_DIGITS:
        raise ValueError("is too large a number")
    return value


def _integral(value: object) -> object:
    return int(value) if type(value) is float and value.is_integer() else value


def _key(value: str) -> str:
    if not value.startswith('"'):
        return value
    quoted = _QUOTED.fullmatch(value)
    if quoted is None:
        raise ValueError("must have quotes around all of it, or none")
    return re.sub(r"\\(.)", r"\1", quoted[1])


def _true_or_false(value: object) -> object:
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError("must be true or false")
        return value.lower() == "true"
    return value


#: Numbers and truth values in an address, which holds nothing but text.
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
Truth = Annotated[bool, BeforeValidator(_true_or_false)]
#: An integer of a body: JSON knows numbers only, and 2.0 is an integer, too (JSON Schema 2020-12, section 6.1.1).
Integer = Annotated[int, BeforeValidator(_integral)]
#: The text of an idempotency key, sent bare or in quotes (draft-ietf-httpapi-idempotency-key-header section 2.1).
IdempotencyKey = Annotated[str, AfterValidator(_key)]

if TYPE_CHECKING:
    Money = orjson.Fragment
else:
    #: A decimal with two places, written as a JSON number.
    Money = Annotated[
        Decimal, WithJsonSchema({"type": "number", "minimum": 0, "description": "With two decimals."})
    ]


@lru_cache(maxsize=4096)
def money(minor: int) -> Money:
    """Return *minor* units as a JSON number: digits, so that no float ever holds money; nothing is a plain 0."""
    return orjson.Fragment(b"%d.%02d" % divmod(minor, MINOR_UNITS) if minor else b"0")


def example(values: JsonDict) -> ConfigDict:
    """Return the configuration that puts one example into a shape's schema."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class Body(BaseModel):
    """A request body. Fields that are not documented are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")
