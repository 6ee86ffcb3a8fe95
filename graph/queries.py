"""The queries: bindings of the resolvers to the schema."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry

from core.errors import AppError
from graph.resolvers import auth, orders, products, sessions, users
from graph.resolvers.context import Context
from graph.resolvers.pagination import MAX_PAGE_SIZE
from graph.resolvers.validation import refuse
from graph.types.enums import OrderSort, ProductSort, UserSort
from graph.types.lists import connect
from graph.types.nodes import (
    After,
    Before,
    Connection,
    First,
    Info,
    Last,
    Node,
    database_id,
    decode_id,
    keyset,
)
from graph.types.orders import OrderFilter, OrderType
from graph.types.products import ProductFilter, ProductType
from graph.types.users import UserFilter, UserType

GlobalId = Annotated[strawberry.ID, strawberry.argument(description="A global id.")]

FIND: dict[str, Callable[[Context, Any], Awaitable[Any]]] = {
    "Order": orders.get_order,
    "Product": products.get_product,
    "Session": sessions.get_session,
    "User": users.get_user,
}


async def _node(info: Info, id: str) -> Any:
    type_name, key = decode_id(id)
    return await FIND[type_name](info.context, key)


async def _node_or_null(info: Info, id: str) -> Any:
    try:
        return await _node(info, id)
    except AppError:
        return None


@strawberry.type(description="What can be read.")
class Query:
    """Every field is nullable, so that one refused field does not take the others with it."""

    @strawberry.field(description="Whatever has this global id.", graphql_type=Node | None)
    async def node(self, info: Info, id: GlobalId) -> Any:
        """Find one node."""
        return await _node(info, id)

    @strawberry.field(
        description="Whatever has these global ids, in the same order; null for what is not there or not yours.",
        graphql_type=list[Node | None],
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="At most 100 global ids.")],
    ) -> Any:
        """Find several nodes."""
        if len(ids) > MAX_PAGE_SIZE:
            refuse("ids", f"At most {MAX_PAGE_SIZE} ids at once")
        return await asyncio.gather(*(_node_or_null(info, id) for id in ids))

    @strawberry.field(description="Who is signed in.", graphql_type=UserType | None)
    async def me(self, info: Info) -> Any:
        """Return the viewer."""
        return await auth.get_me(info.context)

    @strawberry.field(
        description="One user, by global id. For those who are signed in.", graphql_type=UserType | None
    )
    async def user(self, info: Info, id: GlobalId) -> Any:
        """Find one user."""
        return await users.get_user(info.context, database_id(id, "User"))

    @strawberry.field(
        description="Users, newest first. For those who are signed in.",
        graphql_type=Connection[UserType] | None,
    )
    async def users(
        self,
        info: Info,
        filter: Annotated[
            UserFilter | None, strawberry.argument(description="Only those that match.")
        ] = None,
        order_by: Annotated[
            UserSort | None, strawberry.argument(description="Newest first if not told.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """List users."""
        window = keyset(first, after, last, before)
        return await connect(users.list_users, info, filter, order_by, window)

    @strawberry.field(
        description="One product, by global id. For everybody.", graphql_type=ProductType | None
    )
    async def product(self, info: Info, id: GlobalId) -> Any:
        """Find one product."""
        return await products.get_product(info.context, database_id(id, "Product"))

    @strawberry.field(
        description="Products on sale, newest first. For everybody.",
        graphql_type=Connection[ProductType] | None,
    )
    async def products(
        self,
        info: Info,
        filter: Annotated[
            ProductFilter | None, strawberry.argument(description="Only those that match.")
        ] = None,
        order_by: Annotated[
            ProductSort | None, strawberry.argument(description="Newest first if not told.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """List products."""
        window = keyset(first, after, last, before)
        return await connect(products.list_products, info, filter, order_by, window)

    @strawberry.field(
        description="One order, by global id. For its user and for administrators.",
        graphql_type=OrderType | None,
    )
    async def order(self, info: Info, id: GlobalId) -> Any:
        """Find one order."""
        return await orders.get_order(info.context, database_id(id, "Order"))

    @strawberry.field(
        description="The viewer's own orders, newest first.", graphql_type=Connection[OrderType] | None
    )
    async def orders(
        self,
        info: Info,
        filter: Annotated[
            OrderFilter | None, strawberry.argument(description="Only those that match.")
        ] = None,
        order_by: Annotated[
            OrderSort | None, strawberry.argument(description="Newest first if not told.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """List the viewer's orders."""
        window = keyset(first, after, last, before)
        return await connect(orders.list_orders, info, filter, order_by, window)

    @strawberry.field(
        description="Everybody's orders, newest first. For administrators.",
        graphql_type=Connection[OrderType] | None,
    )
    async def all_orders(
        self,
        info: Info,
        filter: Annotated[
            OrderFilter | None, strawberry.argument(description="Only those that match.")
        ] = None,
        order_by: Annotated[
            OrderSort | None, strawberry.argument(description="Newest first if not told.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Any:
        """List everybody's orders."""
        window = keyset(first, after, last, before)
        return await connect(orders.list_orders, info, filter, order_by, window, everybodys=True)
