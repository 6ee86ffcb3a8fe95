"""Processing of orders: claim, settle, publish; as many at once as there are.

Orders are claimed by compare-and-set with a lease; whoever holds the lease settles them, a batch in one
transaction. Nothing is taken for an order unless everything can be. Running the same task twice, or two
workers at once, is harmless: the second finds nothing to claim.

Nobody waits long for another's order: what somebody holds is waited for by those orders of a batch that need it, which
have nothing in hand meanwhile, and at last they are put off; a batch that meets a fault is settled one by one. An order
whose worker has ended is tried one at a time, for it may be the one that ends workers: then it takes no other along.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import Any, NamedTuple

import asyncpg
from tortoise.transactions import in_transaction

from core.counted import counted
from core.resources import Resources
from engine.batching import Alone, Batcher
from engine.cancellation import cancel_and_wait
from engine.postgres import describe_lock
from models import OrderStatus
from tasks.claims import Claim, claim_again, claim_new, find_lost, put_off
from tasks.events import publish_orders
from tasks.held_products import HeldProducts, unchanged
from tasks.settlement import ProductLocked, read_locked, settle
from tasks.settlement_log import note_settled

logger = logging.getLogger("tandem.orders")

#: Most orders settled in one transaction. More gain little, and keep subscribers waiting.
MAX_BATCH = 50
#: Seconds for which a batch waits for one in flight.
BATCH_TIMEOUT = 0.2
#: Most batches at once in one process: while one waits for the disk, the other works.
MAX_IN_FLIGHT = 2
#: As many where workers pause after each step: those who look on keep no others waiting.
MAX_PAUSING = 1_000
#: Seconds between the looks of a batch that waits at which of its products are locked. What is held between two looks
#: is gone around: at first soon, so that no order waits for another's product for long; then after longer than others
#: that want the same products mostly take.
LOOKS = (0.1, 0.15, 0.15, 0.25, 0.5, 2.0)
#: Seconds for which each lock of a product is waited for.
LOCK_TIMEOUT = 2.0
#: Seconds for which orders wait for a held product with nothing in hand, and those whose worker was gone, behind which
#: others wait for their turn.
PRODUCT_TIMEOUT, RETRY_TIMEOUT = 0.5, 0.1
#: Seconds after which orders are looked at again that somebody is changing, before they are put off.
ORDER_TIMEOUT = 0.1
#: Seconds for which a claim waits for the lock of a user, and one of an order by itself, as so many are at once.
CLAIM_LOCK_TIMEOUT, ALONE_LOCK_TIMEOUT = 0.2, 0.3
MAX_ALONE = 8
#: Seconds after which an order that is tried again, and hangs, does not keep others from it.
MAX_RETRY_WAIT = 5.0

#: Claims that wait for a lock, with the ids of the products that are locked (``Settled.waiting``).
Waiting = dict[Claim, set[int]]
_ORDER_LOCKED = asyncpg.LockNotAvailableError("the order is being changed")
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
        self._held = HeldProducts()
        pauses = resources.settings.order_pause_seconds > 0
        self._slots = asyncio.Semaphore(MAX_PAUSING if pauses else MAX_IN_FLIGHT)
        self._new: Batcher[Wanted, Any] = Batcher(
            self.process_batch,
            max_size=MAX_BATCH,
            max_in_flight=MAX_IN_FLIGHT,
            max_wait=BATCH_TIMEOUT,
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
                claims = await self._claim(order_ids, request_ids, CLAIM_LOCK_TIMEOUT)
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
            await self._settle_waiting(waiting, statuses, PRODUCT_TIMEOUT)
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
                waiting = await self._settle_together([claim], statuses)
            await self._settle_waiting(waiting, statuses, longest or PRODUCT_TIMEOUT)
        except Exception as error:
            await put_off([claim], error)
        return statuses.get(claim.order_id)

    async def _settle_together(self, claims: Sequence[Claim], statuses: dict[int, OrderStatus]) -> Waiting:
        """Settle orders, and return those that need what somebody holds.

        Those of contended products queue for them, and are put off if that takes too long.

        Args:
            statuses: gets those that are reached.

        Raises:
            Exception: they could not be settled.
        """
        seen: dict[int, str] = {}
        looks = iter(LOOKS)
        while True:
            time_limit, without, held = asyncio.timeout(None), self._held.ids(), set[int]()
            settling = asyncio.create_task(self._settle(claims, statuses, without, time_limit))
            try:
                for seconds in looks:
                    await asyncio.wait([settling], timeout=seconds)
                    if settling.done():
                        break
                    before, seen = seen, await read_locked(claims)
                    if (held := unchanged(before, seen) - without) and _end(time_limit):
                        break
                return await settling
            except ProductLocked as locked:
                if not held:
                    await put_off(claims, locked.error)
                    return {}
            finally:
                await cancel_and_wait(settling)
            self._held.add(held)
            count, names = counted(len(claims), "order"), ", ".join(map(str, sorted(held)))
            logger.info("Settling %s but those of product %s, which somebody holds", count, names)

    async def _settle_waiting(
        self, waiting: Waiting, statuses: dict[int, OrderStatus], longest: float
    ) -> None:
        """Settle orders that need what somebody holds as soon as it can be had, or put them off.

        Args:
            statuses: gets those that are reached.
            longest: seconds after which an order is put off.

        Raises:
            Exception: some could not be settled.
        """
        if held := {claim: of for claim, of in waiting.items() if of}:
            await self._settle_held(held, statuses, longest)
        if locked := [claim for claim, of in waiting.items() if not of]:
            await asyncio.sleep(ORDER_TIMEOUT)
            async with self._slots:
                still = await self._settle_together(locked, statuses)
            await put_off([*still], _ORDER_LOCKED)

    async def _settle_held(self, left: Waiting, statuses: dict[int, OrderStatus], longest: float) -> None:
        """Settle orders of held products, as :meth:`_settle_waiting` does, and take them out of *left*."""
        needed = set[int]().union(*left.values())
        before = await read_locked(left)

        async def settle_ready() -> None:
            ready = [claim for claim, of in left.items() if not of & needed]
            for claim in ready:
                del left[claim]
            if ready:
                async with self._slots:
                    await self._settle_queued(ready, statuses)

        async def look() -> None:
            # What others had in turn is contended, however long it could not be had.
            held = unchanged(before, await read_locked(left))
            self._held.remove(needed - held)
            needed.intersection_update(held)
            await settle_ready()

        async def go_on(product_id: int) -> None:
            needed.discard(product_id)
            await look()

        errors = await self._held.wait_for(sorted(needed), longest, go_on)
        if left:
            await look()
        if left:
            self._held.add(needed)
            await put_off([*left], errors[min(needed)])

    async def _settle_queued(self, claims: Sequence[Claim], statuses: dict[int, OrderStatus]) -> None:
        """Settle orders whose products are all contended, or put them off."""
        try:
            still = await self._settle(claims, statuses)
        except ProductLocked as locked:
            await put_off(claims, locked.error)
        else:
            await put_off([*still], _ORDER_LOCKED)

    async def _settle(
        self,
        claims: Sequence[Claim],
        statuses: dict[int, OrderStatus],
        without: Set[int] = frozenset(),
        time_limit: asyncio.Timeout | None = None,
    ) -> Waiting:
        """Settle orders in a transaction, publish those that are settled, and return those that wait."""
        async with in_transaction():
            settled = await settle(claims, lock_timeout=LOCK_TIMEOUT, without=without, time_limit=time_limit)
        statuses |= settled.statuses
        note_settled(claims, settled.statuses)
        await _publish(self._resources, [claim for claim in claims if claim.order_id in settled.statuses])
        return settled.waiting


def _left(claims: Sequence[Claim], statuses: Mapping[int, OrderStatus], error: Exception) -> Sequence[Claim]:
    """Return those that are to be settled one by one: a bad order must not fail the others."""
    left = [claim for claim in claims if claim.order_id not in statuses]
    logger.info("Settling %s one by one: %s", counted(len(left), "order"), error)
    return left


def _end(time_limit: asyncio.Timeout) -> bool:
    """Let a time limit be over now, and tell whether there was something to be limited."""
    try:
        time_limit.reschedule(0.0)
    except (RuntimeError, AssertionError):  # it is done, or, the latter before Python 3.11.4, has not begun
        return False
    return True


async def _publish_claims(resources: Resources, claims: Sequence[Claim]) -> None:
    await _publish(resources, claims)
    await _pause(resources)


async def _pause(resources: Resources) -> None:
    """Leave orders in their status for a while, where that is wanted. No transaction is open meanwhile."""
    if seconds := resources.settings.order_pause_seconds:
        await asyncio.sleep(seconds)


async def _publish(resources: Resources, claims: Sequence[Claim]) -> None:
    await publish_orders(resources, [(claim.order_id, claim.user_id) for claim in claims])
