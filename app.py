"""The composition root: everything that an API process is made of, put together here and nowhere else."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from taskiq import async_shared_broker

import graph.endpoint.negotiation
import rest.v1.errors
from core.errors import AppError
from core.http.body_limit import BodyLimit
from core.http.cross_origin import CrossOrigin
from core.http.dispatch import Dispatch
from core.http.headers import find_header
from core.http.health import health_routes
from core.http.media_types import takes_html
from core.http.metrics import metrics_route
from core.http.rate_limit import RateLimit
from core.http.request_log import RequestLog
from core.logging import skip_unused_record_fields
from core.metric_exchange import MetricExchange
from core.resources import Resources
from core.settings import Settings, load_settings
from engine.cancellation import cancel_and_wait
from graph.endpoint.bar import bar_route
from graph.endpoint.http import PATH, GraphQLEndpoint, is_page_request
from graph.endpoint.playground import playground_routes
from graph.endpoint.schema_files import schema_routes
from graph.resolvers.context import is_signed_in
from graph.resolvers.password_hashes import watch_rounds
from models.readiness import count_migrations, require_migrated
from rest.docs import docs_routes
from rest.error_page import render_error_page
from rest.home import home_routes
from rest.v1 import routes as rest_routes
from rest.v1.openapi import install_openapi
from tasks.backlog import Backlog
from tasks.broker import broker_for
from tasks.usage import UsageWriter

logger = logging.getLogger("tandem")

#: When Python looks for cycles. Requests leave none behind, and answers of some thousand objects each make Python's
#: own 700 objects come together after every other request: a tenth of the processor's time, and the slow requests.
#: Sockets do leave cycles behind, which only the full collections find: those come the sooner for it.
GC_THRESHOLDS = (5_000, 5, 2)

#: What the paths of the requests that count against the rate limits begin with.
LIMITED_PATHS = ("/api/", PATH)

#: What a script of another origin may read, beside what CORS always allows.
EXPOSED_HEADERS = (
    "Location",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "Idempotent-Replayed",
    "X-Request-ID",
    "Deprecation",
    "Sunset",
    "Link",
)


class Application(FastAPI):
    """FastAPI behind the layers that every request passes, the GraphQL endpoint and the routes of v1.

    Both APIs go past FastAPI's own layers and its router, which would take longer than all of ours together.
    """

    layers: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the application's life."""
        scope["app"] = self
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
        skip_unused_record_fields()
    resources = Resources(settings)
    app = Application(
        lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json", redirect_slashes=False
    )
    app.state.resources = resources
    backlog = Backlog(resources)
    endpoint = GraphQLEndpoint(resources)
    app.router.routes += [
        # Both APIs stand before all this; here they are answered where a method or a slash at the end does not fit.
        rest_routes,
        Route(PATH, endpoint, include_in_schema=False),
    ]
    install_openapi(
        app, rest_routes.routes, demo=not settings.is_production, playground=settings.shows_playground
    )
    rest.v1.errors.install_error_handlers(app)
    app.router.routes += [
        *home_routes(settings),
        bar_route(),
        *(schema_routes(playground=settings.shows_playground) if settings.offers_schema else ()),
        *(playground_routes() if settings.shows_playground else ()),
        *docs_routes(demo=not settings.is_production, playground=settings.shows_playground),
        *health_routes(
            {"database": require_migrated, "redis": resources.ping_redis},
            {"migrations": count_migrations, "oldest_open_order_seconds": backlog.oldest_seconds},
        ),
    ]
    names = [*endpoint.operations.countable, *(str(route.operation_id) for route in rest_routes.routes)]
    app.state.usage = UsageWriter(resources.usage, names)
    app.state.metrics = exchange = MetricExchange("api", settings.metrics_dir)
    if settings.metrics:
        app.router.routes.append(metrics_route(settings, exchange, backlog.metrics))
    app.layers = partial(FastAPI.__call__, app)
    for layer in reversed(_layers(endpoint, resources)):
        app.layers = layer(app.layers)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    resources: Resources = app.state.resources
    broker = broker_for(resources.settings)
    async_shared_broker.default_broker(broker)
    await resources.open()
    if resources.settings.metrics:
        await app.state.metrics.start()
    watching = asyncio.create_task(watch_rounds(resources))
    app.state.usage.start()
    # What exists now lives as long as the process: collections need not walk through it again.
    gc.collect()
    gc.freeze()
    thresholds = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        await cancel_and_wait(watching)
        await app.state.metrics.stop()
        await app.state.usage.stop()
        await broker.shutdown()
        await resources.close()


def _layers(endpoint: ASGIApp, resources: Resources) -> list[Callable[[ASGIApp], ASGIApp]]:
    """Return what every request passes, the outermost layer first."""
    settings = resources.settings
    return [
        partial(RequestLog, render=render_error, face_of=face_of),
        partial(CrossOrigin, settings=settings, expose_headers=EXPOSED_HEADERS),
        partial(
            RateLimit,
            resources=resources,
            render=render_error,
            counts=partial(counts_request, shows_playground=settings.shows_playground),
            is_signed_in=is_signed_in,
        ),
        partial(BodyLimit, max_bytes=settings.max_body_bytes, render=render_error),
        partial(Dispatch, path=PATH, to=endpoint, render=render_error),
        rest_routes.in_front_of,
    ]


def counts_request(scope: Scope, *, shows_playground: bool) -> bool:
    """Tell whether a request counts against the rate limits: whatever has something to run, and no page."""
    if not scope["path"].startswith(LIMITED_PATHS) or scope.get("method") == "OPTIONS":
        return False
    return scope["path"] != PATH or not is_page_request(scope, shows_playground=shows_playground)


def render_error(scope: Scope, error: AppError) -> Response:
    """Render an error in the words of the face that was addressed; v1 answers JSON to everybody."""
    if scope["path"] == PATH:
        if scope.get("method") in ("GET", "HEAD") and takes_html(find_header(scope, b"accept")):
            return render_error_page(error)
        return graph.endpoint.negotiation.render_error(scope, error)
    return rest.v1.errors.render_error(error)


def face_of(path: str) -> str:
    """Return which part of the application a path belongs to: few values, as the label of a metric needs."""
    if path == PATH:
        return "graphql"
    return "rest" if path.startswith("/api/") else "other"
