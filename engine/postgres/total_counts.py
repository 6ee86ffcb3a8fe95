"""How long lists are: exact, at a cost with a bound.

Counting reads every entry of an index, so for a list of millions it costs a thousand times its page. Three rules
keep that in bounds:

* a page that shows the end of its list knows the length already, and asks nobody;
* a short list is counted each time, so its length is always the one of this moment;
* a long one is counted once for all who ask, and its length is cached for a time in proportion. So of no list are
  more rows counted in a second than some number, and a length is older only where counting again would take long.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from engine.postgres.select import Select


@dataclass(slots=True)
class _Length:
    """The length of a long list; one that has expired stays until it is needed again, as a sign of length."""

    total: int
    expires_at: float
    counting: asyncio.Task[int] | None = None


class TotalCounts:
    """The total counts of this process.

    Args:
        min_rows_to_cache: rows from which on a list is long.
        rows_counted_per_second: how many rows of one list are counted in a second, on average. PostgreSQL counts
            about a hundred times as many as the default.
        max_cached: lists whose lengths are cached; the first counted go first.
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        *,
        min_rows_to_cache: int = 10_000,
        rows_counted_per_second: int = 100_000,
        max_cached: int = 1_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._min_rows_to_cache = min_rows_to_cache
        self._rows_counted_per_second = rows_counted_per_second
        self._max_cached = max_cached
        self._clock = clock
        self._cached: OrderedDict[Hashable, _Length] = OrderedDict()

    def is_known_to_be_long(self, select: Select[Any]) -> bool:
        """Tell whether the list was long when it was last counted: then counting it in passing is no bargain."""
        return select.key in self._cached

    def note(self, select: Select[Any], total: int) -> int:
        """Cache a length that was counted just now, if it is worth it; return it."""
        key = select.key
        if total < self._min_rows_to_cache:
            self._cached.pop(key, None)
            return total
        self._cached[key] = _Length(total, self._clock() + total / self._rows_counted_per_second)
        self._cached.move_to_end(key)
        if len(self._cached) > self._max_cached:
            self._cached.popitem(last=False)
        return total

    async def count(self, select: Select[Any]) -> int:
        """Return how many rows there are; of a long list, how many there were a moment ago."""
        length = self._cached.get(select.key)
        if length is None:
            return self.note(select, await select.count())
        if self._clock() < length.expires_at:
            return length.total
        if length.counting is None:
            length.counting = asyncio.create_task(self._count_again(select, length))
        # Shielded: a request that is cancelled takes nobody else's number with it.
        return await asyncio.shield(length.counting)

    async def _count_again(self, select: Select[Any], length: _Length) -> int:
        try:
            return self.note(select, await select.count())
        finally:
            length.counting = None
