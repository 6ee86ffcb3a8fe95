"""``GET /metrics``, and a server that answers nothing else."""

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.metric_exchange import MetricExchange
from core.metrics import merge, render
from core.settings import Settings

#: Returns what is true of the whole system rather than of a process.
ReadState = Callable[[], Awaitable[Iterable[Metric]]]


def metrics_route(settings: Settings, exchange: MetricExchange, read_state: ReadState | None = None) -> Route:
    """Return ``GET /metrics`` in Prometheus' text format, for those with the token if there is one (RFC 6750)."""
    token = settings.metrics_token.get_secret_value()
    expected = f"Bearer {token}".encode()

    async def metrics(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode("latin-1")
        if token and not hmac.compare_digest(given, expected):
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        state = await read_state() if read_state else ()
        body = merge([render(state), await exchange.gather()])
        return Response(body, media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})

    return Route("/metrics", metrics)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the process."""
        yield


@asynccontextmanager
async def serving_metrics(
    settings: Settings, exchange: MetricExchange, listeners: Sequence[socket.socket]
) -> AsyncIterator[None]:
    """Answer ``GET /metrics`` on *listeners*, which other processes may share, as long as the block lasts."""
    config = uvicorn.Config(
        Starlette(routes=[metrics_route(settings, exchange)]),
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=list(listeners)), name="metrics")
    try:
        yield
    finally:
        server.should_exit = True
        await task
