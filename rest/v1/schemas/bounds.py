"""What OpenAPI says of the values in v1's shapes beside their types: formats, bounds and patterns.

Nothing is checked by it. What comes in is checked by the resolvers, which word what is wrong; what goes out cannot be
beyond what the resolvers let in and the columns hold.
"""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.config import JsonDict

from core.email_addresses import MAX_EMAIL
from core.security.passwords import MAX_PASSWORD_CHARACTERS
from core.security.tokens import MAX_TOKEN_CHARACTERS
from graph.resolvers.order_events import BATCH
from graph.resolvers.order_placement import MAX_ITEMS, MAX_QUANTITY
from graph.resolvers.pagination import MAX_BIGINT, MAX_PAGE_SIZE, MAX_SEARCH
from graph.resolvers.validation import MAX_ADDRESS, MAX_DESCRIPTION, MAX_IDEMPOTENCY_KEY, MAX_NAME
from models import MAX_ID
from models.orders import MAX_REFERENCE
from rest.v1.schemas.fields import NOT_BLANK, STORABLE

#: Characters of a sentence about an error. The longest one tells the names in Unicode of all the characters of an email
#: that no email may have; a name of such a one has 63 at most.
MAX_MESSAGE = MAX_EMAIL * 70
#: Of one request: each field of a body, its query and its headers has one at most, and of a list only the first item.
MAX_PROBLEMS = 10
#: Characters of where a problem is, such as ``items.999999.product_id``.
MAX_FIELD = 100
#: Characters of a cursor of events: base64 of their list's name and of an id, twice.
MAX_CURSOR = 100


def whole_number(least: int, most: int) -> JsonDict:
    """Return the words for an integer between two bounds, both included."""
    if most <= MAX_ID:
        return {"format": "int32", "minimum": least, "maximum": most}
    # A power of two, which readers that hold all numbers as doubles (and FastAPI does) can tell from its neighbours.
    return {"format": "int64", "minimum": least, "exclusiveMaximum": most + 1}


def text(most: int, pattern: str = STORABLE, *, least: int = 0) -> JsonDict:
    """Return the words for a text.

    Args:
        most: the most characters that it has.
        pattern: which it matches.
        least: the fewest characters that it has.
    """
    words: JsonDict = {"maxLength": most, "pattern": pattern}
    return words | {"minLength": least} if least else words


ID = whole_number(1, MAX_ID)
PAGE = whole_number(1, MAX_BIGINT)
PAGE_SIZE = whole_number(1, MAX_PAGE_SIZE)
QUANTITY = whole_number(1, MAX_QUANTITY)
#: What a client sends, trimmed by the resolvers before they measure it.
SENT_EMAIL: JsonDict = {"format": "email", "maxLength": MAX_EMAIL}
SENT_NAME = text(MAX_NAME, NOT_BLANK, least=1)
SENT_ADDRESS = text(MAX_ADDRESS, NOT_BLANK, least=1)
REFERENCE = text(MAX_REFERENCE, NOT_BLANK, least=1)
IDEMPOTENCY_KEY = text(MAX_IDEMPOTENCY_KEY, NOT_BLANK, least=1)
SEARCH = text(MAX_SEARCH)
#: Credentials: what is longer fits no account.
USERNAME = text(MAX_EMAIL)
PASSWORD = text(MAX_PASSWORD_CHARACTERS)
TOKEN = text(MAX_TOKEN_CHARACTERS, r"^[A-Za-z0-9_.-]+$")
#: Empty is as if it were left out.
CURSOR = text(MAX_CURSOR, r"^[A-Za-z0-9_-]*$")

Id = Annotated[int, Field(json_schema_extra=ID)]
#: Of rows, whose ids are all different.
Count = Annotated[int, Field(json_schema_extra=whole_number(0, MAX_ID))]
PageNumber = Annotated[int, Field(json_schema_extra=PAGE)]
PageSize = Annotated[int, Field(json_schema_extra=PAGE_SIZE)]
Quantity = Annotated[int, Field(json_schema_extra=QUANTITY)]
#: ``2025-01-15T10:40:00Z``, as :mod:`rest.v1.json_response` writes it.
Time = Annotated[datetime, Field(json_schema_extra={"maxLength": 20})]
#: Not "email", which is ASCII alone (JSON Schema 2020-12 Validation section 7.3.2).
Email = Annotated[str, Field(json_schema_extra={"format": "idn-email", "maxLength": MAX_EMAIL})]
Name = Annotated[str, Field(json_schema_extra=text(MAX_NAME, least=1))]
#: Empty when it was erased.
Address = Annotated[str, Field(json_schema_extra=text(MAX_ADDRESS))]
ProductDescription = Annotated[str, Field(json_schema_extra=text(MAX_DESCRIPTION))]
Token = Annotated[str, Field(json_schema_extra=TOKEN)]
Cursor = Annotated[str, Field(json_schema_extra=CURSOR)]
Message = Annotated[str, Field(json_schema_extra=text(MAX_MESSAGE))]
FieldPath = Annotated[str, Field(json_schema_extra=text(MAX_FIELD, r"^[a-z0-9_.]*$"))]

#: Of lists.
ON_PAGE = Field(json_schema_extra={"maxItems": MAX_PAGE_SIZE})
EVENTS_ON_PAGE = Field(json_schema_extra={"maxItems": BATCH})
OF_ORDER = Field(json_schema_extra={"minItems": 1, "maxItems": MAX_ITEMS})
OF_ERROR = Field(json_schema_extra={"minItems": 1, "maxItems": MAX_PROBLEMS})
