"""The queries: bindings of the resolvers to the schema."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import strawberry

from core.errors import AppError
from graph.operations.dead_letters import MAX_LETTERS, list_dead_letters
from graph.operations.queues import Queue
from graph.operations.status import get_system_status
from graph.operations.usage import MAX_DAYS, MAX_LINES, QUIET_DAYS, list_usage
from graph.resolvers import auth, order_traces, orders, products, sessions, stock_movements, users
from graph.resolvers.context import Context
from graph.resolvers.pagination import MAX_PAGE_SIZE, Page
from graph.resolvers.validation import refuse
from graph.types.api_usage import ApiUsageType
from graph.types.bounds import bounds
from graph.types.connections import connection_field
from graph.types.dead_letters import DeadLetterType
from graph.types.enums import OrderSort, ProductSort, UserSort
from graph.types.nodes import Info, Node, database_id, decode_id
from graph.types.order_traces import StuckOrderFilter
from graph.types.orders import OrderFilter, OrderType
from graph.types.products import ProductFilter, ProductType
from graph.types.system_status import SystemStatusType
from graph.types.users import UserFilter, UserType
from models import OrderRow, ProductRow, UserRow

FIND: dict[str, Callable[..., Awaitable[Any]]] = {
    "Order": orders.get_order,
    "OrderItem": orders.get_order_item,
    "Product": products.get_product,
    "Session": sessions.get_session,
    "StockMovement": stock_movements.get_stock_movement,
    "User": users.get_user,
}


async def _node(info: Info, id: str) -> Any:
    return await _find(info.context, *decode_id(id))


async def _find(ctx: Context, type_name: str, key: int | UUID) -> Any:
    return await FIND[type_name](ctx, key, columns=ctx.loaders.columns_of(type_name))


async def _node_or_null(info: Info, id: str) -> Any:
    try:
        return await _node(info, id)
    except AppError:
        return None


def _id_of(what: str) -> Any:
    return strawberry.argument(description=f"The global ID of {what}.")


@strawberry.type(description="What can be read.")
class Query:
    """Every field is nullable, so that one refused field does not take the others with it."""

    @strawberry.field(
        description="The object with this global ID, of whatever type.", graphql_type=Node | None
    )
    async def node(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID, _id_of("an order, order item, product, session, stock movement or user")
        ],
    ) -> Any:
        return await _node(info, id)

    @strawberry.field(
        description="The objects with these global IDs, in the same order; null in the place of one that does not exist"
        " or that the viewer may not read.",
        graphql_type=list[Node | None],
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(
                description="The global IDs of orders, order items, products, sessions, stock movements and users: at"
                f" most {MAX_PAGE_SIZE}."
            ),
        ],
    ) -> Any:
        if len(ids) > MAX_PAGE_SIZE:
            refuse("ids", f"At most {MAX_PAGE_SIZE} ids at once")
        return await asyncio.gather(*(_node_or_null(info, id) for id in ids))

    @strawberry.field(
        description="The viewer: the user whom the access token signs in.", graphql_type=UserType | None
    )
    async def me(self, info: Info) -> Any:
        return await auth.get_me(info.context)

    @strawberry.field(
        description="One user, by global ID. For those who are signed in.", graphql_type=UserType | None
    )
    async def user(self, info: Info, id: Annotated[strawberry.ID, _id_of("the user")]) -> Any:
        return await _find(info.context, "User", database_id(id, "User"))

    @connection_field(UserType, UserFilter, UserSort)
    async def users(self, ctx: Context, **given: Any) -> Page[UserRow]:
        """Users. For those who are signed in."""
        return await users.list_users(ctx, **given, columns=ctx.loaders.columns_of("User"))

    @strawberry.field(
        description="One product, by global ID, on sale or not. For everybody.",
        graphql_type=ProductType | None,
    )
    async def product(self, info: Info, id: Annotated[strawberry.ID, _id_of("the product")]) -> Any:
        return await _find(info.context, "Product", database_id(id, "Product"))

    @connection_field(ProductType, ProductFilter, ProductSort)
    async def products(self, ctx: Context, **given: Any) -> Page[ProductRow]:
        """Products on sale. For everybody."""
        return await products.list_products(ctx, **given, columns=ctx.loaders.columns_of("Product"))

    @strawberry.field(
        description="One order, by global ID. For its user and for administrators.",
        graphql_type=OrderType | None,
    )
    async def order(self, info: Info, id: Annotated[strawberry.ID, _id_of("the order")]) -> Any:
        return await _find(info.context, "Order", database_id(id, "Order"))

    @connection_field(OrderType, OrderFilter, OrderSort)
    async def orders(self, ctx: Context, **given: Any) -> Page[OrderRow]:
        """The viewer's own orders."""
        return await orders.list_orders(ctx, **given, columns=ctx.loaders.columns_of("Order"))

    @connection_field(OrderType, OrderFilter, OrderSort)
    async def all_orders(self, ctx: Context, **given: Any) -> Page[OrderRow]:
        """The orders of all users. For administrators."""
        columns = ctx.loaders.columns_of("Order")
        return await orders.list_orders(ctx, everybodys=True, **given, columns=columns)

    @strawberry.field(
        description="Whether all is well, with the figures behind that. For administrators.",
        graphql_type=SystemStatusType | None,
    )
    async def system_status(self, info: Info) -> Any:
        return await get_system_status(info.context)

    @strawberry.field(
        description="Messages that workers have given up, newest first. For administrators.",
        graphql_type=list[DeadLetterType] | None,
        metadata=bounds(entries=MAX_LETTERS),
    )
    async def dead_letters(
        self,
        info: Info,
        first: Annotated[
            int, strawberry.argument(description=f"The most messages that are returned: 1 to {MAX_LETTERS}.")
        ] = 20,
        queue: Annotated[
            Queue | None, strawberry.argument(description="The queue that they were in; any if left out.")
        ] = None,
    ) -> Any:
        return await list_dead_letters(info.context, count=first, queue=queue)

    @strawberry.field(
        description="Who uses what of both APIs, and what nobody does: what is used most first, unused things last."
        " Calls are counted a few seconds late. For administrators.",
        graphql_type=list[ApiUsageType] | None,
        metadata=bounds(entries=MAX_LINES),
    )
    async def api_usage(
        self,
        info: Info,
        days: Annotated[
            int,
            strawberry.argument(
                description=f"The days (UTC) that are told of, today and those before it: 1 to {MAX_DAYS}."
            ),
        ] = QUIET_DAYS,
        operation: Annotated[
            str | None,
            strawberry.argument(description="One `operation`, by its exact name; any if left out."),
        ] = None,
        client: Annotated[
            str | None, strawberry.argument(description="One `client`, by its exact name; any if left out.")
        ] = None,
        first: Annotated[
            int, strawberry.argument(description=f"The most lines that are returned: 1 to {MAX_LINES}.")
        ] = 100,
    ) -> Any:
        return await list_usage(info.context, days=days, count=first, operation=operation, client=client)

    @connection_field(OrderType, StuckOrderFilter)
    async def stuck_orders(self, ctx: Context, **given: Any) -> Page[OrderRow]:
        """Orders that were placed some time ago and are still open, the oldest first; `trace` tells what each waits
        for. For administrators.
        """
        columns = ctx.loaders.columns_of("Order")
        return await order_traces.list_stuck_orders(ctx, **given, columns=columns)
