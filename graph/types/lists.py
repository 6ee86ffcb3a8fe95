"""From the arguments of a list field to its connection: the one path of every list."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from graph.resolvers.pagination import Keyset, Page
from graph.types.enums import OrderSort, ProductSort, UserSort, ordering
from graph.types.nodes import Connection, Info


class Filter(Protocol):
    """An input type that knows the arguments of its resolver."""

    def arguments(self) -> dict[str, Any]:
        """Return them by name."""


async def connect(
    resolver: Callable[..., Awaitable[Page[Any]]],
    info: Info,
    filter: Filter | None,
    order_by: UserSort | ProductSort | OrderSort | None,
    window: Keyset,
    **fixed: Any,
) -> Connection[Any]:
    """Call a list's resolver with what the client gave, and with what the field itself has *fixed*."""
    given = filter.arguments() if filter else {}
    if order_by:
        given["ordering"] = ordering(order_by)
    return Connection(page=await resolver(info.context, window=window, **given, **fixed))
