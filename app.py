"""The composition root: everything that an API process is made of, put together here and nowhere else."""

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from taskiq import async_shared_broker

import graph.endpoint.http
import graph.endpoint.request_errors
import rest.v1.errors
from core.errors import AppError
from core.http.health import health_routes
from core.http.layers import CountRequests, Dispatch, LimitBody, Observe
from core.logging import spare_records
from core.metrics import metrics_route
from core.resources import Resources
from core.settings import Settings, load_settings
from engine.postgres.client import ping
from graph.endpoint.http import GraphQLEndpoint
from graph.endpoint.playground import playground_routes
from rest.docs import docs_routes
from rest.v1 import routes as rest_routes
from rest.v1.openapi import install_openapi
from tasks.broker import broker_for

logger = logging.getLogger("tandem")

#: When Python looks for cycles. Requests leave none behind, and answers of some thousand objects each make Python's
#: own 700 objects come together after every other request: a tenth of the processor's time, and the slow requests.
#: Sockets do leave cycles behind, which only the full collections find: those come the sooner for it.
GC_THRESHOLDS = (5_000, 5, 2)

#: What a script of another origin may read, beside what CORS always allows.
EXPOSED_HEADERS = (
    "Location",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "Idempotent-Replayed",
    "X-Request-ID",
)


class Application(FastAPI):
    """FastAPI behind the layers that every request passes, and beside the GraphQL endpoint.

    GraphQL goes past FastAPI's own layers and its routes, which would take longer than all of ours together.
    """

    layers: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the application's life."""
        outermost = super().__call__ if scope["type"] == "lifespan" else self.layers
        await outermost(scope, receive, send)


def create_app(settings: Settings | None = None) -> Application:
    """Return the application: both faces, their documentation pages, and health checks.

    Args:
        settings: read from the environment if not given.

    Raises:
        SettingsError: the environment is incomplete or wrong.
    """
    settings = settings or load_settings()
    if settings.is_production:
        spare_records()
    resources = Resources(settings)
    app = Application(
        lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json", redirect_slashes=False
    )
    app.state.resources = resources
    endpoint = GraphQLEndpoint(resources)
    app.router.routes += [
        # What is asked for most stands first: routes are tried in turn.
        rest_routes,
        # Dispatch has these; here they serve an application that is mounted below a path, and "/graphql/".
        Route(graph.endpoint.http.PATH, endpoint, include_in_schema=False),
        WebSocketRoute(graph.endpoint.http.PATH, endpoint),
    ]
    install_openapi(app, rest_routes.routes)
    rest.v1.errors.install_error_handlers(app)
    app.router.routes += [
        *playground_routes(),
        *docs_routes(),
        *health_routes({"database": ping, "redis": resources.ping_redis}),
    ]
    if settings.metrics:
        app.router.routes.append(metrics_route())
    app.layers = _stack(partial(FastAPI.__call__, app), endpoint, resources)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    resources: Resources = app.state.resources
    broker = broker_for(resources.settings)
    async_shared_broker.default_broker(broker)
    await resources.open()
    # What exists now lives as long as the process: collections need not walk through it again.
    gc.collect()
    gc.freeze()
    thresholds = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        await broker.shutdown()
        await resources.close()


def _stack(rest: ASGIApp, endpoint: ASGIApp, resources: Resources) -> ASGIApp:
    """Return the layers, the last one made being the outermost."""
    settings = resources.settings
    app: ASGIApp = Dispatch(rest, graph.endpoint.http.PATH, to=endpoint)
    app = LimitBody(app, max_bytes=settings.max_body_bytes, render=render_error)
    app = CountRequests(app, resources=resources, render=render_error)
    app = Observe(app, render=render_error)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=EXPOSED_HEADERS,
            max_age=600,
        )
    return app


def render_error(scope: Scope, error: AppError) -> Response:
    """Render an error in the words of the face that was addressed."""
    if scope["path"] == graph.endpoint.http.PATH:
        return graph.endpoint.request_errors.render_error(error)
    return rest.v1.errors.render_error(error)
