"""Series for Prometheus, of this process. ``docs/operations.md`` (Metrics) lists all that are exported, with units.

Labels have few values: names of this code and of the schema, never a text of a client's.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import (
    REGISTRY,
    Counter,
    Gauge,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

import engine.batching
import engine.redis
from core.errors import ErrorCode
from core.series import Count, Durations, histogram
from engine.postgres import pool_state

# A second series for each, which nothing of ours reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})

#: The executors of operations: the compiled plan, or graphql-core, which gets what cannot be compiled.
COMPILED, DECLINED = Count(), Count()
ERRORS = Counter("tandem_errors_total", "Errors that clients were told.", ["face", "code"])
SOCKETS = Gauge("tandem_sockets", "WebSockets that are open.")
SUBSCRIPTIONS = Gauge("tandem_subscriptions", "Subscriptions in progress.")

ORDERS = Counter("tandem_orders_total", "Orders that this process has brought to a status.", ["status"])
ATTEMPTS = Counter(
    "tandem_order_attempts_total",
    "Attempts to settle an order: settled, failed, put off for a lock, or the last one, after which it is given up.",
    ["outcome"],
)
SWEEPS = Counter(
    "tandem_sweeps_total", "Looks of the sweep: done, left to another process, or failed.", ["outcome"]
)
RESENT = Counter("tandem_sweep_resent_total", "Overdue orders that the sweep has sent to the workers again.")
LAST_SWEEP = Gauge(
    "tandem_sweep_last_success_timestamp_seconds", "When this process last swept; 0 for never."
)
MAILS = Counter("tandem_mails_total", "Mails: sent, put off to be tried again, or lost.", ["outcome"])

# From the start, as Prometheus sees no increase in a series that begins with 1.
for _series_of, _values in (
    (ORDERS, ("pending", "completed", "failed", "cancelled")),
    (ATTEMPTS, ("settled", "failed", "locked", "given up")),
    (SWEEPS, ("done", "left", "failed")),
    (MAILS, ("sent", "put off", "lost")),
):
    for _value in _values:
        _series_of.labels(_value)


#: By face, operation, method and status: what counts the requests, too.
_answered: dict[tuple[str, str, str, int], Durations] = {}
_by_field: dict[str, Durations] = {}


def observe_request(face: str, operation: str, method: str, status: int, seconds: float) -> None:
    """Add one answered request to the counts and durations.

    Args:
        face: which part of the application has answered, one of few values.
        operation: the id of the documented operation; empty where none was found.
        method: any text.
        seconds: from the request's headers to the answer's end.
    """
    # Anything can stand in a request line; a label must have few values.
    key = face, operation, method if method in METHODS else "other", status
    series = _answered.get(key)
    if series is None:
        series = _answered[key] = Durations()
    series.observe(seconds)


def field_durations(field: str) -> Durations:
    """Return where to observe how long operations take that ask for a field of the root.

    Args:
        field: its schema coordinates, such as ``Query.orders``.
    """
    return _by_field.setdefault(field, Durations())


def observe_error(face: str, code: ErrorCode) -> None:
    """Count an error that a client is told."""
    ERRORS.labels(face, code.value).inc()


class _Requests(Collector):
    """What every request adds to."""

    def collect(self) -> Iterator[Metric]:
        """Return all as it is now."""
        requests = CounterMetricFamily(
            "tandem_requests", "Requests answered.", labels=["face", "operation", "method", "status"]
        )
        for (face, operation, method, status), series in _answered.items():
            requests.add_metric([face, operation, method, str(status)], sum(series.counts))
        yield requests
        yield histogram(
            "tandem_request_seconds",
            "Time from a request's headers to its answer's end.",
            ["face", "operation"],
            ((key[:2], series) for key, series in _answered.items()),
        )
        yield histogram(
            "tandem_graphql_seconds",
            "Time of a GraphQL operation, by each field of the root that it asks for; of a subscription that of its"
            " beginning.",
            ["field"],
            (((field,), series) for field, series in _by_field.items()),
        )
        operations = CounterMetricFamily(
            "tandem_graphql_operations",
            "Operations executed, by the compiled plan or by graphql-core, which gets what cannot be compiled.",
            labels=["executor"],
        )
        operations.add_metric(["compiled"], COMPILED.value)
        operations.add_metric(["graphql-core"], DECLINED.value)
        yield operations


class _Engine(Collector):
    """What the engine counts for itself: connections to PostgreSQL, batches, messages."""

    def describe(self) -> Iterable[Metric]:
        """Return nothing: before the first scrape there is no database to ask."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return all as it is now."""
        yield from _pool()
        yield from _batches()
        yield from _messages()


def _pool() -> Iterator[Metric]:
    if not (state := pool_state()):
        return
    connections = GaugeMetricFamily(
        "tandem_database_connections", "Connections to PostgreSQL: idle, or in use.", labels=["state"]
    )
    connections.add_metric(["idle"], state.opened - state.lent)
    connections.add_metric(["used"], state.lent)
    yield connections
    yield GaugeMetricFamily(
        "tandem_database_connections_max", "Connections that this process may open.", state.most
    )
    yield GaugeMetricFamily("tandem_database_waiting", "Tasks that wait for a connection.", state.waiting)
    yield CounterMetricFamily(
        "tandem_database_waits", "Times that a task had to wait for a connection.", state.waits
    )


def _batches() -> Iterator[Metric]:
    name, counts = ["name"], engine.batching.counts
    batches = CounterMetricFamily("tandem_batches", "Batches sent, by what they are of.", labels=name)
    items = CounterMetricFamily("tandem_batch_items", "Items of these batches.", labels=name)
    seconds = CounterMetricFamily(
        "tandem_batch_seconds", "Time until the results of these batches.", labels=name
    )
    alone = CounterMetricFamily(
        "tandem_batch_alone", "Items taken out of a batch and run alone.", labels=name
    )
    in_flight = GaugeMetricFamily("tandem_batches_in_flight", "Batches that have no result yet.", labels=name)
    for key, count in counts.items():
        batches.add_metric([key], count.batches)
        items.add_metric([key], count.items)
        seconds.add_metric([key], count.seconds)
        alone.add_metric([key], count.alone)
        in_flight.add_metric([key], count.in_flight)
    yield from (batches, items, seconds, alone, in_flight)


def _messages() -> Iterator[Metric]:
    messages = CounterMetricFamily(
        "tandem_messages",
        "Messages of a queue: sent, delivered to this process first, taken over from another, dead-lettered.",
        labels=["queue", "event"],
    )
    for queue, count in engine.redis.stream_counts.items():
        messages.add_metric([queue, "sent"], count.sent)
        messages.add_metric([queue, "delivered"], count.delivered)
        messages.add_metric([queue, "redelivered"], count.redelivered)
        messages.add_metric([queue, "dead"], count.dead)
    yield messages


REGISTRY.register(_Requests())
REGISTRY.register(_Engine())


class _Labelled(Collector):
    """Adds a label to all samples of the others."""

    def __init__(self, process: str) -> None:
        self._process = {"process": process}

    def collect(self) -> Iterator[Metric]:
        for metric in REGISTRY.collect():
            metric.samples = [
                sample._replace(labels=sample.labels | self._process) for sample in metric.samples
            ]
            yield metric


class _Given(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def render_process(process: str) -> bytes:
    """Return the series of this process in Prometheus' text format, each with the label *process*."""
    return generate_latest(_Labelled(process))


def render(metrics: Iterable[Metric]) -> bytes:
    """Return *metrics* in Prometheus' text format."""
    return generate_latest(_Given(metrics))


def merge(texts: Iterable[bytes]) -> bytes:
    """Return expositions in the text format as one: each family once, with the samples of all."""
    families: dict[bytes, list[bytes]] = {}
    for text in texts:
        for family in text.split(b"# HELP ")[1:]:
            about, kind, samples = (*family.split(b"\n", 2), b"")[:3]
            families.setdefault(about + b"\n" + kind + b"\n", []).append(samples)
    return b"".join(b"# HELP " + head + b"".join(samples) for head, samples in families.items())
