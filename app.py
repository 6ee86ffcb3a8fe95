"""The composition root: everything that an API process is made of, put together here and nowhere else."""

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Scope
from taskiq import async_shared_broker

import graph.server
import rest.v1.errors
from core.database import ping
from core.errors import AppError
from core.health import health_routes
from core.metrics import metrics_route
from core.middleware import CountRequests, LimitBody, Observe
from core.resources import Resources
from core.settings import Settings, load_settings
from graph.playground import playground_routes
from graph.server import GraphQLEndpoint
from rest.docs import docs_routes
from rest.v1 import router, shortcut
from rest.v1.openapi import install_openapi
from tasks.broker import broker_for

logger = logging.getLogger("tandem")

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


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application: both faces, their documentation pages, and health checks.

    Args:
        settings: read from the environment if not given.

    Raises:
        SettingsError: the environment is incomplete or wrong.
    """
    settings = settings or load_settings()
    resources = Resources(settings)
    app = FastAPI(lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.resources = resources
    endpoint = GraphQLEndpoint(resources)
    app.router.routes += [
        # An ASGI application is mounted as it is, without FastAPI's work for each request. What is asked for most
        # stands first: routes are tried in turn, and those of a router twice.
        Route(graph.server.PATH, endpoint, include_in_schema=False),
        WebSocketRoute(graph.server.PATH, endpoint),
        shortcut,
    ]
    app.include_router(router)
    install_openapi(app)
    rest.v1.errors.install_error_handlers(app)
    app.router.routes += [
        *playground_routes(),
        *docs_routes(),
        *health_routes({"database": ping, "redis": resources.ping_redis}),
    ]
    if settings.metrics:
        app.router.routes.append(metrics_route())
    _add_middleware(app, resources)
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
    try:
        yield
    finally:
        await broker.shutdown()
        await resources.close()


def _add_middleware(app: FastAPI, resources: Resources) -> None:
    """Stack the layers, the last one added being the outermost."""
    settings = resources.settings
    app.add_middleware(LimitBody, max_bytes=settings.max_body_bytes, render=render_error)
    app.add_middleware(CountRequests, resources=resources, render=render_error)
    app.add_middleware(Observe, render=render_error)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=EXPOSED_HEADERS,
            max_age=600,
        )


def render_error(scope: Scope, error: AppError) -> Response:
    """Render an error in the words of the face that was addressed."""
    if scope["path"] == graph.server.PATH:
        return graph.server.render_error(error)
    return rest.v1.errors.render_error(error)
