"""Request coalescing and group commit: what is asked for at about the same time is sent together.

A round trip costs about the same for one request as for ten, here and on the server. So while a batch is in flight,
the requests that come up meanwhile wait, and all of them go in the next one. Under load batches grow by themselves; an
idle process sends each request at once. There is no timer and no setting for how long to collect.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import Context
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Sends many items in one call where each caller submits one.

    * **Fresh**: an item joins only a batch that is yet to be sent, so no result is older than its submission: what
      was committed before is seen, as if the item had been sent alone.
    * **Complete**: each item is sent once, in the order of submission. Equal items are sent as often as they are
      submitted; to merge them is up to *send*.
    * **Isolated**: batches are sent by tasks of their own, in an empty context. Cancelling one caller takes nothing
      from the others, and nobody's transaction or request id leaks into a batch.
    * **Wanted**: a batch in flight whose callers have all been cancelled is cancelled as well.
    * If *send* raises, all callers of that batch get the same exception; the next batch is sent as usual. An
      exception that it returns in the place of a result is raised to that item's caller alone.

    It serves one event loop at a time, and may go on in another one once the first is closed.

    Args:
        send: gets the items of a batch and returns a result for each, in the same order.
        max_size: most items of one batch; no bound if not given.
        max_in_flight: how many batches may be in flight at once.
        max_wait: seconds after which a batch in flight no longer keeps others from being sent beside it, when the
            next item is submitted: a server that hangs must not hold up what another connection can answer.
        sends_cancelled: whether an item is sent, and its batch carried on with, although its caller was cancelled:
            for work that must be done, rather than for what nobody waits for any more.
    """

    def __init__(
        self,
        send: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        *,
        max_size: int | None = None,
        max_in_flight: int = 1,
        max_wait: float = float("inf"),
        sends_cancelled: bool = False,
    ) -> None:
        self._send = send
        self._max_size = max_size
        self._max_in_flight = max_in_flight
        self._max_wait = max_wait
        self._sends_cancelled = sends_cancelled
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        #: The tasks that send, each with the time at which its batch in flight was sent.
        self._senders: dict[asyncio.Task[None] | None, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, item: Item) -> "asyncio.Future[Result]":
        """Return what will have the result of *item*, or the exception that *send* raised for it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._waiting, self._senders = loop, [], {}
        waiter: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, waiter))
        if self._has_room(loop):
            # It begins in the loop's next round: whatever else is submitted in this one goes along.
            sender = Context().run(loop.create_task, self._send_all(loop))
            self._senders[sender] = loop.time()
        return waiter

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
                if not self._sends_cancelled:
                    batch = [pair for pair in batch if not pair[1].done()]
                if batch:
                    await self._send_batch(batch)
        except asyncio.CancelledError:
            # Only the end of the loop cancels this task. Nobody is coming to answer any more.
            for _, waiter in self._waiting:
                waiter.cancel()
            raise
        finally:
            # Here and not in a callback, which would run later: what is submitted meanwhile would find no room.
            self._senders.pop(me, None)

    async def _send_batch(self, batch: Sequence[tuple[Item, "asyncio.Future[Result]"]]) -> None:
        watch = None if self._sends_cancelled else _Watch(waiter for _, waiter in batch)
        try:
            results = await self._send([item for item, _ in batch])
            pairs = list(zip(batch, results, strict=True))
        except asyncio.CancelledError:
            if watch is not None and watch.has_cancelled():
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
            if watch is not None:
                watch.is_over = True
        for (_, waiter), result in pairs:
            _resolve(waiter, result)


def _resolve(waiter: "asyncio.Future[Result]", result: Result) -> None:
    if waiter.done():
        return
    if isinstance(result, Exception):
        waiter.set_exception(result)
    else:
        waiter.set_result(result)


class _Watch:
    """Cancels the task that sends a batch once nobody waits for it.

    Args:
        waiters: what the callers of the batch wait for.
    """

    def __init__(self, waiters: Iterable["asyncio.Future[Any]"]) -> None:
        self.is_over = False
        self._sender = asyncio.current_task()
        self._unwanted = False
        self._waiting = 0
        for waiter in waiters:
            self._waiting += 1
            waiter.add_done_callback(self._on_done)

    def _on_done(self, waiter: "asyncio.Future[Any]") -> None:
        if self.is_over or not waiter.cancelled():
            return
        self._waiting -= 1
        if not self._waiting and self._sender is not None:
            self._unwanted = True
            self._sender.cancel()

    def has_cancelled(self) -> bool:
        """Tell whether the cancellation that the sender has met is this one, and nobody else's; then it is undone."""
        return self._unwanted and self._sender is not None and self._sender.uncancel() == 0
