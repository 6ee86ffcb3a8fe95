"""Request coalescing and group commit: what is asked for at about the same time is sent together.

A round trip costs about the same for one request as for ten, here and on the server. So while a batch is in flight,
the requests that come up meanwhile wait, and all of them go in the next one. Under load batches grow by themselves; an
idle process sends each request at once. There is no timer and no setting for how long to collect.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Seconds after which the log is told of what is still in flight, and then again and again.
SLOW_SECONDS = 5.0
#: A look for batches that nobody waits for any more is taken so often, while there are any.
UNWANTED_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Alone(Generic[Result]):
    """What *send* returns in the place of a result that would keep the others waiting: how to get it by itself.

    Args:
        run: returns the result, or one more of these if it has to be tried again. It runs in the context in which
            this was made.
        pause: seconds to wait before.
        reason: why, for the log.
    """

    run: "Callable[[], Awaitable[Result | Alone[Result]]]"
    pause: float = 0.0
    reason: str = ""
    context: Context = field(default_factory=copy_context)


@dataclass(slots=True)
class BatchCounts:
    """What all batchers of one name have done in this process.

    Args:
        batches: how many were sent, and of how many *items* they were; *seconds* is the time until their results.
        alone: how many items were sent by themselves, as one of a batch would have kept the others waiting.
        in_flight: batches that have no result yet.
    """

    batches: int = 0
    items: int = 0
    seconds: float = 0.0
    alone: int = 0
    in_flight: int = 0


#: By name: as many as there are in the code.
counts: defaultdict[str, BatchCounts] = defaultdict(BatchCounts)

_Batch: TypeAlias = Sequence[tuple[Item, "asyncio.Future[Result]"]]


class Batcher(Generic[Item, Result]):
    """Sends many items in one call where each caller submits one.

    * **Fresh**: an item joins only a batch that is yet to be sent, so no result is older than its submission: what
      was committed before is seen, as if the item had been sent alone.
    * **Complete**: each item is sent once, in the order of submission. Equal items are sent as often as they are
      submitted; to merge them is up to *send*.
    * **Isolated**: batches are sent by tasks of their own, in an empty context. Cancelling one caller takes nothing
      from the others, and nobody's transaction or request id leaks into a batch.
    * **Wanted**: a batch in flight whose callers have all been cancelled is cancelled as well, within a second.
    * If *send* raises, all callers of that batch get the same exception; the next batch is sent as usual. An
      exception that it returns in the place of a result is raised to that item's caller alone.
    * **Split**: for an :class:`Alone` in the place of a result the batch is over, and nobody else waits for it: not
      the other items, not the next batch, and no first attempt for one that is repeated.

    It serves one event loop at a time, and may go on in another one once the first is closed.

    Args:
        send: gets the items of a batch and returns a result for each, in the same order.
        max_size: most items of one batch; no bound if not given.
        max_in_flight: how many batches may be in flight at once.
        max_wait: seconds after which a batch in flight no longer keeps others from being sent beside it: a server
            that hangs must not hold up what another connection can answer.
        sends_cancelled: whether an item is sent, and its batch carried on with, although its caller was cancelled:
            for work that must be done, rather than for what nobody waits for any more.
        max_alone: how many items run alone at once, beside half as many that are tried again.
        name: what the items are, for the line in the log about what takes longer than ``SLOW_SECONDS``, and for the
            ``counts``: one of few.
    """

    def __init__(
        self,
        send: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        max_size: int | None = None,
        max_in_flight: int = 1,
        max_wait: float = float("inf"),
        sends_cancelled: bool = False,
        max_alone: int = 4,
        name: str = "requests",
    ) -> None:
        self._send = send
        self._max_size = max_size
        self._max_in_flight = max_in_flight
        self._max_wait = max_wait
        self._sends_cancelled = sends_cancelled
        self._max_alone = max_alone
        self._name = name
        self._counts = counts[name]
        self._begin(None)

    def _begin(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        #: The tasks that send, each with the time at which its batch in flight was sent.
        self._senders: dict[asyncio.Task[None] | None, float] = {}
        #: The callers of each batch in flight, and the tasks that were cancelled because no caller was left.
        self._callers: dict[asyncio.Task[None] | None, _Batch[Item, Result]] = {}
        self._unwanted: set[asyncio.Task[None] | None] = set()
        #: What runs alone, or waits to: since when, and why.
        self._alone: dict[asyncio.Task[None] | None, tuple[float, str]] = {}
        # What is tried again is held up by itself, so fewer at a time are enough, and leave the rest to others.
        self._first = asyncio.Semaphore(self._max_alone)
        self._again = asyncio.Semaphore(max(1, self._max_alone // 2))
        # One timer of a kind for all: a callback for each caller would cost a tenth of what the batch does.
        self._relief: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None
        self._wanted: asyncio.TimerHandle | None = None

    def submit(self, item: Item) -> "asyncio.Future[Result]":
        """Return what will have the result of *item*, or the exception that *send* raised for it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._begin(loop)
        waiter: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, waiter))
        if self._has_room(loop):
            self._start_sender(loop)
        else:
            self._call_relief(loop)
        return waiter

    def _start_sender(self, loop: asyncio.AbstractEventLoop) -> None:
        # It begins in the loop's next round: whatever else is submitted in this one goes along.
        sender = Context().run(loop.create_task, self._send_all(loop))
        self._senders[sender] = loop.time()
        if self._slow is None:
            self._slow = loop.call_later(SLOW_SECONDS, self._tell_slow, loop)

    def _call_relief(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look again in a while: those who wait must not depend on somebody else's coming."""
        if self._relief is None and self._max_wait < float("inf"):
            self._relief = loop.call_later(self._max_wait, self._relieve, loop)

    def _relieve(self, loop: asyncio.AbstractEventLoop) -> None:
        self._relief = None
        if self._waiting:
            if self._has_room(loop):
                self._start_sender(loop)
            self._call_relief(loop)

    def _has_room(self, loop: asyncio.AbstractEventLoop, me: "asyncio.Task[None] | None" = None) -> bool:
        """Tell whether a batch may be sent: so many others at most are in flight, but for those that hang."""
        overdue = loop.time() - self._max_wait
        busy = sum(sent_at >= overdue for sender, sent_at in self._senders.items() if sender is not me)
        return busy < self._max_in_flight

    async def _send_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send batches until no item waits, or until others do it."""
        me = asyncio.current_task()
        try:
            while self._waiting and self._has_room(loop, me):
                size = self._max_size or len(self._waiting)
                batch, self._waiting = self._waiting[:size], self._waiting[size:]
                self._senders[me] = loop.time()
                if self._waiting:
                    self._call_relief(loop)
                if not self._sends_cancelled:
                    batch = [pair for pair in batch if not pair[1].done()]
                if batch:
                    self._watch(me, batch, loop)
                    await self._send_batch(batch, me)
        except asyncio.CancelledError:
            # Only the end of the loop cancels this task. Nobody is coming to answer any more.
            for _, waiter in self._waiting:
                waiter.cancel()
            raise
        finally:
            # Here and not in a callback, which would run later: what is submitted meanwhile would find no room.
            self._senders.pop(me, None)

    def _watch(
        self,
        sender: "asyncio.Task[None] | None",
        batch: "_Batch[Item, Result]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """See to it that the batch is cancelled when no caller is left."""
        if self._sends_cancelled:
            return
        self._callers[sender] = batch
        if self._wanted is None:
            self._wanted = loop.call_later(UNWANTED_SECONDS, self._cancel_unwanted, loop)

    def _cancel_unwanted(self, loop: asyncio.AbstractEventLoop) -> None:
        self._wanted = None
        for sender, batch in self._callers.items():
            if sender is not None and all(waiter.cancelled() for _, waiter in batch):
                self._unwanted.add(sender)
                sender.cancel()
        if self._callers:
            self._wanted = loop.call_later(UNWANTED_SECONDS, self._cancel_unwanted, loop)

    async def _send_batch(self, batch: "_Batch[Item, Result]", sender: "asyncio.Task[None] | None") -> None:
        counts, started = self._counts, time.perf_counter()
        counts.batches += 1
        counts.items += len(batch)
        counts.in_flight += 1
        try:
            results = await self._send([item for item, _ in batch])
            pairs = list(zip(batch, results, strict=True))
        except asyncio.CancelledError:
            if sender is not None and sender in self._unwanted and not sender.uncancel():
                return
            for _, waiter in batch:
                waiter.cancel()
            raise
        except Exception as error:
            for _, waiter in batch:
                if not waiter.done():
                    waiter.set_exception(error)
            return
        finally:
            counts.in_flight -= 1
            counts.seconds += time.perf_counter() - started
            self._callers.pop(sender, None)
            self._unwanted.discard(sender)
        for (_, waiter), result in pairs:
            if isinstance(result, Alone):
                self._start_alone(result, waiter)
            else:
                _resolve(waiter, result)

    def _start_alone(self, alone: Alone[Result], waiter: "asyncio.Future[Result]") -> None:
        loop = asyncio.get_running_loop()
        self._counts.alone += 1
        task = alone.context.run(loop.create_task, self._run_alone(alone, waiter))
        self._alone[task] = (loop.time(), alone.reason)

    async def _run_alone(self, alone: Alone[Result], waiter: "asyncio.Future[Result]") -> None:
        """Run an item until it has a result, or until nobody waits for it."""
        me, slots = asyncio.current_task(), self._first
        result: Any = alone
        try:
            while isinstance(result, Alone):
                if result.pause:
                    await asyncio.sleep(result.pause)
                async with slots:
                    if waiter.done() and not self._sends_cancelled:
                        return
                    result = await result.run()
                if isinstance(result, Alone):
                    self._alone[me] = (self._alone[me][0], result.reason)
                slots = self._again
        except asyncio.CancelledError:
            waiter.cancel()
            raise
        except Exception as error:
            result = error
        finally:
            self._alone.pop(me, None)
        _resolve(waiter, result)

    def _tell_slow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the log of what takes long, as long as anything is in flight."""
        self._slow = None
        before = loop.time() - SLOW_SECONDS
        slow = [since for since in self._senders.values() if since <= before]
        alone = [since for since, _ in self._alone.values() if since <= before]
        if slow or alone:
            seconds = loop.time() - min(slow + alone)
            reason = next((reason for since, reason in self._alone.values() if since <= before), "")
            logger.warning(
                "%s: %d batches and %d single ones have taken over %.0f s, the longest %.0f s%s",
                self._name,
                len(slow),
                len(alone),
                SLOW_SECONDS,
                seconds,
                f"; {reason}" if reason else "",
            )
        if self._senders or self._alone:
            self._slow = loop.call_later(SLOW_SECONDS, self._tell_slow, loop)


def _resolve(waiter: "asyncio.Future[Result]", result: Any) -> None:
    if waiter.done():
        return
    if isinstance(result, Exception):
        waiter.set_exception(result)
    else:
        waiter.set_result(result)
