"""Series that every request adds to: plain numbers, told to Prometheus when it asks.

Those of prometheus-client take a lock for each number and try one bucket after the other. These are added to and read
by the thread of the event loop alone.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

#: Upper bounds of the buckets, in seconds; one more is behind them.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BOUNDS = [*map(floatToGoString, BUCKETS), "+Inf"]


class Count:
    """How often something was done."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        """Add one."""
        self.value += 1


class Durations:
    """How many durations fall into each bucket, and their sum in seconds."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Add one duration."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


class OperationTimer:
    """The time of one GraphQL operation, from now on.

    Args:
        series: of the fields of the root that it asks for; set once they are known to be the schema's.
    """

    __slots__ = ("_started", "series")

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.series: Sequence[Durations] = ()

    def observe(self) -> None:
        """Add the time until now to the durations."""
        if self.series:
            seconds = time.perf_counter() - self._started
            for series in self.series:
                series.observe(seconds)


def histogram(
    name: str,
    about: str,
    labels: Sequence[str],
    series: Iterable[tuple[Sequence[str], Durations]],
) -> Metric:
    """Return a histogram of *series* by the values of their labels; those of equal ones are added up."""
    sums: dict[tuple[str, ...], Durations] = {}
    for values, durations in series:
        total = sums.setdefault(tuple(values), Durations())
        total.counts = list(map(sum, zip(total.counts, durations.counts, strict=True)))
        total.seconds += durations.seconds
    family = HistogramMetricFamily(name, about, labels=labels)
    for values, total in sums.items():
        family.add_metric(values, list(zip(_BOUNDS, accumulate(total.counts), strict=True)), total.seconds)
    return family
