"""Products that somebody holds: one transaction has them locked, and others wait (decision 40).

Workers that want the same product have its lock in turn. What tells them from somebody who holds it is that each
leaves another version of the row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import asyncpg

from tasks.settlement import wait_for_product

#: Seconds for which a held product keeps no batch waiting.
HELD_SECONDS = 2.0
#: So many products are waited for at once by a batch.
MAX_WAITED_FOR = 4


class HeldProducts:
    """The held products that a process knows of, and forgets after some seconds."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    def ids(self) -> frozenset[int]:
        """Return those that no batch waits for now."""
        if self._until:
            now = asyncio.get_running_loop().time()
            self._until = {product_id: until for product_id, until in self._until.items() if until > now}
        return frozenset(self._until)

    def add(self, product_ids: Iterable[int]) -> None:
        """Let no batch wait for these for a while."""
        self._until |= dict.fromkeys(product_ids, asyncio.get_running_loop().time() + HELD_SECONDS)

    def remove(self, product_ids: Iterable[int]) -> None:
        """Let batches wait for these."""
        for product_id in product_ids:
            self._until.pop(product_id, None)

    async def wait_for(
        self, product_ids: Iterable[int], seconds: float, had: Callable[[int], Awaitable[None]]
    ) -> dict[int, asyncpg.LockNotAvailableError]:
        """Wait for products with nothing in hand, and return why not for those that cannot be had.

        Args:
            seconds: for how long, all of them.
            had: awaited with the id of each that can be had.

        Raises:
            Exception: one could not be waited for, or *had* failed; after all others are through.
        """
        clock, slots = asyncio.get_running_loop().time, asyncio.Semaphore(MAX_WAITED_FOR)
        end, errors = clock() + seconds, dict[int, asyncpg.LockNotAvailableError]()

        async def wait(product_id: int) -> None:
            try:
                async with slots:
                    await wait_for_product(product_id, max(0.01, end - clock()))
            except asyncpg.LockNotAvailableError as error:
                errors[product_id] = error
            else:
                self.remove([product_id])
                await had(product_id)

        # A settlement cut short may be committed, and nobody hears of it.
        for outcome in await asyncio.gather(*map(wait, product_ids), return_exceptions=True):
            if outcome is not None:
                raise outcome
        return errors


def unchanged(before: Mapping[int, str], after: Mapping[int, str]) -> set[int]:
    """Return the products that were locked both times, and of which no order was settled in between.

    Args:
        before, after: what :func:`read_locked` returned, of the same orders.
    """
    return {product_id for product_id, version in before.items() if after.get(product_id) == version}
