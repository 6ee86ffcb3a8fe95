"""Processing of orders: claim, settle, publish; as many at once as there are.

Orders are claimed by compare-and-set with a lease; whoever holds the lease settles them, a batch in one
transaction. Nothing is taken for an order unless everything can be. Running the same task twice, or two
workers at once, is harmless: the second finds nothing to claim.

Nobody waits long for another's order: what is locked is waited for by those orders of a batch that need it, which hold
nothing meanwhile, and at last they are put off; a batch that meets a fault is settled one by one. An order whose worker
has ended is tried one at a time, for it may be the one that ends workers: then it takes no other along.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import asyncpg
from tortoise.transactions import in_transaction

from core.counted import counted
from core.resources import Resources
from engine.batching import Alone, Batcher
from engine.postgres import describe_lock
from models import OrderStatus
from tasks.claims import Claim, claim_again, claim_new, find_lost, put_off
from tasks.events import publish_orders
from tasks.settlement import read_versions, settle, wait_for_product
from tasks.settlement_log import note_settled

logger = logging.getLogger("tandem.orders")

#: Most orders settled in one transaction. More gain little, and keep subscribers waiting.
MAX_BATCH = 50
#: Most batches at once in one process: while one waits for the disk, the other works.
MAX_IN_FLIGHT = 2
#: As many where workers pause after each step: those who look on keep no others waiting.
MAX_PAUSING = 1_000
#: Seconds for which a batch waits for each lock, and for a batch in flight: longer than what others that want the same
#: products mostly take, and short enough for no order to wait for another's product for long.
LOCK_TIMEOUT = 0.2
#: Seconds after a batch that met a lock in which others wait for none with locks in hand: others wait for those.
CAREFUL_SECONDS = 2.0
#: Seconds for which orders wait for a product with none in hand, and those whose worker was gone, behind which others
#: wait for their turn.
PRODUCT_TIMEOUT, RETRY_TIMEOUT = 0.5, 0.1
#: Seconds without a sale after which a locked product counts as held by somebody.
LOOK_SECONDS = 0.15
#: Seconds for which a batch waits for each contended product: others settle orders of it, too.
QUEUE_TIMEOUT = 2.0
#: So many products are waited for at once by a batch.
MAX_WAITED_FOR = 4
#: Seconds for which an order that is claimed by itself waits for its user's lock, as so many are at once.
ALONE_LOCK_TIMEOUT = 0.3
MAX_ALONE = 8
#: Seconds after which an order that is tried again, and hangs, does not keep others from it.
MAX_RETRY_WAIT = 5.0

#: Claims that wait for a lock, with the ids of the products that are locked (``Settled.waiting``).
Waiting = dict[Claim, set[int]]
#: The status reached; None where nothing was claimed, or not settled.
Outcome = OrderStatus | None


class Wanted(NamedTuple):
    """An order to be processed, and the id of the request that it came by, where that is known."""

    order_id: int
    request_id: str | None = None


class OrderBatches:
    """What joins the orders of concurrent tasks of one process into batches, kept in its broker's state.

    Args:
        worker: the name by which the process is known; its host and its number if not given.
    """

    def __init__(self, resources: Resources, *, worker: str = "") -> None:
        self._resources = resources
        self._worker = worker or f"{socket.gethostname()}:{os.getpid()}"
        self._careful_until = 0.0
        pauses = resources.settings.order_pause_seconds > 0
        self._slots = asyncio.Semaphore(MAX_PAUSING if pauses else MAX_IN_FLIGHT)
        self._new: Batcher[Wanted, Any] = Batcher(
            self.process_batch,
            max_size=MAX_BATCH,
            max_in_flight=MAX_IN_FLIGHT,
            max_wait=LOCK_TIMEOUT,
            sends_cancelled=True,
            max_alone=min(MAX_ALONE, resources.settings.database_pool_size),
            name="Orders being processed",
        )
        self._again: Batcher[Wanted, Outcome] = Batcher(
            self._process_again,
            max_size=1,
            max_wait=MAX_RETRY_WAIT,
            sends_cancelled=True,
            name="Orders being tried again",
        )

    async def process(
        self, order_ids: Sequence[int], request_ids: Sequence[str | None] = ()
    ) -> list[Outcome]:
        """Claim and settle orders; return for each what :func:`process` does.

        Args:
            request_ids: the ids of the requests that they came by, if any are known.
        """
        await _pause(self._resources)
        wanted = list(map(Wanted, order_ids, request_ids or [None] * len(order_ids)))
        outcomes = await asyncio.gather(*map(self._new.submit, wanted))
        unclaimed = [one.order_id for one, outcome in zip(wanted, outcomes, strict=True) if outcome is None]
        lost = await find_lost(unclaimed) if unclaimed else set()
        return [
            outcome or (await self._again.submit(one) if one.order_id in lost else None)
            for one, outcome in zip(wanted, outcomes, strict=True)
        ]

    async def process_batch(self, wanted: Sequence[Wanted]) -> list[Outcome | Alone[Outcome]]:
        """Claim and settle new orders in one transaction; what it has to leave out is then settled alone.

        Raises:
            Exception: they could not even be claimed.
        """
        resources, request_ids = self._resources, dict(wanted)
        order_ids = [order_id for order_id, _ in wanted]
        statuses: dict[int, OrderStatus] = {}
        alone: Sequence[Claim] = []
        waiting: Waiting = {}
        # A batch that waits for others is not claimed yet: its leases would run meanwhile.
        async with self._slots:
            try:
                claims = await self._claim(order_ids, request_ids, LOCK_TIMEOUT)
            except asyncpg.LockNotAvailableError as error:
                count = counted(len(order_ids), "order")
                logger.info("Claiming %s one by one: %s", count, describe_lock(error))
                return [Alone(partial(self._process_new, one)) for one in wanted]
            if not claims:
                return [None] * len(order_ids)
            await _publish_claims(resources, claims)
            try:
                waiting = await self._settle_together(claims, statuses)
            except Exception as error:
                alone = _left(claims, statuses, error)
        try:
            if await self._settle_waiting(waiting, statuses, PRODUCT_TIMEOUT):
                self._careful_until = asyncio.get_running_loop().time() + CAREFUL_SECONDS
        except Exception as error:
            alone = _left([*waiting], statuses, error)
        outcomes: dict[int, Outcome | Alone[Outcome]] = {**statuses}
        outcomes |= {claim.order_id: Alone(partial(self._settle_alone, claim)) for claim in alone}
        return [outcomes.get(order_id) for order_id in order_ids]

    async def _claim(
        self, order_ids: Sequence[int], request_ids: Mapping[int, str | None], lock_timeout: float
    ) -> list[Claim]:
        settings, worker = self._resources.settings, self._worker
        return await claim_new(
            settings, order_ids, lock_timeout=lock_timeout, worker=worker, request_ids=request_ids
        )

    async def _process_new(self, wanted: Wanted) -> Outcome:
        """Process a new order by itself; while its user is locked it is left to the sweep."""
        order_id, request_id = wanted
        try:
            claims = await self._claim([order_id], {order_id: request_id}, ALONE_LOCK_TIMEOUT)
        except asyncpg.LockNotAvailableError as error:
            fields = {"order_id": order_id, "request_id": request_id}
            reason = describe_lock(error)
            logger.warning("Order %d waits for the sweep: %s", order_id, reason, extra=fields)
            return None
        if not claims:
            return None
        await _publish_claims(self._resources, claims)
        return await self._settle_alone(claims[0])

    async def _process_again(self, wanted: Sequence[Wanted]) -> list[Outcome]:
        """Process an order whose worker was gone, if its time has come."""
        ((order_id, request_id),) = wanted
        settings = self._resources.settings
        claim = await claim_again(settings, order_id, worker=self._worker, request_id=request_id)
        if claim is None:
            return [None]
        await _publish_claims(self._resources, [claim])
        return [await self._settle_alone(claim, RETRY_TIMEOUT)]

    async def _settle_alone(self, claim: Claim, longest: float | None = None) -> Outcome:
        statuses: dict[int, OrderStatus] = {}
        try:
            async with self._slots:
                waiting = await _settle_once(self._resources, statuses, [claim])
            await self._settle_waiting(waiting, statuses, longest or PRODUCT_TIMEOUT)
        except Exception as error:
            await put_off([claim], error)
        return statuses.get(claim.order_id)

    async def _settle_together(self, claims: Sequence[Claim], statuses: dict[int, OrderStatus]) -> Waiting:
        """Settle orders, and return those that need what is locked.

        For some seconds after a lock was not to be had, nobody waits for one here, with a turn that others wait for.
        """
        clock = asyncio.get_running_loop().time
        if clock() >= self._careful_until:
            try:
                return await _settle_once(self._resources, statuses, claims, lock_timeout=LOCK_TIMEOUT)
            except asyncpg.LockNotAvailableError as error:
                count = counted(len(claims), "order")
                logger.info("Settling %s without what is locked: %s", count, describe_lock(error))
                self._careful_until = clock() + CAREFUL_SECONDS
        return await _settle_once(self._resources, statuses, claims)

    async def _settle_waiting(
        self, waiting: Waiting, statuses: dict[int, OrderStatus], longest: float
    ) -> int:
        """Settle orders that need what is locked as soon as it is not, or put them off.

        Those of products of which others settle orders, too, queue for them together. Those that need what somebody
        keeps wait with nothing in hand.

        Args:
            statuses: gets those that are reached.
            longest: seconds after which an order is put off that needs what somebody keeps.

        Returns:
            How many were put off for that.

        Raises:
            Exception: some could not be settled.
        """
        if not waiting:
            return 0
        end = asyncio.get_running_loop().time() + longest
        held = await _find_held(set[int]().union(*waiting.values()), min(LOOK_SECONDS, longest))
        await self._settle_contended(
            [claim for claim, of in waiting.items() if of and not of & held], statuses
        )
        stuck = {claim: of for claim, of in waiting.items() if of & held}
        late = await self._settle_held(stuck, held, statuses, end) if stuck else 0
        if locked := [claim for claim, of in waiting.items() if not of]:
            async with self._slots:
                still = [*await _settle_once(self._resources, statuses, locked)]
            await put_off(still, asyncpg.LockNotAvailableError("the order is being changed"))
            late += len(still)
        return late

    async def _settle_held(
        self, waiting: Waiting, held: set[int], statuses: dict[int, OrderStatus], end: float
    ) -> int:
        """Settle orders as soon as those products can be had that somebody keeps, or put them off.

        Args:
            held: those products.
            end: when that is, on the loop's clock.

        Returns:
            How many were put off.
        """
        clock, slots = asyncio.get_running_loop().time, asyncio.Semaphore(MAX_WAITED_FOR)
        left, errors = dict(waiting), dict[int, asyncpg.LockNotAvailableError]()

        async def wait(product_id: int) -> None:
            try:
                async with slots:
                    await wait_for_product(product_id, max(0.01, end - clock()))
            except asyncpg.LockNotAvailableError as error:
                errors[product_id] = error
                return
            held.discard(product_id)
            ready = [claim for claim, of in left.items() if not of & held]
            for claim in ready:
                del left[claim]
            await self._settle_contended(ready, statuses)

        # All are waited for, also where one fails: a settlement cut short may be committed, and nobody hears of it.
        for outcome in await asyncio.gather(*map(wait, sorted(held)), return_exceptions=True):
            if outcome is not None:
                raise outcome
        if left:
            await put_off([*left], errors[min(errors)])
        return len(left)

    async def _settle_contended(self, claims: Sequence[Claim], statuses: dict[int, OrderStatus]) -> None:
        """Settle orders of contended products, however long the queues for them are, or put them off."""
        if not claims:
            return
        try:
            async with self._slots:
                await _settle_once(self._resources, statuses, claims, lock_timeout=QUEUE_TIMEOUT)
        except asyncpg.LockNotAvailableError as error:
            await put_off(claims, error)


def _left(claims: Sequence[Claim], statuses: Mapping[int, OrderStatus], error: Exception) -> Sequence[Claim]:
    """Return those that are to be settled one by one: a bad order must not fail the others."""
    left = [claim for claim in claims if claim.order_id not in statuses]
    logger.info("Settling %s one by one: %s", counted(len(left), "order"), error)
    return left


async def _find_held(product_ids: Iterable[int], seconds: float) -> set[int]:
    """Return which of some locked products are held by somebody: no sale of them was committed for so long."""
    before = await read_versions(product_ids)
    await asyncio.sleep(seconds)
    after = await read_versions(before)
    return {product_id for product_id, version in after.items() if before[product_id] == version}


async def _settle_once(
    resources: Resources, statuses: dict[int, OrderStatus], claims: Sequence[Claim], **options: Any
) -> Waiting:
    """Settle orders in a transaction, publish those that are settled, and return those that wait."""
    async with in_transaction():
        settled = await settle(claims, **options)
    statuses |= settled.statuses
    note_settled(claims, settled.statuses)
    await _publish(resources, [claim for claim in claims if claim.order_id in settled.statuses])
    return settled.waiting


async def _publish_claims(resources: Resources, claims: Sequence[Claim]) -> None:
    await _publish(resources, claims)
    await _pause(resources)


async def _pause(resources: Resources) -> None:
    """Leave orders in their status for a while, where that is wanted. No transaction is open meanwhile."""
    if seconds := resources.settings.order_pause_seconds:
        await asyncio.sleep(seconds)


async def _publish(resources: Resources, claims: Sequence[Claim]) -> None:
    await publish_orders(resources, [(claim.order_id, claim.user_id) for claim in claims])
