"""Counters for Prometheus, of this process. ``GET /metrics`` shows them where ``TANDEM_METRICS`` is on."""

from functools import lru_cache

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

REQUESTS = Counter("tandem_requests_total", "Requests answered.", ["face", "method", "status"])
REQUEST_SECONDS = Histogram(
    "tandem_request_seconds",
    "Time from a request's headers to its answer's end.",
    ["face"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OPERATIONS = Counter(
    "tandem_graphql_operations_total",
    "Operations executed, by the compiled plan or by graphql-core, which gets what cannot be compiled.",
    ["executor"],
)
COMPILED = OPERATIONS.labels("compiled")
DECLINED = OPERATIONS.labels("graphql-core")
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})


def observe_request(face: str, method: str, status: int, seconds: float) -> None:
    """Add one answered request to the counts and durations.

    Args:
        face: which part of the application has answered, one of few values.
        method: any text.
        seconds: from the request's headers to the answer's end.
    """
    # Anything can stand in a request line; a label must have few values.
    requests, durations = _series(face, method if method in METHODS else "other", status)
    requests.inc()
    durations.observe(seconds)


# Finding the series of some labels costs more than counting does.
@lru_cache(maxsize=1024)
def _series(face: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(face, method, str(status)), REQUEST_SECONDS.labels(face)


def metrics_route() -> Route:
    """Return ``GET /metrics`` in Prometheus' text format."""

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics)
