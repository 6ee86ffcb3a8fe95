"""The enums of both faces, described for GraphQL, and the ones for sorting."""

from enum import Enum

import strawberry

from core.errors import ErrorCode
from graph.resolvers.pagination import Ordering
from models import FailureCode, OrderStatus


def describe(enum: type[Enum], description: str, values: dict[str, str]) -> None:
    """Make *enum* a GraphQL enum in which every value is described."""
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


describe(
    OrderStatus,
    "Where an order stands.",
    {
        "PENDING": "Accepted; no worker has taken it up yet.",
        "PROCESSING": "A worker is checking stock and working out the total.",
        "COMPLETED": "Stock is taken and the total is final.",
        "FAILED": "It could not be fulfilled, and nothing was taken; `failureCode` says why.",
        "CANCELLED": "Its user or an administrator cancelled it; nothing was taken.",
    },
)
describe(
    FailureCode,
    "Why an order failed.",
    {
        "OUT_OF_STOCK": "There was less on hand of at least one product than was ordered.",
        "PRODUCT_UNAVAILABLE": "A product was taken off sale after the order was placed.",
        "PROCESSING_ERROR": "Something of ours broke, several times over.",
    },
)
describe(
    ErrorCode,
    "What went wrong, for programs. REST uses the same words as `error_code`.",
    {
        "INVALID_CREDENTIALS": "The email or the password is wrong.",
        "NOT_AUTHENTICATED": "The request carries no access token.",
        "TOKEN_INVALID": "The access token is not valid, or its session has ended: sign in again.",
        "TOKEN_EXPIRED": "The access token has expired: refresh it.",
        "REFRESH_TOKEN_INVALID": "The refresh token is unknown, expired, revoked or used before: sign in again.",
        "ONE_TIME_TOKEN_INVALID": "The token of a mail is unknown, expired, superseded or used: ask for a new one.",
        "ADMIN_REQUIRED": "Only an administrator may do this.",
        "NOT_OWNER": "It belongs to another user.",
        "USER_NOT_FOUND": "There is no such user.",
        "ORDER_NOT_FOUND": "There is no such order.",
        "PRODUCT_NOT_FOUND": "There is no such product.",
        "SESSION_NOT_FOUND": "The viewer has no such session, or it has ended.",
        "PERSISTED_QUERY_NOT_FOUND": "No document of this hash is known: send it with its text.",
        "DOCUMENT_NOT_TRUSTED": "The server runs trusted documents only.",
        "NOT_FOUND": "There is nothing at this address.",
        "METHOD_NOT_ALLOWED": "The address does not take this HTTP method.",
        "EMAIL_EXISTS": "Another user has this email.",
        "INVALID_PRODUCT": "A product of the order does not exist or is off sale.",
        "INVALID_QUANTITY": "A quantity is zero, negative, too large or more than there is.",
        "ORDER_NOT_CANCELLABLE": "The order is already completed, failed or cancelled.",
        "LAST_ADMIN": "The shop would be left without an administrator.",
        "CONFLICT": "Somebody else changed it first: read it again.",
        "VALIDATION_ERROR": "The input has the wrong shape, type or length.",
        "IDEMPOTENCY_KEY_REUSED": "The idempotency key was used before, for something else.",
        "RATE_LIMITED": "Too many requests, sign-in attempts or mails: wait.",
        "DEADLINE_EXCEEDED": "The operation took too long and was stopped.",
        "INTERNAL_ERROR": "Something of ours broke; the log knows more under the request's id.",
    },
)


@strawberry.enum(description="Which way to sort.")
class SortDirection(Enum):
    """Ascending or descending."""

    ASC = strawberry.enum_value("asc", description="Smallest, earliest or first in the alphabet first.")
    DESC = strawberry.enum_value("desc", description="Largest, latest or last in the alphabet first.")


@strawberry.enum(description="What users can be sorted by.")
class UserSortField(Enum):
    """Columns with an index."""

    CREATED_AT = strawberry.enum_value("created_at", description="When the user was created.")
    FULL_NAME = strawberry.enum_value("full_name", description="The full name.")


@strawberry.enum(description="What products can be sorted by.")
class ProductSortField(Enum):
    """Columns with an index."""

    CREATED_AT = strawberry.enum_value("created_at", description="When the product was created.")
    NAME = strawberry.enum_value("name", description="The name.")
    PRICE = strawberry.enum_value("price", description="The price.")


@strawberry.enum(description="What orders can be sorted by.")
class OrderSortField(Enum):
    """Columns with an index."""

    CREATED_AT = strawberry.enum_value("created_at", description="When the order was placed.")


@strawberry.input(description="How to sort users.")
class UserSort:
    """Column and direction."""

    field: UserSortField = strawberry.field(description="What to sort by.")
    direction: SortDirection = strawberry.field(description="Which way.")


@strawberry.input(description="How to sort products.")
class ProductSort:
    """Column and direction."""

    field: ProductSortField = strawberry.field(description="What to sort by.")
    direction: SortDirection = strawberry.field(description="Which way.")


@strawberry.input(description="How to sort orders.")
class OrderSort:
    """Column and direction."""

    field: OrderSortField = strawberry.field(description="What to sort by.")
    direction: SortDirection = strawberry.field(description="Which way.")


def ordering(sort: UserSort | ProductSort | OrderSort) -> Ordering:
    """Translate a sort for the resolvers."""
    return Ordering(str(sort.field.value), descending=sort.direction is SortDirection.DESC)
