"""Lists as Relay's connections (relay.dev/graphql/connections.htm): one way to declare the field of a list."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from engine.graphql import selects_only
from graph.resolvers.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Keyset, Page
from graph.types.bounds import bounds
from graph.types.enums import ordering
from graph.types.nodes import Info

T = TypeVar("T")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's ``PageInfo``."""

    page: strawberry.Private[Page[Any]]

    @strawberry.field(
        graphql_type=bool,
        description="Whether the list goes on after this page.",
        metadata=bounds(statement=True),
    )
    def has_next_page(self) -> Any:
        return self.page.look_next() if self.page.look_next else self.page.has_next

    @strawberry.field(
        graphql_type=bool,
        description="Whether the list has something before this page.",
        metadata=bounds(statement=True),
    )
    def has_previous_page(self) -> Any:
        return self.page.look_previous() if self.page.look_previous else self.page.has_previous

    @strawberry.field(description="The cursor of the first edge; null if the page is empty.")
    def start_cursor(self) -> str | None:
        rows = self.page.rows
        return self.page.cursor(rows[0]) if rows else None

    @strawberry.field(description="The cursor of the last edge; null if the page is empty.")
    def end_cursor(self) -> str | None:
        rows = self.page.rows
        return self.page.cursor(rows[-1]) if rows else None


@strawberry.type(description="One node of a page, with its place in the list.")
class Edge(Generic[T]):
    """Relay's ``Edge``."""

    node: T = strawberry.field(description="The node itself.")
    cursor: str = strawberry.field(
        description="Its place in the list: an opaque text for the arguments `after` and `before`."
    )


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """Relay's ``Connection``, over a :class:`Page` of rows."""

    page: strawberry.Private[Page[Any]]

    @strawberry.field(description="The nodes of this page, each with its cursor.")
    def edges(self) -> list[Edge[T]]:
        return [Edge(node=row, cursor=self.page.cursor(row)) for row in self.page.rows]

    @strawberry.field(description="The nodes of this page, for those who need no cursors.")
    def nodes(self) -> list[T]:
        return self.page.rows

    @strawberry.field(description="Where this page stands in the list.")
    def page_info(self) -> PageInfo:
        return PageInfo(page=self.page)

    @strawberry.field(
        description="How many nodes the whole list has, on all of its pages. Counted only when asked for;"
        " of a list of 10,000 nodes or more, it may be a few seconds old.",
        metadata=bounds(statement=True),
    )
    async def total_count(self) -> int:
        return await self.page.count()


_FILTER = strawberry.argument(
    description="Conditions, all of which a node must meet. Without them: the whole list."
)
_ORDER_BY = strawberry.argument(
    description="The field and the direction to sort by. Without it: newest first."
)
_FIRST = strawberry.argument(
    description=f"The number of nodes from the start of the list, or after `after`: 0 to {MAX_PAGE_SIZE}."
    f" {DEFAULT_PAGE_SIZE} if neither this nor `last` is given."
)
_AFTER = strawberry.argument(
    description="A cursor of this list, in this order: only nodes after it. Give `pageInfo.endCursor` of a page to get"
    " the next one. An empty text is as if left out. Not for polling: what is added to a list later can stand before"
    " a cursor that was its last; `orderEvents` tells what is new of orders."
)
_LAST = strawberry.argument(
    description=f"The number of nodes from the end of the list, or before `before`: 0 to {MAX_PAGE_SIZE}."
    " Cannot be used together with `first`."
)
_BEFORE = strawberry.argument(
    description="A cursor of this list, in this order: only nodes before it. Give `pageInfo.startCursor` of a page to"
    " get the one before. An empty text is as if left out."
)


def connection_field(
    node: Any, filter_type: Any = None, sort_type: Any = None, *, metadata: Mapping[Any, Any] | None = None
) -> Callable[[Callable[..., Awaitable[Page[Any]]]], Any]:
    """Declare the field of a list by a function ``(parent, ctx, **given) -> Page``. Its docstring describes the field.

    What the client gives comes as keywords: ``window``; ``ordering``, if the client sorts; and those that the filter's
    ``arguments()`` returns, if there is one.

    Args:
        node: the GraphQL type of the nodes.
        filter_type: the input type of ``filter``, if the client can filter.
        sort_type: the input type of ``orderBy``, if the client can sort.
        metadata: that of the field.
    """
    given_types = {"filter": filter_type, "order_by": sort_type}
    # Strawberry wants a type of what is taken out below, too.
    filter_type, sort_type = filter_type or str, sort_type or str

    def declare(list_rows: Callable[..., Awaitable[Page[Any]]]) -> Any:
        async def resolve(
            root: strawberry.Parent[Any],
            info: Info,
            filter: Annotated[filter_type | None, _FILTER] = None,
            order_by: Annotated[sort_type | None, _ORDER_BY] = None,
            first: Annotated[int | None, _FIRST] = None,
            after: Annotated[str | None, _AFTER] = None,
            last: Annotated[int | None, _LAST] = None,
            before: Annotated[str | None, _BEFORE] = None,
        ) -> Any:
            given = filter.arguments() if filter else {}
            if order_by:
                given["ordering"] = ordering(order_by)
            window = Keyset(first, after, last, before, reads_rows=not selects_only(info, "totalCount"))
            return Connection(page=await list_rows(root, info.context, window=window, **given))

        field = strawberry.field(
            resolve,
            description=" ".join((list_rows.__doc__ or "").split()),
            graphql_type=Connection[node] | None,
            metadata={**(metadata or {}), **bounds(statement=True)},
        )
        field.arguments = [one for one in field.arguments if given_types.get(one.python_name, resolve)]
        return field

    return declare
