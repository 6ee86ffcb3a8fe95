"""How long a list is: exact, at a cost with a bound.

Counting reads every entry of an index, so for a list of millions it costs a thousand times its page. Three rules
keep that in bounds:

* a page that shows the end of its list knows the length already (see :mod:`graph.resolvers.pagination`);
* a short list is counted each time, so its length is always the one of this moment;
* a long one (from ``LONG`` entries on) is counted once for all who ask, and its length kept a while in this process:
  a second for every ``COUNTED_A_SECOND`` entries. So of no list are more entries counted in a second, and a length
  is older only where counting again would take long.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from engine.postgres.select import Selection

#: Entries from which on a list is long.
LONG = 10_000
#: Entries of one list counted in a second, in one process, on average. PostgreSQL counts about a hundred times as many.
COUNTED_A_SECOND = 100_000
#: Lists whose lengths are kept.
MAX_KEPT = 1_000


@dataclass(slots=True)
class _Length:
    """The length of a long list; until it is needed again, a length that has ended stays, as a sign of length."""

    count: int
    ends: float
    counting: asyncio.Task[int] | None = None


_kept: OrderedDict[Hashable, _Length] = OrderedDict()


def is_known_to_be_long(selection: Selection[Any]) -> bool:
    """Tell whether the list was long when it was last counted: then counting it in passing is no bargain."""
    return selection.key in _kept


def note(selection: Selection[Any], count: int) -> int:
    """Keep a length that was counted just now, if it is worth it; return it."""
    if count < LONG:
        _kept.pop(selection.key, None)
        return count
    _kept[selection.key] = _Length(count, time.monotonic() + count / COUNTED_A_SECOND)
    _kept.move_to_end(selection.key)
    if len(_kept) > MAX_KEPT:
        _kept.popitem(last=False)
    return count


async def count(selection: Selection[Any]) -> int:
    """Return how many rows there are; of a long list, how many there were a moment ago."""
    length = _kept.get(selection.key)
    if length is None:
        return note(selection, await selection.count())
    if time.monotonic() < length.ends:
        return length.count
    if length.counting is None:
        length.counting = asyncio.create_task(_count_again(selection, length))
    # Shielded: a request that is cancelled takes nobody else's number with it.
    return await asyncio.shield(length.counting)


async def _count_again(selection: Selection[Any], length: _Length) -> int:
    try:
        return note(selection, await selection.count())
    finally:
        length.counting = None
