"""``ApiUsage``: what ``tandem usage`` shows, for GraphQL."""

import strawberry

from core.http.client_name import MAX_NAME
from core.usage import MAX_CLIENTS
from graph.types.bounds import bounds
from models.api_usage import MAX_OPERATION


@strawberry.type(
    name="ApiUsage",
    description="How often one client has used one thing of either API, within the days asked for.",
)
class ApiUsageType:
    """A :class:`graph.operations.usage.Usage`."""

    operation: str = strawberry.field(
        description="What is used: an operation of REST v1 by its id (`listOrders`), a field of a root of GraphQL"
        " (`Query.orders`), or the schema coordinate of something deprecated (`Order.oldField`).",
        metadata=bounds(characters=MAX_OPERATION),
    )
    client: str | None = strawberry.field(
        description="The client, by the name that it gives itself: in the header `GraphQL-Client-Name` or"
        " `apollographql-client-name`, else the first product of its `User-Agent`. `(unknown)` gives none, `(other)`"
        f" are those beyond the first {MAX_CLIENTS:,} of a day. Null: nobody has used it.",
        metadata=bounds(characters=MAX_NAME),
    )
    calls: int = strawberry.field(
        description="The number of calls, refused ones among them; of a subscription it is begun once."
    )
    day: str | None = strawberry.field(
        name="lastDay",
        description="The last day (UTC) of a call, such as `2026-11-27`; null if there is none.",
    )
