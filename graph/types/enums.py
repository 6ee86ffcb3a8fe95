"""The enums that GraphQL and REST share, described for GraphQL, and those for sorting."""

from enum import Enum

import strawberry

from core.errors import ErrorCode, code_descriptions
from graph.operations.queues import Queue
from graph.resolvers.pagination import Ordering
from models import FailureCode, MovementReason, OrderStatus


def describe(enum: type[Enum], description: str, values: dict[str, str]) -> None:
    """Make *enum* a GraphQL enum in which every value is described."""
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


describe(
    OrderStatus,
    "How far an order has come.",
    {
        "PENDING": "Accepted, and waiting for a worker.",
        "PROCESSING": "A worker is taking the stock and working out the total.",
        "COMPLETED": "Stock is taken and the total is final.",
        "FAILED": "It could not be fulfilled, and nothing was taken; `failureCode` says why.",
        "CANCELLED": "Its user or an administrator cancelled it; nothing was taken.",
    },
)
describe(
    FailureCode,
    "Why an order failed.",
    {
        "OUT_OF_STOCK": "Of at least one product, less was on hand than was ordered.",
        "PRODUCT_UNAVAILABLE": "At least one product was taken off sale after the order was placed; of others, less"
        " than was ordered may have been on hand.",
        "PROCESSING_ERROR": "Something broke in the server, at every attempt for hours.",
    },
)
describe(
    MovementReason,
    "Why stock moved.",
    {
        "INITIAL": "The product was created with it.",
        "ADJUSTMENT": "An administrator called `adjustStock`; `note` may say why.",
        "SALE": "An order was completed; `order` says which.",
    },
)
describe(
    Queue,
    "A queue in Redis that workers read.",
    {
        "ORDERS": "That of the orders. It only wakes workers up: what is to be done is in the database.",
        "MAIL": "That of the mails, which are nowhere else.",
    },
)
describe(
    ErrorCode,
    "What went wrong, for programs. REST uses the same codes as `error_code`.",
    code_descriptions(),
)


@strawberry.enum(description="Whether a list begins with the smallest or with the largest value.")
class SortDirection(Enum):
    ASC = strawberry.enum_value("asc", description="Ascending: the smallest, the earliest, or A comes first.")
    DESC = strawberry.enum_value("desc", description="Descending: the largest, the latest, or Z comes first.")


ALPHABETICALLY = "alphabetically: case, accents and punctuation do not matter"


@strawberry.enum(description="The fields by which users can be sorted.")
class UserSortField(Enum):
    """Columns with an index."""

    CREATED_AT = strawberry.enum_value("created_at", description="By when the user was created.")
    FULL_NAME = strawberry.enum_value("full_name_key", description=f"By the full name, {ALPHABETICALLY}.")


@strawberry.enum(description="The fields by which products can be sorted.")
class ProductSortField(Enum):
    """Columns with an index."""

    CREATED_AT = strawberry.enum_value("created_at", description="By when the product was created.")
    NAME = strawberry.enum_value("name_key", description=f"By the name, {ALPHABETICALLY}.")
    PRICE = strawberry.enum_value("price", description="By the price.")


@strawberry.enum(description="The fields by which orders can be sorted.")
class OrderSortField(Enum):
    """Columns with an index."""

    CREATED_AT = strawberry.enum_value("created_at", description="By when the order was placed.")


SORT_FIELD = "The field to sort by; what is equal in it is sorted by `databaseId`, in the same direction."
SORT_DIRECTION = "Whether the smallest or the largest value comes first."


@strawberry.input(description="How a list of users is sorted: by which field, and in which direction.")
class UserSort:
    field: UserSortField = strawberry.field(description=SORT_FIELD)
    direction: SortDirection = strawberry.field(description=SORT_DIRECTION)


@strawberry.input(description="How a list of products is sorted: by which field, and in which direction.")
class ProductSort:
    field: ProductSortField = strawberry.field(description=SORT_FIELD)
    direction: SortDirection = strawberry.field(description=SORT_DIRECTION)


@strawberry.input(description="How a list of orders is sorted: by which field, and in which direction.")
class OrderSort:
    field: OrderSortField = strawberry.field(description=SORT_FIELD)
    direction: SortDirection = strawberry.field(description=SORT_DIRECTION)


def ordering(sort: UserSort | ProductSort | OrderSort) -> Ordering:
    """Translate a sort for the resolvers."""
    return Ordering(str(sort.field.value), descending=sort.direction is SortDirection.DESC)
