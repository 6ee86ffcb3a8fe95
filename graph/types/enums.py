"""The enums of both faces, described for GraphQL, and the ones for sorting."""

from enum import Enum

import strawberry

from core.errors import ErrorCode, code_descriptions
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
    "What went wrong, for programs. REST uses the same codes as `error_code`.",
    code_descriptions(),
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
