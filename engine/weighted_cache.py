"""A cache with a bound on what it holds rather than on how many things: those may be small or large."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: Of what a cache may hold, the part that one value may have: no single one empties it.
MAX_SHARE = 8


class WeightedCache(Generic[K, V]):
    """Values by key, with a bound on the sum of their weights; the least recently used go first.

    Args:
        max_weight: in whatever unit the weights are, such as bytes.

    Attributes:
        weight: the sum of the weights of all that is kept.
    """

    __slots__ = ("_max_weight", "_values", "_weights", "weight")

    def __init__(self, max_weight: int) -> None:
        self._max_weight = max_weight
        self._values: OrderedDict[K, V] = OrderedDict()
        self._weights: dict[K, int] = {}
        self.weight = 0

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return the value of *key*, if it is kept."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def keep(self, key: K, value: V, weight: int) -> None:
        """Keep a value, or what it weighs by now, unless it would take too large a part of the cache."""
        self._drop(key)
        if weight > self._max_weight // MAX_SHARE:
            return
        self._values[key] = value
        self._weights[key] = weight
        self.weight += weight
        while self.weight > self._max_weight:
            self._drop(next(iter(self._values)))

    def _drop(self, key: K) -> None:
        self._values.pop(key, None)
        self.weight -= self._weights.pop(key, 0)
