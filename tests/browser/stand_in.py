"""A small GraphQL API with the shapes of ours, where the tests decide when tokens expire and what a run costs.

The playground is the real one; only what it talks to is played, so that these tests need no database.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import strawberry
import uvicorn
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from strawberry.extensions import SchemaExtension

from core.demo_people import DEMO_PEOPLE
from graph.endpoint.bar import bar_route
from graph.endpoint.playground import ASSETS, playground_routes, render_playground
from graph.endpoint.schema_files import INTROSPECTION_PATH


@dataclass
class Stage:
    """What the stand-in has seen, and how it should behave."""

    expires_in: int = 1800
    expired: set[str] = field(default_factory=set)
    seen: list[str | None] = field(default_factory=list)
    clients: set[str | None] = field(default_factory=set)
    refreshed: int = 0
    issued: int = 0
    refreshable: bool = True
    signed_out: list[str] = field(default_factory=list)
    assets: Path = ASSETS

    def issue(self) -> str:
        """Return a token that was never seen before."""
        self.issued += 1
        return f"access-{self.issued}"

    def check(self, authorization: str | None) -> None:
        """Note who asks, and refuse without a token or with an expired one."""
        self.seen.append(authorization)
        self.admit(authorization)

    def admit(self, authorization: str | None) -> None:
        """Refuse without a token or with an expired one; the page follows orders without being told to."""
        if not authorization:
            raise GraphQLError("Not authenticated", extensions={"code": "NOT_AUTHENTICATED"})
        if authorization.removeprefix("Bearer ") in self.expired:
            raise GraphQLError("Token has expired", extensions={"code": "TOKEN_EXPIRED"})


stage = Stage()


@strawberry.type
class UserError:
    code: str
    message: str
    field: list[str] | None = None


@strawberry.type
class User:
    database_id: int
    full_name: str
    email: str
    is_admin: bool


@strawberry.type
class Tokens:
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: int | None = None
    user: User | None = None
    errors: list[UserError] = strawberry.field(default_factory=list)


@strawberry.type
class Money:
    amount: str
    currency: str


@strawberry.type
class Product:
    id: strawberry.ID
    name: str


@strawberry.type
class ProductEdge:
    node: Product


@strawberry.type
class ProductConnection:
    total_count: int
    edges: list[ProductEdge]


@strawberry.type
class OrderEvent:
    cursor: str
    status: str
    created_at: str
    order: "Order"
    failure_code: str | None = None


@strawberry.type
class Order:
    id: strawberry.ID
    database_id: int
    status: str
    total: Money
    agreed_total: Money

    @strawberry.field
    def events(self) -> list[OrderEvent]:
        return [_event("PENDING"), _event("PROCESSING")]


@strawberry.type
class OrderPayload:
    order: Order | None
    replayed: bool
    errors: list[UserError]


@strawberry.input
class LoginInput:
    email: str
    password: str


@strawberry.input
class RefreshTokenInput:
    refresh_token: str


@strawberry.input
class LogoutInput:
    refresh_token: str


@strawberry.type
class LogoutPayload:
    signed_out: bool


@strawberry.input
class OrderItemInput:
    product_id: strawberry.ID
    quantity: int


@strawberry.input
class CreateOrderInput:
    items: list[OrderItemInput]
    shipping_address: str


@strawberry.input
class ProductFilter:
    in_stock: bool | None = None


def _authorization(info: strawberry.Info[Any, Any]) -> str | None:
    context = info.context
    payload = context.get("connection_params") or context["request"].headers
    value = payload.get("authorization")
    stage.clients.add(payload.get("graphql-client-name"))
    return str(value) if value else None


def _order(number: int, status: str) -> Order:
    return Order(
        id=strawberry.ID(f"order-{number}"),
        database_id=number,
        status=status,
        total=Money(amount="4.50", currency="USD"),
        agreed_total=Money(amount="4.50", currency="USD"),
    )


def _event(status: str) -> OrderEvent:
    return OrderEvent(
        cursor=f"after-{status}",
        status=status,
        created_at="2026-01-31T12:00:00Z",
        order=_order(1, status),
    )


@strawberry.type
class Query:
    @strawberry.field
    def products(self, first: int = 10, filter: ProductFilter | None = None) -> ProductConnection:
        beans = Product(id=strawberry.ID("product-7"), name="Coffee beans")
        return ProductConnection(total_count=1, edges=[ProductEdge(node=beans)])

    @strawberry.field
    def me(self, info: strawberry.Info[Any, Any]) -> str:
        stage.check(_authorization(info))
        return "me"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def login(self, input: LoginInput) -> Tokens:
        for number, person in enumerate(DEMO_PEOPLE, start=1):
            if (input.email, input.password) == (person.email, person.password):
                user = User(
                    database_id=number,
                    full_name=person.full_name,
                    email=person.email,
                    is_admin=person.is_admin,
                )
                return Tokens(
                    access_token=stage.issue(),
                    refresh_token="refresh",
                    expires_in=stage.expires_in,
                    user=user,
                )
        return Tokens(errors=[UserError(code="INVALID_CREDENTIALS", message="Invalid email or password")])

    @strawberry.mutation
    def refresh_token(self, input: RefreshTokenInput) -> Tokens:
        stage.refreshed += 1
        if not stage.refreshable:
            return Tokens(errors=[UserError(code="REFRESH_TOKEN_INVALID", message="Invalid refresh token")])
        return Tokens(access_token=stage.issue(), refresh_token="refresh", expires_in=1800)

    @strawberry.mutation
    def logout(self, input: LogoutInput) -> LogoutPayload:
        stage.signed_out.append(input.refresh_token)
        return LogoutPayload(signed_out=True)

    @strawberry.mutation
    def create_order(self, info: strawberry.Info[Any, Any], input: CreateOrderInput) -> OrderPayload:
        stage.check(_authorization(info))
        return OrderPayload(order=_order(len(input.items), "PENDING"), replayed=False, errors=[])


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def order_events(
        self, info: strawberry.Info[Any, Any], after: str | None = None
    ) -> AsyncGenerator[OrderEvent, None]:
        stage.admit(_authorization(info))
        yield _event("PROCESSING")
        yield _event("COMPLETED")
        await asyncio.Event().wait()


class Cost(SchemaExtension):
    """Says of every operation what it cost."""

    def get_results(self) -> dict[str, Any]:
        return {"cost": {"requested": 12, "limit": 1000}, "sqlQueries": 3}


class Endpoint(GraphQL[Any, Any]):
    async def render_graphql_ide(self, request: Request) -> Response:
        return render_playground(demo=True, assets=stage.assets)


def app() -> Starlette:
    """Return the stand-in, with the real page."""
    schema = strawberry.Schema(Query, Mutation, Subscription, extensions=[Cost])
    endpoint = Endpoint(schema)
    introspection = JSONResponse({"data": schema.introspect()})
    return Starlette(
        routes=[
            Route(INTROSPECTION_PATH, lambda _: introspection),
            bar_route(),
            *playground_routes(),
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", endpoint),
        ]
    )


@contextmanager
def served(application: Starlette) -> Iterator[str]:
    """Serve *application* from a thread on a free port, and yield its origin."""
    config = uvicorn.Config(application, port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    started = threading.Event()
    startup = server.startup

    async def announce(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        started.set()

    server.startup = announce  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(60)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60)
